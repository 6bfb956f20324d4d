package agent

import (
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// View is one revision of the truth, ready to decide with. It is immutable. A
// nil View lets nobody pass.
type View struct {
	Revision int64
	Now      func() time.Time // nil means time.Now

	policy   *policy.Set
	unusable error                          // why the rules cannot be used; nobody passes then
	held     map[spiffeid.ID]bool           // that the proxy may hold; nil: whatever it has
	lost     map[spiffeid.ID]api.Revocation // that it held, and may not any more
	revoked  map[spiffeid.ID]api.Revocation
	serials  map[string]api.Revocation
	roots    verify.Roots // whom a peer's chain must lead to; zero: those that it was verified by
}

// NewView compiles a slice. Where the rules cannot be used the view still has
// the revocations, and allows nothing; the error says why.
func NewView(slice *api.Slice) (*View, error) { return (*View)(nil).Next(slice) }

// Next is NewView for the slice that follows v's, which may be nil: what both
// have in common is not compiled again.
func (v *View) Next(slice *api.Slice) (*View, error) {
	last := &policy.Set{}
	view := &View{Revision: slice.Revision, policy: last,
		revoked: map[spiffeid.ID]api.Revocation{}, serials: map[string]api.Revocation{}, lost: map[spiffeid.ID]api.Revocation{}}
	if slice.Identities != nil {
		view.held = map[spiffeid.ID]bool{}
		for _, id := range slice.Identities {
			view.held[id] = true
		}
	}
	for _, revocation := range slice.Revoked {
		switch {
		case revocation.Own && revocation.Revision >= view.lost[revocation.ID].Revision:
			view.lost[revocation.ID] = revocation
		case revocation.Cause == "" && !revocation.ID.IsZero(): // an authority's certificate has no ID either
			view.revoked[revocation.ID] = revocation
		}
		for _, serial := range revocation.Serials {
			view.serials[serial] = revocation
		}
	}
	rules := make([]policy.Rule, len(slice.Rules))
	for i, rule := range slice.Rules {
		rules[i] = policy.Rule(rule)
	}
	groups := make([]policy.Group, len(slice.Groups))
	for i, group := range slice.Groups {
		groups[i] = policy.Group(group)
	}
	if v != nil {
		last, view.Now = v.policy, v.Now
	}
	set, err := last.Revise(rules, groups...)
	if err != nil {
		view.unusable = fault.Wrap(err, policy.RuleFailed, "the rules of revision %d cannot be used, so nobody passes", slice.Revision)
		return view, view.unusable
	}
	view.policy = set
	return view, nil
}

// Revoked is the error of an identity that was revoked; nil of any other.
func (v *View) Revoked(id spiffeid.ID) error {
	if v == nil {
		return nil
	}
	if revocation, ok := v.revoked[id]; ok {
		return revokedFault(id, revocation)
	}
	return nil
}

// withdrawn reports whether a certificate counts no longer, by its number.
func (v *View) withdrawn(cert *pki.Certificate) bool {
	if v == nil {
		return false
	}
	_, dead := v.serials[cert.Serial()]
	return dead
}

// Generation numbers the view for signet.Server: sessions do not outlast it.
func (v *View) Generation() uint64 {
	if v == nil {
		return 0
	}
	return uint64(v.Revision)
}

// Verdict is a decision and what it rests on.
type Verdict struct {
	Rule     string    // that allows it
	Revision int64     // that it was decided in; of a refusal by revocation, the revocation's
	Until    time.Time // when it has to be decided anew; zero if at the next change
}

// Over reports whether the verdict has to be made anew.
func (v *Verdict) Over(now time.Time) bool { return !v.Until.IsZero() && !now.Before(v.Until) }

// Holds refuses an identity that the proxy may not hold: it has neither its
// certificate nor its rules. One that was revoked is told so.
func (v *View) Holds(id spiffeid.ID) error {
	if v == nil || v.held == nil || v.held[id] {
		return nil
	}
	if revocation, ok := v.revoked[id]; ok {
		return revokedFault(id, revocation)
	}
	if revocation, ok := v.lost[id]; ok {
		return notHeld(id).WithDetail(revocation)
	}
	return notHeld(id)
}

func notHeld(id spiffeid.ID) *fault.Error {
	return fault.New(NotHeld, "this proxy may not hold %s", id.Path()).
		WithHint("correct the proxy's configuration, or have an operator grant it the identity: signet grant PROXY %s", id.Path())
}

// Decision is what the rules alone say of a pair, and why. The view has rules that can
// be used, as one from files has.
func (v *View) Decision(from, to spiffeid.ID) policy.Decision {
	return v.policy.Decide(policy.Pair{From: from, To: to}, v.now())
}

// Decide says whether from may talk to to. A refusal is a coded error.
func (v *View) Decide(from, to spiffeid.ID) (Verdict, error) {
	if v == nil {
		return Verdict{}, fault.New(NoTruthYet, "the authority has not been heard yet, so nobody passes").
			WithHint("start the authority, or look at the proxy's log")
	}
	for _, id := range []spiffeid.ID{from, to} {
		if revocation, ok := v.revoked[id]; ok {
			return Verdict{Revision: revocation.Revision}, revokedFault(id, revocation)
		}
	}
	verdict := Verdict{Revision: v.Revision}
	if v.unusable != nil {
		return verdict, v.unusable
	}
	decision := v.Decision(from, to)
	if !decision.Allowed {
		return verdict, decision.Err()
	}
	verdict.Rule, verdict.Until = decision.Rules[0], decision.Until
	return verdict, nil
}

func (v *View) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// Since returns which decisions can be others than in an earlier view, which may
// be nil.
func (v *View) Since(earlier *View) (touches func(from, to spiffeid.ID) bool) {
	if earlier == nil || earlier.unusable != nil || v.unusable != nil {
		return func(_, _ spiffeid.ID) bool { return true }
	}
	difference := v.policy.Since(earlier.policy)
	return func(from, to spiffeid.ID) bool {
		for _, id := range []spiffeid.ID{from, to} {
			_, before := earlier.revoked[id]
			if _, after := v.revoked[id]; before != after {
				return true
			}
		}
		return difference.Touches(policy.Pair{From: from, To: to})
	}
}

// Peer refuses a chain that has a revoked identity or certificate.
func (v *View) Peer(chain []*pki.Certificate) error {
	if v == nil {
		return nil // Decide refuses
	}
	for _, cert := range chain {
		if revocation, ok := v.revoked[cert.ID()]; ok {
			return revokedFault(cert.ID(), revocation)
		}
		if revocation, ok := v.serials[cert.Serial()]; ok {
			return revokedFault(revocation.ID, revocation)
		}
	}
	return nil
}

// Vouches refuses a chain that was verified by other roots than this View's, and
// does not lead to these.
func (v *View) Vouches(chain []*pki.Certificate, by verify.Roots) error {
	if v == nil || v.roots.IsZero() || v.roots == by {
		return nil
	}
	at := v.now()
	if end := chain[0].NotAfter(); at.After(end) {
		at = end // the other end has renewed since: its deadline is another matter
	}
	options := verify.Options{Roots: v.roots, Name: verify.Member(v.roots.TrustDomain()), Purpose: verify.AnyPurpose, Now: at}
	if _, err := verify.Verify(chain, options); err != nil {
		return fault.Wrap(err, RootsChanged, "the roots changed, and no longer vouch for the other end").
			WithHint("give the other end a certificate of the new roots")
	}
	return nil
}

func revokedFault(id spiffeid.ID, revocation api.Revocation) error {
	if id.IsZero() {
		return fault.New(ca.IssuerRetired, "the intermediate that vouches for the other end is retired").
			WithHint("signet token new WHO --again | signet enroll      # on the other end's host").WithDetail(revocation)
	}
	name := id.Short(revocation.By.TrustDomain())
	if revocation.Cause != "" {
		return fault.New(api.CertificateWithdrawn, "this certificate of %s counts no longer: %s", name, api.Withdrawn(revocation.Cause)).
			WithHint("have its host ask for another one, or join again").WithDetail(revocation)
	}
	return fault.New(api.IdentityRevoked, "%s was revoked", name).
		WithHint("it comes back when an operator restores it, with a new key: signet restore %s", name).WithDetail(revocation)
}
