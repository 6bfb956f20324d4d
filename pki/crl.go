package pki

import (
	"encoding/pem"
	"iter"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// MaxCRL is the largest input with revocation lists that is read, in bytes: the
// largest in use have about 40 MB.
const MaxCRL = 64 << 20

// RevocationList is a parsed certificate revocation list (RFC 5280, section 5).
// Its entries stay in DER and are found by an index, so that a list of a million
// entries takes little more memory than its file. It is immutable and safe for
// concurrent use.
type RevocationList struct {
	raw []byte
	signed
	inner                  Algorithm // as the part that is signed names it
	version                int
	issuer                 Name
	thisUpdate, nextUpdate time.Time
	set                    *extensionSet
	index                  *entryIndex
	unknown                []OID
}

var revocationLists = kind[*RevocationList]{
	name:          "revocation list",
	labels:        map[string]bool{"X509 CRL": false},
	read:          (*der).revocationList,
	missing:       NoCRL,
	damaged:       CRLUnreadable,
	whereMissing:  "name a file with a -----BEGIN X509 CRL----- block, or a revocation list in DER",
	whereDamaged:  "get the revocation list again from its distribution point; if it is damaged there too, tell its issuer",
	bound:         MaxCRL,
	whereTooLarge: "name the revocation list's own file; its issuer can split a larger one by distribution points",
}

// ParseRevocationLists reads every revocation list of data, PEM or DER, in its
// order, as ParseCertificates does certificates. The lists keep the memory of
// data in DER.
func ParseRevocationLists(data []byte) ([]*RevocationList, error) { return revocationLists.all(data) }

func (d *der) revocationList() *RevocationList {
	l := new(RevocationList)
	var content, tbs der
	l.raw, content = d.whole(asn1.SEQUENCE, "revocation list")
	l.signed, tbs = content.signed("revocation list's contents")
	content.end("the revocation list")

	l.version = 1
	if tbs.has(asn1.INTEGER) {
		l.version = tbs.small("version") + 1
	}
	l.inner = tbs.algorithm("algorithm of the signature")
	l.issuer = tbs.name("issuer")
	l.thisUpdate = tbs.time("this update")
	if tbs.has(asn1.UTCTime) || tbs.has(asn1.GeneralizedTime) {
		l.nextUpdate = tbs.time("next update")
	}
	entries := der{nil, d.problem}
	if tbs.has(asn1.SEQUENCE) {
		entries = tbs.sequence("revoked certificates")
	}
	var list []Extension
	if tbs.has(constructed(0)) {
		extensions := tbs.read(constructed(0), "extensions")
		list = extensions.extensions("the revocation list")
		extensions.end("the extensions")
	}
	tbs.end("the revocation list's contents")
	l.set = newExtensionSet(list)
	for _, e := range list {
		l.noteCritical(e)
	}
	l.index = entries.indexEntries(l)
	return l
}

// maxUnknown is how many unknown critical extensions are told apart: one already
// makes a list unusable.
const maxUnknown = 8

// listExtensions are the extensions of revocation lists and their entries that
// are known here (RFC 5280, sections 5.2 and 5.3).
var listExtensions = map[OID]bool{
	OIDAuthorityKeyID: true, OIDIssuerAltName: true, OIDCRLNumber: true, OIDDeltaCRL: true, OIDIssuingPoint: true, OIDFreshestCRL: true,
	OIDAuthorityInfo: true, OIDCRLReason: true, OIDInvalidityDate: true, OIDCertificateIssuer: true,
}

// noteCritical keeps an extension that is critical and not known here.
func (l *RevocationList) noteCritical(e Extension) {
	if e.Critical && !listExtensions[e.ID] && len(l.unknown) < maxUnknown && !slices.Contains(l.unknown, e.ID) {
		l.unknown = append(l.unknown, e.ID)
	}
}

// NamesIssuers reports whether an entry says of whom the certificate is, as on an
// indirect list alone it may (RFC 5280, section 5.3.3).
func (l *RevocationList) NamesIssuers() bool { return len(l.index.issuers) > 0 }

// Raw returns the list in DER. The caller must not change it.
func (l *RevocationList) Raw() []byte { return l.raw }

// Version returns 2, or 1 for lists without extensions of long ago.
func (l *RevocationList) Version() int { return l.version }

// Issuer returns the name of who signed the list.
func (l *RevocationList) Issuer() Name { return l.issuer }

// ThisUpdate returns when the list was made.
func (l *RevocationList) ThisUpdate() time.Time { return l.thisUpdate }

// NextUpdate returns when the next list will have been made at the latest, the
// zero time if the list does not say.
func (l *RevocationList) NextUpdate() time.Time { return l.nextUpdate }

// CheckSignatureBy reports whether the key made the list's signature. That the
// key may do so is for package verify to say.
func (l *RevocationList) CheckSignatureBy(key *PublicKey) error {
	if !l.inner.equal(l.algorithm) {
		return fault.New(SignatureWrong, "the revocation list names two algorithms of its signature, %s and %s", l.inner, l.algorithm).
			WithHint("do not trust this revocation list")
	}
	return l.checkBy(key)
}

// PEM returns the list as one PEM block.
func (l *RevocationList) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.raw})
}

// Extensions returns the list's own extensions, in their order. The caller must
// not change them.
func (l *RevocationList) Extensions() []Extension { return l.set.list }

// Malformed returns why one of the list's own extensions that Signet knows cannot
// be read, or nil.
func (l *RevocationList) Malformed() error { return l.set.malformed() }

// CriticalUnknown returns critical extensions of the list or of its entries that
// Signet does not know. A list with one says nothing that can be relied on
// (RFC 5280, sections 5.2 and 5.3).
func (l *RevocationList) CriticalUnknown() []OID { return l.unknown }

// Number is the list's place in its issuer's order, nil if it does not say
// (RFC 5280, section 5.2.3).
func (l *RevocationList) Number() (*big.Int, error) { return find[*big.Int](l.set, OIDCRLNumber) }

// Base is the number of the list that this one is a delta to, nil for a complete
// list (RFC 5280, section 5.2.4).
func (l *RevocationList) Base() (*big.Int, error) { return find[*big.Int](l.set, OIDDeltaCRL) }

// IssuingPoint is the list's scope, nil for all of its issuer's certificates
// (RFC 5280, section 5.2.5).
func (l *RevocationList) IssuingPoint() (*IssuingPoint, error) {
	return find[*IssuingPoint](l.set, OIDIssuingPoint)
}

// AuthorityKeyID identifies the key that signed the list (RFC 5280, section
// 5.2.1).
func (l *RevocationList) AuthorityKeyID() (*AuthorityKeyID, error) {
	return find[*AuthorityKeyID](l.set, OIDAuthorityKeyID)
}

// FreshestCRL says where deltas to the list are (RFC 5280, section 5.2.6).
func (l *RevocationList) FreshestCRL() ([]DistributionPoint, error) {
	return find[[]DistributionPoint](l.set, OIDFreshestCRL)
}

// Len returns how many entries the list has.
func (l *RevocationList) Len() int { return len(l.index.places) }

// Entries yields the entries in their order.
func (l *RevocationList) Entries() iter.Seq[Revocation] {
	return func(yield func(Revocation) bool) {
		issuer := l.issuer
		for entries := newDER(l.index.entries); entries.more(); {
			entry := entries.revocation()
			if named := entry.issuerNames(); named != nil {
				issuer = directoryNames(named)[0]
			}
			entry.issuer = issuer
			if !yield(entry) {
				return
			}
		}
	}
}

// Lookup returns the first entry about the certificate that this issuer gave this
// serial number, and whether there is one.
func (l *RevocationList) Lookup(issuer Name, serial *big.Int) (Revocation, bool) {
	same := func(name Name) bool { return name.Equal(issuer) || name.Match(issuer) }
	for offset, entry := range l.index.withSerial(serialContent(serial)) {
		names := l.index.issuersAt(offset)
		if names == nil && same(l.issuer) || slices.ContainsFunc(names, same) {
			entry.issuer = issuer
			return entry, true
		}
	}
	return Revocation{}, false
}
