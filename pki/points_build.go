package pki

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// check holds the scope against RFC 5280, section 5.2.5.
func (p *IssuingPoint) check() error {
	only := 0
	for _, flag := range []bool{p.OnlyUsers, p.OnlyAuthorities, p.OnlyAttributeHolders} {
		if flag {
			only++
		}
	}
	switch {
	case only > 1:
		return listSpecInvalid("a list is for users, authorities or attribute holders only, or for all")
	case p.Reasons < 0 || p.Reasons&^allReasons != 0:
		return listSpecInvalid("a list is for reasons that do not exist")
	case p.Name != nil && (len(p.Name.Full) > 0) == (p.Name.relative() != nil):
		return listSpecInvalid("a distribution point has full names or one relative name")
	case bytes.Equal(p.encode(), []byte{byte(asn1.SEQUENCE), 0}):
		return listSpecInvalid("the scope of the list is empty; leave it out")
	}
	return nil
}

// allReasons has a bit for each reason but the unused one.
const allReasons ReasonFlags = 0x1fe

func (p *IssuingPoint) encode() []byte {
	return encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if p.Name != nil {
			b.AddASN1(constructed(0), p.Name.add)
		}
		addFlag(b, 1, p.OnlyUsers)
		addFlag(b, 2, p.OnlyAuthorities)
		if p.Reasons != 0 {
			addElement(b, primitive(3), flagBits(int(p.Reasons)))
		}
		addFlag(b, 4, p.Indirect)
		addFlag(b, 5, p.OnlyAttributeHolders)
	})
}

func (n *PointName) add(b *cryptobyte.Builder) {
	if len(n.Full) > 0 {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { addGeneralNames(b, n.Full) })
		return
	}
	addElement(b, constructed(1), n.relative())
}

// relative returns the contents of the only relative name, or nil.
func (n *PointName) relative() []byte {
	d := newDER(n.Relative.DER())
	names := d.sequence("relative name")
	only := names.read(asn1.SET, "relative name")
	if names.end("the relative name") != nil {
		return nil
	}
	return only.String
}

// addFlag adds a yes; a no is left out.
func addFlag(b *cryptobyte.Builder, number uint8, flag bool) {
	if flag {
		addElement(b, primitive(number), []byte{0xff})
	}
}

// flagBits returns the contents of a BIT STRING of named bits, without trailing
// zeros (X.690, section 11.2.2).
func flagBits(flags int) []byte {
	content := []byte{0}
	for bit := 0; flags>>bit != 0; bit++ {
		if bit%8 == 0 {
			content = append(content, 0)
		}
		content[len(content)-1] |= byte(flags>>bit&1) << (7 - bit%8)
		content[0] = byte(7 - bit%8)
	}
	return content
}
