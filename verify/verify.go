package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/pki"
)

// MaxChain is the most certificates of a peer that are looked at.
const MaxChain = 64

// Options says who the peer must be and whom to believe.
type Options struct {
	Roots   Roots     // required
	Name    Name      // required
	Purpose Purpose   // the peer's end, or what else its certificate must be good for
	Now     time.Time // zero: the present
	Profile Profile   // zero: Workload for a trust domain's roots, else RFC5280
	Legacy  []dangerous.Legacy

	Revocation *Revocation // nil: not looked at, but for the staple
	File       string      // that the chain was read from; "": the peer showed it
	Handshake  *Handshake  // nil: the chain came by another way, such as from a file, so that no staple can be demanded

	MaxIntermediates *int // nil: no limit but that of all paths

	Policies         []pki.OID // those that the caller accepts; none: any
	RequirePolicy    bool      // the path must be good for one of them
	InhibitMapping   bool      // one policy is never another
	InhibitAnyPolicy bool      // "any policy" stands for none
}

// settle holds the question against itself, and fills in what it leaves open.
func (o *Options) settle(chain []*pki.Certificate) error {
	if err := o.Name.Check(o.Roots); err != nil {
		return err
	}
	o.Roots = o.Roots.facing(o.Name, chain)
	o.File = clip(o.File)
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	switch {
	case o.Profile != 0:
	case o.Roots.TrustDomain().IsZero():
		o.Profile = RFC5280
	default:
		o.Profile = Workload
	}
	return nil
}

// Verify is Verifier.Verify without a memory.
func Verify(chain []*pki.Certificate, opts Options) (*Proof, error) {
	return (*Verifier)(nil).Verify(chain, opts)
}

// maxBytes is how much of a peer's certificates is looked at, as in crypto/tls.
const maxBytes = 256 << 10

func size(chain []*pki.Certificate) (bytes int) {
	for _, cert := range chain {
		bytes += len(cert.Raw())
	}
	return bytes
}

// unfit says why a chain is not even looked at, if that is so.
func unfit(chain []*pki.Certificate, opts *Options) (stop Check, unfit bool) {
	peer := opts.Purpose
	switch {
	case len(chain) == 0 || slices.Contains(chain, nil):
		stop.Code = NoCertificate
		stop.Text = fmt.Sprintf("the %s showed no certificate", peer)
		stop.next = []string{fmt.Sprintf("configure the %s with a certificate", peer)}
	case len(chain) > MaxChain:
		stop.Code = BudgetExceeded
		stop.Text = fmt.Sprintf("%s shows %d certificates; at most %d are looked at", opts.shower(), len(chain), MaxChain)
		stop.next = []string{opts.edit("leave only its own certificate and its intermediates in")}
	case size(chain) > maxBytes:
		stop.Code = BudgetExceeded
		stop.Text = fmt.Sprintf("the %s's certificates have %d bytes; at most %d are looked at", peer, size(chain), maxBytes)
		stop.next = []string{fmt.Sprintf("do not trust this %s; if it is yours, have it send its own chain alone", peer)}
	case slices.ContainsFunc(chain, hasTooManyExtensions):
		stop.Code = BudgetExceeded
		stop.Text = fmt.Sprintf("a certificate of the %s has more than %d extensions", peer, pki.MaxExtensions)
		stop.next = []string{fmt.Sprintf("do not trust this %s; if it is yours, have its certificate issued again", peer)}
	default:
		return stop, false
	}
	stop.Name, stop.Verdict, stop.message = "chain", Stop, stop.Text
	return stop, true
}

// hasTooManyExtensions is asked of what crypto/tls has parsed: package pki reads none
// such.
func hasTooManyExtensions(cert *pki.Certificate) bool {
	return len(cert.Extensions()) > pki.MaxExtensions
}
