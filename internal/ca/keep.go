package ca

import (
	"crypto"
	"encoding/pem"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Files of the folder with the keys.
const (
	rootFile         = rootName + ".pem"
	intermediateFile = intermediateName + ".pem"
	rootName         = "root"
	intermediateName = "intermediate"
)

// Kept says how the keys are written down.
type Kept struct {
	// Passphrase encrypts the keys in the folder; nil: they are not encrypted.
	Passphrase []byte
	// RootFile, unless it is "", is where the root's key goes in the folder's place:
	// a new file, to be carried away. RootPassphrase encrypts it.
	RootFile       string
	RootPassphrase []byte
}

// Save writes the keys into the folder, for their owner alone.
func (c *CA) Save(folder string, how Kept) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folder, c.secret = folder, how.Passphrase
	passphrase, path, write := how.Passphrase, filepath.Join(folder, rootFile), atomicfile.Write
	if how.RootFile != "" {
		passphrase, path, write = how.RootPassphrase, how.RootFile, atomicfile.Create
		c.stored.RootElsewhere = true
	}
	root, err := sealed(c.root.PEM(), c.rootKey, passphrase)
	if err != nil {
		return err
	}
	if err := write(path, root, atomicfile.Private); err != nil {
		return notKept(err, filepath.Dir(path))
	}
	return c.keep(intermediateFile, c.intermediate)
}

// keep writes one key into the folder, if there is one.
func (c *CA) keep(name string, credential *pki.Credential) error {
	if c.folder == "" {
		return nil
	}
	data, err := sealed(credential.ChainPEM(), credential.Key, c.secret)
	if err != nil {
		return err
	}
	return notKept(atomicfile.Write(filepath.Join(c.folder, name), data, atomicfile.Private), c.folder)
}

// sealed returns certificates and a key in PEM, the key encrypted if there is a
// passphrase.
func sealed(certs []byte, key crypto.Signer, passphrase []byte) ([]byte, error) {
	seal := func() (*pem.Block, error) { return pki.MarshalKey(key, pki.PKCS8) }
	if passphrase != nil {
		seal = func() (*pem.Block, error) { return pki.EncryptKey(key, passphrase) }
	}
	block, err := seal()
	if err != nil {
		return nil, err
	}
	return append(certs, pem.EncodeToMemory(block)...), nil
}

func notKept(err error, folder string) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, KeyFileFault, "the authority's key cannot be kept").
		WithHint("make %s writable for this user, or free some space; a file that is there already is not overwritten", folder)
}

// Load reads the authority that is on record from the folder that Save wrote. The
// passphrase is asked for if a key turns out to be encrypted.
func Load(folder string, domain spiffeid.TrustDomain, stored Stored, passphrase pki.Passphrase) (*CA, error) {
	ca := &CA{domain: domain, folder: folder}
	ask := passphrase
	if passphrase != nil {
		ask = func() ([]byte, error) {
			secret, err := passphrase()
			ca.secret = secret
			return secret, err
		}
	}
	return ca, ca.adopt(stored, ask)
}

func load(path string, passphrase pki.Passphrase) (*pki.Credential, error) {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lost(filepath.Dir(path), filepath.Base(path)+" is missing")
	}
	if errors.Is(err, KeyExposed) {
		return nil, err
	}
	if err != nil {
		return nil, fault.Wrap(err, KeyFileFault, "the authority's key cannot be read").
			WithHint("make %s readable for this user alone, or run as its owner", path)
	}
	return OpenFile(data, path, passphrase)
}

// OpenFile reads the content of a file with a key. Path is what that is called.
func OpenFile(data []byte, path string, passphrase pki.Passphrase) (*pki.Credential, error) {
	var refused error // why there is no passphrase
	ask := passphrase
	if passphrase != nil {
		ask = func() (known []byte, err error) {
			known, refused = passphrase()
			return known, refused
		}
	}
	key, err := pki.ParsePrivateKey(data, ask)
	switch {
	case refused != nil:
		return nil, refused
	case errors.Is(err, pki.PassphraseWrong):
		return nil, fault.New(pki.PassphraseWrong, "the passphrase does not open the authority's key in %s, or that is damaged", path).
			WithHint("run it again with the right one")
	}
	credential, err := pair(data, key, err)
	if errors.Is(err, pki.KeyEncrypted) {
		return nil, fault.Wrap(err, KeyFileFault, "the authority's key in %s cannot be used here", path).
			WithHint("signet authority serve      # which takes the passphrase")
	}
	if err != nil {
		return nil, fault.Wrap(err, KeyFileFault, "the authority's key in %s cannot be used", path).WithHint(restoreHint)
	}
	return credential, nil
}

// pair reads the chain of a key, unless there was an error with that.
func pair(data []byte, key *pki.PrivateKey, err error) (*pki.Credential, error) {
	if err != nil {
		return nil, err
	}
	signer, err := key.Signer()
	if err != nil {
		return nil, err
	}
	chain, err := pki.ParseCertificates(data)
	if err != nil {
		return nil, err
	}
	return pki.NewCredential(chain, signer)
}

// read returns the content of a file that is its owner's alone, up to one byte
// beyond what package pki accepts.
func read(path string) ([]byte, error) {
	data, err := regular.ReadPrivate(path, pki.MaxInput+1)
	if exposed, is := errors.AsType[*regular.Exposed](err); is {
		return nil, fault.New(KeyExposed, "the authority's key in %s is open to others: %s", path, exposed).
			WithHint("chmod 600 %s      # and if somebody else may have read it, trust this authority no more", path)
	}
	return data, err
}

const restoreHint = "bring the folder back from a backup"

func lost(folder, what string) error {
	return fault.New(KeyLost, "the authority's key is lost: in %s %s", folder, what).
		WithHint(restoreHint)
}
