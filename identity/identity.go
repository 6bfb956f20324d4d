// Package identity gives a program its own certificate, from wherever it is
// kept.
package identity

import (
	"io/fs"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Unreadable is the code of a credential file that could not be used.
const Unreadable fault.Code = "identity_unreadable"

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unreadable, Meaning: "The file with our own certificate and key could not be read.",
			Cause: "A wrong path, missing permissions, or a file that lacks the certificate or the key.",
			Next:  "Name a PEM file with the chain, leaf first, and its unencrypted private key."},
	}
}

// Source gives the credential to prove ourselves with. It is asked for every
// handshake, from many goroutines, so that a renewed certificate is used without
// a restart; it answers from memory.
type Source interface {
	Credential() (*pki.Credential, error)
}

// Static is a Source that never changes.
func Static(credential *pki.Credential) Source { return static{credential} }

type static struct{ credential *pki.Credential }

func (s static) Credential() (*pki.Credential, error) { return s.credential, nil }

// Load reads a PEM file with a chain, leaf first, and its private key.
func Load(fsys fs.FS, name string) (*pki.Credential, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fault.Wrap(err, Unreadable, "the identity").WithHint("check the path and its permissions")
	}
	credential, err := pki.ParseCredential(data)
	if err != nil {
		return nil, fault.Wrap(err, Unreadable, "the identity in %s", name).
			WithHint("name a PEM file with the chain, leaf first, and its unencrypted private key")
	}
	return credential, nil
}
