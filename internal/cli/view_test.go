package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// golden compares text with testdata/NAME.golden, or rewrites that with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s differs (-want +have); -update rewrites it\n%s", path, diff)
	}
}

// noon is the present of every fixture, in UTC.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return noon.Add(-d) }

func domain(t *testing.T, name string) spiffeid.TrustDomain {
	t.Helper()
	td, err := spiffeid.ParseTrustDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return td
}

// fixture makes identities of one trust domain.
type fixture struct {
	t  *testing.T
	td spiffeid.TrustDomain
}

func demoFixture(t *testing.T) fixture { return fixture{t, domain(t, "demo.signet")} }

func (f fixture) id(path string) spiffeid.ID {
	f.t.Helper()
	id, err := f.td.ID(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f fixture) view() view { return view{domain: f.td, zone: time.UTC} }

// change is one that both proxies have in force.
func (f fixture) change(with func(*api.Change)) api.Change {
	c := api.Change{TrustDomain: f.td, Revision: 3, From: f.id("web"), To: f.id("orders"),
		Proxies: 2, InForce: 2, After: 13_200 * time.Microsecond}
	with(&c)
	return c
}

func (f fixture) ended(ids ...string) (ended []api.EndedConn) {
	for _, id := range ids {
		ended = append(ended, api.EndedConn{ID: id, From: f.id("web"), To: f.id("orders"), Ends: 2})
	}
	return ended
}

func TestChange(t *testing.T) {
	f := demoFixture(t)
	tests := []struct {
		name  string
		words func(view, api.Change) changed
		with  func(*api.Change)
	}{
		{"allowed", view.allowed, func(c *api.Change) { c.Rule = "allow-web-orders" }},
		{"allowed-replaces", view.allowed, func(c *api.Change) { c.Rule, c.Replaced = "allow-web-orders", "deny-web-orders" }},
		{"allowed-already", view.allowed, func(c *api.Change) { c.Rule, c.Unchanged, c.After = "allow-web-orders", true, 0 }},
		{"allowed-no-proxy", view.allowed, func(c *api.Change) { c.Rule, c.Proxies, c.InForce, c.After = "allow-web-orders", 0, 0, 0 }},
		{"allowed-for-a-time", view.allowed, func(c *api.Change) {
			c.Rule, c.Until = "allow-web-orders", time.Date(2126, 11, 21, 14, 0, 0, 0, time.UTC)
		}},
		{"would-allow", view.allowed, func(c *api.Change) {
			c.Rule, c.Until = "allow-web-orders", time.Date(2126, 11, 21, 14, 0, 0, 0, time.UTC)
			c.Would = &api.Foresight{LetsIn: 3, Stay: 2, Flips: []api.Flip{{From: c.From, To: c.To, Allowed: true, Reason: "allow-web-orders allows it", Tries: 7}}}
		}},
		{"would-deny", view.denied, func(c *api.Change) {
			c.Rule, c.Replaced = "deny-web-orders", "allow-web-orders"
			c.Would = &api.Foresight{Ends: f.ended("c4f2aa00"), Stay: 2, Silent: []api.Missing{{Proxy: f.id("proxy/edge-3")}},
				Flips: []api.Flip{{From: c.From, To: c.To, Reason: "deny-web-orders forbids it", Live: 1, Tries: 7}}}
		}},
		{"would-do-nothing", view.allowed, func(c *api.Change) { c.Rule, c.Unchanged, c.Would = "allow-web-orders", true, &api.Foresight{} }},
		{"edited", view.edited, func(c *api.Change) {
			c.From, c.To = spiffeid.ID{}, spiffeid.ID{}
			c.Ended, c.Others = f.ended("c4f2aa00"), 2
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
				c.Edits = append(c.Edits, api.Edit{What: "rule", Name: name, How: "added"})
			}
			c.Edits[0] = api.Edit{What: "group", Name: "ops", How: "changed"}
		}},
		{"would-edit", view.edited, func(c *api.Change) {
			pair := policy.Pair{From: c.From, To: c.To}
			c.From, c.To, c.Edits = spiffeid.ID{}, spiffeid.ID{}, []api.Edit{{What: "rule", Name: "ops", How: "removed"}}
			c.Would = &api.Foresight{Ends: f.ended("c4f2aa00"), Stay: 2, Flips: []api.Flip{{From: pair.From, To: pair.To, Reason: "no rule allows it", Live: 1, Tries: 7}}}
		}},
		{"undone", view.undone, func(c *api.Change) {
			c.Undone, c.Edits = 2, []api.Edit{{What: "rule", Name: "allow-web-orders", How: "removed"}}
		}},
		{"undone-already", view.undone, func(c *api.Change) { c.Undone, c.Unchanged, c.After = 2, true, 0 }},
		{"denied-nobody-left", view.denied, func(c *api.Change) {
			c.Rule, c.Proxies, c.InForce, c.After, c.Barred = "deny-web-orders", 0, 0, 0, 2
		}},
		{"revoked-proxy", view.revoked, func(c *api.Change) {
			c.Who, c.WhoIsProxy, c.Certificates, c.Ended = f.id("proxy/edge"), true, 5, f.ended("c4f2aa00")
			c.Proxies, c.InForce, c.Barred, c.Others, c.Ended[0].Ends = 1, 1, 1, 2, 1
		}},
		{"revoked-proxy-without-connections", view.revoked, func(c *api.Change) {
			c.Who, c.WhoIsProxy, c.Certificates, c.Proxies, c.InForce, c.Barred = f.id("proxy/edge"), true, 5, 1, 1, 1
		}},
		{"revoked-last-proxy", view.revoked, func(c *api.Change) {
			c.Who, c.WhoIsProxy, c.Certificates, c.Proxies, c.InForce, c.After, c.Barred = f.id("proxy/edge"), true, 5, 0, 0, 0, 2
		}},
		{"denied", view.denied, func(c *api.Change) {
			c.Rule, c.Replaced, c.Ended, c.Others = "deny-web-orders", "allow-web-orders", f.ended("c4f2aa00"), 2
		}},
		{"denied-one-revoked", view.denied, func(c *api.Change) { c.Rule, c.Revoked = "deny-web-orders", []spiffeid.ID{f.id("web")} }},
		{"denied-one-end", view.denied, func(c *api.Change) {
			c.Rule, c.Ended, c.Others = "deny-web-orders", f.ended("c4f2aa00", "c4f2bb00"), 1
			c.Ended[1].Ends = 1
		}},
		{"denied-without-proxy", view.denied, func(c *api.Change) {
			c.Rule, c.Ended = "deny-web-orders", f.ended("c4f2aa00")
			c.Ended[0].Ends = 1
		}},
		{"denied-many", view.denied, func(c *api.Change) {
			c.Rule, c.Ended = "deny-web-orders", f.ended("c0aa", "c1bb", "c2cc", "c3dd", "c4ee")
		}},
		{"revoked", view.revoked, func(c *api.Change) {
			c.Who, c.Certificates, c.Ended, c.Others = f.id("web"), 2, f.ended("c4f2aa00"), 2
		}},
		{"revoked-one-certificate", view.revoked, func(c *api.Change) { c.Who, c.Certificates = f.id("web"), 1 }},
		{"revoked-no-certificate", view.revoked, func(c *api.Change) { c.Who = f.id("web") }},
		{"revoked-already", view.revoked, func(c *api.Change) { c.Who, c.Certificates, c.Unchanged, c.After = f.id("web"), 2, true, 0 }},
		{"revoked-not-everywhere", view.revoked, func(c *api.Change) {
			c.Who, c.Certificates, c.Proxies, c.InForce, c.Ended = f.id("web"), 2, 5, 2, f.ended("c4f2aa00", "c51baa00")
			c.Missing = []api.Missing{
				{Proxy: f.id("proxy/edge-3"), Since: before(2 * time.Minute)},
				{Proxy: f.id("proxy/edge-4"), Connected: true, Since: before(time.Second)},
				{Proxy: f.id("proxy/edge-5")},
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := f.change(test.with)
			golden(t, "change-"+test.name, f.view().change(c, test.words(f.view(), c), noon))
		})
	}
}

func (f fixture) conns(with func(*api.Conns)) api.Conns {
	open := func(id, from, to string, open time.Duration, sent, back int64, rule string) api.Conn {
		return api.Conn{ID: id, From: f.id(from), To: f.id(to), Opened: before(open), Sent: sent, Back: back, Rule: rule,
			Deadline: noon.Add(2*time.Hour + 32*time.Minute), Renewing: true}
	}
	c := api.Conns{TrustDomain: f.td, Revision: 4, Now: noon, Proxies: 2, UpToDate: 2, Refused: 1206, Conns: []api.Conn{
		open("c4f2a000", "web", "orders", 3*time.Minute, 412, 18<<10, "allow-web-orders"),
		open("c51b0000", "batch", "orders", 41*time.Second, 2202010, 96, "allow-batch-orders"),
		open("c4f2b000", "ops", "orders", 2*time.Hour, 9<<10, 1363149, "allow-ops-orders"),
	}}
	c.Conns[2].Renewing = false
	with(&c)
	return c
}

func TestConns(t *testing.T) {
	f := demoFixture(t)
	full := f.view()
	full.full = true
	tests := []struct {
		name string
		view view
		with func(*api.Conns)
	}{
		{"several", f.view(), func(*api.Conns) {}},
		{"full-names", full, func(*api.Conns) {}},
		{"none", f.view(), func(c *api.Conns) { c.Conns, c.Refused = nil, 0 }},
		{"more-refused", f.view(), func(c *api.Conns) { c.Conns, c.Refused, c.RefusedMore = nil, 10_000, true }},
		{"events-lost", f.view(), func(c *api.Conns) { c.Conns, c.Refused, c.RefusedMore, c.Lost = nil, 6, true, 1234 }},
		{"after-a-start", f.view(), func(c *api.Conns) { c.Conns, c.Refused, c.Started = nil, 0, before(time.Minute) }},
		{"every-proxy-revoked", f.view(), func(c *api.Conns) { c.Conns, c.Proxies, c.UpToDate, c.Barred = nil, 0, 0, 2 }},
		{"one-proxy", f.view(), func(c *api.Conns) { c.Conns, c.Proxies, c.UpToDate = c.Conns[:1], 1, 1 }},
		{"silent-proxy", f.view(), func(c *api.Conns) {
			c.Conns, c.Proxies = c.Conns[:1], 3
			c.Silent = []api.Missing{{Proxy: f.id("proxy/edge-3"), Since: before(2 * time.Minute)}}
		}},
		{"hostile-rule", f.view(), func(c *api.Conns) {
			c.Conns = c.Conns[:1]
			c.Conns[0].Rule = "allow\x1b[2J\t\n-all"
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "conns-"+test.name, test.view.conns(f.conns(test.with)))
		})
	}
}

func TestPrefixesTellApart(t *testing.T) {
	tests := []struct {
		name string
		ids  []string
		want map[string]string
	}{
		{"none", nil, map[string]string{}},
		{"one", []string{"c4f2a"}, map[string]string{"c4f2a": "c4f2"}},
		{"alike", []string{"c4f2a", "c4f2b", "c5"}, map[string]string{"c4f2a": "c4f2a", "c4f2b": "c4f2b", "c5": "c5"}},
		{"one begins the other", []string{"c4f2", "c4f2b0"}, map[string]string{"c4f2": "c4f2", "c4f2b0": "c4f2b"}},
		{"twice the same", []string{"c4f2a0", "c4f2a0"}, map[string]string{"c4f2a0": "c4f2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, prefixes(test.ids)); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestTextsOfNumbers(t *testing.T) {
	tests := []struct{ name, have, want string }{
		{"no bytes", size(0), "0 B"},
		{"bytes", size(1023), "1023 B"},
		{"one KiB", size(1 << 10), "1 KiB"},
		{"below ten", size(2202010), "2.1 MiB"},
		{"just below ten", size(10<<10 - 1), "10 KiB"},
		{"above ten", size(18 << 10), "18 KiB"},
		{"the most", size(1<<63 - 1), "8 EiB"},
		{"small number", thousands(999), "999"},
		{"large number", thousands(1234567), "1,234,567"},
		{"one", count(1, "byte", "bytes"), "1 byte"},
		{"none", count(0, "byte", "bytes"), "0 bytes"},
		{"a moment", long(400 * time.Microsecond), "1 ms"},
		{"seconds", long(59 * time.Second), "59 s"},
		{"minutes", long(3*time.Minute + 12*time.Second), "3 min 12 s"},
		{"hours", long(47*time.Hour + 59*time.Minute), "47 h 59 min"},
		{"days", long(50 * time.Hour), "2 days 2 h"},
		{"backwards", long(-time.Hour), "1 ms"},
		{"whose", possessive("web"), "web's"},
		{"whose, with s", possessive("orders"), "orders'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.have != test.want {
				t.Errorf("have %q, want %q", test.have, test.want)
			}
		})
	}
}

func TestRowsStayReadable(t *testing.T) {
	var p page
	p.row("chain", "a.example ← An Intermediate Authority With a Long Name ← A Root With an Even Longer Name (roots.pem)", "STOP")
	p.row("spiffe://demo.signet/a-long-name", "known", "ok")
	p.row("name", "an-endless-host-name.that-cannot-be-broken.anywhere.because-it-is.one-word.example.com", "ok")
	p.fact("data", "two   gaps   stay")
	golden(t, "rows", p.String())
	for _, line := range lines(p.String()) {
		if n := utf8.RuneCountInString(line); n > lineWidth+5 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

// FuzzRow holds a row to one rule: whatever stands in it, each line is fit for a
// terminal, and no word is lost.
func FuzzRow(f *testing.F) {
	f.Add("chain", "a ← b (roots.pem)", "STOP")
	f.Add("a name that is too long", "a\x1b[2J\nb", "not checked")
	f.Fuzz(func(t *testing.T, name, text, verdict string) {
		var p page
		p.row(name, text, verdict)
		if !strings.HasSuffix(p.String(), "\n") {
			t.Errorf("the last line has no end: %q", p.String())
		}
		for _, line := range lines(strings.TrimSuffix(p.String(), "\n")) {
			if line != clean(line) {
				t.Errorf("not fit for a terminal: %q", line)
			}
		}
		for word := range strings.FieldsSeq(text) {
			if len(text) < 500 && len(name)+len(verdict) < 100 && !strings.Contains(p.String(), clean(word)) {
				t.Errorf("%q is lost in %q", word, p.String())
			}
		}
	})
}
