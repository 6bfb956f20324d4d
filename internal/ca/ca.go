// Package ca holds the authority's keys and decides what they sign: workload
// certificates of one trust domain, and nothing else.
package ca

import (
	"crypto"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Codes of this package.
const (
	KeyLost      fault.Code = "ca_key_lost"
	ForeignID    fault.Code = "foreign_id"
	KeyFileFault fault.Code = "ca_key_unreadable"
	KeyExposed   fault.Code = "ca_key_exposed"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: KeyLost, Meaning: "The trust domain has an authority, but its key is not in the data folder.",
			Cause: "The files under ca/ were removed, or belong to another trust domain's authority.",
			Next:  "Bring the ca/ folder back from a backup, or start over with signet up --fresh."},
		{Code: KeyFileFault, Meaning: "A file with the authority's key could not be read or written.",
			Cause: "Missing permissions, a full disk, or a damaged file.",
			Next:  "Look at the cause in the message and at the ca/ folder."},
		{Code: KeyExposed, Meaning: "A file with the authority's key may be read or written by others than its owner.",
			Cause: "Its permissions were changed, or it was copied without them. Who has read it can sign for everybody.",
			Next:  "chmod 600 the files that the message names; where somebody else may have read them, start over with signet up --fresh."},
		{Code: ForeignID, Meaning: "An identity of another trust domain was asked for.",
			Cause: "An authority signs for its own trust domain only.",
			Next:  "Ask the authority of that trust domain."},
	}
}

// DefaultLifetime is how long a workload's certificate lives. Revocation is
// pushed, so it need not be shorter.
const DefaultLifetime = 24 * time.Hour

// CA signs workload certificates of one trust domain. It is safe for concurrent
// use.
type CA struct {
	domain       spiffeid.TrustDomain
	root         *pki.Credential
	intermediate *pki.Credential
}

// New makes a root and an intermediate for the trust domain.
func New(domain spiffeid.TrustDomain, now time.Time) (*CA, error) {
	root, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: domain.String() + " root", Now: now})
	if err != nil {
		return nil, err
	}
	intermediate, err := root.New(pki.Spec{Profile: pki.Intermediate, Name: domain.String() + " authority", Now: now})
	if err != nil {
		return nil, err
	}
	return &CA{domain, root, intermediate}, nil
}

// Load reads the authority whose certificates are root and intermediate from
// the folder that Save wrote.
func Load(folder string, domain spiffeid.TrustDomain, root, intermediate string) (*CA, error) {
	ca := &CA{domain: domain}
	for _, part := range ca.parts() {
		credential, err := load(filepath.Join(folder, part.file))
		if err != nil {
			return nil, err
		}
		*part.credential = credential
	}
	if string(ca.root.Leaf().PEM()) != root {
		return nil, lost(folder, "the root's key is another authority's")
	}
	if string(ca.intermediate.Leaf().PEM()) != intermediate {
		return nil, lost(folder, "the intermediate's key is another authority's")
	}
	return ca, nil
}

type part struct {
	file       string
	credential **pki.Credential
}

func (c *CA) parts() []part {
	return []part{{"root.pem", &c.root}, {"intermediate.pem", &c.intermediate}}
}

func load(path string) (*pki.Credential, error) {
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
	credential, err := pki.ParseCredential(data)
	if err != nil {
		return nil, fault.Wrap(err, KeyFileFault, "the authority's key in %s cannot be used", path).WithHint(restoreHint)
	}
	return credential, nil
}

// read returns the content of a file that is its owner's alone, up to one byte
// beyond what package pki accepts.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 {
		return nil, fault.New(KeyExposed, "the authority's key in %s is open to others: its permissions are %04o", path, mode.Perm()).
			WithHint("chmod 600 %s      # and signet up --fresh, if somebody else may have read it", path)
	}
	return io.ReadAll(io.LimitReader(file, pki.MaxInput+1))
}

const restoreHint = "bring the folder back from a backup\nsignet up --fresh     # starts over; every identity and rule is forgotten"

func lost(folder, what string) error {
	return fault.New(KeyLost, "the authority's key is lost: in %s %s", folder, what).
		WithHint(restoreHint)
}

// Save writes the keys into the folder, for their owner alone.
func (c *CA) Save(folder string) error {
	for _, part := range c.parts() {
		data, err := (*part.credential).PEM()
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(folder, part.file), data, atomicfile.Private); err != nil {
			return fault.Wrap(err, KeyFileFault, "the authority's key cannot be kept").
				WithHint("make %s writable for this user, or free some space", folder)
		}
	}
	return nil
}

// Root returns the trust domain's anchor.
func (c *CA) Root() *pki.Certificate { return c.root.Leaf() }

// Intermediate returns the certificate whose key signs.
func (c *CA) Intermediate() *pki.Certificate { return c.intermediate.Leaf() }

// Issue signs a certificate for an identity of the trust domain and returns the
// chain to send with it, leaf first and without the root. Recording it comes
// before handing it out, and is the caller's.
func (c *CA) Issue(id spiffeid.ID, public crypto.PublicKey, now time.Time) ([]*pki.Certificate, error) {
	if id.TrustDomain() != c.domain {
		return nil, fault.New(ForeignID, "%s is not an identity of %s", id, c.domain).
			WithHint("ask the authority of %s", id.TrustDomain())
	}
	leaf, err := c.intermediate.Issue(pki.Spec{Profile: pki.Workload, ID: id, Lifetime: DefaultLifetime, Now: now}, public)
	if err != nil {
		return nil, err
	}
	return []*pki.Certificate{leaf, c.intermediate.Leaf()}, nil
}
