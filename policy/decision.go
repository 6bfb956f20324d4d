package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
)

// Decision is the answer for one pair, and why.
type Decision struct {
	// Pair is what was asked.
	Pair Pair
	// Allowed is the answer.
	Allowed bool
	// Code is "" if allowed, else NoRule, DeniedByRule or RuleFailed.
	Code fault.Code
	// Rules names the rules that decided, sorted: the permits, the forbids, or
	// the rules that could not be evaluated; none for NoRule.
	Rules []string
	// Cause says why the first of Rules could not be evaluated; "" unless Code
	// is RuleFailed.
	Cause string
	// Until is when it has to be decided anew; zero if it holds until rules or
	// groups change. One that allows holds until then for certain.
	Until time.Time
	// Nearest is the permit that came nearest, for NoRule; nil if none did.
	Nearest *Miss
}

// Reason says in one line why the decision is as it is: "allow-web-orders
// allows it", "no rule allows it".
func (d Decision) Reason() string {
	switch {
	case d.Allowed:
		return d.names() + d.verb(" allows it", " allow it")
	case d.Code == DeniedByRule:
		return d.names() + d.verb(" forbids it", " forbid it")
	case d.Code == RuleFailed:
		return d.verb("rule ", "rules ") + d.names() + " could not be evaluated: " + d.Cause
	case d.Nearest != nil && d.Nearest.Clause == "now":
		return "no rule allows it now; " + d.Near()
	default:
		return "no rule allows it"
	}
}

// Err returns nil if the connection is allowed, and otherwise an error with
// the decision's code and reason, and the decision as its Detail.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	from, to := d.Pair.short()
	return fault.New(d.Code, "%s may not talk to %s: %s", from, to, d.Reason()).
		WithHint("%s", d.hint(from, to)).WithDetail(d)
}

func (d Decision) hint(from, to string) string {
	switch d.Code {
	case DeniedByRule:
		return fmt.Sprintf("signet allow %s %s     # the last word on a pair counts", from, to)
	case RuleFailed:
		return "correct or remove " + d.names()
	default:
		return fmt.Sprintf("signet allow %s %s", from, to)
	}
}

// names joins the deciding rules; a long list is cut after three.
func (d Decision) names() string {
	if more := len(d.Rules) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(d.Rules[:3], ", "), more)
	}
	return strings.Join(d.Rules, ", ")
}

func (d Decision) verb(one, many string) string {
	if len(d.Rules) == 1 {
		return one
	}
	return many
}
