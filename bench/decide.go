package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// Sizes of what decide measures.
const (
	decideRules  = 10_000
	decideConns  = 10_000
	decidePairs  = 2_000 // different questions
	decideRepeat = 100   // of each question, for one measurement of its time
)

var decideDomain = sure(spiffeid.ParseTrustDomain("bench.signet"))

// decide measures what a decision costs among many rules, and how long it takes
// to decide anew on the live connections after one rule changed: next to Cedar,
// which looks at every rule.
func decide(out io.Writer, rounds int, _ []string) error {
	rules, groups := decidePolicy()
	set, err := policy.New(rules, groups...)
	if err != nil {
		return err
	}
	pairs := decideQuestions(decidePairs)
	now := time.Now()
	fmt.Fprintf(out, "%d rules, %d groups, %d questions, %d rounds\n\n", len(rules), len(groups), len(pairs), rounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CPU of a decision, µs\tp50\tp99\tmost\n")
	indexed := questionTimes(pairs, rounds, decideRepeat, func(p policy.Pair) { set.Decide(p, now) })
	fmt.Fprintf(w, "signet\t%.2f\t%.2f\t%.2f\n", at(indexed, .5), at(indexed, .99), at(indexed, 1))
	all, entities := naive(rules, groups)
	plain := questionTimes(pairs[:40], 1, 1, func(p policy.Pair) { cedar.Authorize(all, entities, naively(p, now)) })
	fmt.Fprintf(w, "cedar-go, all policies\t%.0f\t%.0f\t%.0f\n", at(plain, .5), at(plain, .99), at(plain, 1))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nCPU of deciding anew on %d live connections after one rule changed, ms (median of %d)\n", decideConns, rounds)
	return redecisions(out, rounds, set, rules, groups, now)
}

// redecisions measures, for some changes, the new set and what it takes to find
// out which of the connections it no longer allows.
func redecisions(out io.Writer, rounds int, set *policy.Set, rules []policy.Rule, groups []policy.Group, now time.Time) error {
	conns := decideQuestions(decideConns)
	replace := func(i int, text string) []policy.Rule {
		changed := slices.Clone(rules)
		changed[i].Text = text
		return changed
	}
	joined := slices.Clone(groups)
	joined[0].Members = append(slices.Clone(joined[0].Members), decideID("client", 1))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tset\tdecide\tdecisions\n")
	for _, change := range []struct {
		name   string
		rules  []policy.Rule
		groups []policy.Group
	}{
		{"a pair's rule", replace(17, fmt.Sprintf(`forbid (principal == Identity::"%s", action, resource == Service::"%s");`, decidePair(17).From, decidePair(17).To)), groups},
		{"a group's member", rules, joined},
		{"a rule for everybody that concerns one", replace(len(rules)-1, `forbid (principal, action, resource) when { principal == Identity::"spiffe://bench.signet/client3" };`), groups},
		{"a rule for everybody that concerns nearly all", replace(len(rules)-1, `forbid (principal, action, resource) unless { principal in Group::"group1" };`), groups},
	} {
		var making, deciding []float64
		decisions := 0
		for range rounds {
			begun := cpuTime()
			next, err := set.Revise(change.rules, change.groups...)
			if err != nil {
				return fmt.Errorf("%s: %w", change.name, err)
			}
			made := cpuTime()
			difference, decided := next.Since(set), make(map[policy.Pair]bool, len(conns))
			decisions = 0
			for _, p := range conns {
				if _, known := decided[p]; known {
					continue
				}
				if decided[p] = false; difference.Touches(p) {
					decided[p] = next.Decide(p, now).Allowed
					decisions++
				}
			}
			making, deciding = append(making, (made-begun).Seconds()*1e3), append(deciding, (cpuTime()-made).Seconds()*1e3)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%d\n", change.name, median(making), median(deciding), decisions)
	}
	return w.Flush()
}

func decideID(kind string, i int) spiffeid.ID {
	return sure(decideDomain.ID(fmt.Sprint(kind, i)))
}

func decidePair(i int) policy.Pair {
	return policy.Pair{From: decideID("client", i), To: decideID("service", i%500)}
}

// decideQuestions are pairs of whom some are allowed by their own rule, some by
// a group's, and some not.
func decideQuestions(n int) []policy.Pair {
	pairs := make([]policy.Pair, n)
	for i := range pairs {
		pairs[i] = decidePair(i)
		if i%5 == 0 {
			pairs[i].To = decideID("service", (i+1)%500)
		}
	}
	return pairs
}

// decidePolicy has a rule for each of many pairs, some for groups or for a time,
// and a few that concern everybody.
func decidePolicy() (rules []policy.Rule, groups []policy.Group) {
	far := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		group := policy.Group{Name: fmt.Sprint("group", i)}
		for j := range 50 {
			group.Members = append(group.Members, decideID("client", i*50+j))
		}
		groups = append(groups, group)
	}
	for i := len(rules); i < decideRules-10; i++ {
		switch p := decidePair(i); {
		case i%20 == 3:
			rules = append(rules, policy.Rule{Name: fmt.Sprint("group-", i), Text: fmt.Sprintf(`permit (principal in Group::"group%d", action, resource == Service::"%s");`, i%100, p.To)})
		case i%20 == 7:
			rules = append(rules, policy.AllowUntil(p, far))
		case i%20 == 11:
			rules = append(rules, policy.Rule{Name: fmt.Sprint("when-", i), Text: fmt.Sprintf(`permit (principal == Identity::"%s", action, resource) unless { resource in Group::"group1" };`, p.From)})
		default:
			rules = append(rules, policy.Allow(p))
		}
	}
	for i := range 10 {
		rules = append(rules, policy.Rule{Name: fmt.Sprint("all-", i), Text: fmt.Sprintf(`forbid (principal, action, resource) when { principal == Identity::"%s" };`, decideID("enemy", i))})
	}
	return rules, groups
}

// naive is the same for Cedar.
func naive(rules []policy.Rule, groups []policy.Group) (*cedar.PolicySet, cedar.EntityMap) {
	all, entities := cedar.NewPolicySet(), cedar.EntityMap{}
	for _, r := range rules {
		var p cedar.Policy
		if err := p.UnmarshalCedar([]byte(r.Text)); err != nil {
			panic(err) // cannot be: New took it
		}
		all.Add(cedar.PolicyID(r.Name), &p)
	}
	parents := map[cedar.EntityUID][]cedar.EntityUID{}
	for _, g := range groups {
		for _, member := range g.Members {
			uid := cedar.NewEntityUID("Identity", cedar.String(member.String()))
			parents[uid] = append(parents[uid], cedar.NewEntityUID("Group", cedar.String(g.Name)))
		}
	}
	for uid, of := range parents {
		entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(of...)}
	}
	return all, entities
}

func naively(p policy.Pair, now time.Time) cedar.Request {
	return cedar.Request{
		Principal: cedar.NewEntityUID("Identity", cedar.String(p.From.String())),
		Action:    cedar.NewEntityUID("Action", "connect"),
		Resource:  cedar.NewEntityUID("Service", cedar.String(p.To.String())),
		Context:   cedar.NewRecord(cedar.RecordMap{"now": cedar.NewDatetime(now)}),
	}
}

// questionTimes returns the CPU time of each question in µs, ascending: the
// median of the rounds, in each of which it is asked so often that the clock can
// tell.
func questionTimes(pairs []policy.Pair, rounds, repeat int, ask func(policy.Pair)) []float64 {
	times := make([]float64, len(pairs))
	for i, p := range pairs {
		var each []float64
		for range rounds {
			begun := cpuTime()
			for range repeat {
				ask(p)
			}
			each = append(each, (cpuTime()-begun).Seconds()*1e6/float64(repeat))
		}
		times[i] = median(each)
	}
	slices.Sort(times)
	return times
}

// at returns a quantile of sorted values.
func at(sorted []float64, quantile float64) float64 {
	return sorted[min(int(float64(len(sorted))*quantile), len(sorted)-1)]
}

// sure returns a value whose error cannot be.
func sure[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
