package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Cluster is an etcd cluster of somebody's, as signet.json keeps it: where it is, and
// the files by which both ends know each other.
type Cluster struct {
	Addresses []string `json:"addresses"` // HOST:PORT, of one member or more
	// Certificate and Key are who we are to it; Roots is whom we believe that it is.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Roots       string `json:"roots"`
}

// Dial makes a connection to a member of a cluster, at HOST:PORT. It is mutual TLS, and
// has agreed on h2.
type Dial func(ctx context.Context, address string) (net.Conn, error)

// Limits of what is asked of a cluster.
const (
	callPatience = 5 * time.Second  // for one answer
	holdTime     = 10 * time.Second // how long the hold outlives an authority that is gone
	// A call to a member that has stopped ends with its own patience; the connection,
	// with this: gRPC asks no earlier than after ten seconds.
	aliveAfter        = 10 * time.Second
	alivePatience     = 3 * time.Second
	redialPause       = 2 * time.Second // at most, lest a cluster that is back is noticed late
	clusterConditions = 100             // of one transaction: etcd takes 128 where nobody told it otherwise
)

// clusterRoot is above what belongs to all trust domains in a cluster.
const clusterRoot = "/signet/"

// cluster is an open connection to one.
type cluster struct {
	addresses []string
	prefix    string // of all of this trust domain's keys
	etcd      *clientv3.Client
	hold      *hold
	unreached atomic.Pointer[error] // why the last connection brought nothing; nil: it did
}

// storePrefix is what lies before a store's own keys. What is beside them is the
// cluster's alone, and in no backup.
func (c *cluster) storePrefix() string { return c.prefix + "store/" }

// openCluster connects to the folder's cluster and takes hold of the trust domain's part
// of it.
func openCluster(ctx context.Context, cfg Config, f *folder, logger *slog.Logger, failed func(error)) (*cluster, error) {
	at := f.marker.Etcd
	if cfg.Etcd != nil {
		at = cfg.Etcd
	}
	if cfg.Connect == nil {
		return nil, fault.New(EtcdUnused, "the authority in %s has its truth in a cluster, which is not for this command", f.dir).
			WithHint("signet authority serve --data %s", f.dir)
	}
	dial, err := cfg.Connect(*at)
	if err != nil {
		return nil, err
	}
	c := &cluster{addresses: at.Addresses, prefix: clusterRoot + cfg.TrustDomain.String() + "/"}
	if cfg.prefix != "" {
		c.prefix = cfg.prefix
	}
	if c.etcd, err = c.client(dial); err != nil {
		return nil, fault.Wrap(err, EtcdSilent, "etcd at %s cannot be used", c).WithHint("look at the addresses: HOST:PORT, where clients reach etcd's members")
	}
	c.hold = newHold(c, cfg.ttl, logger, failed)
	if err := c.begin(ctx, cfg.TrustDomain, f); err != nil {
		c.close()
		return nil, err
	}
	f.marker.Etcd, f.moved = at, cfg.Etcd != nil
	return c, nil
}

// begin makes sure that the part of the cluster is the folder's, or nobody's, and that
// nobody else is at work there.
func (c *cluster) begin(ctx context.Context, td spiffeid.TrustDomain, f *folder) error {
	if _, err := c.look(ctx, td, f); err != nil { // before the wait for a hold: an authority at work is not the reason
		return err
	}
	if err := c.hold.takeOver(ctx); err != nil {
		return err
	}
	fresh, err := c.look(ctx, td, f)
	if err != nil {
		return err
	}
	return c.claim(ctx, td, f, fresh)
}

// client is etcd's, which speaks through connections that are secured already.
func (c *cluster) client(dial Dial) (*clientv3.Client, error) {
	through := func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := dial(ctx, address)
		if err != nil {
			c.unreached.Store(&err)
			return nil, err
		}
		return &answered{Conn: conn, cluster: c}, nil
	}
	pause := backoff.DefaultConfig
	pause.BaseDelay, pause.MaxDelay = redialPause/10, redialPause
	var endpoints []string
	for _, address := range c.addresses {
		endpoints = append(endpoints, "http://"+address) // to etcd's client: the dialer has TLS
	}
	return clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		DialKeepAliveTime:    aliveAfter,
		DialKeepAliveTimeout: alivePatience,
		MaxCallSendMsgSize:   requestBytes + requestBytes/8,
		Logger:               etcdLogger(slog.New(slog.DiscardHandler), func(string) {}), // what goes wrong, calls say
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(through),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: pause, MinConnectTimeout: callPatience}),
		},
	})
}

// answered is a connection that notes whether anything came of it: a member that refuses
// who we are says so when it is first read from.
type answered struct {
	net.Conn
	cluster *cluster
	heard   bool // owned by whoever reads
}

func (a *answered) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	switch {
	case n > 0 && !a.heard:
		a.heard = true
		a.cluster.unreached.Store(nil)
	case err != nil && !a.heard && !errors.Is(err, net.ErrClosed):
		a.cluster.unreached.Store(&err)
	}
	return n, err
}

// store is a client to the store's own keys alone: every call ends, and every write is
// made only under the hold.
func (c *cluster) store() *clientv3.Client {
	client := clientv3.NewCtxClient(context.Background())
	client.KV = namespace.NewKV(calls{c.etcd.KV, c}, c.storePrefix())
	client.Watcher = namespace.NewWatcher(c.etcd.Watcher, c.storePrefix())
	client.Lease = leasing{c.etcd.Lease, c}
	return client
}

func (c *cluster) close() {
	c.hold.release()
	c.etcd.Close()
}

// String is where it is.
func (c *cluster) String() string { return fault.Printable(strings.Join(c.addresses, ", "), 200) }

// bounded is a context for one call: it ends, and a member without a leader says so.
func (c *cluster) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(clientv3.WithRequireLeader(ctx), callPatience)
}

// Next steps that several refusals of a cluster share.
const (
	healthHint  = "look at the cluster: etcdctl endpoint health --cluster"
	unknownHint = healthHint + "\nwhether a change was made is not known: look when it answers again, and repeat it if not"
)

// explain says what is wrong with a cluster; nil: something else is.
func (c *cluster) explain(err error) error {
	if _, ours := fault.Of(err); ours {
		return err
	}
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(errUnheld):
		return fault.New(EtcdSilent, "etcd at %s was gone for longer than an authority's hold on it lasts; it is being taken again, and nothing was changed", c).
			WithHint("repeat the command in some seconds")
	case is(rpctypes.ErrNoLeader, rpctypes.ErrLeaderChanged, rpctypes.ErrTimeout, rpctypes.ErrTimeoutDueToLeaderFail, rpctypes.ErrTimeoutDueToConnectionLost, rpctypes.ErrTimeoutWaitAppliedIndex):
		return fault.Wrap(err, EtcdNoLeader, "etcd at %s has no leader, or its disks are too slow: most of its members have to answer each other", c).WithHint(unknownHint)
	case is(rpctypes.ErrNoSpace):
		return fault.Wrap(err, EtcdFull, "etcd at %s takes no more: it has reached its quota", c).
			WithHint("etcdctl compact REVISION && etcdctl defrag --cluster && etcdctl alarm disarm\nor start etcd with a larger --quota-backend-bytes")
	case is(rpctypes.ErrPermissionDenied, rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty, rpctypes.ErrUserNotFound, rpctypes.ErrInvalidAuthToken, rpctypes.ErrInvalidAuthMgmt):
		return fault.Wrap(err, EtcdDenied, "etcd at %s does not let this authority at %s", c, c.prefix).
			WithHint("etcdctl role grant-permission ROLE --prefix=true readwrite %s\netcdctl user grant-role USER ROLE      # USER is the common name of the certificate", c.prefix)
	case is(rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge):
		return fault.Wrap(err, ChangeTooLarge, "the change is larger than etcd at %s takes at once", c).
			WithHint("split it into smaller changes\nor start etcd with --max-txn-ops=%d --max-request-bytes=%d", maxOps+104, requestBytes)
	case is(context.DeadlineExceeded):
		return c.silent()
	}
	return nil
}

// silent says that no member answers, and why no connection can be made, where that is so.
func (c *cluster) silent() error {
	if cause := c.unreached.Load(); cause != nil {
		return fault.Wrap(*cause, EtcdSilent, "etcd at %s cannot be reached", c).WithHint(unknownHint)
	}
	return fault.New(EtcdSilent, "etcd at %s did not answer within %s", c, callPatience).WithHint(unknownHint)
}

// claimed is what a trust domain's part of a cluster says of itself.
type claimed struct {
	Format      int    `json:"format"`
	TrustDomain string `json:"trust_domain"`
	// Instance is the authority's, and stands in its data folder, too: it tells two
	// that were made for one trust domain.
	Instance string `json:"instance"`
}

func (c *cluster) claimKey() string { return c.prefix + "claim" }

// look says whether the trust domain's part of the cluster is free for a new authority;
// one that is an authority's must be the folder's own. In a part without a revision
// nothing was ever confirmed: a first start was interrupted there.
func (c *cluster) look(ctx context.Context, td spiffeid.TrustDomain, f *folder) (fresh bool, err error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	answer, err := c.etcd.Txn(ctx).Then(clientv3.OpGet(c.claimKey()), clientv3.OpGet(c.storePrefix()+revisionKey, clientv3.WithCountOnly())).Commit()
	if err != nil {
		return false, c.explained(ctx, err)
	}
	var there claimed
	kvs := answer.Responses[0].GetResponseRange().Kvs
	if len(kvs) > 0 {
		if there, err = decode[claimed](c.claimKey(), kvs[0].Value); err != nil {
			return false, err
		}
	}
	founded := answer.Responses[1].GetResponseRange().Count > 0
	switch {
	case there.Format > format:
		return false, fault.New(FolderNewer, "etcd at %s has %s in the format %d, and this Signet knows up to %d", c, c.prefix, there.Format, format).
			WithHint("run the newer Signet that wrote it")
	case len(kvs) > 0 && there.TrustDomain != td.String():
		return false, fault.New(EtcdOther, "%s in etcd at %s belongs to %s, not to %s", c.prefix, c, fault.Printable(there.TrustDomain, 80), td).
			WithHint("name the cluster of %s", td)
	case *f.marker.Ready && len(kvs) == 0:
		return false, fault.New(EtcdOther, "etcd at %s holds nothing of %s, though its authority was made there", c, td).
			WithHint("name the cluster that has it with --etcd; where that has lost its data: signet authority restore FILE --etcd …")
	case *f.marker.Ready && there.Instance != f.marker.Instance:
		return false, fault.New(EtcdOther, "etcd at %s holds another authority of %s than this folder's", c, td).
			WithHint("name the folder of the authority that is there with --data, or this one's cluster with --etcd")
	case !*f.marker.Ready && founded:
		return false, fault.New(EtcdInUse, "etcd at %s holds an authority of %s already", c, td).
			WithHint("signet authority serve --data DIR      # DIR is that authority's folder\netcdctl del --prefix %s      # only where that folder is lost: it forgets all", c.prefix)
	}
	return !*f.marker.Ready, nil
}

// claim makes the trust domain's part of the cluster the folder's, or says once more that
// it is: whoever held it before can see that it was not theirs all the time.
func (c *cluster) claim(ctx context.Context, td spiffeid.TrustDomain, f *folder, fresh bool) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var ops []clientv3.Op
	if fresh {
		f.marker.Instance = newInstance()
		ops = append(ops, clientv3.OpDelete(c.storePrefix(), clientv3.WithPrefix()))
	}
	value, err := encode(c.claimKey(), claimed{format, td.String(), f.marker.Instance})
	if err != nil {
		return err
	}
	answer, err := c.etcd.Txn(ctx).If(c.hold.held()).Then(append(ops, clientv3.OpPut(c.claimKey(), value))...).Commit()
	if err == nil && !answer.Succeeded {
		err = errUnheld
	}
	if err != nil {
		return c.explained(ctx, err)
	}
	c.hold.claim, c.hold.claimed = value, answer.Header.Revision
	return nil
}

// explained is explain for calls before there is a store.
func (c *cluster) explained(ctx context.Context, err error) error {
	if ours := c.explain(err); ours != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return ours
	}
	if ctx.Err() != nil {
		return fault.Wrap(context.Cause(ctx), Interrupted, "stopped waiting for etcd at %s", c).WithHint("start Signet again")
	}
	return fault.Wrap(err, EtcdSilent, "etcd at %s refuses to answer", c).WithHint(healthHint)
}
