package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// signed is a part of a request, a revocation list or an OCSP message that is
// signed, and its signature.
type signed struct {
	tbs       []byte
	algorithm Algorithm
	signature []byte
}

// signed reads what is signed, which is a SEQUENCE, and returns the contents of
// that; then the signature.
func (d *der) signed(what string) (signed, der) {
	var s signed
	var content der
	s.tbs, content = d.whole(asn1.SEQUENCE, what)
	s.algorithm = d.algorithm("algorithm of the signature")
	s.signature = d.octets("signature")
	return s, content
}

// RawTBS returns the part that is signed, in DER. The caller must not change it.
func (s *signed) RawTBS() []byte { return s.tbs }

// SignatureAlgorithm returns how it was signed.
func (s *signed) SignatureAlgorithm() Algorithm { return s.algorithm }

// Signature returns the signature's bytes. The caller must not change them.
func (s *signed) Signature() []byte { return s.signature }

func (s *signed) checkBy(key *PublicKey) error {
	return key.Verify(s.algorithm, s.tbs, s.signature)
}

var asn1NULL = []byte{byte(asn1.NULL), 0}

// signingAlgorithm returns the algorithm that a key signs with: the digest is as
// strong as the key's curve (RFC 5480, section 4), SHA-256 for RSA.
func signingAlgorithm(public crypto.PublicKey) (Algorithm, error) {
	described, err := newPublicKey(public)
	if err != nil {
		return Algorithm{}, err
	}
	if problem := keyProblem(described.look()); problem != "" {
		return Algorithm{}, fault.New(SigningFailed, "%s", problem).WithHint(signingHint)
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		return Algorithm{oidSHA256RSA, asn1NULL}, nil
	case *ecdsa.PublicKey:
		switch bits := key.Curve.Params().BitSize; {
		case bits > 384:
			return Algorithm{ID: oidSHA512ECDSA}, nil
		case bits > 256:
			return Algorithm{ID: oidSHA384ECDSA}, nil
		}
		return Algorithm{ID: oidSHA256ECDSA}, nil
	case ed25519.PublicKey:
		return Algorithm{ID: oidEd25519}, nil
	}
	panic("keyProblem has no word for a key that signs nothing")
}

// signTBS returns what follows the part that is signed: the algorithm and the
// signature. The signature is checked, lest a faulty key store hands out one that
// is wrong, and with RSA gives the key away.
func signTBS(key crypto.Signer, tbs []byte) ([]byte, error) {
	algorithm, err := signingAlgorithm(key.Public())
	if err != nil {
		return nil, err
	}
	scheme := schemes[algorithm.ID]
	digest := tbs
	if scheme.hash != 0 {
		h := scheme.hash.New()
		h.Write(tbs)
		digest = h.Sum(nil)
	}
	signature, err := key.Sign(rand.Reader, digest, scheme.hash)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing").WithHint(signingHint)
	}
	if !scheme.verifies(key.Public(), tbs, signature, 0) {
		return nil, fault.New(SigningFailed, "the key's store made a wrong signature").WithHint(signingHint)
	}
	var b cryptobyte.Builder
	addAlgorithm(&b, algorithm)
	b.AddASN1BitString(signature)
	return b.BytesOrPanic(), nil
}

func addAlgorithm(b *cryptobyte.Builder, algorithm Algorithm) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, algorithm.ID)
		b.AddBytes(algorithm.Parameters)
	})
}
