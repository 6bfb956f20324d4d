package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/lock"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Files of a host folder.
const (
	homeIdentity = "identity.pem" // the key, and its chain, leaf first; 0600
	homeRoots    = "roots.pem"
	homeHost     = "host.json" // which makes a folder a host folder
	homeLock     = "lock"      // held by the process that uses it
)

// Home is what a host has after it joined: who it is, whom it believes, and where
// its authority is. It is kept in a host folder.
type Home struct {
	Credential *pki.Credential    // of the host's own identity, whose trust domain is the folder's
	Anchors    []*pki.Certificate // the trust domain's roots
	Roots      verify.Roots       // the same, to verify by; set by LoadHome
	Authority  string             // HOST:PORT
	Replaced   int                // earlier certificates that died when it was enrolled; not kept
}

// host is the content of host.json.
type host struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Authority   string               `json:"authority"`
}

// ID returns the host's own identity.
func (h Home) ID() spiffeid.ID { return h.Credential.Leaf().ID() }

// SaveHome writes a host folder, all of it or nothing. It is readable by its owner
// alone. What it kept of earlier runs goes where none of the roots was believed before:
// nobody could tell any more whether it is true.
func SaveHome(dir string, home Home) error {
	about, err := json.Marshal(host{home.ID().TrustDomain(), home.Authority})
	if err != nil {
		return err
	}
	identity, err := home.Credential.PEM()
	if err != nil {
		return err
	}
	var roots []byte
	for _, anchor := range home.Anchors {
		roots = append(roots, anchor.PEM()...)
	}
	if err := home.check(); err != nil {
		return err
	}
	before, unread := LoadHome(dir)
	// What makes it a host folder comes last: who finds that finds the rest.
	err = atomicfile.WriteAll(
		atomicfile.File{Path: filepath.Join(dir, homeIdentity), Data: identity, Mode: atomicfile.Private},
		atomicfile.File{Path: filepath.Join(dir, homeRoots), Data: roots, Mode: atomicfile.Private},
		atomicfile.File{Path: filepath.Join(dir, homeHost), Data: append(about, '\n'), Mode: atomicfile.Private})
	if err == nil && unread == nil && foreign(home.Anchors, before.Anchors) {
		return forget(dir)
	}
	return unwritable(dir, err)
}

// keepRenewed replaces the credential in a host folder by its successor.
func keepRenewed(dir string, credential *pki.Credential) error {
	identity, err := credential.PEM()
	if err != nil {
		return err
	}
	return unwritable(dir, atomicfile.Write(filepath.Join(dir, homeIdentity), identity, atomicfile.Private))
}

func unwritable(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, HomeUnwritable, "the host folder %s cannot be written", dir).
		WithHint("make it writable for this user, or free some space")
}

// IsHome reports whether dir is a host folder.
func IsHome(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, homeHost))
	return err == nil && info.Mode().IsRegular()
}

// Claim takes a host folder for this process, until release is called: two that
// go on with the same keys would each keep what the other has not heard of.
func Claim(dir string) (release func() error, err error) {
	file, err := lock.Take(filepath.Join(dir, homeLock))
	var held *lock.Held
	switch {
	case errors.As(err, &held):
		return nil, fault.New(HomeInUse, "the host folder %s is in use by %s", dir, held.By).
			WithHint("stop that one first, or enroll this one under a name and into a folder of its own")
	case err != nil:
		return nil, unwritable(dir, err)
	}
	return file.Close, nil
}

// LoadHome reads a host folder. Whether its credential is still good is the
// caller's to judge.
func LoadHome(dir string) (home Home, err error) {
	about, err := readHome(dir, homeHost)
	if errors.Is(err, fs.ErrNotExist) {
		return home, fault.New(HomeMissing, "%s is no host folder: it has no %s", dir, homeHost).
			WithHint("signet enroll --data %s      # with a token on standard input; it makes one there", dir)
	}
	if err != nil {
		return home, unreadable(dir, homeHost, err)
	}
	var said host
	if err := json.Unmarshal(about, &said); err != nil {
		return home, unreadable(dir, homeHost, err)
	}
	home.Authority = said.Authority
	identity, err := readHome(dir, homeIdentity)
	if err == nil {
		home.Credential, err = pki.ParseCredential(identity)
	}
	if err != nil {
		return home, unreadable(dir, homeIdentity, err)
	}
	roots, err := readHome(dir, homeRoots)
	if err == nil {
		home.Anchors, err = pki.ParseCertificates(roots)
	}
	if err == nil {
		home.Roots, err = verify.ForTrustDomain(said.TrustDomain, home.Anchors...)
	}
	if err != nil {
		return home, unreadable(dir, homeRoots, err)
	}
	if home.ID().TrustDomain() != said.TrustDomain {
		return home, unreadable(dir, homeIdentity, errors.New("it is an identity of another trust domain"))
	}
	return home, home.check()
}

// check refuses what could not be used.
func (h Home) check() error {
	if hostname, port, err := net.SplitHostPort(h.Authority); err != nil || hostname == "" || port == "" {
		return fault.New(HomeUnreadable, "%s is no address of an authority", fault.Printable(h.Authority, 80)).
			WithHint("write HOST:PORT, or enroll the host anew")
	}
	if len(h.Anchors) == 0 {
		return fault.New(HomeUnreadable, "there are no roots to believe").WithHint("enroll the host anew")
	}
	return nil
}

// readHome reads a file of a host folder: a regular one, and of the identity one
// that is its owner's alone, up to a byte beyond what package pki accepts.
func readHome(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	if name != homeIdentity {
		return regular.Read(path, pki.MaxInput+1)
	}
	data, err := regular.ReadPrivate(path, pki.MaxInput+1)
	if exposed, is := errors.AsType[*regular.Exposed](err); is {
		return nil, fault.New(HomeExposed, "%s, with its key, is open to others: %s", path, exposed).
			WithHint("chmod 600 %s      # and revoke the identity, if somebody else may have read it", path)
	}
	return data, err
}

func unreadable(dir, name string, err error) error {
	if errors.Is(err, HomeExposed) {
		return err
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		err = at.Err
	}
	return fault.Wrap(err, HomeUnreadable, "%s of the host folder cannot be used", filepath.Join(dir, name)).
		WithHint("run as the folder's owner, or enroll the host anew: signet token new WHO --again | signet enroll --data %s", dir)
}
