// Package pkcs12 reads our own certificate from a PKCS#12 file (.p12, .pfx). It is
// a package of its own so that programs without one do not link its readers.
package pkcs12

import (
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
)

// Decode reads such a file for identity.Files: its one private key with its chain.
//
//	source, err := identity.Open(identity.Files{Chain: "web.p12", Decode: pkcs12.Decode(passphrase)})
func Decode(passphrase pki.Passphrase) func(file, key []byte) (*pki.Credential, error) {
	return func(file, key []byte) (*pki.Credential, error) {
		if key != nil {
			return nil, fault.New(pki.KeyUnreadable, "a PKCS#12 file has its key in itself, and another file was named for it").
				WithHint("leave Key away")
		}
		store, err := pkcs12.Parse(file, passphrase)
		if err != nil {
			return nil, err
		}
		return store.Credential()
	}
}
