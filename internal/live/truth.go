// Package live holds live connections to the policy in force: it decides on each, and
// ends exactly those that are no longer allowed. It carries none: a proxy does, or a
// program of its own.
package live

import (
	"cmp"
	"context"
	"time"

	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Truth is where a table has its policy from, and its bearer its identities and
// roots, and whom it reports to: an *agent.Agent of an authority, or *agent.Files.
type Truth interface {
	// Begin has the enforcer put in force what is known without asking anybody.
	Begin(enforcer agent.Enforcer)
	// Run has the enforcer put every change in force, until ctx ends.
	Run(ctx context.Context, enforcer agent.Enforcer)
	// Hurry has it look at once for what is new; it must not block.
	Hurry()
	// Source is an identity's present certificate.
	Source(spiffeid.ID) identity.Source
	// Roots are whom to believe at present.
	Roots() verify.Roots
	// Deadline is when an identity's certificate ends, and whether it is being renewed.
	Deadline(spiffeid.ID) (until time.Time, renewing bool)
	// Newest asks for the newest successor of each certificate.
	Newest(context.Context, []api.Issued) ([]api.Issued, error)
	// Addresses are where a service listens, as far as is known.
	Addresses(service spiffeid.ID) []string
	// Report takes an event; it must not block.
	Report(api.Event)
	// Heard is when it was last known to be up to date, by time.Now.
	Heard() time.Time
}

// Limits are the bounds of one port. A zero field means its default.
type Limits struct {
	Conns         int           // connections at once; defaultConns
	Each          int           // of one identity; defaultEach
	Connect       time.Duration // to reach the program, or an address of the service; defaultConnect
	OpenWhenStale bool          // go on with what was known last, however long the authority is silent
	StaleFor      time.Duration // how long connections go on otherwise; defaultStaleFor
}

// Defaults of Limits. A connection costs two descriptors; one identity has half
// of a port, so that none takes all of it.
const (
	defaultConns    = 8192
	defaultEach     = defaultConns / 2
	defaultConnect  = 5 * time.Second
	defaultStaleFor = 12 * time.Hour // as long as a renewed certificate has at least
)

// Settled are the limits with their defaults.
func (l Limits) Settled() Limits {
	l.Conns = cmp.Or(l.Conns, defaultConns)
	l.Each = cmp.Or(l.Each, min(defaultEach, l.Conns))
	l.Connect = cmp.Or(l.Connect, defaultConnect)
	l.StaleFor = cmp.Or(l.StaleFor, defaultStaleFor)
	return l
}

// Meter hears what is measured; a nil function hears nothing.
type Meter struct {
	Decided  func(side api.Side, took time.Duration, err error) // of each question to the rules
	Verified func(took time.Duration)                           // of what a client showed
}
