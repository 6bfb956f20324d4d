package pki

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Canonical returns the name as OpenSSL compares names: its relative names in
// DER, without the outer header, where each string is UTF-8, ASCII letters are
// small, and of spaces only single ones between words are left. It is a part of
// what RFC 5280, section 7.1, asks for. Values that are no text stay as they are.
func (n Name) Canonical() []byte { return n.canonical(foldText) }

// Folded is Canonical for who must not overlook a name that is the same to a person:
// its text is prepared as RFC 4518, section 2, has it, so that no case of any letter,
// no other way to compose one and nothing invisible tells two apart.
func (n Name) Folded() []byte { return n.canonical(prepareText) }

func (n Name) canonical(fold func(string) []byte) []byte {
	out := make([]byte, 0, len(n.der))
	rdn := make([]Attribute, 0, 1)
	for a := range n.Attributes() {
		if len(rdn) > 0 && a.RDN != rdn[0].RDN {
			out = appendRDN(out, rdn)
			rdn = rdn[:0]
		}
		if text, ok := a.comparable(); ok {
			a.Tag, a.Raw = int(asn1.UTF8String), fold(text)
		}
		rdn = append(rdn, a)
	}
	if len(rdn) > 0 {
		out = appendRDN(out, rdn)
	}
	return out
}

// appendRDN is encodeRDN at the end of out; most have one attribute, and need no
// order.
func appendRDN(out []byte, rdn []Attribute) []byte {
	if len(rdn) > 1 {
		return append(out, encodeRDN(rdn)...)
	}
	kind, value := rdn[0].Type, rdn[0].Raw
	pair := elementSize(len(kind)) + elementSize(len(value))
	out = appendHeader(out, byte(asn1.SET), elementSize(pair))
	out = appendHeader(out, byte(asn1.SEQUENCE), pair)
	out = append(appendHeader(out, byte(asn1.OBJECT_IDENTIFIER), len(kind)), kind...)
	return append(appendHeader(out, byte(rdn[0].Tag), len(value)), value...)
}

// comparable returns the value as UTF-8, if it is of a type whose encoding does
// not count when names are compared.
func (a Attribute) comparable() (string, bool) {
	switch tag := asn1.Tag(a.Tag); tag {
	case asn1.PrintableString, asn1.IA5String, tagVisibleString:
		// OpenSSL takes the octets as Latin-1, ASCII or not.
		return decodeText(asn1.T61String, a.Raw)
	case asn1.UTF8String, asn1.T61String, tagBMPString, tagUniversalString:
		return decodeText(tag, a.Raw)
	}
	return "", false
}

// foldText makes ASCII letters small, drops spaces at both ends, and makes one
// of several.
func foldText(text string) []byte {
	out := make([]byte, 0, len(text))
	space := false
	for _, c := range []byte(text) {
		if c == ' ' || '\t' <= c && c <= '\r' {
			space = len(out) > 0
			continue
		}
		if space {
			out = append(out, ' ')
			space = false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}

// prepareText maps, folds and normalizes text (RFC 4518, sections 2.2 and 2.3), and
// then does to it what foldText does.
func prepareText(text string) []byte {
	if !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return foldText(text)
	}
	text = norm.NFKC.String(strings.Map(prepareRune, text))
	return foldText(norm.NFKC.String(cases.Fold().String(text)))
}

// prepareRune makes a space of whatever separates words, and nothing of what is not
// seen.
func prepareRune(c rune) rune {
	const nextLine, graphemeJoiner, replacement = 0x85, 0x34f, 0xfffc
	switch {
	case '\t' <= c && c <= '\r' || c == nextLine || unicode.Is(unicode.Z, c):
		return ' '
	case c == graphemeJoiner || c == replacement || unicode.In(c, unicode.Cc, unicode.Cf, unicode.Variation_Selector):
		return -1
	}
	return c
}

// Hash returns the number that OpenSSL's hashed directories file a name under,
// as eight hexadecimal digits: the first four bytes, low ones first, of the
// SHA-1 of its canonical form.
func (n Name) Hash() uint32 {
	sum := sha1.Sum(n.Canonical())
	return binary.LittleEndian.Uint32(sum[:])
}

// Match reports whether both names are the same but for encodings, the case of
// ASCII letters, and spaces.
func (n Name) Match(other Name) bool {
	return n.Equal(other) || bytes.Equal(n.Canonical(), other.Canonical())
}
