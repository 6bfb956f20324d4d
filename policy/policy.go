// Package policy decides who may talk to whom. Rules are Cedar policies over
// these kinds of entity, and nothing else:
//
//	principal   Identity::"spiffe://demo.signet/web"     who opens the connection
//	action      Action::"connect"                        the one action there is
//	resource    Service::"spiffe://demo.signet/orders"   who receives it
//	            Group::"ops"                             several of both, by in
//
// Without a rule the answer is no, and a forbid beats every permit. A rule that
// cannot be evaluated denies: Cedar itself skips such a rule, and so a forbid
// that fails would let everyone in.
//
// Entities have no attributes. The context has the time, context.now, which can
// be compared with a datetime("…"), alone or joined by &&: so it is known until
// when a decision holds.
package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Pair is one direction: From opens connections to To.
type Pair struct{ From, To spiffeid.ID }

// short returns both names as a command line takes them: paths inside one
// trust domain, whole IDs across two.
func (p Pair) short() (from, to string) {
	if p.From.TrustDomain() != p.To.TrustDomain() {
		return p.From.String(), p.To.String()
	}
	return p.From.Path(), p.To.Path()
}

// Rule is one Cedar policy as text, and its name, which decisions give as
// their reason.
type Rule struct{ Name, Text string }

// Allow returns the rule that lets p.From connect to p.To, called
// allow-web-orders for web and orders.
func Allow(p Pair) Rule { return pairRule("allow", "permit", p, "", time.Time{}) }

// AllowUntil is Allow for a time, which has whole seconds.
func AllowUntil(p Pair, until time.Time) Rule { return pairRule("allow", "permit", p, "<", until) }

// Deny returns the rule that forbids p.From to connect to p.To, called
// deny-web-orders for web and orders. It beats every allow.
func Deny(p Pair) Rule { return pairRule("deny", "forbid", p, "", time.Time{}) }

// DenyUntil is Deny for a time, which has whole seconds.
func DenyUntil(p Pair, until time.Time) Rule { return pairRule("deny", "forbid", p, "<", until) }

// DenyFrom is Deny from a time on, which has whole seconds.
func DenyFrom(p Pair, from time.Time) Rule { return pairRule("deny", "forbid", p, ">=", from) }

// pairRule writes a rule for exactly one pair, for good if the moment is zero, else as
// the time compares with it. A SPIFFE ID has no character that a Cedar string would
// need to escape.
func pairRule(verb, effect string, p Pair, compares string, moment time.Time) Rule {
	name, condition := pairName(verb, p), ""
	if !moment.IsZero() {
		condition = fmt.Sprintf("\nwhen { context.now %s datetime(%q) }", compares, moment.UTC().Format(time.RFC3339))
	}
	return Rule{Name: name, Text: fmt.Sprintf(`@id(%q)
%s (
  principal == Identity::"%s",
  action == Action::"connect",
  resource == Service::"%s"
)%s;
`, name, effect, p.From, p.To, condition)}
}

// pairName names the rule of a pair after its two paths, with "." for "/".
func pairName(verb string, p Pair) string {
	from := strings.ReplaceAll(p.From.Path(), "/", ".")
	to := strings.ReplaceAll(p.To.Path(), "/", ".")
	if p.From.TrustDomain() != p.To.TrustDomain() {
		from += "@" + p.From.TrustDomain().String()
		to += "@" + p.To.TrustDomain().String()
	}
	// web-api → orders and web → api-orders must not share a name.
	separator := "-"
	if strings.Contains(from+to, "-") {
		separator = ":"
	}
	return verb + "-" + from + separator + to
}
