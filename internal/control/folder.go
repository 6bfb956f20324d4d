package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/lock"
	"github.com/signet-tls/signet/spiffeid"
)

const (
	markerName  = "signet.json"
	lockName    = "lock"
	etcdName    = "etcd"
	format      = 1       // of the data folder
	markerBytes = 1 << 16 // a marker is never larger
)

// marker is the content of signet.json, which says whose folder this is.
type marker struct {
	Format      int    `json:"format"`
	TrustDomain string `json:"trust_domain"`
	// Ready is set once the store has been open: from then on a missing file is
	// damage, and before it whatever stands there is left from a first start
	// that was interrupted, in which nothing was confirmed.
	Ready *bool `json:"ready"`
	// Etcd is the cluster where the truth is; nil: it is in this folder.
	Etcd *Cluster `json:"etcd,omitempty"`
	// Instance is whose part of the cluster it is.
	Instance string `json:"instance,omitempty"`
}

// folder is a data folder that this process has locked.
type folder struct {
	dir    string
	marker marker
	lock   *os.File
	moved  bool // the cluster is to be found elsewhere than the marker on disk says
}

// openFolder makes the folder if needed, makes sure that it is ours, locks it
// and checks its files.
func openFolder(dir string, td spiffeid.TrustDomain) (*folder, error) {
	if dir == "" {
		return nil, fault.New(FolderUnset, "no data folder is named").WithHint("name the folder that holds this trust domain's data")
	}
	if td.IsZero() {
		return nil, fault.New(spiffeid.InvalidTrustDomain, "no trust domain is named for the data folder %s", dir).
			WithHint("name the trust domain whose data the folder holds")
	}
	if err := claim(dir, td); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir, lock: lock}
	if err := f.check(td); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// check reads the marker again, now that nobody else can change it, and then
// the files that etcd is going to read.
func (f *folder) check(td spiffeid.TrustDomain) (err error) {
	if f.marker, err = readMarker(f.dir, td); err != nil {
		return err
	}
	if !*f.marker.Ready {
		if err := os.RemoveAll(f.etcd()); err != nil {
			return notWritable(f.dir, err)
		}
		return nil
	}
	if f.marker.Etcd != nil {
		return nil
	}
	return checkFiles(filepath.Join(f.etcd(), "member"))
}

func (f *folder) etcd() string { return filepath.Join(f.dir, etcdName) }

// markReady notes that the store has been open once, and where its cluster is.
func (f *folder) markReady() error {
	if *f.marker.Ready && !f.moved {
		return nil
	}
	f.marker.Ready = new(true)
	return f.marker.write(f.dir)
}

// close lets go of the folder.
func (f *folder) close() error { return f.lock.Close() }

// claim makes dir ours if it is new or empty, and refuses it if it is not ours.
func claim(dir string, td spiffeid.TrustDomain) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return notMade(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return notReadable(dir, err)
	}
	others := slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !strings.HasPrefix(e.Name(), "."+markerName) // which a kill may leave of our first write
	})
	if !others {
		return unready(td).write(dir)
	}
	_, err = readMarker(dir, td)
	return err
}

// readMarker reads signet.json and compares it with what we are.
func readMarker(dir string, td spiffeid.TrustDomain) (m marker, err error) {
	path := filepath.Join(dir, markerName)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fault.New(FolderNotOurs, "%s holds files but no %s: it is not a data folder of Signet", dir, markerName).
			WithHint("name an empty folder, a new one, or one that Signet made")
	}
	if err != nil {
		return m, notReadable(path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, markerBytes))
	if err != nil {
		return m, notReadable(path, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, markerDamaged(path, err.Error())
	}
	switch {
	case m.Format > format:
		return m, fault.New(FolderNewer, "%s has the format %d, and this Signet knows up to %d", dir, m.Format, format).
			WithHint("run the newer Signet that wrote it")
	case m.Format < 1 || m.TrustDomain == "" || m.Ready == nil:
		return m, markerDamaged(path, "it lacks its format, its trust domain or its state")
	case m.TrustDomain != td.String():
		return m, fault.New(FolderOtherDomain, "%s belongs to %s, not to %s", dir, m.TrustDomain, td).
			WithHint("name %s's own folder", td)
	}
	return m, nil
}

// unready is the marker of a folder in which nothing has been confirmed.
func unready(td spiffeid.TrustDomain) marker {
	return marker{Format: format, TrustDomain: td.String(), Ready: new(bool)}
}

// write replaces signet.json.
func (m marker) write(dir string) error {
	text, err := json.Marshal(m)
	if err == nil {
		err = atomicfile.Write(filepath.Join(dir, markerName), append(text, '\n'), atomicfile.Private)
	}
	if err != nil {
		return notWritable(dir, err)
	}
	return nil
}

// lockFolder takes the folder for this process. etcd's own lock would wait in silence.
func lockFolder(dir string) (*os.File, error) {
	file, err := lock.Take(filepath.Join(dir, lockName))
	var held *lock.Held
	switch {
	case errors.As(err, &held):
		return nil, fault.New(AlreadyRunning, "%s is in use by %s", dir, held.By).
			WithHint("signet conns      # asks the Signet that is running\nor stop that one first")
	case err != nil:
		return nil, notWritable(dir, err)
	}
	return file, nil
}

// notMade says why there is no folder: something else stands there, or this
// user, or anybody, may not make one.
func notMade(dir string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fault.Wrap(reason(err), FolderNotDirectory, "%s is not a folder", dir).
			WithHint("name a folder that exists or can be made")
	}
	return fault.Wrap(reason(err), FolderNotMade, "the data folder %s cannot be made", dir).
		WithHint("name another folder with --data, where this user may write")
}

func notReadable(path string, err error) error {
	return fault.Wrap(reason(err), FolderNotReadable, "%s cannot be read", path).
		WithHint("run Signet as the folder's owner")
}

// reason leaves out what the message says already: the operation and the path.
func reason(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

func notWritable(dir string, err error) error {
	return fault.Wrap(err, FolderNotWritable, "the data folder %s cannot be written", dir).
		WithHint("run Signet as the folder's owner, on a disk with room")
}

// markerDamaged does not offer to start over: what a folder is without its
// description, nobody knows.
func markerDamaged(path, what string) error {
	return fault.New(MarkerDamaged, "%s: %s", path, what).
		WithHint("restore the data folder from a backup, or move it away")
}

// damaged returns the refusal of a file that is not as we left it.
func damaged(code fault.Code, path, format string, args ...any) *fault.Error {
	return fault.New(code, "%s: %s", path, fmt.Sprintf(format, args...)).WithHint(restoreHint)
}
