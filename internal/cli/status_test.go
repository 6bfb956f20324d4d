package cli

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// life is one of 24 hours that has some of them left.
func (f fixture) life(what api.LifeOf, path, holder string, left time.Duration) api.Life {
	life := api.Life{What: what, ID: f.id(path), From: noon.Add(left - 24*time.Hour), Until: noon.Add(left)}
	if holder != "" {
		life.Holder = f.id(holder)
	}
	return life
}

// system is one in which all is well.
func (f fixture) system(with func(*api.System)) api.System {
	const year = 365 * 24 * time.Hour
	s := api.System{TrustDomain: f.td, Revision: 4, Now: noon, Started: before(3 * time.Hour), Identities: 5, Rules: 1, Entries: 1206, Conns: 3,
		Proxies: []api.ProxyState{
			{ID: f.id("proxy/edge-1"), Created: before(year), Connected: true, Since: before(time.Second), Revision: 4, Answered: true, Conns: 3, Holds: []spiffeid.ID{f.id("web")}},
			{ID: f.id("proxy/orders"), Created: before(year), Connected: true, Since: before(time.Second), Revision: 4, Answered: true, Conns: 1, Holds: []spiffeid.ID{f.id("orders")}},
		},
		Lives: []api.Life{
			f.life(api.ServiceLife, "web", "proxy/edge-1", 13*time.Hour), f.life(api.ProxyLife, "proxy/edge-1", "", 22*time.Hour),
			f.life(api.ServiceLife, "orders", "proxy/orders", 20*time.Hour), f.life(api.ProxyLife, "proxy/orders", "", 23*time.Hour),
			f.life(api.OperatorLife, "operator/ann", "", 14*time.Hour),
			{What: api.IntermediateLife, From: before(year / 4), Until: noon.Add(year)},
			{What: api.RootLife, From: before(year / 4), Until: noon.Add(9 * year)},
		}}
	with(&s)
	return s
}

func TestStatus(t *testing.T) {
	f := demoFixture(t)
	full := f.view()
	full.full = true
	cut := func(s *api.System) *api.ProxyState {
		p := &s.Proxies[0]
		p.Connected, p.Answered, p.Conns, p.Stale, p.Since = false, false, 0, true, before(2*time.Minute)
		return p
	}
	tests := []struct {
		name  string
		view  view
		needs int
		with  func(*api.System)
	}{
		{"well", f.view(), 0, func(*api.System) {}},
		{"full-names", full, 0, func(*api.System) {}},
		{"no-proxy", f.view(), 0, func(s *api.System) { s.Proxies, s.Lives, s.Conns = nil, nil, 0 }},
		{"cut-off", f.view(), 1, func(s *api.System) { cut(s) }},
		{"cut-off-just-now", f.view(), 1, func(s *api.System) { cut(s).Stale = false }},
		{"after-a-start", f.view(), 0, func(s *api.System) { p := cut(s); p.Stale, p.Since = false, time.Time{} }},
		{"never-came-back", f.view(), 1, func(s *api.System) { cut(s).Since = time.Time{} }},
		{"behind", f.view(), 1, func(s *api.System) { s.Proxies[1].Revision = 3 }},
		{"twice", f.view(), 1, func(s *api.System) { s.Proxies[1].Rival = "192.0.2.7:51000" }},
		{"silent", f.view(), 0, func(s *api.System) { s.Proxies[1].Answered, s.Proxies[1].Conns = false, 0 }},
		{"not-joined", f.view(), 0, func(s *api.System) { cut(s).Created, s.Lives = before(time.Minute), s.Lives[2:] }},
		{"away-too-long", f.view(), 1, func(s *api.System) { cut(s); s.Lives = s.Lives[2:] }},
		{"no-certificate", f.view(), 1, func(s *api.System) { s.Lives = s.Lives[1:] }},
		{"half", f.view(), 0, func(s *api.System) {
			s.Lives[0] = f.life(api.ServiceLife, "web", "proxy/edge-1", 12*time.Hour)
			s.Lives[4] = f.life(api.OperatorLife, "operator/ann", "", time.Hour)
		}},
		{"quarter-and-tenth", f.view(), 4, func(s *api.System) {
			s.Lives[0] = f.life(api.ServiceLife, "web", "proxy/edge-1", 6*time.Hour)
			s.Lives = append(s.Lives, f.life(api.ServiceLife, "batch", "", time.Hour))
			s.Lives[5] = api.Life{What: api.IntermediateLife, From: before(80 * time.Hour), Until: noon.Add(20 * time.Hour)}
			s.Lives[6] = api.Life{What: api.RootLife, From: before(80 * time.Hour), Until: before(time.Hour)}
		}},
		{"revoked-proxies", f.view(), 0, func(s *api.System) { s.Barred = []spiffeid.ID{f.id("proxy/edge-8"), f.id("proxy/edge-9")} }},
		{"many", f.view(), 0, func(s *api.System) {
			for range 50 {
				s.Proxies = append(s.Proxies, s.Proxies[1])
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report := test.view.status(f.system(test.with))
			if len(report.Needs) != test.needs || report.Well != (test.needs == 0) {
				t.Errorf("well %v with %d needs, want %d: %+v", report.Well, len(report.Needs), test.needs, report.Needs)
			}
			for _, need := range report.Needs {
				if need.Who == "" || need.What == "" || need.Next == "" {
					t.Errorf("a need without its next step: %+v", need)
				}
			}
			golden(t, "status-"+test.name, report.String())
		})
	}
}

func TestLeft(t *testing.T) {
	from, until := noon, noon.Add(100*time.Hour)
	for _, test := range []struct {
		name string
		life api.Life
		now  time.Time
		want float64
	}{
		{"all", api.Life{From: from, Until: until}, from, 1},
		{"before it begins", api.Life{From: from, Until: until}, from.Add(-time.Hour), 1},
		{"half", api.Life{From: from, Until: until}, from.Add(50 * time.Hour), 0.5},
		{"at its end", api.Life{From: from, Until: until}, until, 0},
		{"after it", api.Life{From: from, Until: until}, until.Add(time.Hour), 0},
		{"no life", api.Life{From: from, Until: from}, from.Add(-time.Hour), 0},
		{"backwards", api.Life{From: until, Until: from}, from.Add(-time.Hour), 0},
	} {
		if have := test.life.Left(test.now); have != test.want {
			t.Errorf("%s: %v, want %v", test.name, have, test.want)
		}
	}
}
