package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

type verifyCmd struct {
	Targets []string `arg:"" name:"TARGET" help:"HOST:PORT, or a file (- is standard input) with a certificate chain, the peer's own first. Several are asked at once."`
	trust
	inquiry
	spoken
}

func (verifyCmd) Help() string {
	return "signet verify api.example.com:443\n" +
		"signet verify server.pem --roots ca.pem --name api.example.com --crl ca.crl\n" +
		"signet verify db.example.com:5432 --starttls postgres --roots ca.pem"
}

// verdict is the answer about one target: a report, or why there is none. Its JSON
// has the same keys in both cases; docs/report.md says what each means.
type verdict struct {
	Target string `json:"target"`
	*verify.Report
	TLS    *channel        `json:"tls"`   // of the connection, if there was one
	Sent   []sentCert      `json:"sent"`  // in the order in which they came
	Failed *complaintError `json:"error"` // why there is no report

	tls    string // the connection for a person
	yes    string // who it is, a sentence without its full stop
	note   string // what was fetched for it
	remedy string // what to do despite a yes
	err    error  // why there is no report
	now    time.Time
}

func (c *verifyCmd) run(ctx context.Context, s *shell) error {
	if err := c.misfit(); err != nil {
		return err
	}
	c.trust.further = c.words()
	b, err := s.basis(c.trust)
	if err != nil {
		return c.trust.orPin(err, "verify", c.Targets[0])
	}
	if b.rules, err = c.rules(s); err != nil {
		return err
	}
	if c.Fetch {
		if b.collector, err = c.collector(b.rules.Now); err != nil {
			return err
		}
		if b.rules.Revocation != nil {
			b.given, b.rules.Revocation = b.rules.Revocation.Evidence, nil
		}
	}
	verdicts := c.judgeAll(ctx, s, b)
	switch {
	case s.json:
		err = s.printJSON(verdicts)
	case len(verdicts) == 1 && errors.Is(verdicts[0].err, Interrupted):
		err = verdicts[0].err
	case len(verdicts) > 1:
		err = s.summarize(verdicts, c)
	case verdicts[0].err != nil:
		err = verdicts[0].err
	default:
		err = s.tell(verdicts[0], b)
	}
	if err != nil {
		return err
	}
	return exitFor(verdicts)
}

// misfit refuses flags that would change nothing.
func (c *verifyCmd) misfit() error {
	switch {
	case len(c.FetchPrivate) > 0 && !c.Fetch:
		return fault.New(Usage, "--fetch-private is given without --fetch: nothing is fetched").WithHint("add --fetch, or leave --fetch-private out")
	case c.Starttls != "none" && !slices.ContainsFunc(c.Targets, isAddress):
		return fault.New(Usage, "--starttls is given, and no target is HOST:PORT: nobody is spoken to").WithHint("name HOST:PORT, or leave --starttls out")
	}
	return nil
}

// channel is a connection as it was negotiated.
type channel struct {
	Version     string `json:"version"`
	Cipher      string `json:"cipher"`
	Group       string `json:"group"`
	PostQuantum bool   `json:"post_quantum"`
}

// exitFor is the exit code of some answers: that one could not be told outweighs
// a no, and that one was not waited for outweighs both.
func exitFor(verdicts []*verdict) error {
	exit := status(0)
	for _, v := range verdicts {
		switch {
		case errors.Is(v.err, Interrupted):
			exit = exitInterrupted
		case v.err != nil:
			exit = max(exit, exitFailed)
		case !v.Trusted:
			exit = max(exit, exitNo)
		}
	}
	if exit == 0 {
		return nil
	}
	return exit
}

// maxAtOnce bounds the targets that are judged at the same time.
const maxAtOnce = 32

// judgeAll judges every target, and returns the verdicts in their order.
func (c *verifyCmd) judgeAll(ctx context.Context, s *shell, b basis) []*verdict {
	verdicts := make([]*verdict, len(c.Targets))
	answered := s.await(len(c.Targets))
	free := make(chan struct{}, maxAtOnce)
	var all sync.WaitGroup
	for i, target := range c.Targets {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free; answered() }()
			v := &verdict{Target: target, Sent: []sentCert{}, now: b.moment()}
			v.err = guard(func() error { return c.judge(ctx, s, b, v) })
			if v.Report == nil {
				v.fail(ctx, s)
			}
			v.Target = discreet(target)
			verdicts[i] = v
		})
	}
	all.Wait()
	return verdicts
}

// fail fills in a verdict without a report, with an empty one.
func (v *verdict) fail(ctx context.Context, s *shell) {
	if ctx.Err() != nil {
		v.err = fault.New(Interrupted, "interrupted").WithHint("run it again")
	}
	v.Failed = s.complaint(v.err)
	v.Report = &verify.Report{Next: []string{}, Checks: []verify.Check{}, Candidates: []verify.Candidate{}}
}

func (c *verifyCmd) judge(ctx context.Context, s *shell, b basis, v *verdict) (err error) {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isAddress(v.Target):
		err = c.host(ctx, s, b, v)
	default:
		err = c.file(ctx, s, b, v)
	}
	if v.Report == nil {
		return err
	}
	v.yes += c.asOf(v)
	if v.note != "" {
		v.Note = v.note
	}
	if v.Trusted && v.remedy != "" {
		v.Next = []string{v.remedy}
	}
	if c.At != nil && slices.Contains([]fault.Code{verify.CertExpired, verify.CertNotYetValid, revocation.Stale}, v.Code) {
		t := c.trust
		t.further = c.withoutTime()
		v.Next = []string{t.command("verify", v.Target) + "      # as of now"}
	}
	return nil
}

// isAddress reports whether a target is HOST:PORT; whatever else is a file, and
// so is ./HOST:PORT.
func isAddress(target string) bool {
	host, port, err := net.SplitHostPort(target)
	if err != nil || host == "" || strings.ContainsRune(host, '/') {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// host judges the server at an address, without sending it any data.
func (c *verifyCmd) host(ctx context.Context, s *shell, b basis, v *verdict) error {
	if b.name.IsZero() {
		host, _, _ := net.SplitHostPort(v.Target)
		b.name = verify.Host(host)
	}
	shown, proof, err := c.shake(ctx, b, v.Target)
	if shown != nil {
		v.TLS = &channel{shown.Version(), shown.Cipher(), shown.Group(), shown.PostQuantum()}
		v.tls, v.Sent = shown.TLS(), sentCerts(shown.Chain)
	}
	if c.Fetch && (proof != nil || verify.ReportOf(err) != nil) {
		proof, err = c.fetched(ctx, b, v, shown.Chain, b.question(&verify.Handshake{Staple: shown.Staple}))
	}
	if refused(err, v) {
		c.incomplete(v, shown.Chain)
		return nil
	}
	if err != nil {
		return s.explain(c.orUpgrade(err, "verify", v.Target, c.trust), "verify", v.Target, c.trust, b)
	}
	v.Report = proof.Report()
	v.yes = fmt.Sprintf("%s is %s", v.Target, s.who(proof.ID(), b.name))
	return nil
}

// shake makes the handshake, and returns what the server showed, if it came to
// that, and the proof or the refusal.
func (c *verifyCmd) shake(ctx context.Context, b basis, target string) (shown *signet.Peer, proof *verify.Proof, err error) {
	ctx, cancel := context.WithTimeout(ctx, signet.DefaultHandshakeTimeout)
	defer cancel()
	conn, err := b.dial(ctx, target, c.Starttls, func(peer *signet.Peer) { shown = peer })
	if err != nil {
		return shown, nil, err
	}
	defer conn.Close()
	if err := conn.admitted(); err != nil {
		return shown, nil, err
	}
	return shown, conn.Peer().Proof, nil
}

// refused reports whether err is the judgement that a chain is not to be
// trusted, and puts its report into v.
func refused(err error, v *verdict) bool {
	v.Report = verify.ReportOf(err)
	return v.Report != nil
}

// file judges the chain in a file as if a server had sent it.
func (c *verifyCmd) file(ctx context.Context, s *shell, b basis, v *verdict) error {
	chain, err := s.disk().certificates(v.Target)
	if errors.Is(err, fs.ErrNotExist) {
		return c.noTarget(v.Target)
	}
	if err != nil {
		return err
	}
	switch domain := b.roots.TrustDomain(); {
	case !b.name.IsZero():
	case !domain.IsZero():
		b.name = verify.Member(domain)
	case slices.Contains(undialed, b.rules.Purpose):
		b.name = verify.Any("nobody is dialed for the purpose " + c.Purpose)
	default:
		return c.nameless(v.Target, chain)
	}
	v.Sent = sentCerts(chain)
	judge := verify.Verify
	if c.Fetch {
		judge = func(chain []*pki.Certificate, rules verify.Options) (*verify.Proof, error) {
			return c.fetched(ctx, b, v, chain, rules)
		}
	}
	rules := b.question(nil)
	rules.File = fileTitle(v.Target)
	proof, err := judge(chain, rules)
	if refused(err, v) {
		c.incomplete(v, chain)
		return nil
	}
	if err != nil {
		return err
	}
	v.Report = proof.Report()
	whose := s.who(proof.ID(), b.name)
	if b.name.AcceptsAny() {
		whose = chain[0].Title()
	}
	v.yes = fmt.Sprintf("%s is a certificate of %s", fileTitle(v.Target), whose)
	return nil
}

// noTarget says what may be meant by a target that is neither an address nor a
// file.
func (c *verifyCmd) noTarget(target string) error {
	err := fault.New(TargetUnknown, "%s is neither HOST:PORT nor a file", cmp.Or(target, `""`))
	if address := likelyAddress(target); address != "" {
		return err.WithHint("%s      # if this host is meant\nor write a path that exists", c.trust.command("verify", address))
	}
	return err.WithHint("write, for example, api.example.com:443, or a path that exists")
}

// nameless asks for the name that a file's certificate is to be judged for.
func (c *verifyCmd) nameless(target string, chain []*pki.Certificate) error {
	err, leaf := fault.New(verify.NameMissing, "a file does not say whose certificate it is meant to be"), chain[0]
	own := slices.IndexFunc(chain, func(cert *pki.Certificate) bool { return !cert.IsAuthority() })
	if own > 0 {
		err.Message = fmt.Sprintf("the first certificate in %s is an authority's, %s", fileTitle(target), leaf.Title())
		return err.WithHint("in %s, put %s, which stands at place %d, before its authorities", fileTitle(target), chain[own].Title(), own+1)
	}
	t := c.trust
	switch names := leafNames(leaf); {
	case !leaf.ID().IsZero():
		t.Roots, t.Name = leaf.ID().TrustDomain().String(), leaf.ID().Path()
		return err.WithHint("%s      # the name that it has", t.command("verify", target))
	case len(names) > 0:
		t.Name = names[0]
		return err.WithHint("%s      # one of the names that it has: %s", t.command("verify", target), strings.Join(names, ", "))
	}
	return err.WithHint("add --name; this certificate has no name at all, so it can be nobody's")
}

// leafNames lists the names of a host's certificate, the first few of them.
func leafNames(leaf *pki.Certificate) []string {
	names := leaf.NamesOf(pki.DNSName, pki.IPName)
	return names[:min(len(names), 4)]
}
