package pkcs12

import (
	"crypto/x509"

	module "software.sslmate.com/src/go-pkcs12"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// writeRounds is how many rounds each derivation of a written file asks for: the
// most that .NET takes by default, far more than the 2,048 to 10,000 that others
// write. Keys that are to be kept safe by a passphrase alone are better in
// PKCS#8, which has twice as many.
const writeRounds = 300_000

var writer = module.Modern2023.WithIterations(writeRounds)

// Encode returns a PKCS#12 file with a private key and its chain, in the form
// that OpenSSL 1.1.1, Java 12, Windows Server 2019 and macOS 15 and their
// successors read: AES-256-CBC by PBES2 and HMAC-SHA-256.
func Encode(c *pki.Credential, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, fault.New(NotWritable, "a PKCS#12 file with a private key needs a passphrase").
			WithHint("choose a passphrase, and give it by a prompt, a file or a descriptor")
	}
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, cert := range c.Chain {
		x, err := cert.X509()
		if err != nil {
			return nil, err
		}
		chain = append(chain, x)
	}
	if len(chain) == 0 {
		return nil, fault.New(pki.NoCertificate, "there is no certificate for the key").WithHint("name a chain, leaf first")
	}
	file, err := writer.Encode(c.Key, chain[0], chain[1:], string(passphrase))
	if err != nil {
		// The cause is left out: it could quote the key.
		return nil, fault.New(NotWritable, "a key of type %T cannot be written to PKCS#12: it does not leave its store", c.Key).
			WithHint("use a key that was read from a file, or made here")
	}
	return file, nil
}

// Anchor is one certificate of a trust store, with the name by which Java and
// its keytool know it. They take equal names for one entry.
type Anchor struct {
	Name        string
	Certificate *pki.Certificate
}

// EncodeTrust returns a trust store for Java 8 and later. The passphrase shows
// that it is whole, and keeps nothing secret; with an empty one it has none, as
// Java 18 and later write it.
func EncodeTrust(anchors []Anchor, passphrase []byte) ([]byte, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	if len(anchors) == 0 {
		return nil, fault.New(pki.NoCertificate, "there is no certificate to put into the trust store").
			WithHint("name a file with a certificate")
	}
	var entries []module.TrustStoreEntry
	for _, anchor := range anchors {
		x, err := anchor.Certificate.X509()
		if err != nil {
			return nil, err
		}
		entries = append(entries, module.TrustStoreEntry{Cert: x, FriendlyName: anchor.Name})
	}
	how := writer
	if len(passphrase) == 0 {
		how = module.Passwordless
	}
	file, err := how.EncodeTrustStoreEntries(entries, string(passphrase))
	if err != nil {
		return nil, fault.New(NotWritable, "the trust store cannot be written: a name has characters beyond U+FFFF").
			WithHint("choose names of letters, digits and signs")
	}
	return file, nil
}

func checkPassphrase(passphrase []byte) error {
	if writable(passphrase) {
		return nil
	}
	return fault.New(NotWritable, "the passphrase is not UTF-8, or has characters beyond U+FFFF, such as emoji: programs differ in what they make of those in PKCS#12").
		WithHint("choose a passphrase of letters, in any script, digits and signs")
}
