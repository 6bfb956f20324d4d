package pki

import (
	"bytes"
	"encoding/hex"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Name is a distinguished name (RFC 5280, section 4.1.2.4), as it stands in
// DER: an ordered list of relative names, each of one or more attributes. The
// zero value is the empty name.
type Name struct {
	der []byte // valid DER of the SEQUENCE; nil for the empty name
}

// Tags that cryptobyte/asn1 does not name.
const (
	tagNumericString   asn1.Tag = 18
	tagVisibleString   asn1.Tag = 26
	tagGeneralString   asn1.Tag = 27
	tagUniversalString asn1.Tag = 28
	tagBMPString       asn1.Tag = 30
)

// Attribute is one type and value of a name.
type Attribute struct {
	Type OID
	Tag  int    // of the value in ASN.1: 12 for UTF8String, 19 for PrintableString
	Raw  []byte // the value's contents, in the encoding of its tag
	RDN  int    // which relative name it is part of, counted from 0
}

// name reads a Name.
func (d *der) name(what string) Name {
	raw, content := d.whole(asn1.SEQUENCE, what)
	relative, one, value := "relative name of "+what, "attribute of "+what, "attribute value of "+what
	for content.more() {
		attributes := content.read(asn1.SET, relative)
		if d.err() == nil && len(attributes.String) == 0 {
			d.failAt(attributes.String, "an empty relative name of %s", what)
		}
		for attributes.more() {
			attribute := attributes.sequence(one)
			attribute.oid(what)
			attribute.element(value)
			attribute.end(one)
		}
	}
	if d.err() != nil {
		return Name{}
	}
	return Name{raw}
}

// DER returns the name's encoding. The caller must not change it.
func (n Name) DER() []byte {
	if n.der == nil {
		return []byte{byte(asn1.SEQUENCE), 0}
	}
	return n.der
}

// IsEmpty reports whether the name has no attributes.
func (n Name) IsEmpty() bool { return len(n.der) <= 2 }

// Equal reports whether both names are the same bytes.
func (n Name) Equal(other Name) bool { return bytes.Equal(n.DER(), other.DER()) }

// Attributes yields the attributes in their order.
func (n Name) Attributes() iter.Seq[Attribute] {
	return func(yield func(Attribute) bool) {
		d := newDER(n.DER())
		names := d.sequence("name")
		for rdn := 0; names.more(); rdn++ {
			attributes := names.read(asn1.SET, "relative name")
			for attributes.more() {
				pair := attributes.sequence("attribute")
				a := Attribute{Type: pair.oid("attribute"), RDN: rdn}
				_, tag, value := pair.element("value")
				a.Tag, a.Raw = int(tag), value.String
				if d.err() != nil || !yield(a) {
					return
				}
			}
		}
	}
}

// Get returns the values of all attributes of a type, as text.
func (n Name) Get(kind OID) []string {
	var values []string
	for a := range n.Attributes() {
		if a.Type == kind {
			values = append(values, a.Text())
		}
	}
	return values
}

// String returns the name as RFC 4514 writes it: the last relative name first.
func (n Name) String() string {
	var names [][]string
	for a := range n.Attributes() {
		if a.RDN == len(names) {
			names = append(names, nil)
		}
		names[a.RDN] = append(names[a.RDN], a.String())
	}
	var out strings.Builder
	for i, attributes := range slices.Backward(names) {
		out.WriteString(strings.Join(attributes, "+"))
		if i > 0 {
			out.WriteByte(',')
		}
	}
	return out.String()
}

// String returns the attribute as RFC 4514 writes it, such as CN=Jane.
func (a Attribute) String() string {
	if text, ok := a.text(); ok && a.Type.short() != "" {
		return a.Type.short() + "=" + escapeValue(text)
	}
	whole := append(appendHeader(nil, byte(a.Tag), len(a.Raw)), a.Raw...)
	return a.Type.String() + "=#" + hex.EncodeToString(whole)
}

// Text returns the value as text, whatever its encoding; what is no text of its
// encoding becomes U+FFFD.
func (a Attribute) Text() string {
	text, _ := a.text()
	return text
}

// text returns the value, and whether it is text of its encoding.
func (a Attribute) text() (string, bool) { return decodeText(asn1.Tag(a.Tag), a.Raw) }

// decodeText reads one of ASN.1's string types.
func decodeText(tag asn1.Tag, raw []byte) (string, bool) {
	switch tag {
	case asn1.T61String:
		// In certificates Latin-1 stands under this tag, never T.61.
		if isASCII(raw) {
			return string(raw), true
		}
		var out strings.Builder
		for _, octet := range raw {
			out.WriteRune(rune(octet))
		}
		return out.String(), true
	case tagBMPString:
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
		}
		text := string(utf16.Decode(units))
		return text, len(raw)%2 == 0 && !strings.ContainsRune(text, utf8.RuneError)
	case tagUniversalString:
		var out strings.Builder
		ok := len(raw)%4 == 0
		for ; len(raw) >= 4; raw = raw[4:] {
			r := rune(uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]))
			ok = ok && utf8.ValidRune(r)
			out.WriteRune(r)
		}
		return out.String(), ok
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, tagNumericString, tagVisibleString, tagGeneralString:
		return strings.ToValidUTF8(string(raw), "\ufffd"), utf8.Valid(raw)
	}
	return strings.ToValidUTF8(string(raw), "\ufffd"), false
}

// escapeValue escapes a value by RFC 4514, section 2.4; so that a name is one
// line that a terminal can show, whatever cannot be printed is escaped too.
func escapeValue(text string) string {
	var out strings.Builder
	for i, r := range text {
		last := i+utf8.RuneLen(r) == len(text)
		switch {
		case strings.ContainsRune(`"+,;<>\`, r), r == '#' && i == 0, r == ' ' && (i == 0 || last):
			out.WriteString(`\` + string(r))
		case !unicode.IsPrint(r):
			for _, octet := range []byte(string(r)) {
				out.WriteString(`\` + hex.EncodeToString([]byte{octet}))
			}
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// appendHeader appends tag and length of an element (X.690, section 8.1.3).
func appendHeader(out []byte, tag byte, length int) []byte {
	switch {
	case length < 1<<7:
		return append(out, tag, byte(length))
	case length < 1<<8:
		return append(out, tag, 0x81, byte(length))
	case length < 1<<16:
		return append(out, tag, 0x82, byte(length>>8), byte(length))
	case length < 1<<24:
		return append(out, tag, 0x83, byte(length>>16), byte(length>>8), byte(length))
	}
	return append(out, tag, 0x84, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
}

// elementSize is how long an element with so much content is.
func elementSize(content int) int {
	var header [6]byte
	return len(appendHeader(header[:0], 0, content)) + content
}

func isASCII(text []byte) bool {
	return !slices.ContainsFunc(text, func(c byte) bool { return c >= utf8.RuneSelf })
}
