package cli

import (
	"context"
	"errors"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// issuing are the flags of every command that signs with an authority.
type issuing struct {
	CA    string `name:"ca" placeholder:"FILE" help:"Who signs: the authority's certificate and its key, in one file."`
	CAKey string `name:"ca-key" placeholder:"FILE" help:"The authority's key, where it has a file of its own."`
}

// words are the flags as they are typed.
func (f issuing) words() string {
	words := "--ca " + quote(f.CA)
	if f.CAKey != "" {
		words += " --ca-key " + quote(f.CAKey)
	}
	return words
}

// given reports that somebody is named who signs.
func (f issuing) given() error {
	if f.CA == "" {
		return fault.New(Usage, "who signs it? --ca is missing").WithHint("name the file with the authority's certificate and key: --ca ca.pem")
	}
	return nil
}

// authority reads who signs.
func (f issuing) authority(ctx context.Context, s *shell, secret secret) (*pki.Credential, error) {
	data, err := s.read(f.CA, pki.MaxInput)
	if err != nil {
		return nil, err
	}
	chain, err := certificatesIn(data, f.CA)
	if err != nil {
		return nil, err
	}
	path := f.CA
	if f.CAKey != "" {
		path = f.CAKey
		if data, err = s.read(path, pki.MaxInput); err != nil {
			return nil, err
		}
	}
	asker, sealed := secret.asker(ctx, s, baseName(path)), false
	key, err := signerIn(data, path, func() ([]byte, error) { sealed = true; return asker() })
	if err == nil && !sealed {
		err = secretlyAt(path)
	}
	if errors.Is(err, pki.KeyMissing) && f.CAKey == "" {
		return nil, fault.New(pki.KeyMissing, "%s has no private key to sign with", baseName(f.CA)).
			WithHint("name the file of its key with --ca-key")
	}
	if err != nil {
		return nil, err
	}
	authority, err := pki.NewCredential(chain, key)
	if errors.Is(err, pki.KeyMismatch) {
		err = brokenOff(err, path)
	}
	return authority, inFile(err, f.CA)
}
