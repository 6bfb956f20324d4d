package pki

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 its signatures are looked at where a caller permits it
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"

	"github.com/signet-tls/signet/fault"
)

// Algorithm is an AlgorithmIdentifier (RFC 5280, section 4.1.1.2).
type Algorithm struct {
	ID         OID
	Parameters []byte // one element in DER, nil if absent
}

func (d *der) algorithm(what string) Algorithm {
	item := d.sequence(what)
	a := Algorithm{ID: item.oid("algorithm")}
	if item.more() {
		a.Parameters, _, _ = item.element("parameters of an algorithm")
	}
	item.end("an algorithm")
	return a
}

func (a Algorithm) equal(other Algorithm) bool {
	return a.ID == other.ID && bytes.Equal(a.Parameters, other.Parameters)
}

// String returns the algorithm's name.
func (a Algorithm) String() string { return a.ID.Name() }

// Weakness returns what makes signatures by the algorithm prove little, MD5, SHA-1
// or DSA, or "".
func (a Algorithm) Weakness() string { return schemes[a.ID].weak }

// scheme is how an algorithm signs.
type scheme struct {
	kind byte // 'R' PKCS#1 v1.5, 'P' PSS, 'E' ECDSA, 'D' Ed25519, 'S' DSA
	hash crypto.Hash
	weak string // what makes its signatures prove little, or ""
}

const (
	weakMD5  = "MD5"
	weakSHA1 = "SHA-1"
	weakDSA  = "DSA"
)

// schemes are the algorithms whose signatures can be checked.
var schemes = map[OID]scheme{
	oidMD5RSA:      {'R', crypto.MD5, weakMD5},
	oidSHA1RSA:     {'R', crypto.SHA1, weakSHA1},
	oidSHA224RSA:   {'R', crypto.SHA224, ""},
	oidSHA256RSA:   {'R', crypto.SHA256, ""},
	oidSHA384RSA:   {'R', crypto.SHA384, ""},
	oidSHA512RSA:   {'R', crypto.SHA512, ""},
	oidRSAPSS:      {'P', 0, ""},
	oidSHA1ECDSA:   {'E', crypto.SHA1, weakSHA1},
	oidSHA224ECDSA: {'E', crypto.SHA224, ""},
	oidSHA256ECDSA: {'E', crypto.SHA256, ""},
	oidSHA384ECDSA: {'E', crypto.SHA384, ""},
	oidSHA512ECDSA: {'E', crypto.SHA512, ""},
	oidEd25519:     {'D', 0, ""},
	oidSHA1DSA:     {'S', crypto.SHA1, weakSHA1},
	oidSHA224DSA:   {'S', crypto.SHA224, weakDSA},
	oidSHA256DSA:   {'S', crypto.SHA256, weakDSA},
}

// Verify reports whether the key made the signature over the message. If it did,
// but by an algorithm that can be forged, the error is SignatureWeak; if it did
// not, SignatureWrong.
func (k *PublicKey) Verify(algorithm Algorithm, message, signature []byte) error {
	s, salt, err := algorithm.scheme()
	if err != nil {
		return err
	}
	key, err := k.verifier()
	if err != nil {
		return err
	}
	switch {
	case !s.verifies(key, message, signature, salt):
		return fault.New(SignatureWrong, "the signature was not made by this key").WithHint("do not trust what it signs")
	case s.weak != "":
		return fault.New(SignatureWeak, "a signature by %s proves little: %s is no longer safe", algorithm, s.weak).
			WithHint("have it signed again with SHA-256 or better")
	}
	return nil
}

// Supported returns nil if signatures by the algorithm can be checked, else an error
// that is SignatureUnsupported and says why not.
func (a Algorithm) Supported() error {
	_, _, err := a.scheme()
	return err
}

// scheme returns how the algorithm signs, and the length of the salt.
func (a Algorithm) scheme() (s scheme, salt int, err error) {
	s, ok := schemes[a.ID]
	if !ok {
		return s, 0, fault.New(SignatureUnsupported, "a signature by %s cannot be checked here", a).
			WithHint("have it signed again with RSA, ECDSA or Ed25519")
	}
	if s.kind == 'P' {
		s.hash, salt, err = pssParameters(a.Parameters)
	}
	return s, salt, err
}

func (s scheme) verifies(key crypto.PublicKey, message, signature []byte, salt int) bool {
	digest := message
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(message)
		digest = h.Sum(nil)
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch s.kind {
		case 'R':
			return rsa.VerifyPKCS1v15(key, s.hash, digest, signature) == nil
		case 'P':
			return rsa.VerifyPSS(key, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: salt}) == nil
		}
	case *ecdsa.PublicKey:
		return s.kind == 'E' && ecdsa.VerifyASN1(key, digest, signature)
	case ed25519.PublicKey:
		return s.kind == 'D' && ed25519.Verify(key, message, signature)
	case *dsa.PublicKey:
		return s.kind == 'S' && verifyDSA(key, digest, signature)
	}
	return false
}

// verifyDSA checks a signature of a kind that is no longer made (FIPS 186-4,
// section 4.7).
func verifyDSA(key *dsa.PublicKey, digest, signature []byte) bool {
	d := newDER(signature)
	pair := d.sequence("DSA signature")
	r, s := bigInt(pair.integer("DSA signature")), bigInt(pair.integer("DSA signature"))
	pair.end("a DSA signature")
	return d.end("a DSA signature") == nil && dsa.Verify(key, digest[:min(len(digest), key.Q.BitLen()/8)], r, s)
}

// pssHashes are the digests that PSS is used with.
var pssHashes = map[OID]crypto.Hash{
	oidSHA256: crypto.SHA256,
	oidSHA384: crypto.SHA384,
	oidSHA512: crypto.SHA512,
}

// pss are the parameters of RSASSA-PSS (RFC 4055, section 3.1), defaults filled
// in.
type pss struct {
	hash, maskHash OID // the mask generation is MGF1
	salt, trailer  int
	given          [4]bool // which are not defaults
}

func readPSS(raw []byte) (pss, error) {
	p := pss{hash: oidSHA1, maskHash: oidSHA1, salt: 20, trailer: 1}
	whole := newDER(raw)
	list := whole.sequence("PSS parameters")
	for i := range uint8(4) {
		if p.given[i] = list.has(constructed(i)); !p.given[i] {
			continue
		}
		field := list.tagged(i, "PSS parameters")
		switch i {
		case 0:
			p.hash = field.algorithm("algorithm of the PSS digest").ID
		case 1:
			mask := field.algorithm("algorithm of the PSS mask")
			inner := newDER(mask.Parameters)
			p.maskHash = inner.algorithm("algorithm of the PSS mask digest").ID
			if inner.end("the PSS mask") != nil || mask.ID != oidMGF1 {
				list.fail("no valid PSS mask")
			}
		case 2:
			p.salt = field.small("PSS salt length")
		case 3:
			p.trailer = field.small("PSS trailer")
		}
		field.end("the PSS parameters")
	}
	list.end("the PSS parameters")
	return p, whole.end("the PSS parameters")
}

// pssParameters returns digest and length of the salt for parameters of the form
// that can be checked: with one of three digests, the same in the mask generation,
// and the usual trailer.
func pssParameters(raw []byte) (crypto.Hash, int, error) {
	p, err := readPSS(raw)
	h, ok := pssHashes[p.hash]
	if err != nil || !ok || p.maskHash != p.hash || p.trailer != 1 || p.salt > 512 {
		return 0, 0, fault.New(SignatureUnsupported, "a signature by RSASSA-PSS with these parameters cannot be checked here").
			WithHint("have it signed again with SHA-256 for digest and mask")
	}
	return h, p.salt, nil
}

// tagged returns the contents of an explicitly tagged element.
func (d *der) tagged(number uint8, what string) *der {
	content := d.read(constructed(number), what)
	return &content
}
