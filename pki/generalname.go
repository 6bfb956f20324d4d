package pki

import (
	"net/netip"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// NameKind is the form of a GeneralName (RFC 5280, section 4.2.1.6); the values
// are those of its tags.
type NameKind int

// The forms.
const (
	OtherName NameKind = iota
	EmailName
	DNSName
	X400Name
	DirectoryName
	EDIPartyName
	URIName
	IPName
	RegisteredID
)

var nameKinds = [...]string{"othername", "email", "DNS", "X400", "DirName", "EDI", "URI", "IP", "RegisteredID"}

// String returns what stands in front of such a name in text, such as DNS.
func (k NameKind) String() string { return nameKinds[k] }

// GeneralName is one name of a subject or issuer, or one base of a name
// constraint.
type GeneralName struct {
	Kind NameKind
	Raw  []byte // contents: text for e-mail, DNS and URI; octets of an address, twice as many with a mask; DER for the others
}

// generalName reads one GeneralName. In a name constraint an address has a mask
// (RFC 5280, section 4.2.1.10).
func (d *der) generalName(what string) GeneralName {
	whole, tag, content := d.element(what)
	if d.err() != nil {
		return GeneralName{}
	}
	kind := NameKind(tag & 0x1f)
	if tag&0xc0 != 0x80 || int(kind) >= len(nameKinds) || (tag&0x20 != 0) != kind.isConstructed() {
		d.failAt(whole, "a name of no known form in %s", what)
		return GeneralName{}
	}
	name := GeneralName{kind, content.String}
	switch kind {
	case EmailName, DNSName, URIName:
		if !isIA5(name.Raw) {
			d.failAt(whole, "a name of %s that is not ASCII in %s", kind, what)
		}
	case DirectoryName:
		content.name(what)
		content.end("a directory name in " + what)
	case RegisteredID:
		content.oidContent(what)
	case OtherName:
		content.oid(what)
		value := content.read(constructed(0), what)
		value.element(what)
		value.end("an other name in " + what)
		content.end("an other name in " + what)
	}
	return name
}

func (k NameKind) isConstructed() bool {
	return k == OtherName || k == X400Name || k == DirectoryName || k == EDIPartyName
}

func isIA5(text []byte) bool {
	for _, octet := range text {
		if octet >= 0x80 {
			return false
		}
	}
	return true
}

// generalNames reads the names of a SEQUENCE's contents; there is at least one.
func (d *der) generalNames(what string) []GeneralName {
	var names []GeneralName
	if d.err() == nil && len(d.String) == 0 {
		d.fail("no name in %s", what)
	}
	for d.more() {
		names = append(names, d.generalName(what))
	}
	return names
}

// altNames reads GeneralNames whose addresses have no mask.
func (d *der) altNames(what string) []GeneralName {
	names := d.generalNames(what)
	for _, name := range names {
		if name.Kind == IPName && len(name.Raw) != 4 && len(name.Raw) != 16 {
			d.failAt(name.Raw, "an address of %d bytes in %s", len(name.Raw), what)
		}
	}
	return names
}

// Address returns an IP address, or false for other names.
func (g GeneralName) Address() (netip.Addr, bool) {
	if g.Kind != IPName {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(g.Raw)
}

// Range returns the address and mask of a name constraint, or false for other
// names. The mask need not be one of leading ones alone.
func (g GeneralName) Range() (address, mask netip.Addr, ok bool) {
	if g.Kind != IPName || len(g.Raw) != 8 && len(g.Raw) != 32 {
		return netip.Addr{}, netip.Addr{}, false
	}
	half := len(g.Raw) / 2
	address, _ = netip.AddrFromSlice(g.Raw[:half])
	mask, _ = netip.AddrFromSlice(g.Raw[half:])
	return address, mask, true
}

// Directory returns a directory name, or false for other names.
func (g GeneralName) Directory() (Name, bool) {
	if g.Kind != DirectoryName {
		return Name{}, false
	}
	return Name{g.Raw}, true
}

// Other returns type and value, in DER, of an other name, or false.
func (g GeneralName) Other() (kind OID, value []byte, ok bool) {
	if g.Kind != OtherName {
		return "", nil, false
	}
	d := newDER(g.Raw)
	kind = d.oid("other name")
	inner := d.read(constructed(0), "other name")
	return kind, inner.String, d.err() == nil
}

// oidUTF8Mailbox is the type of an e-mail address whose local part has more than
// ASCII letters: 1.3.6.1.5.5.7.8.9.
const oidUTF8Mailbox OID = "\x2b\x06\x01\x05\x05\x07\x08\x09"

// UTF8Mailbox returns such an address (RFC 9598, section 3), or false for other
// names. One that is not encoded in UTF-8 is "".
func (g GeneralName) UTF8Mailbox() (address string, ok bool) {
	kind, value, _ := g.Other()
	if kind != oidUTF8Mailbox {
		return "", false
	}
	d := newDER(value)
	_, tag, content := d.element("mailbox")
	if tag == asn1.UTF8String && utf8.Valid(content.String) {
		address = string(content.String)
	}
	return address, true
}

// Value returns the name without its form, as text that is safe to print.
func (g GeneralName) Value() string {
	switch g.Kind {
	case EmailName, DNSName, URIName:
		return escapeControls(string(g.Raw))
	case DirectoryName:
		return Name{g.Raw}.String()
	case RegisteredID:
		return OID(g.Raw).String()
	case IPName:
		if address, ok := g.Address(); ok {
			return address.String()
		}
		if address, mask, ok := g.Range(); ok {
			return address.String() + "/" + mask.String()
		}
	case OtherName:
		if kind, value, ok := g.Other(); ok {
			return kind.String() + ":" + valueText(value)
		}
	}
	return "<" + hexColons(g.Raw) + ">"
}

// valueText returns a string value in DER as text, any other in hexadecimal.
func valueText(whole []byte) string {
	d := newDER(whole)
	_, tag, content := d.element("value")
	if text, ok := decodeText(tag&^asn1.Tag(0), content.String); ok && d.err() == nil {
		return escapeControls(text)
	}
	return hexColons(whole)
}

// String returns form and name, such as DNS:example.com.
func (g GeneralName) String() string { return g.Kind.String() + ":" + g.Value() }
