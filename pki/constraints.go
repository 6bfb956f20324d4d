package pki

import (
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// BasicConstraints says whether a certificate is an authority's (RFC 5280,
// section 4.2.1.9).
type BasicConstraints struct {
	CA      bool
	PathLen int // how many authorities may stand below it; -1 if not limited
}

func (d *der) basicConstraints() *BasicConstraints {
	list := d.sequence("basic constraints")
	constraints := &BasicConstraints{PathLen: -1}
	if list.has(asn1.BOOLEAN) {
		constraints.CA = list.bool("basic constraints")
	}
	if list.has(asn1.INTEGER) {
		constraints.PathLen = list.small("path length")
	}
	list.end("basic constraints")
	return constraints
}

// KeyUsage is what a key may be used for, a bit each (RFC 5280, section
// 4.2.1.3). Zero is no use at all; a certificate without the extension has
// NoKeyUsage.
type KeyUsage int

// The bits, as crypto/x509 has them.
const (
	DigitalSignature KeyUsage = 1 << iota
	ContentCommitment
	KeyEncipherment
	DataEncipherment
	KeyAgreement
	KeyCertSign
	CRLSign
	EncipherOnly
	DecipherOnly
)

var keyUsages = []string{"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign", "Encipher Only", "Decipher Only"}

// String lists the uses, such as "Digital Signature, CRL Sign".
func (u KeyUsage) String() string { return flagNames(int(u), keyUsages) }

// flagNames lists the names of the bits that are set.
func flagNames(flags int, names []string) string {
	var set []string
	for i, name := range names {
		if flags>>i&1 == 1 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

func (d *der) keyUsage() KeyUsage {
	data, _ := d.bits("key usage")
	return KeyUsage(flagsOf(data))
}

// flagsOf returns the first 16 named bits of a BIT STRING, the first as the
// lowest.
func flagsOf(data []byte) int {
	flags := 0
	for i := range min(16, 8*len(data)) {
		flags |= int(data[i/8]>>(7-i%8)&1) << i
	}
	return flags
}

var netscapeTypes = []string{"SSL Client", "SSL Server", "S/MIME", "Object Signing", "Unused", "SSL CA", "S/MIME CA", "Object Signing CA"}

// NetscapeType is what browsers of old took a certificate for, a bit each.
type NetscapeType int

// String lists the uses.
func (t NetscapeType) String() string { return flagNames(int(t), netscapeTypes) }

func (d *der) netscapeType() NetscapeType {
	data, _ := d.bits("Netscape certificate type")
	return NetscapeType(flagsOf(data) & 0xff)
}

// NameConstraints bounds the names of all certificates below (RFC 5280, section
// 4.2.1.10).
type NameConstraints struct {
	Permitted, Excluded []Subtree
}

// Subtree is a name and all that is below it.
type Subtree struct {
	Base             GeneralName
	Minimum, Maximum int // 0 and -1 in every certificate that keeps RFC 5280
}

func (d *der) nameConstraints() *NameConstraints {
	list := d.sequence("name constraints")
	constraints := new(NameConstraints)
	if list.has(constructed(0)) {
		trees := list.read(constructed(0), "permitted names")
		constraints.Permitted = trees.subtrees("permitted names")
	}
	if list.has(constructed(1)) {
		trees := list.read(constructed(1), "excluded names")
		constraints.Excluded = trees.subtrees("excluded names")
	}
	list.end("name constraints")
	return constraints
}

func (d *der) subtrees(what string) []Subtree {
	var trees []Subtree
	if d.err() == nil && !d.more() {
		d.fail("nothing in %s", what)
	}
	entry := "an entry of " + what
	for d.more() {
		item := d.sequence(what)
		tree := Subtree{Base: item.generalName(what), Maximum: -1}
		if raw := tree.Base.Raw; tree.Base.Kind == IPName && d.err() == nil && len(raw) != 8 && len(raw) != 32 {
			d.failAt(raw, "an address with mask of %d bytes in %s", len(raw), what)
		}
		if item.has(primitive(0)) {
			bound := item.read(primitive(0), what)
			tree.Minimum = bound.smallContent(what)
		}
		if item.has(primitive(1)) {
			bound := item.read(primitive(1), what)
			tree.Maximum = bound.smallContent(what)
		}
		item.end(entry)
		trees = append(trees, tree)
	}
	return trees
}
