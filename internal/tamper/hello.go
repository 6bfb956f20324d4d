package tamper

import (
	"bytes"
	"encoding/binary"
)

// hello is a ClientHello or ServerHello in its record (RFC 8446, section 4.1).
// Its parts lie in the record, so that writing to one changes that.
type hello struct {
	version    []byte
	random     []byte
	suites     []byte // of a ServerHello, the one that was chosen
	extensions map[uint16]extension
}

type extension struct{ kind, value []byte }

// Numbers of extensions, of groups and of one that nobody knows (RFC 8701).
const (
	extGroups       = 10
	extSignatures   = 13
	extMasterSecret = 23
	extVersions     = 43
	extKeyShare     = 51
	grease          = 0x7a7a
)

// parseHello finds the parts. It reports false for anything else.
func parseHello(record []byte) (h hello, ok bool) {
	const clientHello, serverHello = 1, 2
	rest := record
	take := func(n int) []byte {
		if n > len(rest) {
			n, rest = 0, nil // whatever follows is missing too
		}
		part := rest[:n]
		rest = rest[n:]
		return part
	}
	number := func(size int) (n int) {
		for _, b := range take(size) {
			n = n<<8 | int(b)
		}
		return n
	}
	take(recordHeader)
	kind := number(1)
	take(3)
	h.version, h.random = take(2), take(32)
	take(number(1)) // the session's ID
	switch kind {
	case clientHello:
		h.suites = take(number(2))
		take(number(1)) // compression methods
	case serverHello:
		h.suites = take(2)
		take(1)
	default:
		return h, false
	}
	rest = take(number(2))
	h.extensions = map[uint16]extension{}
	for len(rest) > 0 {
		kind := take(2)
		value := take(number(2))
		if len(kind) == 2 {
			h.extensions[binary.BigEndian.Uint16(kind)] = extension{kind, value}
		}
	}
	return h, len(h.suites) > 0
}

// rename makes an extension one that nobody knows.
func (h hello) rename(number uint16) {
	if e, ok := h.extensions[number]; ok {
		binary.BigEndian.PutUint16(e.kind, grease)
	}
}

// replace writes one number of two bytes over another wherever it begins in an
// extension.
func (h hello) replace(number, old, new uint16) {
	value := h.extensions[number].value
	if at := bytes.Index(value, binary.BigEndian.AppendUint16(nil, old)); at >= 0 {
		binary.BigEndian.PutUint16(value[at:], new)
	}
}

// fill writes a number of two bytes all over.
func fill(list []byte, number uint16) {
	for ; len(list) >= 2; list = list[2:] {
		binary.BigEndian.PutUint16(list, number)
	}
}

// rewrite changes a Hello, the first record of its flow.
type rewrite struct {
	what   string
	change func(h hello)
}

func (r rewrite) begin(*half) alter {
	return byRecord(func(number int, record []byte) ([]byte, bool) {
		if number != 0 {
			return record, false
		}
		record = bytes.Clone(record)
		if h, ok := parseHello(record); ok {
			r.change(h)
		}
		return record, false
	})
}

func (r rewrite) String() string { return r.what }

// The ways to have two ends agree on less than they would.
var (
	clientHellos = []rewrite{
		{"TLS 1.3 taken out of the ClientHello's versions", noTLS13},
		{"the ClientHello's versions taken out", func(h hello) { h.rename(extVersions) }},
		{"the ClientHello made one of TLS 1.1", func(h hello) { h.rename(extVersions); fill(h.version, 0x0302) }},
		{"the ClientHello made one of TLS 1.0", func(h hello) { h.rename(extVersions); fill(h.version, 0x0301) }},
		{"the ClientHello made one of SSL 3", func(h hello) { h.rename(extVersions); fill(h.version, 0x0300) }},
		{"TLS 1.3 and the extended master secret taken out of the ClientHello", func(h hello) { noTLS13(h); h.rename(extMasterSecret) }},
		{"the ClientHello's suites replaced by one without forward secrecy", func(h hello) { fill(h.suites, 0x002f) }},
		{"the ClientHello's key shares taken out", func(h hello) { h.rename(extKeyShare) }},
		{"the ClientHello's first group replaced by one that nobody knows", noFirstGroup},
		{"the ClientHello's signatures replaced by SHA-1", func(h hello) {
			if list := h.extensions[extSignatures].value; len(list) > 2 {
				fill(list[2:], 0x0201)
			}
		}},
	}
	serverHellos = []rewrite{
		{"the ServerHello made one of TLS 1.2", func(h hello) { h.replace(extVersions, 0x0304, 0x0303) }},
		{"the ServerHello's version taken out", func(h hello) { h.rename(extVersions) }},
		{"the ServerHello made one of TLS 1.1", func(h hello) { h.rename(extVersions); fill(h.version, 0x0302) }},
		{"the ServerHello's suite replaced by one without forward secrecy", func(h hello) { fill(h.suites, 0x002f) }},
		{"the ServerHello's random number replaced", func(h hello) { fill(h.random, grease) }},
	}
	// unmarked erases how a server of TLS 1.3 marks that it was asked for less (RFC
	// 8446, section 4.1.3).
	unmarked = rewrite{"the downgrade mark erased", func(h hello) { fill(h.random[len(h.random)-8:], grease) }}
)

func noTLS13(h hello) { h.replace(extVersions, 0x0304, 0x0303) }

// noFirstGroup takes away the group for which there is a key share.
func noFirstGroup(h hello) {
	if share := h.extensions[extKeyShare].value; len(share) > 4 {
		group := binary.BigEndian.Uint16(share[2:])
		binary.BigEndian.PutUint16(share[2:], grease)
		if groups := h.extensions[extGroups].value; len(groups) > 2 {
			for list := groups[2:]; len(list) >= 2; list = list[2:] {
				if binary.BigEndian.Uint16(list) == group {
					binary.BigEndian.PutUint16(list, grease)
				}
			}
		}
	}
}
