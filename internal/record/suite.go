package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite of TLS 1.3 (RFC 8446, section B.4).
type suite struct {
	id           uint16
	keyLength    int // bytes
	secretLength int // of the hash, bytes
	hash         func() hash.Hash
	aead         func(key []byte) (cipher.AEAD, error)
}

// The longest keyLength and secretLength.
const (
	maxKey    = 32
	maxSecret = sha512.Size384
)

var suites = [...]suite{
	{tls.TLS_AES_128_GCM_SHA256, 16, sha256.Size, sha256.New, aesGCM},
	{tls.TLS_AES_256_GCM_SHA384, 32, sha512.Size384, sha512.New384, aesGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, chacha20poly1305.KeySize, sha256.Size, sha256.New, chacha20poly1305.New},
}

func aesGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Supports reports whether sessions of the suite can be carried here. In a FIPS 140-3
// mode none can: there nonces must be counted inside Go's cryptographic module, which it
// does for crypto/tls alone (fips140=only refuses others, fips140=on does not approve
// of them).
func Supports(suite uint16) bool {
	_, err := suiteOf(suite)
	return err == nil
}

func suiteOf(id uint16) (*suite, error) {
	if fips140.Enabled() {
		return nil, fmt.Errorf("record: in FIPS 140-3 mode records are crypto/tls's")
	}
	for i := range suites {
		if suites[i].id == id {
			return &suites[i], nil
		}
	}
	return nil, fmt.Errorf("record: %s is not a cipher suite of TLS 1.3 that is known here", tls.CipherSuiteName(id))
}

// expand fills dst by HKDF-Expand-Label with an empty context (RFC 8446, section 7.1), and
// leaves no other copy. dst may be the secret. It fails for no length that a suite has.
func (s *suite) expand(dst, secret []byte, label string) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(len(dst)))
	info = append(info, byte(len(label)))
	info = append(info, label...)
	info = append(info, 0)
	expanded, err := hkdf.Expand(s.hash, secret, string(info), len(dst))
	if err != nil {
		panic(err)
	}
	copy(dst, expanded)
	clear(expanded)
}
