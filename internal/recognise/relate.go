package recognise

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"

	"github.com/signet-tls/signet/pki"
)

// signatureBudget bounds the signatures that Relate checks, in units of about
// 10 µs: some 1,500 by RSA keys of 2,048 bits, or 60 by keys of 16,384.
const signatureBudget = 16_000

// Relate finds out which key belongs to which certificate, and whose key signed
// it.
func Relate(objects []*Object) {
	budget := signatureBudget
	authorities := map[string][]*Object{}
	keys := map[string]*Object{}
	for _, o := range objects {
		switch {
		case o.Certificate != nil:
			name := string(o.Certificate.Subject().DER())
			authorities[name] = append(authorities[name], o)
		case o.PrivateKey != nil && o.PrivateKey.Public() != nil && o.PrivateKey.Public().Raw() != nil:
			keys[string(o.PrivateKey.Public().Raw())] = o
		}
	}
	for _, o := range objects {
		if o.Certificate == nil {
			continue
		}
		if key := keys[string(o.Certificate.PublicKey().Raw())]; key != nil {
			o.Key = key
			key.Of = append(key.Of, o)
		}
		for _, authority := range authorities[string(o.Certificate.Issuer().DER())] {
			if budget -= cost(authority.Certificate.PublicKey()); budget < 0 {
				o.Unchecked = true
				break
			}
			if signedBy(o.Certificate, authority.Certificate) {
				o.Issuer = authority
				break
			}
		}
	}
}

// signedBy reports whether the authority's key made the certificate's signature,
// one that can be forged among them: this is about who made it, not about trust.
func signedBy(cert, authority *pki.Certificate) bool {
	err := cert.CheckSignatureBy(authority.PublicKey())
	return err == nil || isWeak(err)
}

// cost is how long checking one signature takes, in units of the budget.
func cost(key *pki.PublicKey) int {
	public, err := key.Key()
	if err != nil {
		return 1
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		size := public.N.BitLen() / 1024
		return 1 + size*size
	case *ecdsa.PublicKey:
		return 1 + public.Params().BitSize/20
	}
	return 10
}

func isWeak(err error) bool { return errors.Is(err, pki.SignatureWeak) }
