package control

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3compactor"
	"go.etcd.io/etcd/server/v3/features"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"

	"github.com/signet-tls/signet/fault"
)

// Limits of the store.
const (
	quotaBytes    = 1 << 30  // of the database file
	requestBytes  = 4 << 20  // of one change
	maxOps        = 4096     // values in one change
	batchOps      = 100      // values that are written together where that is only quicker
	batchBytes    = 1 << 20  // the same
	segmentBytes  = 16 << 20 // of one file of the log, allocated ahead; two exist at least
	keptRevisions = 1000     // history kept for watches that fall behind, trimmed every five minutes
	stopPatience  = 5 * time.Second
)

// setSegmentSize is etcd's only way to choose the size of its log's files: a
// variable of the package. It is written once, before any member starts.
var setSegmentSize = sync.OnceFunc(func() { wal.SegmentSizeBytes = segmentBytes })

// member is the one etcd member. It is made without the part of etcd that
// listens, so that there is no address at which it could be reached.
type member struct {
	etcd   *etcdserver.EtcdServer
	client *clientv3.Client
}

// startMember starts etcd on its own folder and waits until it serves. Where
// etcd would end the process, it ends the member: failed is called with the
// reason, now or at any later time.
func startMember(ctx context.Context, dir string, logger *slog.Logger, failed func(error)) (*member, error) {
	died := make(chan error, 1)
	log := etcdLogger(logger, func(reason string) {
		err := fault.New(StoreFailed, "etcd gave up: %s", reason).
			WithHint("look at the disk, then start Signet again: what was confirmed is kept")
		failed(err)
		select {
		case died <- err:
		default: // only the first reason counts
		}
	})
	started := make(chan *etcdserver.EtcdServer, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				log.Error("etcd panicked", zap.Any("reason", r))
				died <- fault.New(StoreFailed, "etcd cannot open %s: %v", dir, r).WithHint(restoreHint)
			}
		}()
		etcd, err := newEtcd(dir, log)
		if err != nil {
			died <- fault.Wrap(err, StoreFailed, "etcd cannot open %s", dir).WithHint(restoreHint)
			return
		}
		started <- etcd
	}()
	select {
	case err := <-died:
		return nil, err
	case etcd := <-started:
		m := &member{etcd: etcd, client: v3client.New(etcd)}
		if err := m.ready(ctx, died); err != nil {
			m.stop()
			return nil, err
		}
		return m, nil
	}
}

func newEtcd(dir string, log *zap.Logger) (*etcdserver.EtcdServer, error) {
	setSegmentSize()
	// etcd insists on an address for each member. Nobody listens or connects.
	const name, address = "signet", "http://127.0.0.1:0"
	peers, err := types.NewURLs([]string{address})
	if err != nil {
		return nil, err
	}
	etcd, err := etcdserver.NewServer(config.ServerConfig{
		Name:                name,
		DataDir:             dir,
		PeerURLs:            peers,
		InitialPeerURLsMap:  types.URLsMap{name: peers},
		InitialClusterToken: name,
		NewCluster:          true,
		Logger:              log,
		ServerFeatureGate:   features.NewDefaultServerFeatureGate(name, log),
		V2Deprecation:       config.V2DeprDefault,

		// A single member elects itself at once and hears from nobody.
		TickMs:        100,
		ElectionTicks: 2,
		PreVote:       true,

		QuotaBackendBytes: quotaBytes,
		MaxRequestBytes:   requestBytes,
		MaxTxnOps:         maxOps + 3, // and the revision, the act, and the oldest act that goes

		// Bounds of disk and memory: a snapshot lets go of older log files and
		// of the entries that are kept in memory for members to catch up.
		SnapshotCount:           5000,
		SnapshotCatchUpEntries:  100,
		MaxSnapFiles:            1,
		MaxWALFiles:             1,
		AutoCompactionMode:      v3compactor.ModeRevision,
		AutoCompactionRetention: keptRevisions,
		CompactionBatchLimit:    1000,
		CompactionSleepInterval: 10 * time.Millisecond,

		BcryptCost:                  4, // nobody logs in; 0 makes etcd warn
		WarningApplyDuration:        time.Second,
		WarningUnaryRequestDuration: time.Second,
	})
	if err != nil {
		return nil, err
	}
	etcd.Start()
	return etcd, nil
}

// ready waits until the member serves.
func (m *member) ready(ctx context.Context, died <-chan error) error {
	select {
	case <-m.etcd.ReadyNotify():
		return nil
	case err := <-died:
		return err
	case <-m.etcd.StopNotify():
		return fault.New(StoreFailed, "etcd stopped while it was starting").WithHint(restoreHint)
	case <-ctx.Done():
		return fault.Wrap(context.Cause(ctx), Interrupted, "stopped waiting for the store to open").
			WithHint("start Signet again")
	}
}

// stop stops the member when all is on disk. A member that has died may not be
// able to stop: it is left behind after a while.
func (m *member) stop() {
	m.client.Close()
	go m.etcd.Stop()
	select {
	case <-m.etcd.StopNotify():
	case <-time.After(stopPatience):
	}
}
