package proxy

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
)

// limit is a certificate's end that no connection outlives.
type limit struct {
	cause  error
	passed func(*live) bool
}

// limits are those of the present moment. A connection's own counts before the
// other end's: that is what can be mended here.
func (p *Proxy) limits() []limit {
	now := p.now()
	return []limit{
		{fault.New(CertificateExpired, "this end's certificate expired and was not renewed").
			WithHint("bring the authority back: certificates renew by themselves"),
			func(l *live) bool { until, _ := p.truth.Deadline(l.own); return now.After(until) }},
		{fault.New(PeerExpired, "the other end's certificate expired, and no newer one of it is known").
			WithHint("the other end connects again, with a new certificate"),
			func(l *live) bool { peer := l.peer.Load(); return peer != nil && now.After(peer.NotAfter) }},
		{p.staleFault(), func(l *live) bool { return p.closed(l.limits) }},
	}
}

// expired says which limit a connection has passed, or why the rules allow it no
// longer, nil if none: of two ends that a time ends, one may see the other's reset
// first.
func (p *Proxy) expired(l *live) error {
	for _, limit := range p.limits() {
		if limit.passed(l) {
			return limit.cause
		}
	}
	if l.verdict.Load().Over(p.now()) {
		_, err := p.table.current().Decide(l.from, l.to)
		return err
	}
	return nil
}

// watchDeadlines ends the connections that have passed a limit, or whose rules
// were for a time that is over.
func (p *Proxy) watchDeadlines(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stale := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stale = p.noteStale(stale)
		for _, limit := range p.limits() {
			p.table.endAll(limit.cause, limit.passed)
		}
		p.table.redecide()
	}
}

// When a newer certificate of a peer is asked for, whose connection would end
// without one: a proxy renews at half of a certificate's life, hours before.
const (
	askAhead = time.Hour
	askEvery = time.Minute
)

// watchPeers asks the authority for newer certificates of the peers.
func (p *Proxy) watchPeers(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if due := p.table.due(p.now().Add(askAhead)); len(due) > 0 && time.Since(asked) >= askEvery {
			p.askForNewer(ctx, due)
			asked = time.Now()
		}
	}
}

func (p *Proxy) askForNewer(ctx context.Context, due []api.Issued) {
	for batch := range slices.Chunk(due, api.MaxBatch) {
		newest, err := p.truth.Newest(ctx, batch)
		if err != nil {
			p.logger.Warn("newer certificates are not known", slog.Any("error", err))
			return
		}
		newer := map[string]*api.Issued{}
		for i := range batch {
			newer[batch[i].Serial] = &newest[i]
		}
		p.table.prolong(newer)
	}
}

// due lists the peers' certificates that end before a time, each once.
func (t *table) due(before time.Time) (due []api.Issued) {
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
func (t *table) prolong(newer map[string]*api.Issued) {
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
