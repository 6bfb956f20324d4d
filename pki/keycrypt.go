package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// sealing is a way in which a private key is encrypted.
type sealing struct {
	text    string // in words, with its cost
	cipher  string
	block   int   // the length of what is encrypted is a multiple of it
	refused error // why it is not opened, or nil
	open    func(passphrase, sealed []byte) ([]byte, error)
}

// encryptedKey reads the contents of an EncryptedPrivateKeyInfo (RFC 5958,
// section 3).
func (d *der) encryptedKey() (sealing, []byte) {
	id, params := d.algorithmWith("algorithm of the encryption")
	if !d.has(asn1.OCTET_STRING) {
		d.fail("no private key but a public one, or another thing,")
		return sealing{}, nil
	}
	sealed := d.read(asn1.OCTET_STRING, "encrypted key")
	d.end("the encrypted key")
	var found sealing
	if id == oidPBES2 {
		found = params.pbes2()
	} else if old, ok := oldSchemes[id]; ok {
		found = params.pbes1(old)
	} else {
		found.text = "the encryption " + id.String()
		found.refused = unopened(found.text, notKnown)
	}
	return found, sealed.String
}

// unopened is the reason why a named encryption is not opened.
func unopened(name, why string) error {
	return fault.New(KeyUnsupported, "the private key's encryption, %s, cannot be opened: %s", name, why).
		WithHint("openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out key.pem    # where it was made, or with -provider legacy")
}

const (
	brokenCipher = "it is broken, and Go's cryptography does not have it"
	notKnown     = "it is not known here"
)

// Identifiers of RFC 8018, appendix A to C, and RFC 7914, section 7.
const (
	oidPBES2  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" // 1.2.840.113549.1.5.13
	oidAES256 OID = "\x60\x86\x48\x01\x65\x03\x04\x01\x2a" // 2.16.840.1.101.3.4.1.42
)

// keyCipher is a cipher of keys in use, or one that is only named.
type keyCipher struct {
	name string
	size int                                // of its key
	new  func([]byte) (cipher.Block, error) // nil: only named
	gcm  bool
}

var keyCiphers = map[OID]keyCipher{
	"\x60\x86\x48\x01\x65\x03\x04\x01\x02": {"AES-128-CBC", 16, aes.NewCipher, false}, // 2.16.840.1.101.3.4.1.2
	"\x60\x86\x48\x01\x65\x03\x04\x01\x16": {"AES-192-CBC", 24, aes.NewCipher, false}, // 2.16.840.1.101.3.4.1.22
	oidAES256:                              {"AES-256-CBC", 32, aes.NewCipher, false},
	"\x60\x86\x48\x01\x65\x03\x04\x01\x06": {"AES-128-GCM", 16, aes.NewCipher, true},        // 2.16.840.1.101.3.4.1.6
	"\x60\x86\x48\x01\x65\x03\x04\x01\x1a": {"AES-192-GCM", 24, aes.NewCipher, true},        // 2.16.840.1.101.3.4.1.26
	"\x60\x86\x48\x01\x65\x03\x04\x01\x2e": {"AES-256-GCM", 32, aes.NewCipher, true},        // 2.16.840.1.101.3.4.1.46
	"\x2a\x86\x48\x86\xf7\x0d\x03\x07":     {"3DES-CBC", 24, des.NewTripleDESCipher, false}, // 1.2.840.113549.3.7
	"\x2b\x0e\x03\x02\x07":                 {"DES-CBC", 8, des.NewCipher, false},            // 1.3.14.3.2.7
	"\x2a\x86\x48\x86\xf7\x0d\x03\x02":     {name: "RC2-CBC"},                               // 1.2.840.113549.3.2
	"\x2a\x86\x48\x86\xf7\x0d\x03\x04":     {name: "RC4"},                                   // 1.2.840.113549.3.4
	"\x2a\x86\x48\x86\xf7\x0d\x03\x09":     {name: "RC5-CBC"},                               // 1.2.840.113549.3.9
}

// pbes2 reads PBES2-params (RFC 8018, appendix A.4).
func (d *der) pbes2() sealing {
	params := d.sequence("parameters of PBES2")
	d.end("the parameters of PBES2")
	derivation, derivationParams := params.algorithmWith("algorithm of the key derivation")
	encryption, encryptionParams := params.algorithmWith("algorithm of the cipher")
	params.end("the parameters of PBES2")
	if d.err() != nil {
		return sealing{}
	}
	with, ok := keyCiphers[encryption]
	if !ok {
		with.name = "the cipher " + encryption.String()
	}
	found := sealing{text: "PBES2: " + with.name, cipher: with.name}
	if with.new == nil {
		why := brokenCipher
		if !ok {
			why = notKnown
		}
		found.refused = unopened(found.text, why)
		return found
	}
	kdf := derivationParams.derivation(derivation, with.size)
	found.text += ", " + kdf.text
	if found.refused = kdf.refused; kdf.refused != nil || d.err() != nil {
		return found
	}
	var open func(key, sealed []byte) ([]byte, error)
	open, found.block = encryptionParams.opener(with)
	found.open = func(passphrase, sealed []byte) ([]byte, error) {
		key, err := kdf.key(passphrase)
		if err != nil {
			return nil, err
		}
		return open(key, sealed)
	}
	return found
}

// algorithmWith reads an AlgorithmIdentifier whose parameters are read next.
func (d *der) algorithmWith(what string) (OID, der) {
	a := d.algorithm(what)
	return a.ID, der{a.Parameters, d.problem}
}

// opener reads a cipher's parameters: the initialisation vector, or those of GCM
// (RFC 5084, section 3.2), whose tag stands behind what is encrypted.
func (d *der) opener(with keyCipher) (open func(key, sealed []byte) ([]byte, error), block int) {
	if with.gcm {
		params := d.sequence("parameters of GCM")
		d.end("the parameters of GCM")
		nonce, tag := params.read(asn1.OCTET_STRING, "nonce of GCM"), 12
		if params.has(asn1.INTEGER) {
			tag = params.small("tag length of GCM")
		}
		params.end("the parameters of GCM")
		if d.err() == nil && (len(nonce.String) != 12 || tag < 12 || tag > 16) {
			d.fail("a nonce of %d bytes and a tag of %d: 12, and 12 to 16, are allowed,", len(nonce.String), tag)
		}
		return func(key, sealed []byte) ([]byte, error) { return openGCM(with, key, nonce.String, tag, sealed) }, 1
	}
	vector := d.read(asn1.OCTET_STRING, "initialisation vector")
	d.end("the cipher's parameters")
	block = blockSize(with)
	if d.err() == nil && len(vector.String) != block {
		d.failAt(vector.String, "an initialisation vector of %d bytes, not %d,", len(vector.String), block)
	}
	return func(key, sealed []byte) ([]byte, error) { return openCBC(with.new, key, vector.String, sealed) }, block
}

// blockSize is that of the cipher.
func blockSize(with keyCipher) int {
	if strings.HasPrefix(with.name, "AES-") {
		return aes.BlockSize
	}
	return des.BlockSize
}

func openGCM(with keyCipher, key, nonce []byte, tag int, sealed []byte) ([]byte, error) {
	block, err := with.new(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithTagSize(block, tag)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nonce, sealed, nil)
}

var errPadding = errors.New("no valid padding")

// openCBC decrypts and takes off the padding (RFC 8018, section 6.1.1, step 4).
// Nobody waits at the other end, so that its time gives nothing away.
func openCBC(newCipher func([]byte) (cipher.Block, error), key, vector, sealed []byte) ([]byte, error) {
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	data := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, vector).CryptBlocks(data, sealed)
	padding := int(data[len(data)-1])
	if padding < 1 || padding > block.BlockSize() {
		return nil, errPadding
	}
	content := data[:len(data)-padding]
	for _, octet := range data[len(content):] {
		if int(octet) != padding {
			return nil, errPadding
		}
	}
	return content, nil
}
