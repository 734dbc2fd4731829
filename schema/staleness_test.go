package schema

import (
	"errors"
	"reflect"
	"testing"

	"github.com/freshline/freshline/graph"
)

// The fingerprint stands in every record of every staleness topic. A change of staleness.avsc that moves it is a
// new format: readers must go on reading the old one.
func TestStalenessFingerprint(t *testing.T) {
	if got, want := StalenessSchema().Fingerprint(), uint64(stalenessFingerprint); got != want {
		t.Errorf("staleness.avsc has fingerprint %#x, want %#x", got, want)
	}
	if got, want := FailureSchema().Fingerprint(), uint64(failureFingerprint); got != want {
		t.Errorf("failure.avsc has fingerprint %#x, want %#x", got, want)
	}
}

const (
	stalenessFingerprint = 0xf8c5e742bb26615e
	failureFingerprint   = 0xbdb8591a1d23d257
)

func TestStalenessSplicedEqualsGoavro(t *testing.T) {
	r := newRand(t)
	var shared SharedEvent
	for i := range 5000 {
		e := randomStaleness(r)
		frame := StalenessSchema().Frame()
		if err := shared.Set(frame, e); err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(3) {
			e.EventOwn = randomOwn(r)
			spliced := shared.Append(nil, &e.EventOwn)
			slow, err := e.Encode(frame)
			if err != nil {
				t.Fatal(err)
			}
			if len(spliced) != len(slow) {
				t.Fatalf("event %d: %d bytes spliced, %d by goavro", i, len(spliced), len(slow))
			}
			fromSpliced, rest, err := StalenessSchema().codec.NativeFromBinary(spliced[singleObjectHeader:])
			if err != nil || len(rest) > 0 {
				t.Fatalf("event %d: goavro reads the spliced bytes: %v, %d bytes left", i, err, len(rest))
			}
			fromSlow, _, err := StalenessSchema().codec.NativeFromBinary(slow[singleObjectHeader:])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(fromSpliced, fromSlow) {
				t.Fatalf("event %d: spliced\n%v\nby goavro\n%v", i, fromSpliced, fromSlow)
			}
			got, err := DecodeStaleness(spliced)
			if err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			if want := asDecoded(e); !reflect.DeepEqual(got, want) {
				t.Fatalf("event %d: decoded\n%+v\nwant\n%+v", i, got, want)
			}
		}
	}
}

func TestStalenessRefuses(t *testing.T) {
	r := newRand(t)
	e := randomStaleness(r)
	good, err := e.Append(nil, StalenessSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		payload []byte
		want    error
	}{
		"no framing":         {append([]byte{0xff}, good[singleObjectHeader:]...), ErrBadBytes},
		"cut":                {good[:len(good)-1], ErrBadBytes},
		"longer":             {append(good[:len(good):len(good)], 0), ErrBadBytes},
		"other fingerprint":  {append(SingleObjectFrame(1).Append(nil), good[singleObjectHeader:]...), ErrUnknownSchema},
		"registry id":        {append(ConfluentFrame(1).Append(nil), good[singleObjectHeader:]...), ErrUnknownSchema},
		"failure, not event": {FailureSchema().Frame().Append(nil), ErrUnknownSchema},
		"empty":              {nil, ErrBadBytes},
	} {
		if _, err := DecodeStaleness(c.payload); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want class %v", name, err, c.want)
		}
	}
	e.Status = graph.Fresh
	if _, err := e.Append(nil, Frame{}); err == nil {
		t.Error("a FRESH record was encoded; it is a tombstone")
	}
	if _, err := e.Encode(Frame{}); err == nil {
		t.Error("a FRESH record was encoded by goavro; it is a tombstone")
	}
}

func TestStalenessWireFormatOfRegistry(t *testing.T) {
	registry, _ := newFakeRegistry(t)
	frame, err := registry.Register(t.Context(), "freshline.staleness.video.chunk-value", StalenessSchema())
	if err != nil {
		t.Fatal(err)
	}
	e := randomStaleness(newRand(t))
	payload, err := e.Append(nil, frame)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeStalenessFrom(t.Context(), registry, payload)
	if err != nil {
		t.Fatal(err)
	}
	if want := asDecoded(e); !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded\n%+v\nwant\n%+v", got, want)
	}
}

func TestSharedEventAllocatesNothingPerChild(t *testing.T) {
	shared, own := benchmarkEvent(t)
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = shared.Append(dst[:0], own) }); n > 0 {
		t.Errorf("%v allocations for a child", n)
	}
}

func TestFailureRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 500 {
		want := Failure{
			Feature: graph.FeatureKey(randomText(r)), Key: randomText(r), EventID: randomText(r),
			FailureReport: FailureReport{Type: randomText(r), Message: randomText(r), Attempt: int32(r.Uint32())},
		}
		payload, err := want.Append(nil, FailureSchema().Frame())
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeFailure(payload)
		if err != nil {
			t.Fatal(err)
		}
		if *got != want {
			t.Fatalf("decoded %+v, want %+v", got, want)
		}
	}
	f := Failure{Key: "{}", FailureReport: FailureReport{Message: "no text: \xff"}}
	payload, err := f.Append(nil, FailureSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeFailure(payload); err != nil || got.Message != "no text: \uFFFD" {
		t.Errorf("decoded %+v, %v", got, err)
	}
	f.Key = "\xff"
	if _, err := f.Append(nil, Frame{}); err == nil {
		t.Error("a key that is no text was encoded")
	}
}
