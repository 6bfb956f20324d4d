package pki

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// KeyForm is a form in which a private key is written.
type KeyForm int

// The forms. PKCS#8 holds every kind, and is what everything reads.
const (
	PKCS8 KeyForm = iota // RFC 5958
	PKCS1                // RSA alone (RFC 8017, appendix A.1.2)
	SEC1                 // ECDSA alone (RFC 5915)
)

// MarshalKey returns a private key that is not encrypted. The block's Bytes are
// the DER, pem.EncodeToMemory makes the PEM. It is a secret: files that hold it
// are readable by their owner alone.
func MarshalKey(key crypto.Signer, form KeyForm) (*pem.Block, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if form == PKCS1 {
			return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}, nil
		}
	case *ecdsa.PrivateKey:
		if form == SEC1 {
			der, err := x509.MarshalECPrivateKey(key)
			return keyBlock("EC PRIVATE KEY", der, key, err)
		}
	}
	if form != PKCS8 {
		return nil, fault.New(KeyUnsupported, "the form is not one for %s: PKCS#1 is for RSA, SEC 1 for ECDSA", signerTitle(key)).
			WithHint("write it in PKCS#8, which holds every kind")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return keyBlock("PRIVATE KEY", der, key, err)
}

// signerTitle says what kind of key it is.
func signerTitle(key crypto.Signer) string {
	public, err := newPublicKey(key.Public())
	if err != nil {
		return "this kind of key"
	}
	return public.Title()
}

func keyBlock(label string, der []byte, key crypto.Signer, err error) (*pem.Block, error) {
	if err != nil {
		return nil, badKey("a key of type %T cannot be written: it does not leave its store", key)
	}
	return &pem.Block{Type: label, Bytes: der}, nil
}

// keyRounds of PBKDF2 stand between a stolen file and its key (OWASP's figure
// for HMAC-SHA256): a quarter of a second for its owner.
const keyRounds = 600_000

// EncryptKey returns a private key in PKCS#8, encrypted with AES-256-CBC under a
// key that PBKDF2 derives from the passphrase with 600,000 rounds of HMAC-SHA256
// (PBES2: RFC 8018, section 6.2). CBC has no check of its own, but it is what
// every reader knows; damage shows in the key's own structure.
func EncryptKey(key crypto.Signer, passphrase []byte) (*pem.Block, error) {
	if len(passphrase) == 0 {
		return nil, fault.New(PassphraseWrong, "the passphrase is empty").
			WithHint("give a passphrase, or write the key without encryption")
	}
	plain, err := MarshalKey(key, PKCS8)
	if err != nil {
		return nil, err
	}
	salt, vector := random(16), random(aes.BlockSize)
	derived, err := pbkdf2.Key(sha256.New, string(passphrase), salt, keyRounds, 32)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "deriving a key")
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "encrypting a key")
	}
	padding := aes.BlockSize - len(plain.Bytes)%aes.BlockSize
	sealed := slices.Concat(plain.Bytes, slices.Repeat([]byte{byte(padding)}, padding))
	cipher.NewCBCEncrypter(block, vector).CryptBlocks(sealed, sealed)
	der, err := encryptedKeyInfo(salt, vector, sealed)
	return keyBlock("ENCRYPTED PRIVATE KEY", der, key, err)
}

func random(size int) []byte {
	out := make([]byte, size)
	rand.Read(out) // never fails
	return out
}

// encryptedKeyInfo encodes an EncryptedPrivateKeyInfo (RFC 5958, section 3).
func encryptedKeyInfo(salt, vector, sealed []byte) ([]byte, error) {
	var b cryptobyte.Builder
	sequence := func(b *cryptobyte.Builder, content func(*cryptobyte.Builder)) { b.AddASN1(asn1.SEQUENCE, content) }
	oid := func(b *cryptobyte.Builder, id OID) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(id)) })
	}
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			oid(b, oidPBES2)
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					oid(b, oidPBKDF2)
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1OctetString(salt)
						b.AddASN1Uint64(keyRounds)
						sequence(b, func(b *cryptobyte.Builder) {
							oid(b, oidHMACSHA256)
							b.AddASN1NULL()
						})
					})
				})
				sequence(b, func(b *cryptobyte.Builder) {
					oid(b, oidAES256)
					b.AddASN1OctetString(vector)
				})
			})
		})
		b.AddASN1OctetString(sealed)
	})
	return b.Bytes()
}
