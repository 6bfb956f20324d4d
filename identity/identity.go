// Package identity gives a program its own certificate, from wherever it is
// kept.
package identity

import (
	"io/fs"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Codes of this package.
const (
	Unreadable fault.Code = "identity_unreadable"
	Exposed    fault.Code = "identity_exposed"
	Unfit      fault.Code = "identity_unfit"
	Expired    fault.Code = "identity_expired"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unreadable, Meaning: "The file with our own certificate and key could not be read.",
			Cause: "A wrong path, missing permissions, or a file that lacks the certificate or the key.",
			Next:  "Name a PEM file with the chain, leaf first, and its unencrypted private key."},
		{Code: Exposed, Meaning: "The file with our own private key can be read, or written, by others than its owner.",
			Cause: "It was made or copied with wide permissions. Who has read it can pass for us.",
			Next:  "Run chmod 600 on it, and have a new key and certificate if somebody else may have read it."},
		{Code: Unfit, Meaning: "Our own certificate is one that no peer would accept; the message says why.",
			Cause: "It has no subject alternative name, is for another purpose, or is not valid yet.",
			Next:  "Have it issued again, with its names and its purpose."},
		{Code: Expired, Meaning: "Our own certificate has expired, and is not shown to anybody.",
			Cause: "It was not renewed, or the program does not follow the file that was.",
			Next:  "Renew it, and look into the log for why a newer file was not used."},
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
