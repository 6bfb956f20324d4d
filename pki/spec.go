package pki

import (
	"crypto"
	"crypto/rand"
	goasn1 "encoding/asn1"
	"io"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Backdate is how far before now a certificate begins, if its Spec does not say,
// so that a peer whose clock is a little behind accepts it.
const Backdate = 5 * time.Minute

// maxBackdate bounds it: a certificate that claims to be older than it is could
// hide behind rules of then.
const maxBackdate = 24 * time.Hour

// Spec says which certificate is wanted. Version 3, a serial number of 159 bits,
// random ones but the first, both key identifiers, and what is critical (RFC 5280,
// section 4.2) are not a choice.
type Spec struct {
	Profile Profile
	Name    string // common name, at most 64 characters: required for authorities, else optional
	Subject Name   // the whole name of the subject, in place of Name

	DNS    []string     // Server, Client
	IPs    []netip.Addr // Server, Client
	Emails []string     // Client
	URIs   []string     // Client; not of the scheme spiffe
	ID     spiffeid.ID  // Workload, Signer

	// Serial, unless it is "", is one of NewSerial's: that of a certificate which was
	// planned before it is signed. The same Spec, key and issuer then make the same
	// certificate again, byte by byte, if the issuer's key lies in this process
	// (ECDSA by RFC 6979; RSA and Ed25519 know nothing else).
	Serial string

	Key      crypto.Signer // of New and SelfSigned, which make one of P-256 if it is nil
	Lifetime time.Duration // 0: the profile's; never beyond the issuer's end
	Backdate time.Duration // 0: five minutes; a day at most
	Now      time.Time     // zero: the present

	PathLen     int              // Intermediate: how many authorities may stand below it
	Constraints *NameConstraints // Root, Intermediate: the names below; forms of name that it does not mention are free

	CRLs       []string    // http URLs of the issuer's revocation list
	OCSP       []string    // http URLs of the issuer's OCSP responder
	Issuers    []string    // http URLs of the issuer's certificate
	MustStaple bool        // Server: it always staples an OCSP response (RFC 7633)
	Extra      []Extension // of kinds that Signet does not write itself
}

func (s Spec) now() time.Time {
	if s.Now.IsZero() {
		return time.Now()
	}
	return s.Now
}

// key returns the new certificate's key.
func (s Spec) key() (crypto.Signer, error) {
	if s.Key != nil {
		return s.Key, nil
	}
	return NewKey()
}

// serial returns the new certificate's number.
func (s Spec) serial() *big.Int {
	text := s.Serial
	if text == "" {
		text = NewSerial()
	}
	number, _ := new(big.Int).SetString(text, 16) // which check has looked at
	return number
}

// randomness returns what the issuer signs with.
func (s Spec) randomness() io.Reader {
	if s.Serial != "" {
		return nil
	}
	return rand.Reader
}

// lifetime returns for how long the certificate is good from now.
func (s Spec) lifetime() time.Duration {
	if s.Lifetime == 0 {
		return profiles[s.Profile].lifetime
	}
	return s.Lifetime
}

// begin returns the first moment of the certificate's life.
func (s Spec) begin() time.Time {
	if s.Backdate == 0 {
		return s.now().Add(-Backdate)
	}
	return s.now().Add(-s.Backdate)
}

// sign makes the certificate of a key. An issuer of nil is the certificate itself, whose
// name is then the issuer's too.
func (s Spec) sign(public crypto.PublicKey, issuer *Certificate, signer crypto.Signer) (*Certificate, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	subject, err := certifiable(public)
	if err != nil {
		return nil, err
	}
	id := subject.id()
	by, name, keyID := subject, s.subject(), id
	begin, end := s.begin(), s.now().Add(s.lifetime())
	if issuer != nil {
		by, name = issuer.PublicKey(), issuer.Subject()
		if keyID, err = issuer.keyID(); err != nil {
			return nil, err
		}
		if begin.Before(issuer.NotBefore()) {
			begin = issuer.NotBefore()
		}
		if end.After(issuer.NotAfter()) {
			end = issuer.NotAfter()
		}
	}
	if !canEncode(begin) || !canEncode(end) {
		return nil, specInvalid("no certificate can say that it is valid from %s until %s", instant(begin), instant(end)).WithHint("set this machine's clock")
	}
	algorithm, err := signsWith(by)
	if err != nil {
		return nil, err
	}
	der, err := signTBS(s.randomness(), signer, algorithm, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) }) // version 3
		b.AddASN1BigInt(s.serial())
		addAlgorithm(b, algorithm)
		b.AddBytes(name.DER())
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addTime(b, begin)
			addTime(b, end)
		})
		b.AddBytes(s.subject().DER())
		b.AddBytes(subject.raw)
		b.AddASN1(constructed(3), func(b *cryptobyte.Builder) { addExtensions(b, s.extensions(id, keyID)) })
	}))
	if err != nil {
		return nil, err
	}
	return ParseCertificate(der)
}

func (s Spec) subject() Name { return subjectOf(s.Name, s.Subject) }

// subjectOf returns the subject's name: a common name alone, or else the whole.
func subjectOf(common string, whole Name) Name {
	if common != "" {
		return commonName(common)
	}
	return whole
}

// extensions returns the certificate's, after the key identifiers of subject and issuer.
func (s Spec) extensions(subject, issuer []byte) []Extension {
	profile := profiles[s.Profile]
	list := []Extension{{OIDKeyUsage, true, encode(asn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes(flagBits(int(profile.usage))) })}}
	if len(profile.extended) > 0 {
		list = append(list, Extension{OIDExtKeyUsage, false, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, purpose := range profile.extended {
				addOID(b, purpose)
			}
		})})
	}
	list = append(list,
		Extension{OIDBasicConstraints, true, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if profile.authority {
				b.AddASN1Boolean(true)
			}
			if s.Profile == Intermediate {
				b.AddASN1Int64(int64(s.PathLen))
			}
		})},
		Extension{OIDSubjectKeyID, false, encode(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes(subject) })},
		authorityKeyExtension(issuer))
	if len(s.OCSP)+len(s.Issuers) > 0 {
		list = append(list, Extension{OIDAuthorityInfo, false, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addAccess(b, OIDAccessOCSP, s.OCSP)
			addAccess(b, OIDAccessIssuers, s.Issuers)
		})})
	}
	if names := s.names(); len(names) > 0 {
		list = append(list, altNamesExtension(names, s.subject()))
	}
	if s.Constraints != nil {
		list = append(list, Extension{OIDNameConstraints, true, s.Constraints.encode()})
	}
	if len(s.CRLs) > 0 {
		list = append(list, Extension{OIDCRLPoints, false, encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, url := range s.CRLs {
				point := PointName{Full: []GeneralName{{URIName, []byte(url)}}}
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1(constructed(0), point.add) })
			}
		})})
	}
	if s.MustStaple {
		list = append(list, mustStaple)
	}
	return append(list, s.Extra...)
}

// addAccess adds an AccessDescription for each URL (RFC 5280, section 4.2.2.1).
func addAccess(b *cryptobyte.Builder, method OID, urls []string) {
	for _, url := range urls {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addOID(b, method)
			GeneralName{URIName, []byte(url)}.add(b)
		})
	}
}

// names returns the subject alternative names, which check has looked at.
func (s Spec) names() []GeneralName {
	names := hostNames(s.DNS, s.IPs, s.Emails, s.URIs)
	if !s.ID.IsZero() {
		names = append(names, GeneralName{URIName, []byte(s.ID.String())})
	}
	return names
}

// hostNames returns names as a certificate has them, each once.
func hostNames(dns []string, ips []netip.Addr, emails, uris []string) []GeneralName {
	var names []GeneralName
	for _, name := range once(dns, strings.ToLower) {
		names = append(names, GeneralName{DNSName, []byte(name)})
	}
	for _, ip := range once(ips, same) {
		names = append(names, GeneralName{IPName, ip.AsSlice()})
	}
	for _, email := range once(emails, same) {
		names = append(names, GeneralName{EmailName, []byte(email)})
	}
	for _, uri := range once(uris, same) {
		names = append(names, GeneralName{URIName, []byte(uri)})
	}
	return names
}

// once leaves out names that are there already: a certificate says each one once.
func once[T any, K comparable](names []T, key func(T) K) []T {
	seen := map[K]bool{}
	var out []T
	for _, name := range names {
		if k := key(name); !seen[k] {
			seen[k] = true
			out = append(out, name)
		}
	}
	return out
}

func same[K comparable](name K) K { return name }

// mustStaple is the TLS feature status_request, 5 (RFC 7633, section 4.1).
var mustStaple = Extension{ID: OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}

// arcs returns the identifier as encoding/asn1 has it, nil if a number in it is
// larger than an int.
func (o OID) arcs() goasn1.ObjectIdentifier {
	var id goasn1.ObjectIdentifier
	whole := append(appendHeader(nil, goasn1.TagOID, len(o)), o...)
	if _, err := goasn1.Unmarshal(whole, &id); err != nil {
		return nil
	}
	return id
}

func specInvalid(format string, args ...any) *fault.Error {
	return fault.New(SpecInvalid, format, args...).
		WithHint("give the names that the certificate's profile needs, and only those")
}
