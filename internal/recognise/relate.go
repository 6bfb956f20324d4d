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
// it, or a revocation list.
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
		issued := o.issued()
		if issued == nil {
			continue
		}
		if o.Certificate != nil {
			if key := keys[string(o.Certificate.PublicKey().Raw())]; key != nil {
				o.Key = key
				key.Of = append(key.Of, o)
			}
		}
		for _, authority := range authorities[string(issued.Issuer().DER())] {
			if budget -= cost(authority.Certificate.PublicKey()); budget < 0 {
				o.Unchecked = true
				break
			}
			if signedBy(issued, authority.Certificate) {
				o.Issuer = authority
				break
			}
		}
	}
}

// issued is what an authority signs.
type issued interface {
	Issuer() pki.Name
	CheckSignatureBy(*pki.PublicKey) error
}

// issued returns what an authority has signed, or nil.
func (o *Object) issued() issued {
	switch {
	case o.Certificate != nil:
		return o.Certificate
	case o.List != nil:
		return o.List
	}
	return nil
}

// signedBy reports whether the authority's key made the signature, one that can be
// forged among them: this is about who made it, not about trust.
func signedBy(what issued, authority *pki.Certificate) bool {
	err := what.CheckSignatureBy(authority.PublicKey())
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
