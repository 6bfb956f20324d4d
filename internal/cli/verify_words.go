package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// sentCert is one certificate as it came.
type sentCert struct {
	Title   string    `json:"certificate"`
	Until   time.Time `json:"not_after"`
	Remarks []string  `json:"remarks,omitempty"` // what is wrong with its place
}

// placement are the findings about a chain that are about what stands where.
var placement = map[string]bool{"chain_twice": true, "chain_order": true, "chain_stranger": true, "chain_root_sent": true}

// sentCerts describes a chain as it came.
func sentCerts(chain []*pki.Certificate) []sentCert {
	sent := make([]sentCert, len(chain))
	for i, cert := range chain {
		sent[i] = sentCert{Title: cert.Title(), Until: cert.NotAfter()}
	}
	for _, finding := range pki.LintChain(chain[:min(len(chain), verify.MaxChain)], pki.LintOptions{}) {
		if placement[finding.Code] {
			sent[finding.At].Remarks = append(sent[finding.At].Remarks, finding.Found)
		}
	}
	return sent
}

// tell writes the verdict about one target.
func (s *shell) tell(v *verdict, b basis) error {
	var p page
	if v.Trusted {
		p.headline("Yes: "+v.yes+".", "")
	} else {
		p.headline("No: "+s.short(v.Headline, b)+".", v.Code)
	}
	for _, check := range v.Checks {
		p.row(check.Name, s.short(check.Text, b), string(check.Verdict))
	}
	if v.TLS != nil {
		p.row("tls", v.tls, string(verify.OK))
	}
	p.sent(v)
	if left := v.left(); left != "" {
		p.fact("left", "%s", s.short(left, b))
	}
	if v.TLS != nil {
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
		if next[i] = step; !strings.HasPrefix(step, "signet ") { // where a short name may mean another
			next[i] = s.short(step, b)
		}
	}
	s.steps("next", next...)
	return nil
}

// sent says what came, and what is wrong with the order of it.
func (p *page) sent(v *verdict) {
	const most = 4 // remarks
	name := "file"
	if v.TLS != nil {
		name = "sent"
	}
	var remarks []string
	for i, cert := range v.Sent {
		for _, remark := range cert.Remarks {
			remarks = append(remarks, fmt.Sprintf("place %d, %s: %s", i+1, cert.Title, remark))
		}
	}
	text := count(len64(v.Sent), "certificate", "certificates")
	switch {
	case len(remarks) > 0:
		text += ", not as it should be"
	case len(v.Sent) > 1:
		text += ", in order"
	}
	p.fact(name, "%s", text)
	for _, remark := range remarks[:min(len(remarks), most)] {
		p.fact("", "%s", remark)
	}
	if len(remarks) > most {
		p.fact("", "and %d more", len(remarks)-most)
	}
}

// left says how long each certificate of the path is still valid.
func (v *verdict) left() string {
	var all []string
	for _, cert := range v.path() {
		text := cert.Subject + " " + verify.Between(v.now, cert.NotAfter)
		if cert.NotAfter.Before(v.now) {
			text = cert.Subject + " none"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// path is the path that the verdict is about, as far as it was found.
func (v *verdict) path() []verify.Certificate {
	i := slices.IndexFunc(v.Candidates, func(c verify.Candidate) bool { return c.Chosen })
	if i < 0 {
		return nil
	}
	return v.Candidates[i].Certificates
}

func len64[T any](list []T) int64 { return int64(len(list)) }

// short leaves our own trust domain out of the SPIFFE IDs in a text.
func (s *shell) short(text string, b basis) string {
	domain := b.roots.TrustDomain()
	if s.full || domain.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, "spiffe://"+domain.String()+"/", "")
}

// summarize writes one line for each of many verdicts.
func (s *shell) summarize(verdicts []*verdict, c *verifyCmd) error {
	const most = 60 // characters of a target; a longer one moves its line
	var width, texts, trusted, unknown, stopped int
	for _, v := range verdicts {
		width, texts = max(width, min(runes(v.Target), most)), max(texts, min(runes(v.outcome()), most))
	}
	var p page
	refused := ""
	for _, v := range verdicts {
		answer, code := "Yes", fault.Code("")
		switch {
		case errors.Is(v.err, Interrupted):
			answer, code = "Could not", v.Failed.Code
			stopped++
		case v.err != nil:
			answer, code = "Could not", v.Failed.Code
			unknown++
		case v.Trusted:
			trusted++
		default:
			answer, code = "No", v.Code
			if refused == "" {
				refused = v.Target
			}
		}
		line := gap(answer, 12) + gap(v.Target, width+3) + v.outcome()
		if code != "" {
			line = gap(answer, 12) + gap(v.Target, width+3) + gap(v.outcome(), texts+2) + "[" + string(code) + "]"
		}
		p.line("%s", line)
	}
	total := fmt.Sprintf("%d of %d trusted.", trusted, len(verdicts))
	switch {
	case stopped > 0:
		total = gap(total, 12+width+3) + fmt.Sprintf("(exit 130: interrupted before %d could be told)", stopped)
	case unknown == 1:
		total = gap(total, 12+width+3) + "(exit 2: one could not be told)"
	case unknown > 1:
		total = gap(total, 12+width+3) + fmt.Sprintf("(exit 2: %d could not be told)", unknown)
	}
	p.line("%s", total)
	if err := s.print(p.String()); err != nil {
		return err
	}
	if refused != "" {
		s.steps("next", c.trust.command("verify", refused)+"      # all that was checked, and what to do")
	}
	return nil
}

// outcome is a verdict in a few words.
func (v *verdict) outcome() string {
	switch {
	case v.err != nil:
		return v.Failed.Message
	case v.Trusted:
		return verify.Between(v.now, v.path()[0].NotAfter) + " left"
	}
	return v.Headline
}

func runes(text string) int { return len([]rune(text)) }

// await shows on a terminal, once two seconds have passed, how many answers have
// come; it returns what is to be called for each.
func (s *shell) await(total int) (answered func()) {
	var count atomic.Int64
	if !isTerminal(s.stderr) || s.quiet {
		return func() { count.Add(1) }
	}
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTimer(2 * time.Second)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-tick.C:
				shown = true
				fmt.Fprintf(s.stderr, "\r%d of %d answered", count.Load(), total)
				tick.Reset(200 * time.Millisecond)
			case <-done:
				if shown {
					fmt.Fprint(s.stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		if count.Add(1) == int64(total) {
			close(done)
			<-ended
		}
	}
}
