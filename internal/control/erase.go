package control

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Erase empties the data folder of a trust domain, damaged or not, after making
// sure that it is ours and in nobody's use, and that check, called then, has
// nothing against it. Besides the store's own files only those that are named
// may be there: a folder with anything else in it is left as it is. A folder that
// does not exist, or is empty, becomes ours. A crash on the way leaves a folder
// that opens as a new one.
func Erase(dir string, td spiffeid.TrustDomain, ours []string, check func() error) error {
	if err := claim(dir, td); err != nil {
		return err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if m, err := readMarker(dir, td); err != nil || m.Etcd != nil {
		return cmp.Or(err, error(fault.New(EtcdUnused, "the authority in %s has its truth in a cluster, which is not erased", dir).
			WithHint("name another folder with --data")))
	}
	if err := onlyOurs(dir, append([]string{markerName, lockName, etcdName}, ours...)); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	// Not ready first: from here on nothing in the folder counts.
	if err := unready(td).write(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return notWritable(dir, err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name == markerName || name == lockName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return notWritable(dir, err)
		}
	}
	return nil
}

// onlyOurs refuses a folder with files of somebody else. What begins with the
// name of one of ours behind a dot is what a kill may leave of writing it.
func onlyOurs(dir string, ours []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return notReadable(dir, err)
	}
	for _, entry := range entries {
		name := entry.Name()
		own := slices.ContainsFunc(ours, func(known string) bool { return name == known || strings.HasPrefix(name, "."+known+".") })
		if !own {
			return fault.New(FolderNotOurs, "%s holds %s, which is not Signet's, so nothing in it was erased", dir, fault.Printable(name, 64)).
				WithHint("move it elsewhere, or name another folder with --data")
		}
	}
	return nil
}
