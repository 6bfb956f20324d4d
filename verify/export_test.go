package verify

import (
	"fmt"
	"iter"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Spent is what a verification has cost, of each budget.
type Spent struct{ Steps, Price, Names, Policies int }

// Budgets are the most of each that is begun with.
var Budgets = Spent{maxSteps, maxPrice, maxNames, maxPolicies}

// Spend verifies a chain, and reports on it, as Verify does.
func Spend(chain []*pki.Certificate, opts Options) (*Report, Spent, error) {
	if err := opts.settle(chain); err != nil {
		return nil, Spent{}, err
	}
	s := newSearch(chain, &opts, nil)
	report := s.report(s.find())
	return report, Spent{s.steps, s.price, s.compared, s.policies}, nil
}

// EachRowOff switches off one row of the rules' tables after the other, and
// yields what it says, and the codes of what it refuses, if it has such.
func EachRowOff() iter.Seq2[string, []fault.Code] {
	return func(yield func(string, []fault.Code) bool) {
		for i, row := range rules {
			rules[i].roles = 0
			more := yield(fmt.Sprintf("rules[%d]: %s, %s", i, row.code, row.section), []fault.Code{row.code})
			if rules[i] = row; !more {
				return
			}
		}
		for i, row := range extensionRules {
			extensionRules[i].roles = 0
			more := yield(fmt.Sprintf("extensionRules[%d]: %s, %s", i, row.id.Name(), row.section), []fault.Code{ExtensionMissing, ExtensionForbidden, ExtensionCriticality})
			if extensionRules[i] = row; !more {
				return
			}
		}
		for _, id := range knownExtensions() {
			handled[id] = false
			more := yield("handled: "+id.Name(), nil)
			if handled[id] = true; !more {
				return
			}
		}
	}
}

func knownExtensions() (ids []pki.OID) {
	for id := range handled {
		ids = append(ids, id)
	}
	return ids
}
