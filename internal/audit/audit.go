// Package audit keeps the evidence: every issuance, operator's act, decision
// and ending, in a Merkle log on disk in the form of C2SP's tlog-tiles.
//
// An entry is durable, and in a signed checkpoint, when Append returns: it is in
// the journal then. Tiles, bundles of entries and the file checkpoint, which
// other tools read, follow within seconds.
package audit

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/tlog"
)

// Names in the data folder, and in the log's own.
const (
	Folder         = "audit"
	KeyFile        = "audit.key" // beside the log, which then is everybody's to copy
	checkpointFile = "checkpoint"
	verifierFile   = "log.vkey"
)

// Config is what a log is made of.
type Config struct {
	Dir    string       // the data folder, which the caller has locked
	Origin string       // names the log
	Logger *slog.Logger // nil discards
}

// Origin is the name of a trust domain's log.
func Origin(domain string) string { return domain + "/audit" }

// Log is the log of one authority. It is safe for concurrent use.
type Log struct {
	dir      string
	keyFile  string
	origin   string
	logger   *slog.Logger
	signer   tlog.Signer
	verifier tlog.Verifier

	queue queue

	// turn holds a value while somebody commits; it guards what follows.
	turn    chan struct{}
	tree    *tlog.Tree // with everything that is durable
	signed  []byte     // its checkpoint
	segment *os.File   // of the journal
	closed  bool
	end     int64    // of what counts in the segment
	torn    bool     // there may be more in it, which a failed write left
	fresh   [][]byte // entries that no publishing has taken
	write   func(file *os.File, data []byte, at int64) error

	freshLen  atomic.Int64 // bytes of fresh; grows with the turn
	publisher publisher
}

// Open opens the log of a data folder, or begins one. What a crash left
// unfinished is finished; what is damaged is refused.
func Open(cfg Config) (*Log, error) {
	l := &Log{dir: filepath.Join(cfg.Dir, Folder), keyFile: filepath.Join(cfg.Dir, KeyFile), origin: cfg.Origin, logger: cfg.Logger,
		turn: make(chan struct{}, 1), write: writeAndSync}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if err := l.open(); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *Log) open() error {
	signed, err := l.read(checkpointFile)
	begins := errors.Is(err, fs.ErrNotExist)
	if err != nil && !begins {
		return err
	}
	if begins {
		if err := l.nothingThere(); err != nil {
			return err
		}
	}
	if err := l.openKey(begins); err != nil {
		return err
	}
	if begins {
		if signed, err = l.begin(); err != nil {
			return err
		}
	}
	if err := l.load(signed); err != nil {
		return err
	}
	if err := l.replay(); err != nil {
		return err
	}
	return l.publish()
}

// nothingThere makes sure that a log without a checkpoint is one that never
// was: its first checkpoint is written before its first entry.
func (l *Log) nothingThere() error {
	for _, name := range []string{"tile", journalFolder} {
		if _, err := os.Lstat(filepath.Join(l.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return l.damaged("%s is there, and the file %s is not", name, checkpointFile)
		}
	}
	return nil
}

// begin writes the checkpoint of the empty log.
func (l *Log) begin() ([]byte, error) {
	signed, err := l.signer.Sign(tlog.Checkpoint{Origin: l.origin, Root: new(tlog.Tree).Root()})
	if err != nil {
		return nil, err
	}
	return signed, l.put(checkpointFile, signed)
}

// load takes up the log where its tiles end.
func (l *Log) load(signed []byte) error {
	c, err := l.verifier.Open(signed)
	if err != nil {
		return l.damaged("the file %s: %s", checkpointFile, fault.Text(err))
	}
	if l.tree, err = tlog.Load(c.Size, l.read); err != nil {
		return l.damaged("%s", fault.Text(err))
	}
	if l.tree.Root() != c.Root {
		return l.damaged("the tiles are not those of the checkpoint")
	}
	l.signed = signed
	return l.publisher.load(l)
}

// Size returns how many entries are durable.
func (l *Log) Size() int64 {
	l.turn <- struct{}{}
	defer l.yield()
	return l.tree.Size()
}

// Checkpoint returns the signed checkpoint of all that is durable.
func (l *Log) Checkpoint() []byte {
	l.turn <- struct{}{}
	defer l.yield()
	return l.signed
}

// publishEvery is how long an entry may be durable, and yet in the journal
// alone.
const publishEvery = 5 * time.Second

// Run writes tiles and checkpoints, now and then, until ctx ends.
func (l *Log) Run(ctx context.Context) {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := l.publish(); err != nil {
				l.logger.Error("the audit log's tiles cannot be written; entries are durable all the same", slog.Any("error", err))
			}
		}
	}
}

// Close writes what is not in tiles, and lets go of the log. It is the last
// call; those under way come to an end.
func (l *Log) Close() error {
	err := l.publish()
	l.turn <- struct{}{}
	defer l.yield()
	l.closed = true
	l.release()
	return err
}

func (l *Log) release() {
	if l.segment != nil {
		l.segment.Close()
		l.segment = nil
	}
}

// yield lets the next one commit.
func (l *Log) yield() { <-l.turn }

// queue is what waits to become durable.
type queue struct {
	mu      sync.Mutex
	waiting []*request    // guarded by mu
	size    int           // guarded by mu; their bytes
	freed   chan struct{} // guarded by mu; closed when they are taken; nil if nobody waits for it
}

// request is some entries that become durable together.
type request struct {
	entries [][]byte
	size    int
	first   int64      // set before done
	done    chan error // buffered
}
