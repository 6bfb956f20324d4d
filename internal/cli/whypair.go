package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// whyPair writes whether one identity may talk to another, and why.
func (v view) whyPair(p api.Pair) string {
	var out page
	switch missing, _ := v.missing(p); {
	case missing != "":
		out.headline(fmt.Sprintf("Not yet: %s may talk to %s, but %s.", v.id(p.From.ID), v.id(p.To.ID), missing), "")
	case p.Allowed:
		out.headline(fmt.Sprintf("Yes: %s may talk to %s.", v.id(p.From.ID), v.id(p.To.ID)), "")
	default:
		out.headline(fmt.Sprintf("No: %s may not talk to %s.", v.id(p.From.ID), v.id(p.To.ID)), fault.Code(p.Code))
	}
	v.end(&out, p.From, certificate(p.From, p.Now), p.Now)
	v.end(&out, p.To, service(p.To), p.Now)
	v.policy(&out, p)
	switch {
	case p.RuleCount == 0:
		out.fact("nearest", "none: there are no rules yet")
	case p.Nearest != "":
		out.fact("nearest", "%s", p.Nearest)
	case p.Code == string(policy.NoRule):
		out.fact("nearest", "none: every rule differs in more than one point")
	}
	if p.Allowed && !p.Until.IsZero() {
		out.fact("until", "%s", p.Until.In(v.zone).Format("2 Jan 2006 15:04:05"))
	}
	if p.Live > 0 {
		out.fact("open now", "%s", count(p.Live, "connection", "connections"))
	}
	if p.LastTry != nil {
		out.fact("last try", "%s, %s", ago(p.Now.Sub(p.LastTry.Time)), v.try(*p.LastTry))
	}
	return out.String()
}

// missing says what stands in the way though the rules allow it, and what would mend
// that; "" if nothing does.
func (v view) missing(p api.Pair) (what, next string) {
	from, to := certificate(p.From, p.Now), service(p.To)
	join := func(id spiffeid.ID) string {
		return "signet token new proxy/NAME --holds " + v.id(id) + "      # with what it prints a host joins that holds it: signet enroll"
	}
	switch {
	case !p.Allowed || p.Alone:
		return "", ""
	case !p.From.Known:
		return v.id(p.From.ID) + " is not known yet", join(p.From.ID)
	case !p.To.Known:
		return v.id(p.To.ID) + " is not known yet", join(p.To.ID)
	case to.verdict == verify.Stop:
		return "no proxy serves " + v.id(p.To.ID), join(p.To.ID)
	case from.verdict == verify.Stop && p.From.NotAfter.IsZero() && p.From.Proxies == 0:
		return v.id(p.From.ID) + " has no certificate", join(p.From.ID)
	case from.verdict == verify.Stop:
		return v.id(p.From.ID) + " has no certificate that counts", "signet status      # which proxies and certificates there are"
	}
	return "", ""
}

// finding is what is known of one end, and whether that stands in the way.
type finding struct {
	text    string
	verdict verify.Verdict
}

// end writes the row of one of the two.
func (v view) end(out *page, end api.PairEnd, found finding, now time.Time) {
	switch {
	case end.Elsewhere:
		found = finding{"held elsewhere: this proxy knows nothing of its certificate", verify.NotChecked}
	case !end.Known:
		found = finding{"not known here", verify.Stop}
	case end.Revoked != nil:
		found = finding{"revoked " + ago(now.Sub(end.Revoked.At)) + v.cause(*end.Revoked), verify.Stop}
	}
	out.row(v.id(end.ID), found.text, string(found.verdict))
}

// cause says who revoked an identity, and why.
func (v view) cause(r api.Revocation) string {
	text := " by " + v.by(r.By)
	if r.Because != "" {
		text += fmt.Sprintf(": %q", r.Because)
	}
	return text
}

func certificate(end api.PairEnd, now time.Time) finding {
	switch {
	case end.NotAfter.IsZero():
		return finding{"known; it has no certificate yet", verify.Stop}
	case now.After(end.NotAfter):
		return finding{"known; its certificate expired " + verify.Ago(now.Sub(end.NotAfter)), verify.Stop}
	}
	renewal := "renews itself"
	if end.Proxies == 0 {
		renewal = "no proxy renews it"
	}
	return finding{fmt.Sprintf("known; certificate good for %s, %s", verify.Span(end.NotAfter.Sub(now)), renewal), verify.OK}
}

func service(end api.PairEnd) finding {
	if end.Proxies == 0 {
		return finding{"known; no proxy serves it", verify.Stop}
	}
	return finding{fmt.Sprintf("known; %s%s", count(end.Proxies, "proxy", "proxies"), stateOf(end.UpToDate, end.Proxies)), verify.OK}
}

// policy writes the row of the decision.
func (v view) policy(out *page, p api.Pair) {
	revision := fmt.Sprintf("revision %d", p.Revision)
	switch {
	case p.Allowed:
		out.row("policy", fmt.Sprintf("%s (%s)", p.Reason, revision), string(verify.OK))
	case p.Code == string(policy.NoRule):
		out.row("policy", fmt.Sprintf("%s has no rule for %s; the default is deny", revision, v.pair(p.From.ID, p.To.ID)), string(verify.Stop))
	case p.Code == string(api.IdentityRevoked):
		out.row("policy", "not asked: a revoked identity has no say in it", string(verify.NotChecked))
	default:
		out.row("policy", fmt.Sprintf("%s (%s)", p.Reason, revision), string(verify.Stop))
	}
}

// try says what became of an attempt.
func (v view) try(e api.Event) string {
	if e.Kind == api.Refused {
		return fmt.Sprintf("refused (%s) %s", cmp.Or(v.because(e), e.Code, "no reason was told"), v.place(e))
	}
	return "opened"
}

// place says where a refusal happened, and how far the bytes came.
func (v view) place(e api.Event) string {
	if e.Side == api.Door {
		return fmt.Sprintf("at %s own door; no byte reached %s", possessive(v.id(e.From)), v.id(e.To))
	}
	return fmt.Sprintf("at %s proxy; no byte reached the service", possessive(v.id(e.To)))
}

// remedy says what would make the answer yes.
func (v view) remedy(p api.Pair) string {
	if _, next := v.missing(p); next != "" {
		return next
	}
	if rule := policy.Allow(policy.Pair{From: p.From.ID, To: p.To.ID}); p.Alone {
		return "add a rule to the policy of both proxies: " + strings.Join(strings.Fields(rule.Text), " ")
	}
	allow := fmt.Sprintf("signet allow %s %s", v.id(p.From.ID), v.id(p.To.ID))
	switch fault.Code(p.Code) {
	case policy.NoRule:
		return allow
	case policy.DeniedByRule:
		return allow + "      # replaces a deny of exactly this pair"
	case api.IdentityRevoked:
		for _, end := range []api.PairEnd{p.From, p.To} {
			if end.Revoked != nil {
				return "signet restore " + v.id(end.ID) + "      # if it may come back, with a new key"
			}
		}
	}
	return "whoever wrote " + strings.Join(p.Rules, ", ") + " must correct it"
}
