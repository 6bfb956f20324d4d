package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
)

// TestAuthorityRestarts stops the authority and starts it again: what was in
// force stays so, changes made meanwhile come, and no event is lost or out of
// order.
func TestAuthorityRestarts(t *testing.T) {
	r := newRig(t)
	first := r.start()
	a, e := r.agent(), &enforcer{}
	run(t, a, e)
	revision := r.allow("web", "orders")
	until(t, "the rule is in force", func() bool { return e.revision() == revision })
	until(t, "the authority knows", func() bool { return first.Status().Proxies[0].Revision == revision })
	until(t, "a certificate is there", func() bool { _, err := a.Source(id("web")).Credential(); return err == nil })

	number := 0
	report := func(n int) {
		for range n {
			a.Report(api.Event{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders"), Reason: fmt.Sprint(number)})
			number++
		}
	}
	report(3)
	r.stop()
	const batches = 2
	report(batches * api.MaxBatch)
	if verdict, err := e.current().Decide(id("web"), id("orders")); err != nil || verdict.Rule != "allow-web-orders" {
		t.Errorf("while the authority is gone: %+v, %v", verdict, err)
	}
	if _, renewing := a.Deadline(id("web")); !renewing {
		t.Error("a certificate with half a day to go is not shown as renewing")
	}
	meanwhile := r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id("orders")}) })

	second := r.start()
	until(t, "the revocation is in force", func() bool { return e.revision() == meanwhile })
	until(t, "the new authority knows", func() bool { return second.Status().Proxies[0].Revision == meanwhile })
	report(1)
	until(t, "all events have come", func() bool { return len(distinct(r.heard())) == number })
	if reasons := distinct(r.heard()); !slices.IsSortedFunc(reasons, byNumber) {
		t.Errorf("the events came out of order: %v", reasons)
	}
}

// distinct returns the events' reasons in the order in which each came first: a
// batch whose answer was lost comes again to an authority that was started anew.
func distinct(events []api.Event) []string {
	var reasons []string
	seen := map[string]bool{}
	for _, e := range events {
		if !seen[e.Reason] {
			seen[e.Reason] = true
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// TestEventsBeforeReport shows that who hears of a change finds its events.
func TestEventsBeforeReport(t *testing.T) {
	r := newRig(t)
	server := r.start()
	a := r.agent()
	const ended = 2*api.MaxBatch + 1
	e := &enforcer{onEnforce: func(view *View) {
		if view.Revision == 2 {
			for range ended {
				a.Report(api.Event{Kind: api.Ended, Side: api.Door, From: id("web"), To: id("orders")})
			}
		}
	}}
	run(t, a, e)
	until(t, "the first revision is in force", func() bool { return e.revision() == 1 })
	r.allow("web", "orders")
	until(t, "the authority heard of the second", func() bool {
		if server.Status().Proxies[0].Revision < 2 {
			return false
		}
		if n := len(r.heard()); n != ended {
			t.Fatalf("the report came after %d of %d events", n, ended)
		}
		return true
	})
}

// TestRulesThatCannotBeUsed has a rule that is no Cedar: revocations are in
// force all the same, and nobody passes.
func TestRulesThatCannotBeUsed(t *testing.T) {
	r := newRig(t)
	r.start()
	a, e := r.agent(), &enforcer{}
	run(t, a, e)
	r.allow("web", "orders")
	revision := r.change(func(tx *control.Tx) {
		tx.PutRule(control.Rule{Name: "bad", Text: "permit everything", From: id("web"), To: id("web")})
		tx.Revoke(control.Revocation{ID: id("orders"), By: id("operator/ann")})
	})
	until(t, "the view is in force", func() bool { return e.revision() == revision })
	if _, err := e.current().Decide(id("web"), id("orders")); !errors.Is(err, api.IdentityRevoked) {
		t.Errorf("to a revoked identity: %v", err)
	}
	if verdict, err := e.current().Decide(id("web"), id("web")); !errors.Is(err, policy.RuleFailed) || verdict.Revision != revision {
		t.Errorf("to another: %v in revision %d", err, verdict.Revision)
	}
	mended := r.change(func(tx *control.Tx) {
		tx.DeleteRule(control.Pair{From: id("web"), To: id("web")})
	})
	until(t, "the mended rules are in force", func() bool { return e.revision() == mended })
	if _, err := e.current().Decide(id("web"), id("web")); !errors.Is(err, policy.NoRule) {
		t.Errorf("after the rule was mended: %v", err)
	}
}

// TestNothingIsLeft counts the goroutines of an agent that has stopped.
func TestNothingIsLeft(t *testing.T) {
	r := newRig(t)
	r.start()
	a, e := r.agent(), &enforcer{}
	stop := run(t, a, e)
	until(t, "a certificate is there", func() bool { _, err := a.Source(id("web")).Credential(); return err == nil })
	if ours() == "" {
		t.Fatal("no goroutine is an agent's: the test would show nothing")
	}
	stop()
	until(t, "none is left: "+ours(), func() bool { return ours() == "" })
	a.dialer.mu.Lock()
	defer a.dialer.mu.Unlock()
	if len(a.dialer.open) != 0 {
		t.Errorf("%d connections are still open", len(a.dialer.open))
	}
}

// ours returns the stacks of goroutines that belong to an agent or to its HTTP
// client.
func ours() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var found []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "agent.(*Agent)") || strings.Contains(stack, "http2ClientConn") || strings.Contains(stack, "net/http.(*persistConn)") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

// TestFlush stops an agent that still has something to say.
func TestFlush(t *testing.T) {
	r := newRig(t)
	r.start()
	a, e := r.agent(), &enforcer{}
	stop := run(t, a, e)
	until(t, "the watch is there", func() bool { return e.revision() == 1 })
	const last = 3 * api.MaxBatch
	for range last {
		a.Report(api.Event{Kind: api.Ended, Side: api.Door, From: id("web"), To: id("orders")})
	}
	stop()
	if n := len(r.heard()); n < last {
		t.Errorf("%d of %d events came", n, last)
	}
}

// TestStopsForTheLastChange stops an agent by the very change that it puts in force, as
// a program does that ends with its connection: the authority hears that it was.
func TestStopsForTheLastChange(t *testing.T) {
	r := newRig(t)
	authority := r.start()
	ctx, stop := context.WithCancel(context.Background())
	a, e := r.agent(), &enforcer{}
	e.onEnforce = func(view *View) {
		if view.Revision > 1 {
			stop()
			time.Sleep(100 * time.Millisecond) // whatever else there was to send has been sent
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, e)
	}()
	t.Cleanup(stop)
	until(t, "the watch is there", func() bool { return e.revision() == 1 })
	revision := r.allow("web", "orders")
	<-done
	if has := authority.Status().Proxies[0].Revision; has != revision {
		t.Errorf("the authority knows of revision %d, want %d", has, revision)
	}
}

// TestUngranted takes an identity from the proxy: it forgets the key.
func TestUngranted(t *testing.T) {
	r := newRig(t)
	r.start()
	a, e := r.agent(), &enforcer{}
	run(t, a, e)
	web := a.Source(id("web"))
	until(t, "a certificate is there", func() bool { _, err := web.Credential(); return err == nil })
	r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id("web")}) })
	until(t, "it is forgotten", func() bool { _, err := web.Credential(); return errors.Is(err, api.IdentityRevoked) })
	if until, renewing := a.Deadline(id("web")); !until.IsZero() || renewing {
		t.Errorf("the deadline of a forgotten identity is %v, renewing %v", until, renewing)
	}
}
