package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"io"

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

// signingAlgorithm returns the algorithm that a key signs with.
func signingAlgorithm(key crypto.Signer) (Algorithm, error) {
	public, err := newPublicKey(key.Public())
	if err != nil {
		return Algorithm{}, err
	}
	return signsWith(public)
}

// signsWith returns the algorithm that the private half of a key signs with: the
// digest is as strong as the key's curve (RFC 5480, section 4), SHA-256 for RSA.
func signsWith(public *PublicKey) (Algorithm, error) {
	facts := public.look()
	if problem := keyProblem(facts); problem != "" {
		return Algorithm{}, fault.New(SigningFailed, "%s", problem).WithHint(signingHint)
	}
	switch key := facts.key.(type) {
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

// signTBS returns a part that is signed with its signature, in one SEQUENCE.
func signTBS(random io.Reader, key crypto.Signer, algorithm Algorithm, tbs []byte) ([]byte, error) {
	signature, err := signature(random, key, algorithm, tbs)
	if err != nil {
		return nil, err
	}
	return encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addSigned(b, tbs, algorithm, signature) }), nil
}

// signature signs tbs. What a key outside this process makes of it is checked, lest a
// faulty store hands out a signature that is wrong, and with RSA gives the key away.
func signature(random io.Reader, key crypto.Signer, algorithm Algorithm, tbs []byte) ([]byte, error) {
	scheme := schemes[algorithm.ID]
	digest := tbs
	if scheme.hash != 0 {
		h := scheme.hash.New()
		h.Write(tbs)
		digest = h.Sum(nil)
	}
	signature, err := key.Sign(random, digest, scheme.hash)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing").WithHint(signingHint)
	}
	if !isOurs(key) && !scheme.verifies(key.Public(), tbs, signature, 0) {
		return nil, fault.New(SigningFailed, "the key's store made a wrong signature").WithHint(signingHint)
	}
	return signature, nil
}

// isOurs reports whether a key signs by Go's crypto, in this process.
func isOurs(key crypto.Signer) bool {
	switch key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

const signingHint = "look at the key that signs: it must be able to, and its store within reach"

// addSigned adds what is signed, how, and the signature.
func addSigned(b *cryptobyte.Builder, tbs []byte, algorithm Algorithm, signature []byte) {
	b.AddBytes(tbs)
	addAlgorithm(b, algorithm)
	b.AddASN1BitString(signature)
}

func addAlgorithm(b *cryptobyte.Builder, algorithm Algorithm) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, algorithm.ID)
		b.AddBytes(algorithm.Parameters)
	})
}
