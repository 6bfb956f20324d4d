package ca

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/pki"
)

// What can be rotated, and how far that has come.
const (
	TurnIntermediate = "intermediate"
	TurnRoot         = "root"

	Prepared  = "prepared"  // the next ones are made, and handed to everybody to be believed
	Activated = "activated" // they sign; those before are still believed
)

// Stored is what is on record of an authority's certificates, all in PEM, and of
// their rotation.
type Stored struct {
	Root          string
	Intermediate  string
	RootElsewhere bool // its key is not in the folder

	Turning string    // what is being rotated; "": nothing
	Stage   string    // how far
	Since   time.Time // when it came there
	// OtherRoot and OtherIntermediate are the next ones once they are prepared, and
	// those before once the next ones are active. The root is "" unless it is rotated.
	OtherRoot         string
	OtherIntermediate string
	OtherElsewhere    bool

	// Generation grows whenever there is something new that everybody has to have:
	// roots to believe, or a certificate by another intermediate. Needed is the one
	// without which nobody may be left behind by the next step.
	Generation int64
	Needed     int64
	// Endorsements say of roots that those before them vouch for them.
	Endorsements [][]byte
	// Retired are the serial numbers of intermediates that are not believed any
	// more, until they expire.
	Retired map[string]time.Time
}

// Anchors returns whom to believe: one root, or both of a rotation.
func (s Stored) Anchors() ([]*pki.Certificate, error) {
	return pki.ParseCertificates([]byte(s.Root + s.OtherRoot))
}

// keptKey is a certificate whose key has to be in the folder.
type keptKey struct{ name, cert string }

// kept lists them: those in force first.
func (s Stored) kept() []keptKey {
	var all []keptKey
	if !s.RootElsewhere {
		all = append(all, keptKey{rootName, s.Root})
	}
	all = append(all, keptKey{intermediateName, s.Intermediate})
	if s.OtherIntermediate != "" {
		all = append(all, keptKey{intermediateName, s.OtherIntermediate})
	}
	if s.OtherRoot != "" && !s.OtherElsewhere {
		all = append(all, keptKey{rootName, s.OtherRoot})
	}
	return all
}

// fileOf is the name under which a key that is not the first is kept.
func fileOf(name string, cert *pki.Certificate) string { return name + "-" + cert.Serial() + ".pem" }

// Stored returns what is in force.
func (c *CA) Stored() Stored {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stored
}

// Adopt puts in force what is on record by now. Keys that are not in this process are
// read from the folder.
func (c *CA) Adopt(stored Stored) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.adopt(stored, func() ([]byte, error) { return c.secret, nil })
}

// adopt is Adopt; the caller holds mu, or has the CA for itself.
func (c *CA) adopt(stored Stored, passphrase pki.Passphrase) error {
	roots, err := pki.ParseCertificates([]byte(stored.Root))
	if err != nil {
		return err
	}
	next := keys{stored: stored, root: roots[0], made: c.made}
	for _, wanted := range stored.kept() {
		credential, err := c.find(wanted, passphrase)
		if err != nil {
			return err
		}
		switch wanted.cert {
		case stored.Intermediate:
			next.intermediate = credential
		case stored.Root:
			next.rootKey = credential.Key
		case stored.OtherIntermediate:
			next.other = credential
		}
	}
	c.keys = next
	return nil
}

// find returns a key of this process, or of the folder.
func (c *CA) find(wanted keptKey, passphrase pki.Passphrase) (*pki.Credential, error) {
	known := append([]*pki.Credential{c.intermediate, c.other}, c.made...)
	if c.rootKey != nil {
		known = append(known, &pki.Credential{Chain: []*pki.Certificate{c.root}, Key: c.rootKey})
	}
	for _, credential := range known {
		if credential != nil && string(credential.Leaf().PEM()) == wanted.cert {
			return credential, nil
		}
	}
	certs, err := pki.ParseCertificates([]byte(wanted.cert))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(c.folder, fileOf(wanted.name, certs[0]))
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(c.folder, wanted.name+".pem")
	}
	credential, err := load(path, passphrase)
	if err != nil {
		return nil, err
	}
	if string(credential.Leaf().PEM()) != wanted.cert {
		return nil, lost(c.folder, "the "+wanted.name+"'s key is another authority's")
	}
	return credential, nil
}

// Tidy removes the keys of the folder that nothing on record refers to.
func (c *CA) Tidy() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.folder == "" {
		return nil
	}
	wanted := map[string]bool{}
	for _, kept := range c.stored.kept() {
		certs, err := pki.ParseCertificates([]byte(kept.cert))
		if err != nil {
			return err
		}
		if name := fileOf(kept.name, certs[0]); exists(filepath.Join(c.folder, name)) {
			wanted[name] = true
		} else {
			wanted[kept.name+".pem"] = true
		}
	}
	for _, name := range []string{rootName, intermediateName} {
		left, err := filepath.Glob(filepath.Join(c.folder, name+"*.pem"))
		if err != nil {
			return err
		}
		for _, path := range left {
			if wanted[filepath.Base(path)] {
				continue
			}
			if err := os.Remove(path); err != nil {
				return notKept(err, c.folder)
			}
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
