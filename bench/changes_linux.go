package main

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// rulebook is a policy that changes at random.
type rulebook struct {
	random *rand.Rand
	crowd  *crowd
	rules  map[string]string
	groups map[string][]string
}

const everybody = "permit (principal, action, resource);"

func newRulebook(c *crowd) *rulebook {
	return &rulebook{rand.New(rand.NewPCG(7, 7)), c, map[string]string{"everybody": everybody}, map[string][]string{"ops": {c.names[0]}, "shops": {c.names[1]}}}
}

func (b *rulebook) name() string { return b.crowd.names[b.random.IntN(len(b.crowd.names))] }

func (b *rulebook) service() string { return b.crowd.services[b.random.IntN(len(b.crowd.services))] }

// change makes one change, and says of which kind.
func (b *rulebook) change() string {
	full := func(name string) spiffeid.ID { return sure(b.crowd.domain.ID(name)) }
	group := slices.Sorted(maps.Keys(b.groups))[b.random.IntN(2)]
	name := fmt.Sprint("rule-", b.random.IntN(10))
	scope := []string{
		fmt.Sprintf(`principal == Identity::"%s", action, resource == Service::"%s"`, full(b.name()), full(b.service())),
		fmt.Sprintf(`principal in Group::"%s", action, resource == Service::"%s"`, group, full(b.service())),
		fmt.Sprintf(`principal in Group::"%s", action, resource`, group),
	}[b.random.IntN(3)]
	switch b.random.IntN(6) {
	case 0:
		b.rules[name] = "permit (" + scope + ");"
		return "permit added"
	case 1:
		names := slices.Sorted(maps.Keys(b.rules))
		delete(b.rules, names[b.random.IntN(len(names))])
		if len(b.rules) == 0 {
			b.rules["everybody"] = everybody
		}
		return "rule removed"
	case 2:
		b.rules[name] = "forbid (" + scope + ");"
		return "forbid added"
	case 3:
		b.groups[group] = []string{b.name(), b.name(), b.name()}
		return "group changed"
	case 4:
		b.rules["for-all"] = fmt.Sprintf(`forbid (principal, action, resource) when { principal == Identity::"%s" || resource == Service::"%s" && principal in Group::"%s" };`, full(b.name()), full(b.service()), group)
		return "condition edited"
	}
	b.rules = map[string]string{"everybody": everybody} // so that there is something to close again
	return "begun anew"
}

func (b *rulebook) message() (p api.Policy) {
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		p.Rules = append(p.Rules, api.PolicyRule{Rule: api.Rule{Name: name, Text: b.rules[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(b.groups)) {
		group := api.Group{Name: name}
		members := slices.Sorted(slices.Values(b.groups[name]))
		for _, member := range slices.Compact(members) {
			group.Members = append(group.Members, sure(b.crowd.domain.ID(member)))
		}
		p.Groups = append(p.Groups, api.PolicyGroup{Group: group})
	}
	return p
}

// oracle decides by Cedar as it is, over all policies.
func (b *rulebook) oracle() func(policy.Pair) bool {
	var rules []policy.Rule
	var groups []policy.Group
	message := b.message()
	for _, r := range message.Rules {
		rules = append(rules, policy.Rule(r.Rule))
	}
	for _, g := range message.Groups {
		groups = append(groups, policy.Group{Name: g.Name, Members: g.Members})
	}
	all, entities := naive(rules, groups)
	return func(p policy.Pair) bool {
		verdict, diagnostic := cedar.Authorize(all, entities, naively(p, time.Now()))
		return verdict == cedar.Allow && len(diagnostic.Errors) == 0
	}
}

// policyChanges makes random changes under connections between all pairs: what each
// closes is what the oracle denies, no more and no less.
func policyChanges(out io.Writer, changes int) error {
	c, err := newCrowd(build{}, 12, 3, 0)
	if err != nil {
		return err
	}
	defer c.close()
	book := newRulebook(c)
	var lines []*line
	closed, stayed, kinds := 0, 0, map[string]int{}
	for n := range changes {
		allowed := book.oracle()
		if lines, err = c.fill(lines, allowed); err != nil {
			return fmt.Errorf("before change %d: %w", n, err)
		}
		before, kind := book.message(), ""
		for kind == "" || reflect.DeepEqual(before, book.message()) {
			kind = book.change()
		}
		kinds[kind]++
		if _, err := c.change(api.PathPolicy, book.message()); err != nil {
			return fmt.Errorf("change %d: %w", n, err)
		}
		allowed = book.oracle()
		denied, spared := 0, 0
		err := sideBySide(lines, 16, func(l *line) error {
			if allowed(c.pairOf(l)) {
				if err := l.ping(); err != nil {
					return fmt.Errorf("%s → %s is allowed: %w; %s", l.from, l.to, err, c.lastOf(l))
				}
				return nil
			}
			select {
			case <-l.ended:
				return nil
			case <-time.After(patienceOfLine):
				return fmt.Errorf("%s → %s is denied, and goes on", l.from, l.to)
			}
		})
		if err != nil {
			return fmt.Errorf("change %d, %v: %w", n, book.rules, err)
		}
		for _, l := range lines {
			if l.alive() {
				spared++
			} else {
				denied++
			}
		}
		closed, stayed = closed+denied, stayed+spared
		lines = slices.DeleteFunc(lines, func(l *line) bool { return !l.alive() })
	}
	fmt.Fprintf(out, "\n%d random changes of the policy under %d connections: %s\n  closed as Cedar over all policies denies: %d, no other; %d times one went on\n  %s\n",
		changes, len(c.names)*len(c.services), counted(kinds), closed, stayed, machine())
	return nil
}

// lastOf returns what both proxies logged last about a pair, for whoever looks into it.
func (c *crowd) lastOf(l *line) (said string) {
	for _, name := range []string{"in.access", "out.access"} {
		last := ""
		for entry := range strings.Lines(string(read(c.file(name)))) {
			if strings.Contains(entry, "/"+l.from+`"`) && strings.Contains(entry, "/"+l.to+`"`) {
				last = entry
			}
		}
		said += "\n" + name + ": " + last
	}
	return said
}

// fill opens a connection between each pair that is allowed, where there is none, and
// makes sure that the others cannot have one.
func (c *crowd) fill(lines []*line, allowed func(policy.Pair) bool) ([]*line, error) {
	have := map[[2]string]bool{}
	for _, l := range lines {
		have[[2]string{l.from, l.to}] = true
	}
	var missing []*line
	for _, from := range c.names {
		for _, to := range c.services {
			if !have[[2]string{from, to}] {
				missing = append(missing, &line{from: from, to: to})
			}
		}
	}
	for _, want := range missing {
		l, err := open(c.door(want.from, want.to), want.from, want.to)
		switch may := allowed(c.pairOf(want)); {
		case may && err != nil:
			return lines, fmt.Errorf("%s → %s is allowed, and cannot connect: %w", want.from, want.to, err)
		case !may && err == nil:
			l.close()
			return lines, fmt.Errorf("%s → %s is denied, and connects", want.from, want.to)
		case may:
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// counted lists how often each thing was.
func counted(kinds map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, kinds[kind]))
	}
	return strings.Join(parts, ", ")
}
