package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

type statusCmd struct {
	inquire
	spoken
}

func (statusCmd) Help() string { return "signet status" }

// systemStatus is the answer for programs.
type systemStatus struct {
	api.System
	Well  bool    `json:"well"`  // nothing needs a person
	Needs []need  `json:"needs"` // what does
	Notes []aging `json:"notes"` // certificates with half of their life or less to go
}

// need is something that does not mend itself.
type need struct {
	Who  string `json:"who"`
	What string `json:"what"`
	Next string `json:"next"`
}

// aging is a certificate that was not renewed at half of its life.
type aging struct {
	api.Life
	Percent int `json:"percent_left"`
}

func (c *statusCmd) run(ctx context.Context, s *shell) error {
	who, err := c.asked(ctx, s)
	if err != nil {
		return err
	}
	var system api.System
	if err := who.get(ctx, api.PathStatus, nil, &system); err != nil {
		return err
	}
	report := s.view(system.TrustDomain).status(system)
	if s.json {
		err = s.printJSON(report.systemStatus)
	} else {
		err = s.print(report.String())
	}
	if err != nil || report.Well {
		return err
	}
	s.steps("next", report.steps()...)
	return exitNo
}

// statusReport is the page of a status while it is written.
type statusReport struct {
	view
	systemStatus
	lives map[spiffeid.ID][]api.Life // by who holds them
	rows  []statusRow
}

type statusRow struct {
	name, text string
	verdict    verify.Verdict
}

// status judges how a system is doing.
func (v view) status(system api.System) *statusReport {
	r := &statusReport{view: v, systemStatus: systemStatus{System: system, Needs: []need{}, Notes: []aging{}}, lives: map[spiffeid.ID][]api.Life{}}
	for _, life := range system.Lives {
		holder := life.Holder
		if holder.IsZero() {
			holder = life.ID
		}
		r.lives[holder] = append(r.lives[holder], life)
		if left := life.Left(system.Now); left <= half {
			r.Notes = append(r.Notes, aging{life, int(left * 100)})
		}
	}
	if system.Alone {
		r.row("proxy", fmt.Sprintf("%s, %s; running for %s; all from files", count(system.Identities, "identity", "identities"),
			count(system.Rules, "rule", "rules"), verify.Between(system.Started, system.Now)), verify.OK)
	} else {
		r.row("authority", fmt.Sprintf("%s, %s; running for %s; %s", count(system.Identities, "identity", "identities"),
			count(system.Rules, "rule", "rules"), verify.Between(system.Started, system.Now), count(system.Entries, "audit entry", "audit entries")), verify.OK)
	}
	for _, proxy := range system.Proxies {
		r.proxyRow(proxy)
	}
	for _, life := range system.Lives {
		r.lifeRow(life)
	}
	r.Well = len(r.Needs) == 0
	return r
}

// The parts of a certificate's life at which it is told that little is left.
const (
	half    = 0.50 // when what renews itself has done so
	quarter = 0.25 // from here on somebody has to see to it
	tenth   = 0.10
)

// ageing says how much of its life a certificate has left, if that is little.
func ageing(life api.Life, now time.Time) (words string, needs bool) {
	left := life.Left(now)
	switch {
	case left <= 0:
		return "expired " + verify.Ago(now.Sub(life.Until)), true
	case left <= tenth:
		return "less than a tenth of its life", true
	case left <= quarter:
		return "less than a quarter of its life", true
	case left <= half:
		return "less than half of its life", false
	}
	return "", false
}

func (r *statusReport) row(name, text string, verdict verify.Verdict) {
	r.rows = append(r.rows, statusRow{name, text, verdict})
}

// stop is a row of something that a person has to see to.
func (r *statusReport) stop(name, text, next string) {
	r.row(name, text, verify.Stop)
	r.Needs = append(r.Needs, need{name, text, next})
}

// proxyRow tells of one proxy. What mends itself within seconds is not judged.
func (r *statusReport) proxyRow(p api.ProxyState) {
	name := r.proxy(p.ID)
	const tokenLife = 10 * time.Minute
	switch lives := r.lives[p.ID]; {
	case !p.Connected && len(lives) == 0 && r.Now.Sub(p.Created) < tokenLife:
		r.row(name, "has not joined yet", verify.NotChecked)
	case !p.Connected && len(lives) == 0:
		r.stop(name, "has no certificate: it never joined, or was away for too long", "signet token new "+r.id(p.ID)+" --again      # its host joins with what this prints: signet enroll; where nobody is to join as it: signet identity remove "+r.id(p.ID))
	case !p.Connected && p.Since.IsZero() && !p.Stale:
		r.row(name, "has not come back since the authority started", verify.NotChecked)
	case !p.Connected:
		text := "not connected since the authority started"
		if !p.Since.IsZero() {
			text = "cut off; last heard of " + ago(r.Now.Sub(p.Since))
		}
		if p.Stale {
			text += "; STALE, so that it closes by itself in time, unless it was told to stay open"
		}
		r.stop(name, text, "see that "+name+" runs, and reaches the authority; its log says why not")
	case p.Rival != "":
		r.stop(name, "there are two of it: a second process, at "+p.Rival+", is refused", "stop the second, or, if nobody of yours made it: signet revoke "+r.id(p.ID))
	case p.Revision < r.Revision:
		r.stop(name, fmt.Sprintf("has revision %d of %d", p.Revision, r.Revision), "signet status      # again: it is connected, and should have it in a moment; if not, look at its log")
	default:
		r.connectedRow(name, p, lives)
	}
}

// connectedRow tells of a proxy that has the present revision.
func (r *statusReport) connectedRow(name string, p api.ProxyState, lives []api.Life) {
	text := fmt.Sprintf("revision %d; %s", p.Revision, count(p.Conns, "connection", "connections"))
	if !p.Answered {
		text = fmt.Sprintf("revision %d; has not told its connections within a second", p.Revision)
	}
	held := map[spiffeid.ID]bool{}
	until := time.Time{}
	for _, life := range lives {
		held[life.ID] = true
		if until.IsZero() || life.Until.Before(until) {
			until = life.Until
		}
		if words, needs := ageing(life, r.Now); words != "" {
			text = fmt.Sprintf("the certificate of %s does NOT renew itself: %s, %s", r.id(life.ID), r.left(life), words)
			if needs {
				r.stop(name, text, "look at "+possessive(name)+" log: it says why no certificate comes")
				return
			}
			r.row(name, text, verify.OK)
			return
		}
	}
	for _, id := range p.Holds {
		if !held[id] {
			r.stop(name, "connected, but has no certificate for "+r.id(id), "look at "+possessive(name)+" log: it says why no certificate comes")
			return
		}
	}
	if !until.IsZero() {
		text += "; " + verify.Between(r.Now, until) + " left, renews itself"
	}
	r.row(name, text, verify.OK)
}

func (r *statusReport) left(life api.Life) string {
	if !r.Now.Before(life.Until) {
		return "none left"
	}
	return verify.Between(r.Now, life.Until) + " left"
}

// lifeRow tells of a certificate that no proxy has.
func (r *statusReport) lifeRow(life api.Life) {
	words, needs := ageing(life, r.Now)
	text := "good for " + verify.Between(r.Now, life.Until)
	if words != "" {
		text = r.left(life) + ", " + words
	}
	switch life.What {
	case api.RootLife, api.IntermediateLife:
		if needs {
			r.stop(string(life.What), text, expiringAuthority)
			return
		}
		r.row(string(life.What), text, verify.OK)
	case api.OperatorLife: // whoever is away comes back by a token; who is there renews
		r.row(r.by(life.ID), "operator; "+text, verify.OK)
	case api.ServiceLife:
		if r.Alone && needs {
			r.stop(r.id(life.ID), text, "write a newer certificate to its file: the proxy follows it")
			return
		}
		if r.Alone {
			r.row(r.id(life.ID), text, verify.OK)
			return
		}
		if life.Holder.IsZero() {
			if needs {
				r.stop(r.id(life.ID), text+", and no proxy renews it", "renew it on its own host, or: signet token new "+r.id(life.ID)+" --again")
				return
			}
			r.row(r.id(life.ID), text+"; no proxy renews it", verify.OK)
		}
	}
}

// expiringAuthority is the step where an authority's own certificate comes to its end.
const expiringAuthority = "signet authority rotate      # on the authority's host: which step is next"

// steps are the first needs' next steps.
func (r *statusReport) steps() []string {
	const most = 2
	var steps []string
	for _, need := range r.Needs {
		if len(steps) < most {
			steps = append(steps, need.Next)
		}
	}
	return steps
}

// mostRows is how many rows are written of those in which all is well.
const mostRows = 20

// String writes the page: what needs somebody comes first.
func (r *statusReport) String() string {
	var p page
	upToDate := 0
	for _, proxy := range r.Proxies {
		if proxy.Connected && proxy.Revision >= r.Revision {
			upToDate++
		}
	}
	head := "All is well: " + count(len(r.Proxies), "proxy", "proxies") + stateOf(upToDate, len(r.Proxies)) + "."
	if upToDate < len(r.Proxies) {
		head = fmt.Sprintf("Nothing is wrong so far: %s, %d up to date.", count(len(r.Proxies), "proxy", "proxies"), upToDate)
	}
	switch n := len(r.Needs); {
	case n == 1:
		head = "Not all is well: " + r.Needs[0].Who + " needs somebody."
	case n > 1:
		head = fmt.Sprintf("Not all is well: %s need somebody.", count(n, "thing", "things"))
	case r.Alone:
		head = "All is well: this proxy serves."
	case len(r.Proxies) == 0:
		head = "All is well, but no proxy has been made yet."
	}
	p.line("%s   revision %d, %s", gap(head, 53), r.Revision, r.domain)
	p.line("")
	written := 0
	for _, row := range r.rows {
		if row.verdict != verify.OK {
			p.row(row.name, row.text, string(row.verdict))
		}
	}
	for _, row := range r.rows {
		if row.verdict == verify.OK {
			if written++; written <= mostRows {
				p.row(row.name, row.text, string(row.verdict))
			}
		}
	}
	if written > mostRows {
		p.line("  and %s, in which all is well (--json has them)", count(written-mostRows, "other", "others"))
	}
	if len(r.Barred) > 0 {
		var names []string
		for _, id := range r.Barred {
			names = append(names, r.proxy(id))
		}
		p.fact("revoked", "%s", strings.Join(names, ", "))
	}
	p.line("")
	p.line("%s.", liveConns(r.Conns))
	return p.String()
}
