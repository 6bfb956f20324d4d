package live

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
)

// limit is a certificate's end that no connection outlives.
type limit struct {
	cause  error
	passed func(*Conn) bool
}

// limits are those of the present moment. A connection's own counts before the
// other end's: that is what can be mended here.
func (t *Table) limits() []limit {
	now := t.now()
	return []limit{
		{fault.New(CertificateExpired, "this end's certificate expired and was not renewed").
			WithHint("bring the authority back: certificates renew by themselves"),
			func(l *Conn) bool { until, _ := t.truth.Deadline(l.Own); return now.After(until) }},
		{fault.New(PeerExpired, "the other end's certificate expired, and no newer one of it is known").
			WithHint("the other end connects again, with a new certificate"),
			func(l *Conn) bool { peer := l.peer.Load(); return peer != nil && now.After(peer.NotAfter) }},
		{t.StaleFault(), func(l *Conn) bool { return t.Silent(l.Limits) }},
	}
}

// expired says which limit a connection has passed, or why the rules allow it no
// longer, nil if none: of two ends that a time ends, one may see the other's reset
// first.
func (t *Table) expired(l *Conn) error {
	for _, limit := range t.limits() {
		if limit.passed(l) {
			return limit.cause
		}
	}
	if l.verdict.Load().Over(t.now()) {
		_, err := t.Current().Decide(l.From, l.To)
		return err
	}
	return nil
}

// Watch holds the connections to their deadlines until ctx ends, and goroutines ready
// that make handshakes.
func (t *Table) Watch(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { t.watchDeadlines(ctx) })
	all.Go(func() { t.watchPeers(ctx) })
	all.Go(func() { t.hands.run(ctx) })
}

// watchDeadlines ends the connections that have passed a limit, or whose rules
// were for a time that is over.
func (t *Table) watchDeadlines(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stale := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stale = t.noteStale(stale)
		for _, limit := range t.limits() {
			t.endAll(limit.cause, limit.passed)
		}
		t.redecide()
	}
}

// When a newer certificate of a peer is asked for, whose connection would end
// without one: a proxy renews at half of a certificate's life, hours before.
const (
	askAhead = time.Hour
	askEvery = time.Minute
)

// watchPeers asks the authority for newer certificates of the peers.
func (t *Table) watchPeers(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if due := t.due(t.now().Add(askAhead)); len(due) > 0 && time.Since(asked) >= askEvery {
			t.askForNewer(ctx, due)
			asked = time.Now()
		}
	}
}

func (t *Table) askForNewer(ctx context.Context, due []api.Issued) {
	for batch := range slices.Chunk(due, api.MaxBatch) {
		newest, err := t.truth.Newest(ctx, batch)
		if err != nil {
			t.logger.Warn("newer certificates are not known", slog.Any("error", err))
			return
		}
		newer := map[string]*api.Issued{}
		for i := range batch {
			newer[batch[i].Serial] = &newest[i]
		}
		t.prolong(newer)
	}
}

// due lists the peers' certificates that end before a time, each once.
func (t *Table) due(before time.Time) (due []api.Issued) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := map[string]bool{}
	for l := range t.conns {
		if peer := l.peer.Load(); peer != nil && peer.NotAfter.Before(before) && !seen[peer.Serial] {
			seen[peer.Serial] = true
			due = append(due, *peer)
		}
	}
	return due
}

// prolong notes newer certificates of peers, by the serials of the older.
func (t *Table) prolong(newer map[string]*api.Issued) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := range t.conns {
		peer := l.peer.Load()
		if peer == nil {
			continue
		}
		if next := newer[peer.Serial]; next != nil && next.NotAfter.After(peer.NotAfter) {
			l.peer.Store(next)
		}
	}
}

// issued describes a certificate.
func issued(leaf *pki.Certificate) *api.Issued {
	return &api.Issued{ID: leaf.ID(), Serial: leaf.Serial(), NotAfter: leaf.NotAfter()}
}
