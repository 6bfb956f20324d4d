package pki

import (
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

func addOID(b *cryptobyte.Builder, id OID) {
	addElement(b, asn1.OBJECT_IDENTIFIER, []byte(id))
}

// addElement adds an element with these contents.
func addElement(b *cryptobyte.Builder, tag asn1.Tag, content []byte) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
}

// addTime adds a UTCTime, from 2050 on a GeneralizedTime (RFC 5280, section
// 4.1.2.5). The year must have four digits.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t = t.UTC(); t.Year() >= 1950 && t.Year() < 2050 {
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t)
	}
}

// canEncode reports whether a time has a form in certificates.
func canEncode(t time.Time) bool { return t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 }

// addExtensions adds Extensions, a SEQUENCE of them.
func addExtensions(b *cryptobyte.Builder, list []Extension) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, e := range list {
			e.add(b)
		}
	})
}

func (e Extension) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, e.ID)
		if e.Critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString(e.Value)
	})
}

// add adds the name with its tag: the form that it was read in.
func (g GeneralName) add(b *cryptobyte.Builder) {
	tag := primitive(uint8(g.Kind))
	if g.Kind.isConstructed() {
		tag = constructed(uint8(g.Kind))
	}
	addElement(b, tag, g.Raw)
}

func addGeneralNames(b *cryptobyte.Builder, names []GeneralName) {
	for _, name := range names {
		name.add(b)
	}
}

// altNamesExtension is critical where there is no other name of the subject
// (RFC 5280, section 4.2.1.6).
func altNamesExtension(names []GeneralName, subject Name) Extension {
	return Extension{OIDSubjectAltName, subject.IsEmpty(), encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addGeneralNames(b, names) })}
}

// authorityKeyExtension names the key that signs by its identifier.
func authorityKeyExtension(id []byte) Extension {
	return Extension{OIDAuthorityKeyID, false, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addElement(b, primitive(0), id) })}
}

// encode returns one element in DER.
func encode(tag asn1.Tag, content func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, content)
	return b.BytesOrPanic()
}

func integerElement(n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(n)
	return b.BytesOrPanic()
}

// commonName returns a name of one attribute.
func commonName(text string) Name {
	return NewName(Attribute{Type: OIDCommonName, Tag: int(asn1.UTF8String), Raw: []byte(text)})
}
