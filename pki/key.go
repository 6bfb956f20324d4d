package pki

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// Passphrase returns the passphrase of a private key. It is called only once a
// key turns out to need one, and its error is handed on.
type Passphrase func() ([]byte, error)

// PrivateKey is a private key as a file has it, of any kind. It is immutable.
type PrivateKey struct {
	// Container is the form of the file: PKCS#8, PKCS#1, SEC 1 or DSA.
	Container string
	// Encryption is how the file is encrypted, with the cost of trying a
	// passphrase; "" if it is not.
	Encryption string

	facts   keyFacts
	signer  crypto.Signer
	refused error      // why signer is not handed out
	public  *PublicKey // nil while the key is locked
}

// ParsePrivateKey reads a private key, the first of PEM data or one in DER, in
// PKCS#8, PKCS#1, SEC 1 or OpenSSL's form for DSA. An encrypted key is opened
// with the passphrase; without one (nil) it is only described. Keys that cannot
// be used are described too, and Signer says why.
func ParsePrivateKey(data []byte, passphrase Passphrase) (*PrivateKey, error) {
	if len(data) > MaxInput {
		return nil, tooLarge(len(data))
	}
	if !bytes.Contains(data, pemBegin) {
		if len(data) == 0 || data[0] != byte(asn1.SEQUENCE) {
			return nil, noKey()
		}
		return parsePrivateDER(data, "the private key", passphrase)
	}
	for number, section := range sections(data) {
		if !strings.HasSuffix(section.label, "PRIVATE KEY") {
			continue
		}
		if section.block == nil {
			return nil, badKey("block %d is a private key, but not valid PEM", number)
		}
		return parseBlock(section.block, blockName(number, section.label), passphrase)
	}
	return nil, noKey()
}

// blockName is how errors name a PEM block.
func blockName(number int, label string) string {
	return "block " + strconv.Itoa(number) + " (" + fault.Printable(label, 32) + ")"
}

func parseBlock(block *pem.Block, where string, passphrase Passphrase) (*PrivateKey, error) {
	switch {
	case block.Type == "OPENSSH PRIVATE KEY":
		return nil, fault.New(KeyUnsupported, "%s is in OpenSSH's own form, which is not read", where).
			WithHint("ssh-keygen -p -m PKCS8 -f copy-of-key    # rewrites the file in PKCS#8")
	case block.Headers["DEK-Info"] != "" || block.Headers["Proc-Type"] != "":
		return parseLegacy(block, where, passphrase)
	}
	return parsePrivateDER(block.Bytes, where, passphrase)
}

// parsePrivateDER tells by the first elements which form data has; the label of
// its PEM block is often wrong.
func parsePrivateDER(data []byte, where string, passphrase Passphrase) (*PrivateKey, error) {
	if len(data) > maxKey {
		return nil, keyTooLong(len(data))
	}
	d := newDER(bytes.Clone(data))
	content := d.sequence("private key")
	d.end("the private key")
	if !content.has(asn1.SEQUENCE) {
		return finish(content.plainKey(), d.err(), where)
	}
	with, sealed := content.encryptedKey()
	if err := d.err(); err != nil {
		return nil, unreadableKey(where, err)
	}
	return unlock(&PrivateKey{Container: "PKCS#8", Encryption: with.text}, with, sealed, where, passphrase)
}

// unlock opens an encrypted key, which is described so far.
func unlock(key *PrivateKey, with sealing, sealed []byte, where string, passphrase Passphrase) (*PrivateKey, error) {
	if with.refused != nil {
		key.refused = with.refused
		return key, nil
	}
	if len(sealed) == 0 || len(sealed) > maxKey || len(sealed)%with.block != 0 {
		return nil, badKey("%s cannot be read: %d bytes are no whole blocks of %s", where, len(sealed), with.cipher)
	}
	if passphrase == nil {
		key.refused = fault.New(KeyEncrypted, "the private key is encrypted").
			WithHint("openssl pkey -in encrypted.pem -out key.pem    # asks for its password; keep key.pem at mode 0600")
		return key, nil
	}
	secret, err := passphrase()
	if err != nil {
		return nil, err
	}
	data, err := with.open(append([]byte{}, secret...), sealed) // an empty one is not none
	if err != nil {
		return nil, wrongPassphrase(where)
	}
	d := newDER(data)
	content := d.sequence("private key")
	d.end("the private key")
	if d.err() != nil {
		// One wrong passphrase of 256 leaves padding that seems right.
		return nil, wrongPassphrase(where)
	}
	inner, err := finish(content.plainKey(), d.err(), where)
	if err != nil {
		return nil, err
	}
	inner.Encryption = key.Encryption
	if key.Container != "" {
		inner.Container = key.Container
	}
	return inner, nil
}

// finish returns a key that was read without an error.
func finish(key *PrivateKey, err error, where string) (*PrivateKey, error) {
	if err != nil {
		return nil, unreadableKey(where, err)
	}
	key.public = described(key.facts)
	if problem, weak := key.facts.refusal(); weak {
		key.refused = fault.New(KeyWeak, "the private key is not used: %s", problem.Text).WithHint(weakHint)
	} else if key.signer == nil {
		key.refused = key.facts.unsupported()
	}
	return key, nil
}

// Locked reports whether the key is encrypted and was not opened.
func (k *PrivateKey) Locked() bool { return k.public == nil }

// Public describes the key, or is nil while it is locked. Its Raw is nil for a
// kind that is only described.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Signer returns the key for use, or says why it is not used: it is encrypted,
// of a kind that Go's cryptography lacks, or too weak.
func (k *PrivateKey) Signer() (crypto.Signer, error) {
	if k.refused != nil {
		return nil, k.refused
	}
	return k.signer, nil
}

// unreadableKey names the place. The readers of this package tell what could not
// be read, and never quote it.
func unreadableKey(where string, err error) error {
	return badKey("%s cannot be read: %v", where, err)
}

func wrongPassphrase(where string) error {
	return fault.New(PassphraseWrong, "the passphrase does not open %s, or that is damaged", where).
		WithHint("try the passphrase again; if it is certainly right, copy the file again from where it was made")
}

func keyTooLong(have int) error {
	return fault.New(InputTooLarge, "a key of %d bytes; %d are the most", have, maxKey).
		WithHint("name the key's own file")
}
