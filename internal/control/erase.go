package control

import (
	"os"
	"path/filepath"

	"github.com/signet-tls/signet/spiffeid"
)

// Erase empties the data folder of a trust domain, damaged or not, after making
// sure that it is ours and in nobody's use, and that check, called then, has
// nothing against it. A folder that does not exist, or is
// empty, becomes ours. A crash on the way leaves a folder that opens as a new
// one.
func Erase(dir string, td spiffeid.TrustDomain, check func() error) error {
	if err := claim(dir, td); err != nil {
		return err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
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
