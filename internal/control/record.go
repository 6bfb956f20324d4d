package control

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// record is a walpb.Record.
type record struct {
	kind int64
	crc  uint32
	data []byte
}

// parseRecord reads a record in the one form in which etcd writes it: its
// fields in order, each number as short as can be, and nothing more.
func parseRecord(b []byte) (record, error) {
	h, err := parseHead(b)
	if errors.Is(err, errShort) && h.data > 0 && h.data == len(b) {
		return record{kind: h.kind, crc: h.crc}, nil // no data at all
	}
	if err != nil {
		return record{}, err
	}
	if h.size != int64(len(b)) {
		return record{}, fmt.Errorf("a record of %d bytes says that it has %d", len(b), h.size)
	}
	return record{h.kind, h.crc, b[h.data:]}, nil
}

// head is what comes before a record's data.
type head struct {
	kind int64
	crc  uint32
	data int   // where the data begins
	size int64 // of the whole record, as it says itself
}

// errShort says that the bytes end before the head does.
var errShort = errors.New("the record is too short")

// parseHead reads the head of a record from its first bytes.
func parseHead(b []byte) (h head, err error) {
	kind, rest, err := field(b, 1, protowire.VarintType)
	if err != nil {
		return h, err
	}
	crc, rest, err := field(rest, 2, protowire.VarintType)
	if err != nil {
		return h, err
	}
	if kind > math.MaxInt64 || crc > math.MaxUint32 {
		return h, errors.New("a number in the record is too large")
	}
	h.kind, h.crc, h.data = int64(kind), uint32(crc), len(b)-len(rest)
	length, rest, err := field(rest, 3, protowire.BytesType)
	if err != nil {
		return h, err
	}
	if length > maxRecord {
		return h, errors.New("the record is too long")
	}
	h.data = len(b) - len(rest)
	h.size = int64(h.data) + int64(length)
	return h, nil
}

// field reads a field's tag and the number after it: its value, or its length.
func field(b []byte, number protowire.Number, kind protowire.Type) (value uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, errShort
	}
	if uint64(b[0]) != protowire.EncodeTag(number, kind) {
		return 0, nil, fmt.Errorf("the record has no field %d where it belongs", number)
	}
	value, n := protowire.ConsumeVarint(b[1:])
	if errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF) {
		return 0, nil, errShort
	}
	if n < 0 || n != protowire.SizeVarint(value) {
		return 0, nil, errors.New("a number in the record is not well formed")
	}
	return value, b[1+n:], nil
}
