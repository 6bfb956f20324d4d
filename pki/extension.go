package pki

import (
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// Extension is one extension of a certificate, request, revocation list or OCSP
// message.
type Extension struct {
	ID       OID
	Critical bool
	Value    []byte // DER
}

// MaxExtensions is how many extensions a certificate, request, list or message may
// have. Real ones have some twenty; rules look for one among all.
const MaxExtensions = 1024

// extensions reads Extensions (RFC 5280, section 4.1.2.9).
func (d *der) extensions(what string) []Extension {
	list := d.sequence("extensions of " + what)
	count := 0
	for rest := list; rest.more(); count++ {
		rest.element("extension")
	}
	if count > MaxExtensions {
		list.fail("%d extensions of %s; %d are the most", count, what, MaxExtensions)
		return nil
	}
	extensions := make([]Extension, 0, count)
	for list.more() {
		extensions = append(extensions, list.extension())
	}
	return extensions
}

func (d *der) extension() Extension {
	item := d.sequence("extension")
	e := Extension{ID: item.oid("extension")}
	if item.has(asn1.BOOLEAN) {
		e.Critical = item.bool("an extension's being critical")
	}
	e.Value = item.read(asn1.OCTET_STRING, "value of an extension").String
	item.end("an extension")
	return e
}

// Decode returns the extension's value: a *BasicConstraints, KeyUsage and so on,
// as the typed methods of Certificate and RevocationList have it. It is nil for
// an extension of an unknown kind; one that is not as its kind must be is an
// error.
func (e Extension) Decode() (any, error) {
	d := newDER(nil)
	return e.decode(&d)
}

// decode is Decode by a reader that may be used again afterwards.
func (e Extension) decode(d *der) (any, error) {
	decode, ok := decoders[e.ID]
	if !ok {
		return nil, nil
	}
	d.restart(e.Value)
	value := decode(d)
	if err := d.end("the value"); err != nil {
		return nil, fault.Wrap(err, ExtensionInvalid, "the value of the extension %s is not as it must be", e.ID.Name()).
			WithHint("have it issued again; strict programs refuse it as it is")
	}
	return value, nil
}

// decoders says what each known extension is read with.
var decoders = map[OID]func(*der) any{
	OIDSubjectKeyID:        func(d *der) any { return []byte(d.read(asn1.OCTET_STRING, "key identifier").String) },
	OIDAuthorityKeyID:      func(d *der) any { return d.authorityKeyID() },
	OIDKeyUsage:            func(d *der) any { return pointer(d.keyUsage()) },
	OIDExtKeyUsage:         func(d *der) any { return d.oids("extended key usage") },
	OIDBasicConstraints:    func(d *der) any { return d.basicConstraints() },
	OIDSubjectAltName:      func(d *der) any { return d.altNameList("subject alternative names") },
	OIDIssuerAltName:       func(d *der) any { return d.altNameList("issuer alternative names") },
	OIDNameConstraints:     func(d *der) any { return d.nameConstraints() },
	OIDCertificatePolicies: func(d *der) any { return d.policies() },
	OIDPolicyMappings:      func(d *der) any { return d.policyMappings() },
	OIDPolicyConstraints:   func(d *der) any { return d.policyConstraints() },
	OIDInhibitAnyPolicy:    func(d *der) any { return pointer(d.small("inhibit any policy")) },
	OIDCRLPoints:           func(d *der) any { return d.distributionPoints() },
	OIDFreshestCRL:         func(d *der) any { return d.distributionPoints() },
	OIDAuthorityInfo:       func(d *der) any { return d.accessDescriptions() },
	OIDSubjectInfo:         func(d *der) any { return d.accessDescriptions() },
	OIDTLSFeature:          func(d *der) any { return d.features() },
	OIDPrivateKeyUsage:     func(d *der) any { return d.usagePeriod() },
	OIDOCSPNoCheck:         func(d *der) any { d.read(asn1.NULL, "no check"); return struct{}{} },
	OIDSCTs:                func(d *der) any { return d.timestamps() },
	OIDPrecertPoison:       func(d *der) any { d.read(asn1.NULL, "poison"); return struct{}{} },
	OIDNetscapeCertType:    func(d *der) any { return d.netscapeType() },
	OIDNetscapeComment:     func(d *der) any { return string(d.read(asn1.IA5String, "comment").String) },
	OIDCRLNumber:           func(d *der) any { return bigInt(d.integer("CRL number")) },
	OIDDeltaCRL:            func(d *der) any { return bigInt(d.integer("base CRL number")) },
	OIDIssuingPoint:        func(d *der) any { return d.issuingPoint() },
	OIDCRLReason:           func(d *der) any { return d.reason() },
	OIDInvalidityDate:      func(d *der) any { return d.generalized("invalidity date") },
	OIDCertificateIssuer:   func(d *der) any { return d.altNameList("certificate issuer") },
	OIDOCSPNonce:           func(d *der) any { return d.nonce() },
	OIDArchiveCutoff:       func(d *der) any { return d.generalized("archive cutoff") },
}

func pointer[T any](value T) *T { return &value }

// decoded is what Decode returned for one extension.
type decoded struct {
	value any
	err   error
}

// extensionSet is the extensions of one value, decoded once.
type extensionSet struct {
	list    []Extension
	decoded []decoded
}

// find returns the value of the extension, or the zero value where there is
// none.
func find[T any](set *extensionSet, id OID) (value T, err error) {
	for i, e := range set.list {
		if e.ID != id {
			continue
		}
		if err := set.decoded[i].err; err != nil {
			return value, err
		}
		return set.decoded[i].value.(T), nil
	}
	return value, nil
}

// newExtensionSet decodes a list of extensions. One that stands there twice is
// an error (RFC 5280, section 4.2).
func newExtensionSet(list []Extension) *extensionSet {
	set := &extensionSet{list, make([]decoded, len(list))}
	first := map[OID]int{} // small ones are on the stack
	d := newDER(nil)
	for i, e := range list {
		set.decoded[i].value, set.decoded[i].err = e.decode(&d)
		if at, twice := first[e.ID]; twice {
			set.decoded[at].err = fault.New(ExtensionInvalid, "the extension %s stands there twice", e.ID.Name()).
				WithHint("have it issued again; strict programs refuse it as it is")
			continue
		}
		first[e.ID] = i
	}
	return set
}

// malformed returns the first error of a known extension.
func (set *extensionSet) malformed() error {
	for _, d := range set.decoded {
		if d.err != nil {
			return d.err
		}
	}
	return nil
}

// AuthorityKeyID identifies the issuer's key (RFC 5280, section 4.2.1.1).
type AuthorityKeyID struct {
	KeyID  []byte
	Issuer []GeneralName // of the issuer's certificate; with Serial or not at all
	Serial *big.Int
}

func (d *der) authorityKeyID() *AuthorityKeyID {
	list := d.sequence("authority key identifier")
	id := new(AuthorityKeyID)
	if list.has(primitive(0)) {
		id.KeyID = list.read(primitive(0), "key identifier").String
	}
	if list.has(constructed(1)) {
		names := list.read(constructed(1), "authority's issuer")
		id.Issuer = names.altNames("authority's issuer")
	}
	if list.has(primitive(2)) {
		serial := list.read(primitive(2), "authority's serial number")
		id.Serial = bigInt(serial.integerContent("authority's serial number"))
	}
	list.end("the authority key identifier")
	return id
}

func (d *der) altNameList(what string) []GeneralName {
	names := d.sequence(what)
	return names.altNames(what)
}

// oids reads a SEQUENCE of at least one object identifier.
func (d *der) oids(what string) []OID {
	list := d.sequence(what)
	if d.err() == nil && !list.more() {
		list.fail("nothing in %s", what)
	}
	var ids []OID
	for list.more() {
		ids = append(ids, list.oid(what))
	}
	return ids
}

// UsagePeriod is when a private key signs (RFC 3280, section 4.2.1.4); a zero
// time is an open end.
type UsagePeriod struct{ NotBefore, NotAfter time.Time }

func (d *der) usagePeriod() *UsagePeriod {
	list := d.sequence("private key usage period")
	period := new(UsagePeriod)
	for i, t := range []*time.Time{&period.NotBefore, &period.NotAfter} {
		if tag := primitive(uint8(i)); list.has(tag) {
			content := list.read(tag, "private key usage period")
			parsed, err := parseGeneralized(content.String)
			if err != nil {
				list.failAt(content.String, "no valid time of the private key usage period")
			}
			*t = parsed
		}
	}
	list.end("the private key usage period")
	return period
}

// features reads the TLS extensions that a server must answer with, 5 for a
// stapled OCSP response (RFC 7633, section 4).
func (d *der) features() []int {
	list := d.sequence("TLS features")
	features := []int{}
	for list.more() {
		features = append(features, list.small("TLS feature"))
	}
	return features
}
