package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
)

// checkFiles checks what etcd reads when it starts: the write-ahead log and the
// database. etcd itself panics on some damage, and takes some for the end of
// the log, which would lose confirmed changes in silence. The snapshot files
// (*.snap) are not looked at, since this version of etcd writes them but never
// reads one.
//
// The one thing it mends is a last record that was cut off while it was being
// written, which nobody was told of: it is wiped, and etcd finds a clean end.
func checkFiles(member string) error {
	folder := filepath.Join(member, "wal")
	segments, err := openSegments(folder)
	defer closeSegments(segments)
	if err != nil {
		return err
	}
	log, err := walk(segments, segmentBytes)
	if err != nil {
		return err
	}
	path := filepath.Join(member, "snap", "db")
	applied, err := checkDB(path)
	if err != nil {
		return err
	}
	// The database holds the effect of the log up to some entry, and takes up
	// from there.
	if applied > log.last {
		return damaged(WALDamaged, folder, "it ends at entry %d, though entry %d was applied", log.last, applied)
	}
	if applied < log.snapshot {
		return damaged(DBOutdated, path, "it ends at entry %d, and the log next to it begins after %d", applied, log.snapshot)
	}
	if log.torn > 0 {
		return segments[len(segments)-1].wipe(log.torn)
	}
	return nil
}

// checkDB checks the database file and returns the number of the last log entry
// that it holds the effect of.
func checkDB(path string) (applied uint64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, damaged(DBMissing, path, "the database is gone")
	}
	if err != nil {
		return 0, unreadable(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, unreadable(path, err)
	}
	applied, err = inspect(file, info.Size())
	if e, ok := fault.Of(err); ok {
		return 0, damaged(e.Code, path, "%s", e.Message)
	}
	return applied, err
}

func unreadable(path string, err error) error {
	return fault.Wrap(err, StoreFailed, "%s cannot be read", path).
		WithHint("run Signet as the folder's owner, and look at the disk")
}
