package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
)

// SelfSigned makes a root, or for development a server's or client's certificate
// that no authority stands behind, and its key.
func SelfSigned(spec Spec) (*Credential, error) {
	if spec.Profile == Intermediate || spec.Profile.identifies() {
		return nil, specInvalid("only a root, a server or a client signs itself").
			WithHint("make a root, and let it sign this")
	}
	key, err := spec.key()
	if err != nil {
		return nil, err
	}
	cert, err := spec.sign(key.Public(), nil, key)
	if err != nil {
		return nil, err
	}
	return &Credential{Chain: []*Certificate{cert}, Key: key}, nil
}

// Issue signs a certificate for the public key, with c as the issuer. What it
// signs ends with its issuer at the latest. What the issuer's own chain forbids,
// by a path length, a name constraint or a purpose, is refused.
func (c *Credential) Issue(spec Spec, public crypto.PublicKey) (*Certificate, error) {
	cert, err := c.IssueAlike(spec, public)
	if err != nil {
		return nil, err
	}
	if err := c.stands(cert, spec); err != nil {
		return nil, err
	}
	return cert, nil
}

// IssueAlike is Issue for another certificate like one that Issue has signed: of the
// same profile, with names under the same name constraints. It does not hold it against
// the name constraints and path lengths above it again, which takes longer than signing.
func (c *Credential) IssueAlike(spec Spec, public crypto.PublicKey) (*Certificate, error) {
	if err := c.maySign(spec); err != nil {
		return nil, err
	}
	if err := c.sharesKey(public); err != nil {
		return nil, err
	}
	if !isKeyOf(c.Key, c.Leaf()) {
		return nil, fault.New(KeyMismatch, "the private key is not the key of %s", c.Leaf().Title()).WithHint("make the credential by NewCredential")
	}
	return spec.sign(public, c.Leaf(), c.Key)
}

// maySign reports whether a certificate that c signs could be valid at all.
func (c *Credential) maySign(spec Spec) error {
	issuer := c.Leaf()
	constraints, err := issuer.BasicConstraints()
	switch {
	case err != nil:
		return err
	case spec.Profile == Root:
		return specInvalid("a root signs itself")
	case !issuer.IsAuthority():
		return fault.New(NotAnAuthority, "%s is not an authority and can sign nothing", issuer.Title()).
			WithHint("sign with a root or an intermediate certificate")
	case spec.Profile == Intermediate && constraints.PathLen == 0:
		return fault.New(NotAnAuthority, "%s signs leaves only, no further authority", issuer.Title()).
			WithHint("sign the intermediate with a root")
	case spec.Profile == Intermediate && constraints.PathLen > 0 && spec.PathLen >= constraints.PathLen:
		return fault.New(BeyondAuthority, "a path length of %d below %s, whose own is %d", spec.PathLen, issuer.Title(), constraints.PathLen).
			WithHint("ask for a path length of at most %d", constraints.PathLen-1)
	}
	if err := c.validAt(spec.now()); err != nil {
		return err
	}
	return c.mayServe(spec.Profile)
}

// sharesKey refuses to certify a key of c's own chain: whoever holds the leaf's key
// could sign as the authority.
func (c *Credential) sharesKey(public crypto.PublicKey) error {
	for _, above := range c.Chain {
		certified, err := above.PublicKey().Key()
		if key, ok := public.(interface{ Equal(crypto.PublicKey) bool }); ok && err == nil && key.Equal(certified) {
			return fault.New(KeyShared, "the key to certify is that of %s itself: who has it could sign as this authority", above.Title()).
				WithHint("make a new key for the new certificate, and keep the authority's for signing")
		}
	}
	return nil
}

// validAt reports whether what c signs at a time could be valid.
func (c *Credential) validAt(now time.Time) error {
	if issuer := c.Leaf(); now.Before(issuer.NotBefore()) || !now.Before(issuer.NotAfter()) {
		return fault.New(AuthorityIsOver, "%s is valid from %s until %s, so nothing can be signed at %s",
			issuer.Title(), instant(issuer.NotBefore()), instant(issuer.NotAfter()), instant(now)).
			WithHint("renew the authority's certificate, or set this machine's clock")
	}
	return nil
}

// mayServe holds the profile's purposes against those of the chain: an authority
// with purposes signs for these alone, as TLS clients read them.
func (c *Credential) mayServe(wanted Profile) error {
	for _, purpose := range profiles[wanted].extended {
		for _, cert := range c.Chain {
			allowed, err := cert.ExtKeyUsage()
			if err != nil {
				return err
			}
			if len(allowed) > 0 && !slices.Contains(allowed, purpose) && !slices.Contains(allowed, OIDAnyUsage) {
				return fault.New(BeyondAuthority, "%s does not sign for what a %s needs, %s", cert.Title(), wanted, purpose.Name()).
					WithHint("sign with an authority that has this purpose, or none")
			}
		}
	}
	return nil
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// New issues a certificate for a new key, or the Spec's. The chain is the new certificate,
// then the issuer's without its root.
func (c *Credential) New(spec Spec) (*Credential, error) {
	key, err := spec.key()
	if err != nil {
		return nil, err
	}
	cert, err := c.Issue(spec, key.Public())
	if err != nil {
		return nil, err
	}
	return &Credential{Chain: append([]*Certificate{cert}, c.ChainBelowRoot()...), Key: key}, nil
}

// stands holds a new certificate against the chain above it as its peers will:
// path lengths and name constraints are crypto/x509's to read.
func (c *Credential) stands(cert *Certificate, spec Spec) error {
	parsed, err := cert.X509()
	if err != nil {
		return err
	}
	leaf := *parsed
	leaf.UnhandledCriticalExtensions = nil // the caller's, by Spec.Extra
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: spec.now().Truncate(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for i, above := range c.Chain {
		issuer, err := above.X509()
		if err != nil {
			return err
		}
		if i == len(c.Chain)-1 {
			options.Roots.AddCert(issuer) // and not besides, where its signature would be checked again
		} else {
			options.Intermediates.AddCert(issuer)
		}
	}
	if _, err := leaf.Verify(options); err != nil {
		return fault.Wrap(err, BeyondAuthority, "nobody would accept this below %s: %s", c.Leaf().Title(), forbidden(err)).
			WithHint("sign with an authority that may sign for these names, at this place, at this time")
	}
	return nil
}

// forbidden says which rule crypto/x509 found broken.
func forbidden(err error) string {
	if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName {
		return "a name constraint: " + fault.Printable(invalid.Detail, 200)
	}
	return strings.TrimPrefix(fault.Printable(err.Error(), 200), "x509: ")
}

// ChainBelowRoot is what a leaf signed by c has to send with it: c's chain without
// its root.
func (c *Credential) ChainBelowRoot() []*Certificate {
	var below []*Certificate
	for _, cert := range c.Chain {
		if !cert.signedItself() {
			below = append(below, cert)
		}
	}
	return below
}

// serialBytes is how long our serial numbers are: as long as RFC 5280, section
// 4.1.2.2, allows.
const serialBytes = 20

// NewSerial returns a serial number in hexadecimal, as Certificate.Serial does: 158
// random bits below a one, a positive number of exactly 20 bytes.
func NewSerial() string {
	serial := make([]byte, serialBytes)
	rand.Read(serial) // never fails
	serial[0] = serial[0]&0x7f | 0x40
	return hex.EncodeToString(serial)
}

// isSerial reports whether text is one of NewSerial's.
func isSerial(text string) bool {
	serial, err := hex.DecodeString(text)
	return err == nil && len(serial) == serialBytes && serial[0]&0xc0 == 0x40 && text == strings.ToLower(text)
}

// certifiable describes a key, or says why no certificate is issued for it.
func certifiable(public crypto.PublicKey) (*PublicKey, error) {
	key, err := newPublicKey(public)
	if err != nil {
		return nil, err
	}
	if problem := keyProblem(key.look()); problem != "" {
		return nil, specInvalid("no certificate is issued for this key: %s", problem).WithHint(weakHint)
	}
	return key, nil
}

// id is method 1 of RFC 7093, section 2: the leftmost 160 bits of the SHA-256 of the
// public key's bits.
func (k *PublicKey) id() []byte {
	sum := sha256.Sum256(k.bits)
	return sum[:20]
}
