package schema

import (
	"errors"
	"testing"
)

func TestFrame(t *testing.T) {
	for _, frame := range []Frame{{}, SingleObjectFrame(0x0102030405060708), ConfluentFrame(0), ConfluentFrame(0x01020304)} {
		payload := append(frame.Append(nil), "body"...)
		got, body, err := ParseFrame(payload)
		if err != nil || got != frame || string(body) != "body" {
			t.Errorf("%v: read %v, %q, %v", frame, got, body, err)
		}
		head := payload[:len(payload)-len("body")]
		if _, body, err := ParseFrame(head); err != nil || len(body) > 0 {
			t.Errorf("%v without a body: %q, %v", frame, body, err)
		}
		for n := range len(head) {
			if _, _, err := ParseFrame(head[:n]); !errors.Is(err, ErrBadBytes) {
				t.Errorf("%v cut to %d bytes: %v", frame, n, err)
			}
		}
	}
	if got := string(SingleObjectFrame(0x0102030405060708).Append(nil)); got != "\xc3\x01\x08\x07\x06\x05\x04\x03\x02\x01" {
		t.Errorf("single-object encoding is little-endian, not %x", got)
	}
	if got := string(ConfluentFrame(0x01020304).Append(nil)); got != "\x00\x01\x02\x03\x04" {
		t.Errorf("the wire format is big-endian, not %x", got)
	}
	for _, payload := range []string{"{\"a\":1}", "\xc3\x02345678901", "\x01\x02\x03\x04\x05\x06"} {
		if _, _, err := ParseFrame([]byte(payload)); !errors.Is(err, ErrBadBytes) {
			t.Errorf("%q: %v", payload, err)
		}
	}
}
