package pki

import (
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ReasonFlags are reasons of revocation, the bit of a Reason each (RFC 5280,
// section 4.2.1.13).
type ReasonFlags int

var reasonFlags = []string{"Unused", "Key Compromise", "CA Compromise", "Affiliation Changed", "Superseded", "Cessation Of Operation", "Certificate Hold", "Privilege Withdrawn", "AA Compromise"}

// String lists the reasons.
func (f ReasonFlags) String() string { return flagNames(int(f), reasonFlags) }

// PointName says where a revocation list is, or which of several it is: by full
// names, or by one relative name to be put behind its issuer's.
type PointName struct {
	Full     []GeneralName
	Relative Name // of one relative name; empty if there are full names
}

// FullNames returns the full names, or the one that the relative name makes
// behind its issuer's.
func (n *PointName) FullNames(issuer Name) []GeneralName {
	if n.Relative.IsEmpty() {
		return n.Full
	}
	whole := append(slices.Clone(contents(issuer)), contents(n.Relative)...)
	return []GeneralName{{DirectoryName, append(appendHeader(nil, byte(asn1.SEQUENCE), len(whole)), whole...)}}
}

// contents returns the relative names of a name.
func contents(name Name) []byte {
	d := newDER(name.DER())
	return d.sequence("name").String
}

func (d *der) pointName() *PointName {
	name := new(PointName)
	switch {
	case d.has(constructed(0)):
		full := d.read(constructed(0), "name of a distribution point")
		name.Full = full.altNames("name of a distribution point")
	case d.has(constructed(1)):
		relative := d.read(constructed(1), "relative name of a distribution point")
		name.Relative = relative.relativeName()
	default:
		d.fail("no valid name of a distribution point")
	}
	d.end("the name of a distribution point")
	return name
}

// relativeName takes the rest as the contents of one RelativeDistinguishedName,
// and makes a Name of it.
func (d *der) relativeName() Name {
	rdn := append(appendHeader(nil, byte(asn1.SET), len(d.String)), d.String...)
	whole := append(appendHeader(nil, byte(asn1.SEQUENCE), len(rdn)), rdn...)
	copied := newDER(whole)
	name := copied.name("relative name of a distribution point")
	if copied.err() != nil {
		d.fail("no valid relative name of a distribution point")
	}
	return name
}

// DistributionPoint says where, and from whom, a revocation list for some
// reasons can be had (RFC 5280, section 4.2.1.13).
type DistributionPoint struct {
	Name    *PointName  // nil if there is none
	Reasons ReasonFlags // 0 for all
	Issuer  []GeneralName
}

func (d *der) distributionPoints() []DistributionPoint {
	list := d.sequence("CRL distribution points")
	points := []DistributionPoint{}
	if d.err() == nil && !list.more() {
		list.fail("nothing in CRL distribution points")
	}
	for list.more() {
		item := list.sequence("distribution point")
		var point DistributionPoint
		if item.has(constructed(0)) {
			name := item.read(constructed(0), "name of a distribution point")
			point.Name = name.pointName()
		}
		if item.has(primitive(1)) {
			content := item.read(primitive(1), "reasons of a distribution point")
			point.Reasons = content.reasonFlags()
		}
		if item.has(constructed(2)) {
			names := item.read(constructed(2), "issuer of a distribution point")
			point.Issuer = names.altNames("issuer of a distribution point")
		}
		item.end("a distribution point")
		points = append(points, point)
	}
	return points
}

func (d *der) reasonFlags() ReasonFlags {
	data, _ := d.bitsContent("reasons of a distribution point")
	return ReasonFlags(flagsOf(data))
}

// IssuingPoint is the scope of a revocation list (RFC 5280, section 5.2.5).
type IssuingPoint struct {
	Name                                                       *PointName
	OnlyUsers, OnlyAuthorities, Indirect, OnlyAttributeHolders bool
	Reasons                                                    ReasonFlags // 0 for all
}

func (d *der) issuingPoint() *IssuingPoint {
	list := d.sequence("issuing distribution point")
	point := new(IssuingPoint)
	if list.has(constructed(0)) {
		name := list.read(constructed(0), "name of a distribution point")
		point.Name = name.pointName()
	}
	flag := func(number uint8, to *bool) {
		if list.has(primitive(number)) {
			content := list.read(primitive(number), "scope of a revocation list")
			*to = content.boolContent("scope of a revocation list")
		}
	}
	flag(1, &point.OnlyUsers)
	flag(2, &point.OnlyAuthorities)
	if list.has(primitive(3)) {
		content := list.read(primitive(3), "reasons of a revocation list")
		point.Reasons = content.reasonFlags()
	}
	flag(4, &point.Indirect)
	flag(5, &point.OnlyAttributeHolders)
	list.end("the issuing distribution point")
	return point
}

// AccessDescription says where something about an issuer or subject can be had
// (RFC 5280, section 4.2.2.1).
type AccessDescription struct {
	Method   OID
	Location GeneralName
}

func (d *der) accessDescriptions() []AccessDescription {
	list := d.sequence("information access")
	descriptions := []AccessDescription{}
	if d.err() == nil && !list.more() {
		list.fail("nothing in information access")
	}
	for list.more() {
		item := list.sequence("access description")
		descriptions = append(descriptions, AccessDescription{item.oid("access method"), item.generalName("access location")})
		item.end("an access description")
	}
	return descriptions
}

// Timestamp is the promise of a certificate transparency log (RFC 6962, section
// 3.2).
type Timestamp struct {
	Version    int // 0 is v1, the only one known; the other fields are its
	LogID      [32]byte
	Time       time.Time
	Extensions []byte
	Hash       byte // of TLS 1.2: 4 is SHA-256
	Algorithm  byte // of TLS 1.2: 1 is RSA, 3 ECDSA
	Signature  []byte
}

func (d *der) timestamps() []Timestamp {
	whole := d.read(asn1.OCTET_STRING, "signed timestamps").String
	timestamps := []Timestamp{}
	var list cryptobyte.String
	ok := whole.ReadUint16LengthPrefixed(&list) && whole.Empty()
	for ok && !list.Empty() {
		var one, extensions, signature cryptobyte.String
		var t Timestamp
		var version uint8
		var milliseconds uint64
		ok = list.ReadUint16LengthPrefixed(&one) && one.ReadUint8(&version)
		t.Version = int(version)
		if ok && version == 0 {
			ok = one.CopyBytes(t.LogID[:]) && one.ReadUint64(&milliseconds) && milliseconds < 1<<50 &&
				one.ReadUint16LengthPrefixed(&extensions) && one.ReadUint8(&t.Hash) && one.ReadUint8(&t.Algorithm) &&
				one.ReadUint16LengthPrefixed(&signature) && one.Empty()
			t.Time, t.Extensions, t.Signature = time.UnixMilli(int64(milliseconds)).UTC(), extensions, signature
		}
		timestamps = append(timestamps, t)
	}
	if !ok {
		d.fail("no valid list of signed timestamps")
	}
	return timestamps
}
