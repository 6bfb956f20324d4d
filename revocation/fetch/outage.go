package fetch

import (
	"sync"
	"time"
)

// Bounds of what is remembered of servers that did not answer in time.
const (
	outageTime = 30 * time.Second
	maxOutages = 256
)

// outages are servers that have cost a whole timeout. They are not asked again for a
// short time, so that of many certificates one alone waits for a dead responder. Its
// zero value is ready.
type outages struct {
	mu  sync.Mutex
	all map[string]outage // by scheme and host; guarded by mu
}

type outage struct {
	err   error
	until time.Time
}

// of returns how the server failed a short time ago, or nil.
func (o *outages) of(server string, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if have, known := o.all[server]; known && now.Before(have.until) {
		return have.err
	}
	return nil
}

// add remembers how a server failed. Of too many all are forgotten: they are asked
// again at worst.
func (o *outages) add(server string, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil || len(o.all) >= maxOutages {
		o.all = map[string]outage{}
	}
	o.all[server] = outage{err, now.Add(outageTime)}
}
