package pkcs12

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Certificates returns the certificates in their order; a file without any is an
// error.
func (s *Store) Certificates() ([]*pki.Certificate, error) {
	var certs []*pki.Certificate
	for _, e := range s.Entries {
		if e.Certificate != nil {
			certs = append(certs, e.Certificate)
		}
	}
	if len(certs) == 0 {
		return nil, s.missing(pki.NoCertificate, "there is no certificate in the PKCS#12 file")
	}
	return certs, nil
}

// missing says what is not there; if something else could not be read, that is
// the likelier reason.
func (s *Store) missing(code fault.Code, text string) error {
	for _, e := range s.Entries {
		if e.Refused != nil {
			return fault.Wrap(e.Refused, code, "%s that could be read", text)
		}
	}
	return fault.New(code, "%s", text).
		WithHint("export certificate and private key together: openssl pkcs12 -export -inkey key.pem -in chain.pem -out identity.p12")
}

// Credential returns the one private key with its certificate chain, leaf first
// and without its root.
func (s *Store) Credential() (*pki.Credential, error) {
	var keys []Entry
	for _, e := range s.Entries {
		if e.Key != nil {
			keys = append(keys, e)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, s.missing(pki.KeyMissing, "there is no private key in the PKCS#12 file")
	case len(keys) > 1:
		return nil, fault.New(Ambiguous, "there are %d private keys in the PKCS#12 file%s", len(keys), names(keys)).
			WithHint("export the wanted one to a file of its own: keytool -importkeystore -srcalias NAME")
	}
	key, err := keys[0].Key.Signer()
	if err != nil {
		return nil, err
	}
	certs, err := s.Certificates()
	if err != nil {
		return nil, err
	}
	leaf := s.leaf(keys[0], key)
	if leaf == nil {
		leaf = certs[0] // which NewCredential refuses, and says why
	}
	return pki.NewCredential(chain(leaf, certs), key)
}

// names lists the friendly names of entries.
func names(entries []Entry) string {
	var list []string
	for _, e := range entries {
		if e.Name != "" {
			list = append(list, fault.Printable(e.Name, 32))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}

// leaf returns the certificate of a key: one with its public key, if there are
// several the one with its identifier.
func (s *Store) leaf(entry Entry, key crypto.Signer) (leaf *pki.Certificate) {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	for _, e := range s.Entries {
		if !ok || e.Certificate == nil {
			continue
		}
		certified, err := e.Certificate.PublicKey().Key()
		if err != nil || !public.Equal(certified) {
			continue
		}
		if leaf == nil || entry.LocalKeyID != nil && bytes.Equal(e.LocalKeyID, entry.LocalKeyID) {
			leaf = e.Certificate
		}
	}
	return leaf
}

// What is tried for a chain: a hostile file could have thousands of certificates
// of one name.
const (
	maxChain   = 10
	maxIssuers = 100 // whose signatures are checked
)

// chain follows the issuers of leaf among certs, up to one that issued itself.
func chain(leaf *pki.Certificate, certs []*pki.Certificate) []*pki.Certificate {
	found := []*pki.Certificate{leaf}
	tried := 0
	issued := func(issuer, cert *pki.Certificate) bool {
		if !issuer.Subject().Equal(cert.Issuer()) || issuer.SelfIssued() || tried == maxIssuers {
			return false
		}
		tried++
		err := cert.CheckSignatureBy(issuer.PublicKey())
		return err == nil || errors.Is(err, pki.SignatureWeak)
	}
	for len(found) < maxChain {
		last := found[len(found)-1]
		i := slices.IndexFunc(certs, func(c *pki.Certificate) bool { return !slices.ContainsFunc(found, c.Equal) && issued(c, last) })
		if i < 0 {
			break
		}
		found = append(found, certs[i])
	}
	return found
}
