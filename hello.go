package signet

import (
	"encoding/binary"
	"slices"
)

// Hello is what one end says in the clear when a handshake begins (RFC 8446,
// sections 4.1.2 and 4.1.3). Numbers are those of IANA's registries; slices are
// nil where nothing was said.
type Hello struct {
	// Random is the end's random value. A server's that begins with a fixed text
	// of 32 bytes asks for another ClientHello; see Retry.
	Random [32]byte
	// Versions are those that a client offers, or the one that a server chose.
	Versions []uint16
	// Suites are the cipher suites that a client offers, or the one chosen.
	Suites []uint16
	// Groups are those that a client can use, or the one chosen in TLS 1.3.
	Groups []uint16
	// ServerName is the host that a client wants, or "".
	ServerName string
	// ALPN are the application protocols that a client offers, or the one that a
	// server of TLS 1.2 chose.
	ALPN []string
	// ExtendedMasterSecret says that the end knows it (RFC 7627).
	ExtendedMasterSecret bool
	// Retry says that this is no ServerHello but a HelloRetryRequest.
	Retry bool
}

// Numbers of what a hello is made of.
const (
	recordChangeCipherSpec = 20
	recordHandshake        = 22
	recordHeader           = 5

	messageHeader = 4

	extensionServerName           = 0
	extensionGroups               = 10
	extensionALPN                 = 16
	extensionExtendedMasterSecret = 23 // RFC 7627, section 5.1
	extensionVersions             = 43
	extensionKeyShare             = 51
)

// helloKind is the type of a message (RFC 8446, section 4).
type helloKind byte

const (
	clientHello helloKind = 1
	serverHello helloKind = 2
)

// retryRandom marks a HelloRetryRequest (RFC 8446, section 4.1.3).
var retryRandom = [32]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// maxHello bounds a hello that is looked at, in bytes: those of today have some
// 2,000.
const maxHello = 16 << 10

// helloReader finds the hello at the beginning of what one end sends. It judges
// nothing: what it cannot read it leaves to crypto/tls.
type helloReader struct {
	kind    helloKind
	brief   bool   // nobody wants lists: they are left out
	begun   []byte // a record that is not whole yet
	message []byte // the parts of the hello that have come
	over    bool   // nothing more is looked for
}

// read takes more of what was sent, and returns the hello once it is whole; a server
// may have two.
func (r *helloReader) read(p []byte) (hellos []*Hello) {
	for !r.over && len(p) > 0 {
		var record []byte
		if record, p = r.record(p); record != nil {
			if hello := r.find(record); hello != nil {
				hellos = append(hellos, hello)
			}
		}
	}
	return hellos
}

// record returns the next whole record and what is behind it, or keeps what has come
// of it and returns nothing. One that comes in one piece is not copied.
func (r *helloReader) record(p []byte) (record, rest []byte) {
	if end := recordEnd(p); len(r.begun) == 0 && end <= len(p) {
		return p[:end], p[end:]
	}
	for len(p) > 0 {
		end := recordEnd(r.begun)
		if len(r.begun) >= recordHeader && !r.wants(r.begun[0], end) {
			r.stop()
			return nil, nil
		}
		missing := end - len(r.begun)
		n := min(missing, len(p))
		r.begun, p = append(slices.Grow(r.begun, missing), p[:n]...), p[n:]
		if len(r.begun) == recordEnd(r.begun) {
			record, r.begun = r.begun, nil
			return record, p
		}
	}
	return nil, nil
}

// recordEnd is where a record ends of which this is the beginning: its header, as
// long as that is not whole.
func recordEnd(begun []byte) int {
	if len(begun) < recordHeader {
		return recordHeader
	}
	return recordHeader + int(binary.BigEndian.Uint16(begun[3:]))
}

// wants reports whether a record of so many bytes can be part of the hello, or stand
// between two (RFC 8446, appendix D.4).
func (r *helloReader) wants(kind byte, size int) bool {
	between := kind == recordChangeCipherSpec && len(r.message) == 0
	return (between || kind == recordHandshake) && len(r.message)+size <= maxHello
}

// find looks for the hello in a whole record, and in those before.
func (r *helloReader) find(record []byte) *Hello {
	if !r.wants(record[0], len(record)) {
		r.stop()
		return nil
	}
	if record[0] == recordChangeCipherSpec {
		return nil
	}
	first := len(r.message) == 0
	message := record[recordHeader:]
	if !first {
		message = append(r.message, message...)
	}
	hello, whole := r.whole(message)
	switch {
	case whole:
		r.message = nil
	case first:
		r.message = slices.Clone(message) // the record is not ours to keep
	default:
		r.message = message
	}
	return hello
}

func (r *helloReader) stop() { *r = helloReader{kind: r.kind, brief: r.brief, over: true} }

// whole parses the message once it is there.
func (r *helloReader) whole(message []byte) (hello *Hello, whole bool) {
	if len(message) < messageHeader {
		return nil, false
	}
	length := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
	if length > maxHello || message[0] != byte(r.kind) {
		r.stop()
		return nil, true
	}
	if len(message) < messageHeader+length {
		return nil, false
	}
	hello = parseHello(r.kind, r.brief, message[messageHeader:messageHeader+length])
	if hello == nil || !hello.Retry {
		r.stop()
	}
	return hello, true
}

// parseHello reads the body of a hello, or returns nil.
func parseHello(kind helloKind, brief bool, body []byte) *Hello {
	in := fields{rest: body}
	hello := &Hello{Versions: []uint16{in.uint16()}}
	copy(hello.Random[:], in.take(len(hello.Random)))
	in.vector(1) // the session's ID
	if kind == clientHello {
		if suites := in.vector(2); !brief {
			hello.Suites = suites.numbers()
		}
		in.vector(1) // compression
	} else {
		hello.Suites = []uint16{in.uint16()}
		in.take(1)
		hello.Retry = hello.Random == retryRandom
	}
	if len(in.rest) > 0 {
		extensions := in.vector(2)
		for len(extensions.rest) > 0 && !extensions.bad {
			number, data := extensions.uint16(), extensions.vector(2)
			if !brief || kind == serverHello {
				hello.extension(kind, number, data)
			}
		}
		in.bad = in.bad || extensions.bad
	}
	if in.bad || len(in.rest) > 0 {
		return nil
	}
	return hello
}

// extension notes what one says; one that cannot be read says nothing.
func (h *Hello) extension(kind helloKind, number uint16, data fields) {
	client := kind == clientHello
	switch number {
	case extensionServerName:
		name := data.vector(2)
		if name.uint8() == 0 {
			h.ServerName = string(name.vector(2).rest)
		}
	case extensionGroups:
		h.Groups = data.vector(2).numbers()
	case extensionALPN:
		for list := data.vector(2); len(list.rest) > 0 && !list.bad; {
			h.ALPN = append(h.ALPN, string(list.vector(1).rest))
		}
	case extensionExtendedMasterSecret:
		h.ExtendedMasterSecret = true
	case extensionVersions:
		if client {
			h.Versions = data.vector(1).numbers()
		} else {
			h.Versions = []uint16{data.uint16()}
		}
	case extensionKeyShare:
		if !client {
			h.Groups = []uint16{data.uint16()}
		}
	}
}

// fields reads what is written one behind the other (RFC 8446, section 3). What
// is not there reads as zero, and is noted.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.rest) {
		f.bad, f.rest = true, nil
		return nil
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) uint8() (value uint8) {
	for _, b := range f.take(1) {
		value = b
	}
	return value
}

func (f *fields) uint16() uint16 { return uint16(f.uint8())<<8 | uint16(f.uint8()) }

// vector takes what stands behind its own length, a number of so many bytes.
func (f *fields) vector(size int) fields {
	length := 0
	for range size {
		length = length<<8 | int(f.uint8())
	}
	data := f.take(length)
	return fields{rest: data, bad: f.bad}
}

func (f fields) numbers() (all []uint16) {
	for pair := range slices.Chunk(f.rest, 2) {
		if len(pair) == 2 {
			all = append(all, binary.BigEndian.Uint16(pair))
		}
	}
	return all
}
