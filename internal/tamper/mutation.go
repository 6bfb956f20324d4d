package tamper

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/signet-tls/signet/fault"
)

// mutation is what the adversary does to the bytes of one flow.
type mutation interface {
	// begin returns what does it to the flow of one connection, whose opposite
	// flow can be looked at.
	begin(opposite *half) alter
	fmt.Stringer
}

// alter takes the bytes that the sender writes next and returns those that are
// delivered, and whether the flow ends behind them. It leaves p as it is.
type alter func(p []byte) (deliver []byte, ends bool)

// flip inverts the bits of mask in the byte at offset.
type flip struct {
	offset int
	mask   byte
}

func (f flip) begin(*half) alter {
	left := f.offset
	return func(p []byte) ([]byte, bool) {
		at := left
		left -= len(p)
		if at < 0 || at >= len(p) {
			return p, false
		}
		p = bytes.Clone(p)
		p[at] ^= f.mask
		return p, false
	}
}

func (f flip) String() string {
	return fmt.Sprintf("bit %d of byte %s flipped", bits.TrailingZeros8(f.mask), grouped(f.offset))
}

// cut withholds everything from offset on and delivers a plain end instead, as
// soon as there is a byte to withhold.
type cut struct{ offset int }

func (c cut) begin(*half) alter {
	left := c.offset
	return func(p []byte) ([]byte, bool) {
		kept := min(left, len(p))
		left -= kept
		return p[:kept], kept < len(p)
	}
}

func (c cut) String() string { return fmt.Sprintf("cut after %s bytes", grouped(c.offset)) }

// Bounds of a record (RFC 8446, sections 5.1 and 5.2; RFC 5246, section
// 6.2.3): TLS 1.2 allows the larger expansion.
const (
	recordHeader = 5
	maxRecord    = 1<<14 + 2048
)

// records returns where each record of a flow ends, and whether the flow ends
// with one. It looks at the headers alone.
func records(flow []byte) (ends []int, whole bool, err error) {
	at := 0
	for at < len(flow) {
		if len(flow)-at < recordHeader {
			return ends, false, nil
		}
		length := int(flow[at+3])<<8 | int(flow[at+4])
		if length > maxRecord {
			return nil, false, fault.New(ReferenceFailed, "the record at byte %d has %d bytes; %d are the most", at, length, maxRecord)
		}
		if at += recordHeader + length; at > len(flow) {
			return ends, false, nil
		}
		ends = append(ends, at)
	}
	return ends, true, nil
}
