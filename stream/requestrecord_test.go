package stream

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

func TestDoneRecord(t *testing.T) {
	source := engine.Source{Topic: "lab.sample.video.raw", Partition: 11}
	got, next, ok := readDone(doneRecord("lab", engine.Done{Source: source, Number: 41}))
	if !ok || got != source || next != 42 {
		t.Errorf("read are %v, %d, %t", got, next, ok)
	}
}

// TestRequestList: a request is open until every partition that has rows of it has done it, and its tombstone
// is written by the owner of the first partition.
func TestRequestList(t *testing.T) {
	l := newRequestList()
	add := func(r *kgo.Record) {
		t.Helper()
		if err := l.add(r); err != nil {
			t.Fatal(err)
		}
	}
	done := func(partition int32, number int64) {
		t.Helper()
		add(doneRecord("lab", engine.Done{Source: engine.Source{Topic: "s", Partition: partition}, Number: number}))
	}
	add(&kgo.Record{Offset: 5, Key: []byte("a"), Value: []byte(`{"feature":"f","topic":"s","bounds":{"1":7,"2":0,"3":2}}`)})
	add(&kgo.Record{Offset: 6, Key: []byte("b"), Value: []byte(`{"feature":"f","topic":"s","bounds":{"1":7}}`)})
	done(1, 4)
	done(3, 6)
	if n := len(l.undone()); n != 2 {
		t.Errorf("%d are open, want both", n)
	}
	done(1, 5)
	done(1, 2) // of a task that has begun again
	if open, over := l.undone(), l.finished(); len(open) != 1 || open[0].Number != 6 || len(over) != 1 || over[0] != (finished{"a", task{"s", 1}}) {
		t.Errorf("open are %v, done %v", open, over)
	}
	add(&kgo.Record{Offset: 12, Key: []byte("a")})
	if open, over := l.undone(), l.finished(); len(open) != 1 || len(over) != 0 {
		t.Errorf("after the tombstone open are %v, done %v", open, over)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"feature":"video/raw","topic":"t","where":"a = 1","ids":[{"a":1,"b":"x"},{"c":{"date":"2026-01-31"}}],"bounds":{"0":12,"11":3}}`))
	f.Add([]byte(`{"feature":"a","topic":"","bounds":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("the error says nothing")
			}
			return
		}
		for partition, bound := range q.Bounds {
			if partition < 0 || bound < 0 {
				t.Errorf("partition %d has the bound %d", partition, bound)
			}
		}
		q.Rows.Has([]graph.Column{{Name: "a", Value: graph.Int(1)}, {Name: "b", Value: graph.String("x")}})
	})
}

func FuzzFailureKey(f *testing.F) {
	f.Add([]byte(`video/chunk {"video_id":1}`))
	f.Add([]byte(" "))
	f.Fuzz(func(t *testing.T, b []byte) {
		feature, key, err := splitFailureKey(b)
		if err == nil && !bytes.Equal(b, append([]byte(feature+" "), key...)) {
			t.Errorf("%q is taken apart as %q and %q", b, feature, key)
		}
	})
}
