package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Profile is what a certificate is for; it decides the extensions.
type Profile int

// The profiles.
const (
	Root         Profile = iota // a trust anchor: signs authorities and leaves
	Intermediate                // signs leaves, no further authority
	Server                      // DNS and IP names, for TLS servers
	Client                      // DNS names or a common name, for TLS clients
	Workload                    // one SPIFFE ID, both ends of a connection
)

// profiles says what each profile puts into a certificate.
var profiles = map[Profile]struct {
	lifetime    time.Duration
	authority   bool
	usage       x509.KeyUsage
	extended    []x509.ExtKeyUsage
	maxPathLen  int
	pathLenZero bool
}{
	Root:         {lifetime: 10 * 365 * 24 * time.Hour, authority: true, usage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, maxPathLen: -1},
	Intermediate: {lifetime: 2 * 365 * 24 * time.Hour, authority: true, usage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, pathLenZero: true},
	Server:       {lifetime: 90 * 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	Client:       {lifetime: 90 * 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	Workload:     {lifetime: 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
}

// Backdate is how far before now a certificate begins, so that a peer whose
// clock is a little behind accepts it.
const Backdate = 5 * time.Minute

// Spec says which certificate is wanted. Version 3, a random serial number of
// 159 bits and both key identifiers are not a choice.
type Spec struct {
	Profile  Profile
	Name     string        // common name: required for authorities, else optional
	DNS      []string      // Server, Client
	IPs      []netip.Addr  // Server
	ID       spiffeid.ID   // Workload
	Lifetime time.Duration // 0: the profile's; never beyond the issuer's end
	Now      time.Time     // zero: the present
}

// SelfSigned makes a root and its key.
func SelfSigned(spec Spec) (*Credential, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	template, err := spec.template(key.Public())
	if err != nil {
		return nil, err
	}
	if spec.Profile != Root {
		return nil, fault.New(SpecInvalid, "only a root signs itself")
	}
	template.AuthorityKeyId = template.SubjectKeyId
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Credential{[]*Certificate{cert}, key}, nil
}

// Issue signs a certificate for the public key, with c as the issuer.
func (c *Credential) Issue(spec Spec, public crypto.PublicKey) (*Certificate, error) {
	issuer := c.Leaf().X509()
	if !c.Leaf().IsAuthority() {
		return nil, fault.New(NotAnAuthority, "%s is not an authority and can sign nothing", c.Leaf().Title())
	}
	if spec.Profile == Root {
		return nil, fault.New(SpecInvalid, "a root signs itself")
	}
	template, err := spec.template(public)
	if err != nil {
		return nil, err
	}
	if template.NotAfter.After(issuer.NotAfter) {
		template.NotAfter = issuer.NotAfter
	}
	if template.NotBefore.Before(issuer.NotBefore) {
		template.NotBefore = issuer.NotBefore
	}
	if !template.NotBefore.Before(template.NotAfter) {
		return nil, fault.New(AuthorityIsOver, "%s is valid from %s until %s, so nothing can be signed for %s",
			c.Leaf().Title(), issuer.NotBefore.Format(time.DateTime), issuer.NotAfter.Format(time.DateTime), spec.now().Format(time.DateTime))
	}
	return sign(template, issuer, public, c.Key)
}

// New makes a key and issues its certificate. The chain is the new certificate,
// then the issuer's without its root.
func (c *Credential) New(spec Spec) (*Credential, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	cert, err := c.Issue(spec, key.Public())
	if err != nil {
		return nil, err
	}
	return &Credential{append([]*Certificate{cert}, c.chainBelowRoot()...), key}, nil
}

// chainBelowRoot is what a leaf signed by c has to send with it.
func (c *Credential) chainBelowRoot() []*Certificate {
	var below []*Certificate
	for _, cert := range c.Chain {
		if !cert.SelfIssued() {
			below = append(below, cert)
		}
	}
	return below
}

func (s Spec) now() time.Time {
	if s.Now.IsZero() {
		return time.Now()
	}
	return s.Now
}

func (s Spec) template(public crypto.PublicKey) (*x509.Certificate, error) {
	profile, ok := profiles[s.Profile]
	if !ok {
		return nil, fault.New(SpecInvalid, "there is no profile %d", s.Profile)
	}
	if err := s.check(profile.authority); err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	keyID, err := subjectKeyID(public)
	if err != nil {
		return nil, err
	}
	lifetime := s.Lifetime
	if lifetime == 0 {
		lifetime = profile.lifetime
	}
	now := s.now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: s.Name},
		NotBefore:             now.Add(-Backdate),
		NotAfter:              now.Add(lifetime),
		SubjectKeyId:          keyID,
		KeyUsage:              profile.usage,
		ExtKeyUsage:           profile.extended,
		BasicConstraintsValid: true,
		IsCA:                  profile.authority,
		MaxPathLen:            profile.maxPathLen,
		MaxPathLenZero:        profile.pathLenZero,
		DNSNames:              s.DNS,
	}
	for _, ip := range s.IPs {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.Unmap().AsSlice()))
	}
	if !s.ID.IsZero() {
		template.URIs = []*url.URL{s.ID.URL()}
	}
	return template, nil
}

// check holds the names against the profile.
func (s Spec) check(authority bool) error {
	names := len(s.DNS) + len(s.IPs)
	switch {
	case s.Lifetime < 0:
		return fault.New(SpecInvalid, "a lifetime of %s is negative", s.Lifetime)
	case authority && s.Name == "":
		return fault.New(SpecInvalid, "an authority needs a name")
	case authority && (names > 0 || !s.ID.IsZero()):
		return fault.New(SpecInvalid, "an authority has no subject alternative names")
	case s.Profile == Workload && (s.ID.IsZero() || names > 0):
		return fault.New(SpecInvalid, "a workload has exactly one name, its SPIFFE ID")
	case !authority && s.Profile != Workload && names == 0:
		return fault.New(SpecInvalid, "a leaf certificate needs a DNS name or an IP address; a common name alone is not looked at by anybody").
			WithHint("give the name that clients will dial")
	case !authority && s.Profile != Workload && !s.ID.IsZero():
		return fault.New(SpecInvalid, "a SPIFFE ID belongs into a workload's certificate alone")
	}
	return nil
}

// newSerial returns 159 random bits (RFC 5280, section 4.1.2.2: positive, at
// most 20 bytes).
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "making a serial number")
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

// subjectKeyID is method 1 of RFC 7093, section 2: the leftmost 160 bits of the
// SHA-256 of the public key's bits.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fault.New(SpecInvalid, "no certificate can carry a key of type %T", public)
	}
	bits, err := publicKeyBits(der)
	if err != nil {
		return nil, fault.Wrap(err, SpecInvalid, "reading the public key")
	}
	sum := sha256.Sum256(bits)
	return sum[:20], nil
}

func sign(template, issuer *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing")
	}
	return ParseCertificate(der)
}
