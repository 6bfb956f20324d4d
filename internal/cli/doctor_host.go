package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// folder looks at who can write into the folder, and who can read its keys.
func (c *checkup) folder(home folder) {
	kind := "an authority's data folder"
	if home.host != nil {
		kind = "the host folder of " + home.host.ID().Path()
	}
	info, err := os.Stat(home.dir)
	if err != nil {
		c.fail("folder", unreadableData(err, home.dir))
		return
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 && runtime.GOOS != "windows" {
		c.stop("folder", "chmod go-w "+quote(home.dir), "%s can be written by others than its owner: its permissions are %04o", tilde(home.dir), mode)
	} else {
		c.ok("folder", "%s, %s of %s", tilde(home.dir), kind, home.domain)
	}
	var files []string
	filepath.WalkDir(home.dir, func(path string, entry fs.DirEntry, err error) error {
		switch name, _ := filepath.Rel(home.dir, path); {
		case err != nil:
			files = append(files, path) // that it cannot be read is told with the files
		case entry.IsDir() && (name == storeFolder || name == audit.Folder):
			return fs.SkipDir // there are no keys in them, and very many files
		case entry.Type().IsRegular():
			files = append(files, path)
		}
		return nil
	})
	c.keys(files)
}

// keys looks at who can read those files that have a private key.
func (c *checkup) keys(files []string) {
	keys, exposed, unread := 0, 0, 0
	for _, path := range files {
		isKey, err := holdsKey(path)
		info, unseen := os.Stat(path)
		switch {
		case err != nil || unseen != nil:
			unread++
		case !isKey:
		case regular.Private(info) != nil:
			exposed++
			c.stop("keys", "chmod 600 "+quote(path)+"      # who has read it can be its owner: revoke that identity then", "%s, with a private key, is open to others: its permissions are %04o", tilde(path), info.Mode().Perm())
		default:
			keys++
		}
	}
	switch {
	case unread > 0:
		c.unknown("keys", "%s could not be read by this user; run this as their owner", count(unread, "file", "files"))
	case exposed == 0:
		c.ok("keys", "%s with private keys, all of them their owner's alone", count(keys, "file", "files"))
	}
}

// storeFolder is internal/control's, for the store.
const storeFolder = "etcd"

// maxKeyFile is how much of a file is looked at for a key.
const maxKeyFile = 64 << 10

// holdsKey reports whether a file has a private key in PEM, or the audit log's.
func holdsKey(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	return bytes.Contains(data, []byte("PRIVATE KEY-----")) || filepath.Base(path) == audit.KeyFile, err
}

// Least free space, for the store, whose log is allocated ahead, and the audit log.
const (
	leastFree     = 256 << 20
	leastFreePart = 50 // one of so many
)

func (c *checkup) disk(what, dir string) {
	free, all, err := diskSpace(dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		c.unknown(what, "free space is not known on this system")
	case err != nil:
		c.fail(what, unreadableData(err, dir))
	case free < leastFree || free < all/leastFreePart:
		c.stop(what, "make room where "+quote(dir)+" is", "%s free of %s: with none, nothing can be logged, and so nothing changes", size(free), size(all))
	default:
		c.ok(what, "%s free of %s", size(free), size(all))
	}
}

// leastDescriptors are what a few hundred connections take.
const leastDescriptors = 1024

func (c *checkup) descriptors(need int64) {
	most, err := descriptorLimit()
	switch {
	case err != nil:
		c.unknown("descriptors", "the limit is not known on this system")
	case most < need:
		c.stop("descriptors", fmt.Sprintf("ulimit -n %d      # in the shell that starts it; under systemd LimitNOFILE=%d below [Service] in its unit, then systemctl daemon-reload and restart", need, need), "at most %s for a program that is started from here, and %s may be needed", thousands(most), thousands(need))
	default:
		c.ok("descriptors", "at most %s for a program that is started from here; %s may be needed", thousands(most), thousands(need))
	}
}

// certificate looks at how long one is good for.
func (c *checkup) certificate(name string, leaf *pki.Certificate, renewal string) {
	life := api.Life{From: leaf.NotBefore(), Until: leaf.NotAfter()}
	now := c.now()
	switch words, _ := ageing(life, now); {
	case now.Before(life.From):
		c.stop(name, "set this machine's clock", "its certificate is good only from %s on: this clock is behind", life.From.UTC().Format(time.RFC3339))
	case life.Left(now) == 0:
		c.stop(name, renewal, "its certificate %s", words)
	case words != "":
		c.ok(name, "certificate good for %s, %s", verify.Between(now, life.Until), words)
	default:
		c.ok(name, "certificate good for %s", verify.Between(now, life.Until))
	}
}

// skew is by how much clocks may differ.
const skew = 4 * time.Minute

// authority asks it for anything: what an operator may know, or else a refusal, which
// proves as much.
func (c *checkup) authority(ctx context.Context, home folder) {
	names := home.identities()
	if len(names) == 0 {
		c.unknown("authority", "nobody's identity is kept here to ask it with")
		return
	}
	credential, err := home.credential(names[0])
	if err != nil {
		return // it was told
	}
	asker, err := home.asker(identity.Static(credential), credential.Leaf())
	if err != nil {
		c.fail("authority", err)
		return
	}
	start := c.now()
	status, date, data, err := asker.ask(ctx, http.MethodGet, api.PathStatus, nil)
	end := c.now()
	if err != nil {
		c.fail("authority", err)
		return
	}
	if refused := refusal(data); status == http.StatusOK || errors.Is(refused, authority.NotPermitted) { // it is for operators alone
		c.ok("authority", "%s answers %s after %s", asker.address, names[0], milliseconds(end.Sub(start)))
	} else {
		c.fail("authority", refused)
	}
	c.clock(start.Add(end.Sub(start)/2), date)
	if status == http.StatusOK {
		c.system(data)
	}
}

// clock compares this machine's with the authority's, which is told in whole seconds.
func (c *checkup) clock(here time.Time, date string) {
	there, err := http.ParseTime(date)
	if err != nil {
		c.unknown("clock", "the authority did not tell its time")
		return
	}
	apart := here.Sub(there)
	which := "ahead of"
	if apart < 0 {
		which = "behind"
	}
	switch ahead := time.Duration(math.Abs(float64(apart))); {
	case ahead > skew:
		c.stop("clock", "set this machine's clock, or the authority's: by NTP", "%s %s the authority's; more than %s breaks certificates", verify.Span(ahead), which, verify.Span(skew))
	case ahead > 2*time.Second:
		c.ok("clock", "%s %s the authority's; up to %s is borne", verify.Span(ahead), which, verify.Span(skew))
	default:
		c.ok("clock", "the same as the authority's")
	}
}

// system tells whether the authority knows of something that needs somebody.
func (c *checkup) system(data []byte) {
	var system api.System
	if err := decodeAnswer(data, &system); err != nil {
		c.fail("system", err)
		return
	}
	report := c.shell.view(system.TrustDomain).status(system)
	if report.Well {
		c.ok("system", "revision %d; signet status finds all well", system.Revision)
		return
	}
	var who []string
	for _, need := range report.Needs {
		who = append(who, need.Who)
	}
	c.stop("system", "signet status", "revision %d; %s", system.Revision, "something needs somebody: "+strings.Join(who, ", "))
}
