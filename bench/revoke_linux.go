package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/verify"
)

// crowd is many identities with connections through one outbound and one inbound
// proxy.
type crowd struct {
	*rig
	each     int // connections of one identity
	names    []string
	services []string
	inbound  string // where the first service listens
	lines    map[string][]*line
}

// newCrowd has so many identities and services, and every identity a door to each.
func newCrowd(how build, identities, services, each int) (c *crowd, err error) {
	r, err := newRig(how)
	if err != nil {
		return nil, err
	}
	c = &crowd{rig: r, each: each, lines: map[string][]*line{}}
	for i := range identities {
		c.names = append(c.names, fmt.Sprintf("client-%02d", i))
	}
	for i := range services {
		c.services = append(c.services, fmt.Sprint("service-", i))
	}
	if err := c.begin(); err != nil {
		r.close()
		return nil, err
	}
	return c, nil
}

func (c *crowd) begin() error {
	backend, err := c.service()
	if err != nil {
		return err
	}
	if err := c.join("proxy/in", c.services...); err != nil {
		return err
	}
	if err := c.join("proxy/out", c.names...); err != nil {
		return err
	}
	everybody := []api.PolicyRule{{Rule: api.Rule{Name: "everybody", Text: "permit (principal, action, resource);"}}}
	if err := c.ask(http.MethodPost, api.PathPolicy, api.Policy{Rules: everybody}, nil); err != nil {
		return err
	}
	var in, out strings.Builder
	for i, service := range c.services {
		at, err := freeAddress()
		if err != nil {
			return err
		}
		if i == 0 {
			c.inbound = at
		}
		fmt.Fprintf(&in, "[[service]]\nidentity = %q\nlisten = %q\nbackend = %q\n", service, at, backend)
		for _, name := range c.names {
			fmt.Fprintf(&out, "[[door]]\nidentity = %q\nto = %q\nlisten = \"unix:%s\"\naddresses = [%q]\n", name, service, c.door(name, service), at)
		}
	}
	if _, err := c.proxy("in", in.String()); err != nil {
		return err
	}
	if _, err := c.proxy("out", out.String()); err != nil {
		return err
	}
	return c.ready(c.names)
}

// ready waits until both proxies have the certificates of all services, and of the
// doors of some: once a byte passes.
func (c *crowd) ready(names []string) error {
	for i := range max(len(names), len(c.services)) {
		door := c.door(names[i%len(names)], c.services[i%len(c.services)])
		err := until("a connection passes by "+door, func() (bool, error) {
			l, err := open(door, "", "")
			if err == nil {
				l.close()
			}
			return err == nil, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) door(name, service string) string { return c.file(name + "." + service + ".sock") }

// connect opens an identity's connections, all to the first service.
func (c *crowd) connect(name string) error {
	made := make([]*line, c.each)
	numbers := make([]int, c.each)
	for i := range numbers {
		numbers[i] = i
	}
	err := sideBySide(numbers, 16, func(i int) (err error) {
		made[i], err = open(c.door(name, c.services[0]), name, c.services[0])
		return err
	})
	c.lines[name] = made
	return err
}

// revocations measures how long it takes until everything that a revoked identity has
// open has ended, among connections of others that all go on; and then whether exactly
// those connections end that a changed policy denies, by Cedar itself.
func revocations(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("revoke", flag.ContinueOnError)
	identities := flags.Int("identities", 40, "identities with connections at once")
	each := flags.Int("each", 100, "connections of each")
	rounds := flags.Int("revocations", 20, "identities that are revoked, one after the other")
	changes := flags.Int("changes", 200, "random changes of the policy after that")
	c, err := begin(out, flags, args, func() (*crowd, error) { return newCrowd(build{}, *identities+*rounds, 1, *each) })
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Fprintf(out, "%d connections of %d identities through two proxies; load, service, proxies and authority are processes of their own\n", *identities**each, *identities)
	if err := sideBySide(c.names[:*identities], 1, c.connect); err != nil {
		return err
	}
	var times, applied []float64
	lost, direct := 0, 0
	for i := range *rounds {
		took, after, refusals, gone, err := c.revoke(c.names[i], c.names[i+1:i+*identities])
		if err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
		times, applied, lost, direct = append(times, took.Seconds()*1e3), append(applied, after.Seconds()*1e3), lost+gone, direct+refusals
		if err := c.connect(c.names[i+*identities]); err != nil {
			return err
		}
	}
	slices.Sort(times)
	slices.Sort(applied)
	fmt.Fprintf(out, "\n%d revocations, of %d connections each, ms\n  decided → last end seen       median %.0f, most %.0f\n  committed → in force on both  median %.0f, most %.0f\n", *rounds, *each, at(times, .5), at(times, 1), at(applied, .5), at(applied, 1))
	fmt.Fprintf(out, "  bystanders lost: %d of %d\n  handshakes afterwards by the revoked certificate, new and resumed: %d of %d refused\n  %s\n", lost, *rounds*(*identities-1)**each, direct, 2**rounds, machine())
	if lost > 0 || direct < 2**rounds {
		return errors.New("bystanders were lost, or somebody got in who was revoked")
	}
	return policyChanges(out, *changes)
}

// revoke revokes one identity. Others are those who have connections besides.
func (c *crowd) revoke(name string, others []string) (took, after time.Duration, refusals, lost int, err error) {
	thief, err := c.thief(name)
	if err != nil {
		return
	}
	var change api.Change
	if change, err = c.change(api.PathRevoke, api.RevokeRequest{Who: name}); err != nil {
		return
	}
	if refusals, err = thief.refused(); err != nil {
		return
	}
	for _, l := range c.lines[name] {
		select {
		case <-l.ended:
		case <-time.After(patience):
			return took, after, refusals, lost, fmt.Errorf("a connection of %s did not end", name)
		}
	}
	decided, err := c.revokedAt(name)
	if err != nil {
		return
	}
	last := c.lines[name][0].at
	for _, l := range c.lines[name] {
		if l.at.After(last) {
			last = l.at
		}
	}
	delete(c.lines, name)
	var all []*line
	for _, other := range others {
		all = append(all, c.lines[other]...)
	}
	err = sideBySide(all, 32, func(l *line) error {
		if err := l.ping(); !errors.Is(err, errEnded) {
			return err
		}
		return nil
	})
	for _, l := range all {
		if !l.alive() {
			lost++
		}
	}
	return last.Sub(decided), change.After, refusals, lost, err
}

// revokedAt returns when it was decided that an identity is revoked.
func (c *crowd) revokedAt(name string) (at time.Time, err error) {
	var pair api.Pair
	if err := c.ask(http.MethodGet, api.PathPair+"?"+url.Values{"from": {name}, "to": {c.services[0]}}.Encode(), nil, &pair); err != nil {
		return at, err
	}
	if pair.From.Revoked == nil {
		return at, fmt.Errorf("%s is not revoked", name)
	}
	return pair.From.Revoked.At, nil
}

// thief is somebody who has an identity's key, and goes to the service's proxy by
// himself.
type thief struct {
	address    string
	fresh      *signet.Client // has not been there
	remembered *signet.Client // has a session that it resumes
}

// thief joins as the identity, and makes sure that both ways lead in.
func (c *crowd) thief(name string) (*thief, error) {
	made, err := c.token(api.TokenRequest{Who: name, For: 10 * time.Minute, Again: true})
	if err != nil {
		return nil, err
	}
	enroll := c.command("own-"+name, "enroll", "--quiet")
	enroll.Stdin = strings.NewReader(made.Token + "\n")
	if out, err := enroll.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	credential, err := identity.Load(os.DirFS(c.data("own-"+name)), "identity.pem")
	if err != nil {
		return nil, err
	}
	client := func() *signet.Client {
		return &signet.Client{Roots: c.roots, Name: verify.ID(sure(c.domain.ID(c.services[0]))), Identity: identity.Static(credential)}
	}
	t := &thief{c.inbound, client(), client()}
	for _, resumed := range []bool{false, true} {
		was, err := visit(t.remembered, t.address)
		if err != nil || was != resumed {
			return nil, fmt.Errorf("%s itself, before it is revoked: resumed is %v (%w)", name, was, err)
		}
	}
	return t, nil
}

// refused counts the ways that no longer lead in.
func (t *thief) refused() (refusals int, err error) {
	for _, client := range []*signet.Client{t.fresh, t.remembered} {
		if _, err := visit(client, t.address); err != nil {
			if !errors.Is(err, signet.RefusedByPeer) {
				return refusals, err
			}
			refusals++
		}
	}
	return refusals, nil
}

// visit sends a byte to a service, and reports whether the session was resumed.
func visit(client *signet.Client, address string) (resumed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfLine)
	defer cancel()
	conn, err := client.Dial(ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer conn.Abort()
	conn.SetDeadline(time.Now().Add(patienceOfLine))
	if _, err := conn.Write([]byte{1}); err != nil {
		return false, err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return conn.Peer().Resumed, err
}

// pairOf is what the rules are about.
func (c *crowd) pairOf(l *line) policy.Pair {
	return policy.Pair{From: sure(c.domain.ID(l.from)), To: sure(c.domain.ID(l.to))}
}
