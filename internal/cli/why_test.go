package cli

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// pair is the answer before anything is allowed.
func (f fixture) pair(with func(*api.Pair)) api.Pair {
	end := func(name string) api.PairEnd {
		return api.PairEnd{ID: f.id(name), Known: true, NotAfter: noon.Add(22 * time.Hour), Proxies: 1, UpToDate: 1}
	}
	p := api.Pair{TrustDomain: f.td, Revision: 1, Now: noon, From: end("web"), To: end("orders"), Code: "no_rule", Reason: "no rule allows it"}
	with(&p)
	return p
}

func TestWhyPair(t *testing.T) {
	f := demoFixture(t)
	full := f.view()
	full.full = true
	tests := []struct {
		name string
		view view
		with func(*api.Pair)
	}{
		{"no-rule", f.view(), func(p *api.Pair) {
			p.LastTry = &api.Event{Time: before(8 * time.Second), Kind: api.Refused, Side: api.Door, From: p.From.ID, To: p.To.ID,
				Code: "no_rule", Reason: "web may not talk to orders: no rule allows it"}
		}},
		{"full-names", full, func(*api.Pair) {}},
		{"allowed", f.view(), func(p *api.Pair) {
			p.Revision, p.Allowed, p.Code, p.Rules, p.Reason = 2, true, "", []string{"allow-web-orders"}, "allow-web-orders allows it"
			p.RuleCount, p.Live = 1, 2
			p.LastTry = &api.Event{Time: before(90 * time.Second), Kind: api.Opened, From: p.From.ID, To: p.To.ID}
		}},
		{"denied", f.view(), func(p *api.Pair) {
			p.Code, p.Rules, p.Reason, p.RuleCount = "denied_by_rule", []string{"deny-web-orders"}, "deny-web-orders forbids it", 3
			p.LastTry = &api.Event{Time: noon, Kind: api.Refused, Side: api.Service, From: p.From.ID, To: p.To.ID, Code: "backend_unreachable"}
		}},
		{"rule-fails", f.view(), func(p *api.Pair) {
			p.Code, p.Rules, p.RuleCount = "policy_error", []string{"odd"}, 1
			p.Reason = "rule odd could not be evaluated: there is no attribute “team”"
		}},
		{"revoked", f.view(), func(p *api.Pair) {
			p.Code, p.Reason, p.RuleCount = "identity_revoked", "web was revoked", 1
			p.From.Revoked = &api.Revocation{ID: p.From.ID, By: f.id("operator/ann"), At: before(3 * time.Minute), Because: "key on a lost laptop"}
		}},
		{"no-proxy", f.view(), func(p *api.Pair) { p.To.Proxies, p.To.UpToDate, p.RuleCount = 0, 0, 1 }},
		{"client-without-proxy", f.view(), func(p *api.Pair) { p.From.Proxies, p.From.UpToDate, p.RuleCount = 0, 0, 1 }},
		{"behind", f.view(), func(p *api.Pair) { p.To.Proxies, p.To.UpToDate, p.RuleCount = 5, 3, 1 }},
		{"expired", f.view(), func(p *api.Pair) { p.From.NotAfter = before(2 * time.Hour) }},
		{"no-certificate", f.view(), func(p *api.Pair) { p.From.NotAfter = time.Time{} }},
		{"unknown", f.view(), func(p *api.Pair) { p.To.Known = false }},
		{"allowed-but-no-proxy", f.view(), func(p *api.Pair) { p.Allowed, p.Code, p.To.Proxies = true, "", 0 }},
		{"allowed-but-no-certificate", f.view(), func(p *api.Pair) { p.Allowed, p.Code, p.From.NotAfter = true, "", time.Time{} }},
		{"allowed-but-unknown", f.view(), func(p *api.Pair) { p.Allowed, p.Code, p.From.Known = true, "", false }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := f.pair(test.with)
			text := test.view.whyPair(p)
			if missing, _ := test.view.missing(p); !p.Allowed || missing != "" {
				text += "\nnext: " + test.view.remedy(p) + "\n"
			}
			golden(t, "pair-"+test.name, text)
		})
	}
}

// history is of a connection that web opened 3 min 12 s before noon.
func (f fixture) history(events ...api.Event) api.History {
	return api.History{TrustDomain: f.td, Now: noon, ID: "c4f2000000000000000000000000000000", Events: events}
}

func (f fixture) event(kind api.Kind, side api.Side, at time.Time, with func(*api.Event)) api.Event {
	e := api.Event{Kind: kind, Side: side, Time: at, Conn: "c4f2", From: f.id("web"), To: f.id("orders"), Rule: "allow-web-orders", Revision: 2}
	with(&e)
	return e
}

func TestWhyConnection(t *testing.T) {
	f := demoFixture(t)
	start := before(3*time.Minute + 12*time.Second)
	opened := func(side api.Side, after time.Duration) api.Event {
		return f.event(api.Opened, side, start.Add(after), func(e *api.Event) { e.TLS = "1.3, AES-128-GCM, X25519MLKEM768 (post-quantum)" })
	}
	ended := func(side api.Side, after time.Duration, code, reason string, back int64) api.Event {
		return f.event(api.Ended, side, noon.Add(after), func(e *api.Event) {
			e.Code, e.Reason, e.Sent, e.Back = code, reason, 412, back
		})
	}
	revoked := f.event(api.Changed, "", noon, func(e *api.Event) {
		e.Rule, e.Code, e.Revision, e.By, e.Because = "", "identity_revoked", 4, f.id("operator/ops"), "key on a lost laptop"
	})
	denied := f.event(api.Changed, "", noon, func(e *api.Event) {
		e.Rule, e.Revision, e.By = "deny-web-orders", 3, f.id("operator/ops")
	})
	const ms = time.Millisecond
	tests := []struct {
		name    string
		history api.History
		live    bool
	}{
		{"revoked", f.history(opened(api.Door, 0), opened(api.Service, ms), revoked,
			ended(api.Service, 9*ms, "identity_revoked", "web was revoked", 18204),
			ended(api.Door, 11*ms, "identity_revoked", "web was revoked", 18204)), false},
		{"denied-and-door-first", f.history(opened(api.Door, 0), denied,
			ended(api.Door, 2*ms, "denied_by_rule", "web may not talk to orders: deny-web-orders forbids it", 100),
			ended(api.Service, 3*ms, "denied_by_rule", "web may not talk to orders: deny-web-orders forbids it", 200)), false},
		{"without-proxy", f.history(opened(api.Service, 0), revoked, ended(api.Service, 9*ms, "identity_revoked", "web was revoked", 7)), false},
		{"one-end-told", f.history(opened(api.Door, 0), opened(api.Service, 0), revoked, ended(api.Service, 9*ms, "identity_revoked", "web was revoked", 7)), false},
		{"change-forgotten", f.history(ended(api.Door, 0, "identity_revoked", "web was revoked", 7),
			ended(api.Service, ms, "identity_revoked", "web was revoked", 7)), false},
		{"closed", f.history(opened(api.Door, 0), ended(api.Door, 0, "", "", 18204), ended(api.Service, 0, "", "", 18204)), false},
		{"cut-at-one-end", f.history(opened(api.Door, 0), ended(api.Service, 0, "", "", 5),
			ended(api.Door, ms, "truncated", "cut: the peer never said that this was all", 4)), false},
		{"live", f.history(opened(api.Door, 0)), true},
		{"live-but-forgotten", f.history(), true},
		{"refused", f.history(f.event(api.Refused, api.Service, start, func(e *api.Event) {
			e.Code, e.Reason = "backend_unreachable", "the service behind the proxy does not answer"
		})), false},
		{"turned-away", f.history(opened(api.Door, 0), f.event(api.Refused, api.Service, start.Add(ms), func(e *api.Event) {
			e.Rule, e.Revision, e.Remote, e.Code, e.Reason = "", 3, "192.0.2.7:41000", "no_rule", "no rule allows it"
		}), ended(api.Door, 2*ms, "refused_by_peer", "the peer refused us: the certificate is not accepted", 0)), false},
		{"lost", f.history(opened(api.Door, 0)), false},
		{"unknown", f.history(), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.live {
				test.history.Live = &api.Conn{ID: "c4f2", From: f.id("web"), To: f.id("orders"), Opened: start, Sent: 412, Back: 18204,
					Renewing: true, Rule: "allow-web-orders"}
			}
			golden(t, "conn-"+test.name, f.view().whyConn(test.history))
		})
	}
}
