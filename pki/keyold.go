package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"encoding/pem"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/internal/pbe"
)

// Ways to encrypt a key that are read only: nobody should write them.

// oldScheme is an encryption of PBES1 (RFC 8018, appendix A.3) or of PKCS#12
// (RFC 7292, appendix C).
type oldScheme struct {
	name string
	size int                                // of the key that is derived
	new  func([]byte) (cipher.Block, error) // nil: only named
	hash func() hash.Hash
	kdf  func(newHash func() hash.Hash, passphrase, salt []byte, rounds, size int) (key, vector []byte)
}

var oldSchemes = map[OID]oldScheme{
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03":     {"PBES1: MD5 and DES-CBC", 8, des.NewCipher, md5.New, pbkdf1},                         // 1.2.840.113549.1.5.3
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0a":     {"PBES1: SHA-1 and DES-CBC", 8, des.NewCipher, sha1.New, pbkdf1},                      // 1.2.840.113549.1.5.10
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03": {"PKCS#12: SHA-1 and 3DES-CBC", 24, des.NewTripleDESCipher, sha1.New, pkcs12KDF},      // 1.2.840.113549.1.12.1.3
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04": {"PKCS#12: SHA-1 and 3DES-CBC with two keys", 16, newTwoKey3DES, sha1.New, pkcs12KDF}, // 1.2.840.113549.1.12.1.4
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x01":     {name: "PBES1: MD2 and DES-CBC"},                                                      // 1.2.840.113549.1.5.1
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x04":     {name: "PBES1: MD2 and RC2-CBC"},                                                      // 1.2.840.113549.1.5.4
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x06":     {name: "PBES1: MD5 and RC2-CBC"},                                                      // 1.2.840.113549.1.5.6
	"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0b":     {name: "PBES1: SHA-1 and RC2-CBC"},                                                    // 1.2.840.113549.1.5.11
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x01": {name: "PKCS#12: SHA-1 and RC4 of 128 bits"},                                          // 1.2.840.113549.1.12.1.1
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x02": {name: "PKCS#12: SHA-1 and RC4 of 40 bits"},                                           // 1.2.840.113549.1.12.1.2
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05": {name: "PKCS#12: SHA-1 and RC2-CBC of 128 bits"},                                      // 1.2.840.113549.1.12.1.5
	"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06": {name: "PKCS#12: SHA-1 and RC2-CBC of 40 bits"},                                       // 1.2.840.113549.1.12.1.6
}

func newTwoKey3DES(key []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(slices.Concat(key, key[:8]))
}

// pbes1 reads the parameters of an old scheme: salt and rounds.
func (d *der) pbes1(old oldScheme) sealing {
	if old.new == nil {
		return sealing{text: old.name, refused: unopened(old.name, brokenCipher)}
	}
	params := d.sequence("parameters of the encryption")
	d.end("the parameters of the encryption")
	salt := params.salt()
	rounds := params.rounds()
	params.end("the parameters of the encryption")
	found := sealing{text: old.name + ", " + strconv.Itoa(rounds) + " rounds", cipher: "DES", block: des.BlockSize}
	if rounds > maxOldRounds {
		found.refused = costly(strconv.Itoa(rounds)+" rounds", maxOldRounds)
	}
	found.open = func(passphrase, sealed []byte) ([]byte, error) {
		key, vector := old.kdf(old.hash, passphrase, salt, rounds, old.size)
		return openCBC(old.new, key, vector, sealed)
	}
	return found
}

// pbkdf1 derives a key of DES and its vector (RFC 8018, sections 5.1 and 6.1).
func pbkdf1(newHash func() hash.Hash, passphrase, salt []byte, rounds, size int) (key, vector []byte) {
	sum := slices.Concat(passphrase, salt)
	h := newHash()
	for range rounds {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(nil)
	}
	return sum[:size], sum[size : size+des.BlockSize]
}

// pkcs12KDF derives a key and its vector (RFC 7292, appendix B.2).
func pkcs12KDF(newHash func() hash.Hash, passphrase, salt []byte, rounds, size int) (key, vector []byte) {
	password := pbe.Password(passphrase)
	return pbe.Derive(newHash(), pbe.Key, password, salt, rounds, size),
		pbe.Derive(newHash(), pbe.Vector, password, salt, rounds, des.BlockSize)
}

// legacyCiphers are those of PEM's own encryption (RFC 1421, section 4.6.1.3, as
// OpenSSL has extended it).
var legacyCiphers = map[string]keyCipher{
	"DES-CBC":      {"DES-CBC", 8, des.NewCipher, false},
	"DES-EDE3-CBC": {"3DES-CBC", 24, des.NewTripleDESCipher, false},
	"AES-128-CBC":  {"AES-128-CBC", 16, aes.NewCipher, false},
	"AES-192-CBC":  {"AES-192-CBC", 24, aes.NewCipher, false},
	"AES-256-CBC":  {"AES-256-CBC", 32, aes.NewCipher, false},
}

// parseLegacy reads a key that its PEM headers say is encrypted.
func parseLegacy(block *pem.Block, where string, passphrase Passphrase) (*PrivateKey, error) {
	name, text, _ := strings.Cut(block.Headers["DEK-Info"], ",")
	vector, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || name == "" {
		return nil, badKey("%s cannot be read: no valid DEK-Info header", where)
	}
	with, ok := legacyCiphers[strings.ToUpper(name)]
	if !ok {
		// The name is the file's own, so it is not repeated.
		const name = "PEM's own way with a cipher of its DEK-Info header"
		return unlock(&PrivateKey{Encryption: name}, sealing{refused: unopened(name, notKnown)}, nil, where, passphrase)
	}
	found := sealing{
		text:   "PEM's own way: " + with.name + ", 1 round of MD5",
		cipher: with.name,
		block:  len(vector),
		open: func(passphrase, sealed []byte) ([]byte, error) {
			return openCBC(with.new, bytesToKey(passphrase, vector[:8], with.size), vector, sealed)
		},
	}
	if size := blockSize(with); len(vector) != size {
		return nil, badKey("%s cannot be read: an initialisation vector of %d bytes in its DEK-Info header, not %d", where, len(vector), size)
	}
	return unlock(&PrivateKey{Encryption: found.text}, found, block.Bytes, where, passphrase)
}

// bytesToKey is OpenSSL's EVP_BytesToKey with one round of MD5.
func bytesToKey(passphrase, salt []byte, size int) []byte {
	var key, sum []byte
	for len(key) < size {
		digest := md5.Sum(slices.Concat(sum, passphrase, salt))
		sum = digest[:]
		key = append(key, sum...)
	}
	return key[:size]
}
