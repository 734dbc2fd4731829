package schema

import (
	"encoding/binary"
	"fmt"
)

// Framing says how a payload names the schema that wrote it.
type Framing uint8

const (
	// SingleObject is Avro's single-object encoding: C3 01, then the fingerprint, 8 bytes little-endian.
	SingleObject Framing = iota
	// Confluent is the wire format of Confluent's registry: 00, then the id, 4 bytes big-endian.
	Confluent
)

const (
	singleObjectHeader = 10 // bytes
	confluentHeader    = 5  // bytes
)

// Frame is the head of a payload. The zero Frame is single-object encoding of fingerprint 0.
type Frame struct {
	Framing     Framing
	Fingerprint uint64 // CRC-64-AVRO of the schema's canonical form; of SingleObject only
	ID          uint32 // of Confluent only
}

// SingleObjectFrame is the frame of single-object encoding.
func SingleObjectFrame(fingerprint uint64) Frame {
	return Frame{Framing: SingleObject, Fingerprint: fingerprint}
}

// ConfluentFrame is the frame of the Confluent wire format.
func ConfluentFrame(id uint32) Frame { return Frame{Framing: Confluent, ID: id} }

// ParseFrame splits a payload into its frame and its Avro body, which aliases payload.
// A payload in neither framing is an ErrBadBytes.
func ParseFrame(payload []byte) (frame Frame, body []byte, err error) {
	switch {
	case len(payload) >= singleObjectHeader && payload[0] == 0xC3 && payload[1] == 0x01:
		return SingleObjectFrame(binary.LittleEndian.Uint64(payload[2:])), payload[singleObjectHeader:], nil
	case len(payload) >= confluentHeader && payload[0] == 0x00:
		return ConfluentFrame(binary.BigEndian.Uint32(payload[1:])), payload[confluentHeader:], nil
	case len(payload) == 0:
		return Frame{}, nil, badBytes("the payload is empty")
	case payload[0] == 0x00 || payload[0] == 0xC3:
		return Frame{}, nil, badBytes("the frame is cut short or damaged: % x", payload[:min(len(payload), singleObjectHeader)])
	default:
		return Frame{}, nil, badBytes("neither single-object encoding (c3 01) nor Confluent wire format (00): the first byte is %02x", payload[0])
	}
}

// Append appends the head that ParseFrame reads.
func (f Frame) Append(dst []byte) []byte {
	if f.Framing == Confluent {
		return binary.BigEndian.AppendUint32(append(dst, 0x00), f.ID)
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xC3, 0x01), f.Fingerprint)
}

// String names the schema as messages do: "fingerprint 7275d51a3f395c8f" or "registry id 12".
func (f Frame) String() string {
	if f.Framing == Confluent {
		return fmt.Sprintf("registry id %d", f.ID)
	}
	return fmt.Sprintf("fingerprint %016x", f.Fingerprint)
}
