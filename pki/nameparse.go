package pki

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// maxNameText is the longest text that is read as a name, in bytes.
const maxNameText = 64 << 10

// ParseNameDER reads a name as it stands in a certificate, or in a TLS server's
// request for one (RFC 5280, section 4.1.2.4).
func ParseNameDER(data []byte) (Name, error) {
	d := newDER(data)
	name := d.name("the name")
	d.end("the name")
	if err := d.err(); err != nil {
		return Name{}, fault.Wrap(err, DNInvalid, "the name cannot be read").WithHint("ask whoever made it for one that keeps to DER")
	}
	return name, nil
}

// ParseName reads a name as RFC 4514 writes it, such as CN=Jane,O=Example; the
// empty text is the empty name. A type is a keyword (CN, OU, emailAddress and so
// on, in any case), the name that OpenSSL has for it, or a dotted object
// identifier. Spaces around types and values do not count unless they are
// escaped. Values get the encoding that NewAttribute gives them; but what a name
// of others may hold is not held against the bounds of RFC 5280.
func ParseName(text string) (Name, error) {
	if len(text) > maxNameText {
		return Name{}, fault.New(DNInvalid, "a name of %d bytes is longer than the %d that are read", len(text), maxNameText).
			WithHint("give a shorter name")
	}
	p := nameParser{text: text}
	var rdns [][]Attribute
	for p.skipSpaces(); p.at < len(text); {
		rdn := []Attribute{p.attribute()}
		for p.take('+') {
			rdn = append(rdn, p.attribute())
		}
		rdns = append(rdns, rdn)
		if p.at < len(text) && p.take(',') && p.at == len(text) {
			p.fail("a type and a value should follow")
		}
		if p.err != nil {
			return Name{}, p.err
		}
	}
	for i, j := 0, len(rdns)-1; i < j; i, j = i+1, j-1 {
		rdns[i], rdns[j] = rdns[j], rdns[i]
	}
	return joinName(rdns), nil
}

// nameParser reads text from the front. Its first error is kept, and ends it.
type nameParser struct {
	text string
	at   int
	err  error
}

func (p *nameParser) fail(what string) {
	if p.err == nil {
		p.err = fault.New(DNInvalid, "%s is not a name: %s at byte %d", fault.Printable(p.text, 64), what, p.at).
			WithHint(`write it like CN=Jane Doe,O=Example Ltd,C=GB, with \ before , + " \ < > ; inside of a value`)
	}
	p.at = len(p.text)
}

func (p *nameParser) skipSpaces() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take passes over the character, if it is next.
func (p *nameParser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *nameParser) attribute() Attribute {
	kind := p.kind()
	p.skipSpaces()
	if p.take('#') {
		return p.encoded(kind)
	}
	value := p.value()
	if p.err != nil {
		return Attribute{}
	}
	return encodeAttribute(kind, value)
}

// kind reads an attribute's type and the sign behind it.
func (p *nameParser) kind() OID {
	p.skipSpaces()
	length := strings.IndexByte(p.text[p.at:], '=')
	if length < 0 {
		p.fail("a type and = should stand")
		return ""
	}
	word := strings.TrimRight(p.text[p.at:p.at+length], " ")
	kind, ok := oidKeywords()[strings.ToLower(word)]
	if !ok {
		var err error
		if kind, err = ParseOID(word); err != nil {
			p.fail("an unknown type stands")
			return ""
		}
	}
	p.at += length + 1
	return kind
}

// encoded reads a value that is written as the digits of its DER.
func (p *nameParser) encoded(kind OID) Attribute {
	rest := p.text[p.at:]
	digits := rest
	if end := strings.IndexAny(rest, ",+"); end >= 0 {
		digits = rest[:end]
	}
	whole, err := hex.DecodeString(strings.TrimRight(digits, " "))
	d := newDER(whole)
	_, tag, content := d.element("value")
	if err != nil || d.end("the value") != nil {
		p.fail("no value in DER stands")
		return Attribute{}
	}
	p.at += len(digits)
	return Attribute{Type: kind, Tag: int(tag), Raw: content.String}
}

// value reads a value up to what ends it (RFC 4514, section 3).
func (p *nameParser) value() string {
	var out []byte
	keep := 0 // so many bytes stand, even if they are spaces
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case ',', '+':
			return p.finish(out, keep)
		case '"', ';', '<', '>', 0:
			p.fail(`a character without \ stands`)
			return ""
		case '\\':
			out = append(out, p.escaped())
			keep = len(out)
		default:
			if out = append(out, c); c != ' ' {
				keep = len(out)
			}
		}
	}
	return p.finish(out, keep)
}

// escaped reads what stands behind a backslash: a special character or two
// hexadecimal digits.
func (p *nameParser) escaped() byte {
	rest := p.text[p.at+1:]
	if len(rest) > 0 && strings.IndexByte(" \"#+,;<=>\\", rest[0]) >= 0 {
		p.at++
		return rest[0]
	}
	if len(rest) >= 2 {
		if octet, err := hex.DecodeString(rest[:2]); err == nil {
			p.at += 2
			return octet[0]
		}
	}
	p.fail(`no escaped character stands`)
	return 0
}

func (p *nameParser) finish(out []byte, keep int) string {
	if p.err == nil && !utf8.Valid(out[:keep]) {
		p.fail("a value that is not UTF-8 ends")
	}
	return string(out[:keep])
}

// joinName encodes relative names; the attributes of each are put in the order
// of DER (X.690, section 11.6).
func joinName(rdns [][]Attribute) Name {
	var content []byte
	for _, rdn := range rdns {
		content = append(content, encodeRDN(rdn)...)
	}
	if len(content) == 0 {
		return Name{}
	}
	return Name{element(byte(asn1.SEQUENCE), content)}
}

// element returns an element of DER.
func element(tag byte, content []byte) []byte {
	return append(appendHeader(make([]byte, 0, len(content)+6), tag, len(content)), content...)
}
