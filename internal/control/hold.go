package control

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
)

// hold is what one authority at a time has on a trust domain's part of a cluster: a key
// under a lease, which it keeps alive. Every write has it as its condition. What is lost
// because etcd was gone is taken again, unless somebody else had it meanwhile.
type hold struct {
	cluster *cluster
	etcd    *clientv3.Client
	ttl     time.Duration
	logger  *slog.Logger
	failed  func(error)

	// One goroutine's at a time: who opens, then keep, then who closes.
	value   string // who we are
	lease   clientv3.LeaseID
	claim   string // what the claim says
	claimed int64  // etcd's revision at which we wrote it last

	taken     atomic.Int64              // etcd's revision at which it was taken
	confirmed atomic.Pointer[time.Time] // until when nobody else can have it
	trouble   atomic.Pointer[error]     // what is wrong with the cluster; nil: nothing
}

// holder is who has a hold, for whoever comes second.
type holder struct {
	Host    string    `json:"host"`
	Process int       `json:"process"`
	Since   time.Time `json:"since"`
}

func newHold(c *cluster, ttl time.Duration, logger *slog.Logger, failed func(error)) *hold {
	if ttl == 0 {
		ttl = holdTime
	}
	return &hold{cluster: c, etcd: c.etcd, ttl: ttl, logger: logger, failed: failed}
}

func newInstance() string { return rand.Text() }

func (h *hold) key() string { return h.cluster.prefix + "held" }

// held is the condition of every write.
func (h *hold) held() clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(h.key()), "=", h.taken.Load())
}

// free is the condition of taking it.
func (h *hold) free() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(h.key()), "=", 0)
}

// Trouble says what is wrong with the cluster at present, nil if nothing is known to be.
func (h *hold) Trouble() error {
	if trouble := h.trouble.Load(); trouble != nil {
		return *trouble
	}
	if until := h.confirmed.Load(); until != nil && time.Now().After(*until) { // this process was stopped
		return h.cluster.explain(errUnheld)
	}
	return nil
}

// takeOver takes the hold. One that somebody has who is gone ends with its lease, for
// which it waits; one that somebody keeps is refused.
func (h *hold) takeOver(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	if h.value, err = encode(h.key(), holder{host, os.Getpid(), time.Now().UTC()}); err != nil {
		return err
	}
	patience := time.Now().Add(h.ttl + 2*time.Second)
	for left := int64(-1); ; { // seconds, as they were last
		there, seconds, err := h.there(ctx)
		if err == nil && there == nil {
			var taken bool
			if taken, err = h.take(ctx); taken {
				return nil
			}
		}
		if err != nil {
			return h.cluster.explained(ctx, err)
		}
		if there != nil && (left >= 0 && seconds > left || time.Now().After(patience)) {
			return h.heldBy(there)
		}
		left = seconds
		select {
		case <-time.After(h.ttl / 20):
		case <-ctx.Done():
			return h.cluster.explained(ctx, ctx.Err())
		}
	}
}

// there returns the hold that somebody has, and in how many seconds it ends by itself;
// nil is nobody's.
func (h *hold) there(ctx context.Context) (*mvccpb.KeyValue, int64, error) {
	ctx, cancel := h.cluster.bounded(ctx)
	defer cancel()
	found, err := h.etcd.Get(ctx, h.key())
	if err != nil || len(found.Kvs) == 0 {
		return nil, 0, err
	}
	life, err := h.etcd.TimeToLive(ctx, clientv3.LeaseID(found.Kvs[0].Lease))
	if err != nil {
		return nil, 0, err
	}
	return found.Kvs[0], life.TTL, nil
}

// take takes the hold, if nobody has it and all conditions hold, and writes more with it.
func (h *hold) take(ctx context.Context, conditions ...clientv3.Cmp) (taken bool, err error) {
	ctx, cancel := h.cluster.bounded(ctx)
	defer cancel()
	begin := time.Now()
	granted, err := h.etcd.Grant(ctx, int64(h.ttl/time.Second))
	if err != nil {
		return false, err
	}
	ops := []clientv3.Op{clientv3.OpPut(h.key(), h.value, clientv3.WithLease(granted.ID))}
	if h.claimed > 0 {
		ops = append(ops, clientv3.OpPut(h.cluster.claimKey(), h.claim))
	}
	answer, err := h.etcd.Txn(ctx).If(append(conditions, h.free())...).Then(ops...).Commit()
	if err != nil || !answer.Succeeded {
		return false, err // a lease that nothing hangs on ends by itself
	}
	h.lease = granted.ID
	h.taken.Store(answer.Header.Revision)
	if h.claimed > 0 {
		h.claimed = answer.Header.Revision
	}
	h.confirm(begin)
	return true, nil
}

// confirm notes that the hold was there at a moment.
func (h *hold) confirm(at time.Time) {
	until := at.Add(h.ttl)
	h.confirmed.Store(&until)
}

// keep keeps the hold until ctx ends, says what is wrong with the cluster, and ends the
// store where somebody else has taken its place.
func (h *hold) keep(ctx context.Context) {
	beat := time.NewTicker(h.ttl / 5)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		err := h.renew(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, EtcdHeld):
			h.failed(err)
			return
		case err != nil && h.trouble.Swap(&err) == nil:
			h.logger.Warn("the store cannot be reached", slog.Any("error", err))
		case err == nil && h.trouble.Swap(nil) != nil:
			h.logger.Warn("the store can be reached again")
		}
	}
}

// renew keeps the lease alive, or takes the hold again.
func (h *hold) renew(ctx context.Context) error {
	bounded, cancel := h.cluster.bounded(ctx)
	defer cancel()
	begin := time.Now()
	_, err := h.etcd.KeepAliveOnce(bounded, h.lease)
	switch {
	case err == nil:
		h.confirm(begin)
		return nil
	case !errors.Is(err, rpctypes.ErrLeaseNotFound):
		return h.cluster.explained(bounded, err)
	}
	// Whoever held it since has written the claim.
	taken, err := h.take(ctx, clientv3.Compare(clientv3.ModRevision(h.cluster.claimKey()), "=", h.claimed))
	if err != nil {
		return h.cluster.explained(bounded, err)
	}
	if taken {
		return nil
	}
	there, _, err := h.there(ctx)
	if err != nil {
		return h.cluster.explained(bounded, err)
	}
	if there == nil || string(there.Value) != h.value {
		return h.heldBy(there)
	}
	// The answer to taking it was lost: it is ours, and the claim is of the same revision.
	h.lease, h.claimed = clientv3.LeaseID(there.Lease), there.ModRevision
	h.taken.Store(there.ModRevision)
	return nil
}

// release lets go of the hold, so that the next need not wait.
func (h *hold) release() {
	if h.lease == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	h.etcd.Revoke(ctx, h.lease) // else it ends by itself
}

// heldBy refuses to go beside somebody; nil is who came and went.
func (h *hold) heldBy(there *mvccpb.KeyValue) error {
	const hint = "one authority at a time serves a trust domain: stop the other one, then start this one again"
	if there == nil {
		return fault.New(EtcdHeld, "another authority has had %s in etcd at %s meanwhile", h.cluster.prefix, h.cluster).WithHint(hint)
	}
	who, err := decode[holder](h.key(), there.Value)
	if err != nil {
		return err
	}
	return fault.New(EtcdHeld, "another authority has %s in etcd at %s: process %d of %s, since %s", h.cluster.prefix, h.cluster,
		who.Process, fault.Printable(who.Host, 80), who.Since.Format(time.RFC3339)).WithHint(hint)
}
