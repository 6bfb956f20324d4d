package audit

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
)

// TestReconcile has two proxies tell of connections, alike and not.
func TestReconcile(t *testing.T) {
	type tell func(s *sample, door, service func(...api.Event))
	ended := func(s *sample, side api.Side, change func(*api.Event)) []api.Event {
		event := s.at(side, api.Ended, 1)
		if change != nil {
			change(&event)
		}
		return []api.Event{s.at(side, api.Opened, 1), event}
	}
	because := func(code string) func(*api.Event) { return func(e *api.Event) { e.Code = code } }
	tests := []struct {
		name              string
		tell              tell
		agreed, open      int
		difference, event string
	}{
		{"alike", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, nil)...)
			service(ended(s, api.Service, nil)...)
		}, 1, 0, "", ""},
		{"still open", func(s *sample, door, service func(...api.Event)) {
			door(s.at(api.Door, api.Opened, 1))
			service(s.at(api.Service, api.Opened, 1))
		}, 0, 1, "", ""},
		{"only the door", func(s *sample, door, _ func(...api.Event)) { door(ended(s, api.Door, nil)...) }, 0, 0, "only the door told of it, and the service did not", ""},
		{"only the service", func(s *sample, _, service func(...api.Event)) { service(ended(s, api.Service, nil)...) }, 0, 0, "only the service told of it, and the door did not", ""},
		{"refused at the door", func(s *sample, door, _ func(...api.Event)) { door(s.at(api.Door, api.Refused, 1)) }, 0, 1, "", ""},
		{"the end at one end", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, nil)...)
			service(s.at(api.Service, api.Opened, 1))
		}, 0, 0, "one end told that it is over, and the other did not", ""},
		{"bytes", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, nil)...)
			service(ended(s, api.Service, func(e *api.Event) { e.Sent = 9 })...)
		}, 0, 0, "both say that it came whole, and the door counts 10 bytes sent and 20 back, the service 9 and 20", ""},
		{"bytes of one that was cut", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, because("identity_revoked"))...)
			service(ended(s, api.Service, func(e *api.Event) { e.Sent, e.Code = 9, "truncated" })...)
		}, 1, 0, "", ""},
		{"whole and cut", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, nil)...)
			service(ended(s, api.Service, because("truncated"))...)
		}, 0, 0, "the door says that it came to its end, the service that it ended by truncated", ""},
		{"reasons", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, because("no_rule"))...)
			service(ended(s, api.Service, because("identity_revoked"))...)
		}, 0, 0, "the door says that it ended by no_rule, the service that it ended by identity_revoked", ""},
		{"names", func(s *sample, door, service func(...api.Event)) {
			door(ended(s, api.Door, nil)...)
			service(ended(s, api.Service, func(e *api.Event) { e.From = id("batch") })...)
		}, 1, 0, "one end says that it was from spiffe://test.signet/batch to spiffe://test.signet/orders", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSample(t)
			for proxy, service := range map[string]string{"proxy/one": "web", "proxy/two": "orders"} {
				add(t, s.log, Entry{Kind: Issued, Time: s.clock, Issuance: &Issuance{Serial: "1", ID: id(service), By: id(proxy)}})
			}
			send := func(proxy string) func(...api.Event) {
				return func(events ...api.Event) { add(t, s.log, s.batch(proxy, 0, events...)...) }
			}
			test.tell(s, send("proxy/one"), send("proxy/two"))
			s.clock = s.clock.Add(time.Minute)
			add(t, s.log, Entry{Kind: Acted, Time: s.clock, Act: &Act{Verb: "later"}})
			closeLog(t, s.log)
			r, err := Reconcile(s.files())
			if err != nil {
				t.Fatal(err)
			}
			var differences []string
			for _, d := range r.Differences {
				differences = append(differences, d.Text)
			}
			var want []string
			if test.difference != "" {
				want = []string{test.difference}
			}
			if diff := cmp.Diff(want, differences); diff != "" || r.Connections != 1 || r.Agreed != test.agreed || r.Open != test.open {
				t.Errorf("%+v; differences (-want +have):\n%s", r, diff)
			}
		})
	}
}

// TestReconcileGaps has batches that are missing, and one that is too new.
func TestReconcileGaps(t *testing.T) {
	s := newSample(t)
	add(t, s.log, s.batch("proxy/one", 7, s.at(api.Door, api.Opened, 1))...)
	add(t, s.log, s.numbered("proxy/one", 5, 0, s.at(api.Door, api.Ended, 1))...)
	add(t, s.log, s.numbered("proxy/two", 3, 0, s.at(api.Service, api.Opened, 1))...)
	if r, err := Reconcile(s.files()); err != nil || r.Open != 1 || len(r.Differences) != 0 || len(r.Gaps) != 3 ||
		r.Gaps[0].Events != 7 || r.Gaps[1].Text != "batches 2 to 4 are not in the log" || r.Gaps[1].Proxy != id("proxy/one") || r.Gaps[2].Proxy != id("proxy/two") {
		t.Errorf("%+v (%v)", r, err)
	}
	files := s.files()
	files[checkpointFile] = &fstest.MapFile{Data: []byte("x")}
	if _, err := Reconcile(files); !errors.Is(err, Damaged) {
		t.Errorf("a damaged log: %v, want %s", err, Damaged)
	}
	closeLog(t, s.log)
}
