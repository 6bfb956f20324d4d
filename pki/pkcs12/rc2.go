package pkcs12

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	stdasn1 "encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	module "software.sslmate.com/src/go-pkcs12"

	"github.com/signet-tls/signet/internal/pbe"
	"github.com/signet-tls/signet/pki"
)

// RC2 is how Windows and OpenSSL 1 encrypt certificates, and no cipher of Go's
// cryptography. The module has it, and gives it out by whole files alone; so
// each part that is encrypted by it is made into a file of its own, with a code
// of integrity that costs one round, and the module reads that.

var isRC2 = map[pki.OID]bool{oidRC240: true, oidRC2128: true}

// moduleSafe reads an encrypted part of certificates. Keys that are encrypted once
// more inside of it, which no program writes, are refused: the module would open
// them with as many rounds as they ask for. Of a part with attributes that the
// module does not know, Java's trust stores among them, it tells the certificates
// without their names.
func (r *reader) moduleSafe(encryptedData []byte, rounds int) error {
	if err := r.spend(2 * rounds); err != nil { // the module derives its key up to three times
		return err
	}
	part := contentInfo(oidEncryptedData, encryptedData)
	certs, err := r.keyless(part)
	switch {
	case garbled(err) && !r.store.Verified && r.secret != nil && len(r.secret) == 0:
		r.secret = nil // as in integrity
		return r.moduleSafe(encryptedData, rounds)
	case garbled(err) && !r.store.Verified:
		return wrongPassphrase()
	case err != nil:
		return err
	}
	file, err := r.file(part, contentInfo(oidData, octetString(emptyList)))
	if err != nil {
		return err
	}
	//lint:ignore SA1019 nothing else gives out names
	if blocks, err := module.ToPEM(file, string(r.secret)); err == nil {
		return r.blocks(blocks)
	}
	if file, err = r.file(part); err != nil {
		return err
	}
	_, err = module.DecodeTrustStore(file, string(r.secret))
	for _, cert := range certs {
		if err := r.add(Entry{Certificate: pki.Adopt(cert), Trusted: err == nil}); err != nil {
			return err
		}
	}
	return nil
}

// decoy is a bag with a key that is not encrypted, of Ed25519 with a private part
// of zeros.
var decoy = sequence(objectID(bagKey), tagged(explicit(0),
	append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), make([]byte, 32)...)))

// keyless returns the certificates of an encrypted part in which there is no key.
// Behind a first key, the decoy, the module refuses another one unopened.
func (r *reader) keyless(part []byte) ([]*x509.Certificate, error) {
	file, err := r.file(contentInfo(oidData, octetString(sequence(decoy))), part)
	if err != nil {
		return nil, err
	}
	_, first, others, err := module.DecodeChain(file, string(r.secret))
	switch {
	case garbled(err) && !r.store.Verified:
		return nil, err
	case err != nil:
		return nil, unsupported("a part of the PKCS#12 file is encrypted by RC2, and holds more or less than certificates: it is not read")
	}
	return append([]*x509.Certificate{first}, others...), nil
}

// garbled reports whether err tells of contents that a wrong passphrase may have
// left: one in some 256 leaves a padding that looks right, before what is no ASN.1.
func garbled(err error) bool {
	var structural stdasn1.StructuralError
	var syntax stdasn1.SyntaxError
	return errors.Is(err, module.ErrDecryption) || errors.As(err, &structural) || errors.As(err, &syntax)
}

// blocks takes over what the module has read.
func (r *reader) blocks(blocks []*pem.Block) (err error) {
	for _, block := range blocks {
		e := Entry{Name: block.Headers["friendlyName"]}
		if e.LocalKeyID, err = hex.DecodeString(block.Headers["localKeyId"]); err != nil {
			return err
		}
		if e.Certificate, err = pki.ParseCertificate(block.Bytes); err != nil {
			return err
		}
		if err := r.add(e); err != nil {
			return err
		}
	}
	return nil
}

// moduleKey reads an encrypted key, whose attributes e has already.
func (r *reader) moduleKey(e *Entry, info []byte) error {
	bags := sequence(sequence(objectID(bagShrouded), tagged(explicit(0), info)))
	file, err := r.file(contentInfo(oidData, octetString(bags)), contentInfo(oidData, octetString(emptyList)))
	if err != nil {
		return err
	}
	//lint:ignore SA1019 nothing else gives out names and several keys; the keys' form is known here
	blocks, err := module.ToPEM(file, string(r.secret))
	if err != nil || len(blocks) != 1 {
		e.Refused = unsupported("the private key%s is encrypted by RC2, and not opened by the file's passphrase, or neither RSA nor ECDSA", e.named())
		return nil
	}
	e.Key, err = pki.ParsePrivateKey(blocks[0].Bytes, nil)
	return err
}

// file makes a PKCS#12 file of parts, which the module takes with the
// passphrase. It cannot express every passphrase.
func (r *reader) file(parts ...[]byte) ([]byte, error) {
	if !writable(r.secret) {
		return nil, unsupported("a part of the PKCS#12 file is encrypted by RC2, and cannot be opened with a passphrase that is not UTF-8, or has characters beyond U+FFFF")
	}
	safes := sequence(parts...)
	salt := make([]byte, 16)
	rand.Read(salt)
	code := hmac.New(sha256.New, pbe.Derive(sha256.New(), pbe.MAC, pbe.Password(r.secret), salt, 1, sha256.Size))
	code.Write(safes)
	mac := sequence(sequence(sequence(objectID(oidSHA256)), octetString(code.Sum(nil))), octetString(salt))
	return sequence(integer(3), contentInfo(oidData, octetString(safes)), mac), nil
}

// writable reports whether the module can express a passphrase: in UCS-2.
func writable(passphrase []byte) bool {
	if !utf8.Valid(passphrase) {
		return false
	}
	for _, r := range string(passphrase) {
		if r > 0xffff {
			return false
		}
	}
	return true
}

var emptyList = []byte{byte(asn1.SEQUENCE), 0}

func tagged(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, part := range parts {
			b.AddBytes(part)
		}
	})
	return b.BytesOrPanic()
}

func sequence(parts ...[]byte) []byte { return tagged(asn1.SEQUENCE, parts...) }
func octetString(data []byte) []byte  { return tagged(asn1.OCTET_STRING, data) }
func integer(n byte) []byte           { return tagged(asn1.INTEGER, []byte{n}) }
func objectID(id pki.OID) []byte      { return tagged(asn1.OBJECT_IDENTIFIER, []byte(id)) }

func contentInfo(kind pki.OID, content []byte) []byte {
	return sequence(objectID(kind), tagged(explicit(0), content))
}
