package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

type verifyCmd struct {
	Target string `arg:"" name:"TARGET" help:"HOST:PORT, or a file (- is standard input) with a certificate chain, the peer's own first."`
	trust
	spoken
}

func (verifyCmd) Help() string {
	return "signet verify api.example.com:443\nsignet verify server.pem --roots ca.pem --name api.example.com"
}

// verdict is the answer about one target.
type verdict struct {
	Target string `json:"target"`
	*verify.Report
	TLS string `json:"tls,omitempty"` // of the connection, if there was one

	yes string // who it is, a sentence without its full stop
}

func (c *verifyCmd) run(ctx context.Context, s *shell) error {
	b, err := s.basis(c.trust)
	if err != nil {
		return err
	}
	judge := c.file
	if isAddress(c.Target) {
		judge = c.host
	}
	v, err := judge(ctx, s, b)
	if err != nil {
		return err
	}
	if err := s.tell(v, b); err != nil {
		return err
	}
	if !v.Trusted {
		return exitNo
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
func (c *verifyCmd) host(ctx context.Context, s *shell, b basis) (*verdict, error) {
	v := &verdict{Target: c.Target}
	conn, err := b.dial(ctx, c.Target)
	if refused(err, v) {
		return v, nil
	}
	if err != nil {
		return nil, s.explain(err, "verify", c.Target, c.trust, b)
	}
	defer conn.Close()
	v.Report, v.TLS = conn.Peer().Proof.Report(), conn.Peer().TLS()
	v.yes = fmt.Sprintf("%s is %s", c.Target, s.who(conn.Peer().ID, conn.name))
	return v, nil
}

// refused reports whether err is the judgement that a chain is not to be
// trusted, and puts its report into v.
func refused(err error, v *verdict) bool {
	v.Report = verify.ReportOf(err)
	return v.Report != nil
}

// file judges the chain in a file as if a server had sent it.
func (c *verifyCmd) file(_ context.Context, s *shell, b basis) (*verdict, error) {
	chain, err := s.disk().certificates(c.Target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, c.noTarget()
	}
	if err != nil {
		return nil, err
	}
	name := b.name
	if domain := b.roots.TrustDomain(); name.IsZero() && !domain.IsZero() {
		name = verify.Member(domain)
	}
	if name.IsZero() {
		return nil, c.nameless(chain[0])
	}
	v := &verdict{Target: c.Target}
	proof, err := verify.Verify(chain, verify.Options{Roots: b.roots, Name: name})
	if refused(err, v) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	v.Report = proof.Report()
	v.yes = fmt.Sprintf("%s is a certificate of %s", fileTitle(c.Target), s.who(proof.ID(), name))
	return v, nil
}

// noTarget says what may be meant by a target that is neither an address nor a
// file.
func (c *verifyCmd) noTarget() error {
	err := fault.New(TargetUnknown, "%s is neither HOST:PORT nor a file", cmp.Or(c.Target, `""`))
	if address := likelyAddress(c.Target); address != "" {
		return err.WithHint("%s      # if this host is meant\nor write a path that exists", c.trust.command("verify", address))
	}
	return err.WithHint("write, for example, api.example.com:443, or a path that exists")
}

// nameless asks for the name that a file's certificate is to be judged for.
func (c *verifyCmd) nameless(leaf *pki.Certificate) error {
	err := fault.New(verify.NameMissing, "a file does not say whose certificate it is meant to be")
	t := c.trust
	switch names := leafNames(leaf); {
	case !leaf.ID().IsZero():
		t.Roots, t.Name = leaf.ID().TrustDomain().String(), leaf.ID().Path()
		return err.WithHint("%s      # the name that it has", t.command("verify", c.Target))
	case len(names) > 0:
		t.Name = names[0]
		return err.WithHint("%s      # one of the names that it has: %s", t.command("verify", c.Target), strings.Join(names, ", "))
	}
	return err.WithHint("add --name; this certificate has no name at all, so it can be nobody's")
}

// leafNames lists the names of a host's certificate, the first few of them.
func leafNames(leaf *pki.Certificate) []string {
	names := leaf.NamesOf(pki.DNSName, pki.IPName)
	return names[:min(len(names), 4)]
}

// tell writes a verdict.
func (s *shell) tell(v *verdict, b basis) error {
	if s.json {
		return s.printJSON(v)
	}
	var p page
	if v.Trusted {
		p.headline("Yes: "+v.yes+".", "")
	} else {
		p.headline("No: "+s.short(v.Headline, b)+".", v.Code)
	}
	for _, check := range v.Checks {
		p.row(check.Name, s.short(check.Text, b), string(check.Verdict))
	}
	if v.TLS != "" {
		p.row("tls", v.TLS, string(verify.OK))
		p.line("  No application data was sent.")
	}
	if v.Note != "" {
		p.line("  %s", v.Note)
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	next := make([]string, len(v.Next))
	for i, step := range v.Next {
		next[i] = s.short(step, b)
	}
	s.steps("next", next...)
	return nil
}

// short leaves our own trust domain out of the SPIFFE IDs in a text.
func (s *shell) short(text string, b basis) string {
	domain := b.roots.TrustDomain()
	if s.full || domain.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, "spiffe://"+domain.String()+"/", "")
}
