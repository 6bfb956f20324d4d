package pki

import (
	"crypto/rand"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// RevocationListSpec says which revocation list is wanted. Version 2 and the
// identifier of the issuer's key are not a choice.
type RevocationListSpec struct {
	Number     *big.Int  // required, and larger than that of every list before: the caller keeps count
	Base       *big.Int  // the number of the list that this is a delta to; nil: a complete list
	ThisUpdate time.Time // zero: the present
	NextUpdate time.Time // when the next list will be there: required
	Point      *IssuingPoint
	Entries    []RevocationSpec
	Extensions []Extension // further ones
}

// RevocationSpec is an entry of the wanted list.
type RevocationSpec struct {
	Serial         *big.Int
	Date           time.Time
	Reason         Reason
	InvalidityDate time.Time // zero: not known
	Issuer         Name      // of the certificate, on an indirect list; empty: the list's issuer
}

// NewRevocationList signs a revocation list.
func (c *Credential) NewRevocationList(spec RevocationListSpec) (*RevocationList, error) {
	if spec.ThisUpdate.IsZero() {
		spec.ThisUpdate = time.Now()
	}
	spec.ThisUpdate, spec.NextUpdate = spec.ThisUpdate.Truncate(time.Second), spec.NextUpdate.Truncate(time.Second)
	if err := c.maySignLists(spec.ThisUpdate); err != nil {
		return nil, err
	}
	extensions, err := spec.extensions(c.Leaf())
	if err != nil {
		return nil, err
	}
	if err := spec.checkEntries(); err != nil {
		return nil, err
	}
	algorithm, err := signingAlgorithm(c.Key)
	if err != nil {
		return nil, err
	}
	issuer := c.Leaf().Subject()
	tbs := encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		addAlgorithm(b, algorithm)
		b.AddBytes(issuer.DER())
		addTime(b, spec.ThisUpdate)
		addTime(b, spec.NextUpdate)
		if len(spec.Entries) > 0 {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { spec.addEntries(b, issuer) })
		}
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { addExtensions(b, extensions) })
	})
	der, err := signTBS(rand.Reader, c.Key, algorithm, tbs)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "the revocation list")
	}
	list, err := revocationLists.one(der, false)
	if err != nil {
		return nil, err
	}
	if err := list.Malformed(); err != nil {
		return nil, err
	}
	if err := list.checkUnique(); err != nil {
		return nil, err
	}
	return list, nil
}

// maySignLists reports whether a list that c signs could be valid at all
// (RFC 5280, sections 4.2.1.3 and 6.3.3).
func (c *Credential) maySignLists(now time.Time) error {
	usage, err := c.Leaf().KeyUsage()
	switch {
	case err != nil:
		return err
	case usage == nil && !c.Leaf().IsAuthority(), usage != nil && *usage&CRLSign == 0:
		return fault.New(NotAnAuthority, "%s may sign no revocation lists: its key usage does not say so", c.Leaf().Title()).
			WithHint("sign with the certificate of the authority, or with one that has the key usage CRL Sign")
	}
	return c.validAt(now)
}

func listSpecInvalid(format string, args ...any) error {
	return fault.New(SpecInvalid, format, args...).WithHint("correct what the list is to say; RFC 5280, section 5, has the rules")
}

// maxNumber is the largest CRL number, 20 bytes (RFC 5280, section 5.2.3).
const maxNumber = 8*20 - 1

// extensions checks what the list says of itself, and returns it.
func (s RevocationListSpec) extensions(issuer *Certificate) ([]Extension, error) {
	switch {
	case s.Number == nil || s.Number.Sign() < 0 || s.Number.BitLen() > maxNumber:
		return nil, listSpecInvalid("a revocation list needs a number, from 0 to 20 bytes long")
	case s.Base != nil && (s.Base.Sign() < 0 || s.Base.Cmp(s.Number) >= 0):
		return nil, listSpecInvalid("the base of a delta has a number from 0 to below the delta's")
	case !canEncode(s.ThisUpdate) || !canEncode(s.NextUpdate) || !s.NextUpdate.After(s.ThisUpdate):
		return nil, listSpecInvalid("the next update, %s, is not after this, %s", instant(s.NextUpdate), instant(s.ThisUpdate))
	}
	keyID, err := issuer.keyID()
	if err != nil {
		return nil, err
	}
	extensions := []Extension{
		authorityKeyExtension(keyID),
		{OIDCRLNumber, false, integerElement(s.Number)},
	}
	if s.Base != nil {
		extensions = append(extensions, Extension{OIDDeltaCRL, true, integerElement(s.Base)})
	}
	if s.Point != nil {
		if err := s.Point.check(); err != nil {
			return nil, err
		}
		extensions = append(extensions, Extension{OIDIssuingPoint, true, s.Point.encode()})
	}
	extensions = append(extensions, s.Extensions...)
	for i, e := range extensions {
		for _, other := range extensions[:i] {
			if e.ID == other.ID {
				return nil, listSpecInvalid("the extension %s stands there twice", e.ID.Name())
			}
		}
	}
	return extensions, nil
}

// keyID returns the certificate's key identifier, or that of its key.
func (c *Certificate) keyID() ([]byte, error) {
	if id, err := c.SubjectKeyID(); id != nil || err != nil {
		return id, err
	}
	return c.publicKey.id(), nil
}

func (s RevocationListSpec) checkEntries() error {
	indirect := s.Point != nil && s.Point.Indirect
	for i, entry := range s.Entries {
		_, known := reasonNames[entry.Reason]
		switch {
		case entry.Serial == nil:
			return listSpecInvalid("entry %d has no serial number", i+1)
		case entry.Date.IsZero() || !canEncode(entry.Date) || !canEncode(entry.InvalidityDate):
			return listSpecInvalid("entry %d has no date that can be written", i+1)
		case !known:
			return listSpecInvalid("entry %d has the reason %d, which does not exist", i+1, entry.Reason)
		case entry.Reason == RemoveFromCRL && s.Base == nil:
			return listSpecInvalid("entry %d is to be removed from a list: only a delta says so", i+1)
		case !entry.Issuer.IsEmpty() && !indirect:
			return listSpecInvalid("entry %d names a certificate issuer, but the list is not indirect", i+1)
		}
	}
	return nil
}

func (s RevocationListSpec) addEntries(b *cryptobyte.Builder, current Name) {
	list := current
	for _, entry := range s.Entries {
		issuer := entry.Issuer
		if issuer.IsEmpty() {
			issuer = list
		}
		changes := !issuer.Equal(current)
		current = issuer
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1BigInt(entry.Serial)
			addTime(b, entry.Date)
			if extensions := entry.extensions(issuer, changes); extensions != nil {
				addExtensions(b, extensions)
			}
		})
	}
}

// extensions returns those of the entry. An unspecified reason is left out
// (RFC 5280, section 5.3.1).
func (r RevocationSpec) extensions(issuer Name, namesIssuer bool) []Extension {
	var list []Extension
	if r.Reason != Unspecified {
		list = append(list, Extension{OIDCRLReason, false, []byte{byte(asn1.ENUM), 1, byte(r.Reason)}})
	}
	if !r.InvalidityDate.IsZero() {
		var b cryptobyte.Builder
		b.AddASN1GeneralizedTime(r.InvalidityDate.UTC())
		list = append(list, Extension{OIDInvalidityDate, false, b.BytesOrPanic()})
	}
	if namesIssuer {
		name := GeneralName{DirectoryName, issuer.DER()}
		list = append(list, Extension{OIDCertificateIssuer, true, encode(asn1.SEQUENCE, name.add)})
	}
	return list
}

// checkUnique reports an entry about a certificate that one before it is about
// too: a lookup finds the other one, elsewhere in the list's memory.
func (l *RevocationList) checkUnique() error {
	number := 0
	for entry := range l.Entries() {
		number++
		first, _ := l.Lookup(entry.issuer, bigInt(entry.serial))
		if &first.serial[0] != &entry.serial[0] {
			return listSpecInvalid("entry %d is about a certificate that an entry before it is about", number)
		}
	}
	return nil
}
