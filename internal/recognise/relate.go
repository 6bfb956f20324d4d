package recognise

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/signet-tls/signet/pki"
)

// signatureBudget bounds the signatures that Relate checks, in units of about
// 10 µs: some 1,500 by RSA keys of 2,048 bits, or 60 by keys of 16,384.
const signatureBudget = 16_000

// Relate finds out which certificates are there twice, which key belongs to which,
// and whose key signed it, or a revocation list.
func Relate(objects []*Object) {
	budget := signatureBudget
	copies := map[string]*Object{}        // the first of each certificate
	authorities := map[string][]*Object{} // by their names, each once
	keys := map[string][]*Object{}
	for _, o := range objects {
		switch {
		case o.Certificate != nil:
			raw, name := string(o.Certificate.Raw()), string(o.Certificate.Subject().DER())
			if o.Same = copies[raw]; o.Same == nil {
				copies[raw] = o
				authorities[name] = append(authorities[name], o)
			}
		case o.PrivateKey != nil && o.PrivateKey.Public() != nil && o.PrivateKey.Public().Raw() != nil:
			public := string(o.PrivateKey.Public().Raw())
			keys[public] = append(keys[public], o)
		}
	}
	for _, o := range objects {
		issued := o.issued()
		if issued == nil {
			continue
		}
		if o.Certificate != nil {
			for _, key := range keys[string(o.Certificate.PublicKey().Raw())] {
				o.Key = cmp.Or(o.Key, key)
				key.Of = append(key.Of, o)
			}
		}
		if o.Same != nil {
			o.likeFirst()
			continue
		}
		candidates := authorities[string(issued.Issuer().DER())]
		if slices.Contains(candidates, o) { // of roots that were renewed with their key, each signed itself
			candidates = slices.Insert(slices.Clone(candidates), 0, o)
		}
		budget = o.findIssuer(issued, candidates, budget)
	}
}

// likeFirst takes over what is known of the same certificate's first copy.
func (o *Object) likeFirst() {
	o.Issuer, o.Disowned, o.Unchecked = o.Same.Issuer, o.Same.Disowned, o.Same.Unchecked
	if o.Issuer == o.Same {
		o.Issuer = o
	}
}

// findIssuer looks among the authorities of the issuer's name for the one whose key
// signed, and returns what is left of the budget.
func (o *Object) findIssuer(what issued, authorities []*Object, budget int) int {
	for _, authority := range authorities {
		if budget -= cost(authority.Certificate.PublicKey()); budget < 0 {
			o.Unchecked, o.Disowned = true, nil
			return budget
		}
		err := what.CheckSignatureBy(authority.Certificate.PublicKey())
		switch {
		case err == nil || errors.Is(err, pki.SignatureWeak): // this is about who made it, not about trust
			o.Issuer, o.Disowned = authority, nil
			return budget
		case errors.Is(err, pki.SignatureWrong) && mayBeOf(what, authority.Certificate):
			o.Disowned = cmp.Or(o.Disowned, authority)
		}
	}
	return budget
}

// mayBeOf reports whether what is signed names the authority's key, or none: the
// issuers of one name are told apart by it (RFC 5280, section 4.2.1.1).
func mayBeOf(what issued, authority *pki.Certificate) bool {
	named, err := what.AuthorityKeyID()
	own, ownErr := authority.SubjectKeyID()
	return err != nil || ownErr != nil || named == nil || named.KeyID == nil || own == nil || bytes.Equal(named.KeyID, own)
}

// issued is what an authority signs.
type issued interface {
	Issuer() pki.Name
	AuthorityKeyID() (*pki.AuthorityKeyID, error)
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
