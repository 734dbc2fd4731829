package stream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/schema"
)

type parseError struct{}

func (parseError) Error() string { return "parse" }

func TestFailureTypes(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		err  error
		want string
	}{
		{plain, "error"},
		{fmt.Errorf("read: %w", plain), "error"},
		{parseError{}, "stream.parseError"},
		{fmt.Errorf("read: %w", fmt.Errorf("again: %w", &parseError{})), "stream.parseError"},
		{&WorkError{Type: "DecodeError", Err: plain}, "DecodeError"},
		{fmt.Errorf("read: %w", &WorkError{Type: "DecodeError"}), "DecodeError"},
		{&WorkError{Err: parseError{}}, "stream.parseError"},
		{&WorkError{}, "error"},
		{(*WorkError)(nil), "error"},
		{errors.Join(plain, parseError{}), "error"},
		{fmt.Errorf("%w and %w", plain, plain), "error"},
	} {
		if got := failureType(c.err); got != c.want {
			t.Errorf("%#v is a %s, want %s", c.err, got, c.want)
		}
	}
}

func TestFailureLog(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, videoGraph)
	log, err := OpenFailureLog(ctx, cluster, "")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	id := strings.Repeat("0a", 16)
	good := schema.Failure{Feature: "video/chunk", Key: `{"video_id":1}`, EventID: id, FailureReport: schema.FailureReport{Type: "T", Attempt: 1}}
	for name, change := range map[string]func(f *schema.Failure){
		"hexadecimal": func(f *schema.Failure) { f.EventID = "12" },
		"below 1":     func(f *schema.Failure) { f.Attempt = 0 },
		"empty":       func(f *schema.Failure) { f.Type = "" },
	} {
		bad := good
		change(&bad)
		if err := log.Fail(ctx, 0, bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	long := good
	long.Message = strings.Repeat("ü", maxFailureMessage)
	if err := log.Fail(ctx, 2, long); err != nil {
		t.Fatal(err)
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	n := 0
	err = readTopics(ctx, cluster, client, []string{DefaultNamespace.Failures()}, func(r *kgo.Record) error {
		n++
		f, err := schema.DecodeFailure(r.Value)
		if err != nil {
			return err
		}
		if r.Partition != 2 || string(r.Key) != `video/chunk {"video_id":1}` || len(f.Message) != maxFailureMessage || !utf8.ValidString(f.Message) {
			t.Errorf("read %s in partition %d, with %d bytes", r.Key, r.Partition, len(f.Message))
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d failures, %v", n, err)
	}
}
