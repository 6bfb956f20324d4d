package verify_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestEveryRuleCounts switches off each row of the tables of rules in turn: at
// least one kind is then judged in another way. The tables are everybody's, so it
// runs alone: tests that run beside others wait for it.
func TestEveryRuleCounts(t *testing.T) {
	bench := testpki.NewWorkbench(now)
	var cases []testpki.Case
	for _, kind := range testpki.Kinds() {
		for length := 3; length <= 4; length++ {
			for at := range length {
				if kind.Fits(pki.P256, length, at) && (length == 3 || !kind.Fits(pki.P256, 3, min(at, 2))) {
					c := testpki.Must(bench.Make(kind, pki.P256, length, at))
					c.Name = fmt.Sprintf("%s at %d of %d", kind.Name, at, length)
					cases = append(cases, c)
				}
			}
		}
	}
	for row, codes := range verify.EachRowOff() {
		likely := func(c testpki.Case) int {
			if slices.Contains(codes, c.Code) {
				return 1
			}
			return 0
		}
		slices.SortStableFunc(cases, func(a, b testpki.Case) int { return likely(b) - likely(a) })
		missed := true
		for _, c := range cases {
			if code, check := judge(t, c); code != c.Code || check != nil && check.Depth != c.Depth {
				t.Logf("%s: without it, %q is %q, not %q at %d", row, c.Name, code, c.Code, c.Depth)
				missed = false
				break
			}
		}
		if missed {
			t.Errorf("%s: no case is judged in another way without it", row)
		}
	}
}
