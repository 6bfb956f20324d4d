package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

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

// template returns the certificate without what its issuer gives it.
func (s Spec) template(public crypto.PublicKey) (*x509.Certificate, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	keyID, err := certifiable(public)
	if err != nil {
		return nil, err
	}
	profile := profiles[s.Profile]
	template := &x509.Certificate{
		SerialNumber:          s.serial(),
		Subject:               pkix.Name{CommonName: s.Name},
		NotBefore:             s.begin(),
		NotAfter:              s.now().Add(s.lifetime()),
		SubjectKeyId:          keyID,
		KeyUsage:              x509.KeyUsage(profile.usage),
		BasicConstraintsValid: true,
		IsCA:                  profile.authority,
		MaxPathLen:            -1,
		CRLDistributionPoints: s.CRLs,
		OCSPServer:            s.OCSP,
		IssuingCertificateURL: s.Issuers,
	}
	for _, purpose := range profile.extended {
		template.ExtKeyUsage = append(template.ExtKeyUsage, purposes[purpose])
	}
	if !s.Subject.IsEmpty() {
		template.RawSubject = s.Subject.DER()
	}
	if s.Profile == Intermediate {
		template.MaxPathLen, template.MaxPathLenZero = s.PathLen, true
	}
	s.addNames(template)
	s.addConstraints(template)
	s.addExtensions(template)
	return template, nil
}

// addNames sets the subject alternative names, which check has looked at.
func (s Spec) addNames(template *x509.Certificate) {
	template.DNSNames, template.EmailAddresses = once(s.DNS, strings.ToLower), once(s.Emails, same)
	for _, ip := range once(s.IPs, same) {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	for _, text := range once(s.URIs, same) {
		uri, _ := url.Parse(text)
		template.URIs = append(template.URIs, uri)
	}
	if !s.ID.IsZero() {
		template.URIs = append(template.URIs, s.ID.URL())
	}
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

func (s Spec) addExtensions(template *x509.Certificate) {
	extra := s.Extra
	if s.MustStaple {
		extra = append([]Extension{mustStaple}, extra...)
	}
	for _, e := range extra {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: e.ID.arcs(), Critical: e.Critical, Value: e.Value})
	}
}

// arcs returns the identifier as encoding/asn1 has it, nil if a number in it is
// larger than an int.
func (o OID) arcs() asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	whole := append(appendHeader(nil, asn1.TagOID, len(o)), o...)
	if _, err := asn1.Unmarshal(whole, &id); err != nil {
		return nil
	}
	return id
}

func specInvalid(format string, args ...any) *fault.Error {
	return fault.New(SpecInvalid, format, args...).
		WithHint("give the names that the certificate's profile needs, and only those")
}
