package metrics

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads a set as Prometheus does.
func scrape(t *testing.T, set *Set) map[string]*dto.MetricFamily {
	t.Helper()
	var text bytes.Buffer
	if err := set.Write(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// TestLabelsAreBounded has more values come than there may be.
func TestLabelsAreBounded(t *testing.T) {
	set := NewSet()
	bounded := []Label{{"who", "anybody", 3}}
	count := set.Count(Metric{"a_total", Counter, "things", bounded, "Things."})
	times := set.Times(Metric{"a_seconds", Histogram, "seconds", bounded, "Time."})
	set.Read(Metric{"a", Gauge, "things", bounded, "Things."}, func(put func(float64, ...string)) {
		for i := range 10 {
			put(1, fmt.Sprint("who", i))
		}
	})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			count.Add(2, fmt.Sprint("who", i%10))
			times.Took(time.Millisecond, fmt.Sprint("who", i%10))
		})
	}
	wg.Wait()
	for name, family := range scrape(t, set) {
		if n := len(family.Metric); n != 4 {
			t.Errorf("%s has %d values of its label, want 3 and %s", name, n, Other)
		}
		sum, others := 0.0, 0
		for _, m := range family.Metric {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if m.Label[0].GetValue() == Other {
				others++
			}
		}
		if want := map[string]float64{"a_total": 100, "a_seconds": 50, "a": 10}[name]; sum != want || others != 1 {
			t.Errorf("%s adds up to %v, want %v, with %d for all others", name, sum, want, others)
		}
	}
}

// TestHostileLabel has a value that would break the text form.
func TestHostileLabel(t *testing.T) {
	set := NewSet()
	set.Count(Metric{"a_total", Counter, "things", []Label{{"who", "anybody", 3}}, "Things."}).Add(1, "a\"\n} b_total 7\n")
	families := scrape(t, set)
	if len(families) != 1 || families["a_total"].Metric[0].Label[0].GetValue() != "a\"\n} b_total 7\n" {
		t.Errorf("%v", families)
	}
}

func TestPort(t *testing.T) {
	set := NewSet()
	set.Count(Metric{"a_total", Counter, "things", nil, "Things."}).Add(1)
	why := []string{"no certificate", "no authority"}
	local := Port{Set: set, Ready: func() []string { return why }, Logger: slog.New(slog.DiscardHandler)}
	public, profiled, both := local, local, local
	public.Public, profiled.Profile, both.Public, both.Profile = true, true, true, true
	tests := []struct {
		name, method, path, host string
		port                     Port
		status                   int
		says                     string
	}{
		{"health", "GET", "/healthz", "127.0.0.1:9090", local, 200, "ok\n"},
		{"not ready", "GET", "/readyz", "localhost:9090", local, 503, "no certificate\nno authority\n"},
		{"metrics", "GET", "/metrics", "[::1]:9090", local, 200, "a_total 1\n"},
		{"no profile", "GET", "/debug/pprof/", "127.0.0.1:9090", local, 404, ""},
		{"a profile", "GET", "/debug/pprof/goroutine?debug=1", "127.0.0.1:9090", profiled, 200, "goroutine profile"},
		{"no profile for others", "GET", "/debug/pprof/", "192.0.2.1:9090", both, 404, ""},
		{"a page's name", "GET", "/metrics", "evil.example:9090", local, 403, ""},
		{"another address", "GET", "/metrics", "192.0.2.1:9090", local, 403, ""},
		{"another address, where that is meant", "GET", "/metrics", "192.0.2.1:9090", public, 200, "a_total 1\n"},
		{"no port", "GET", "/metrics", "127.0.0.1", local, 403, ""},
		{"a change", "POST", "/metrics", "127.0.0.1:9090", local, 405, ""},
		{"another path", "GET", "/", "127.0.0.1:9090", local, 404, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "http://example"+test.path, nil)
			request.Host = test.host
			answer := httptest.NewRecorder()
			test.port.Handler().ServeHTTP(answer, request)
			if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) {
				t.Errorf("%d %q, want %d with %q", answer.Code, answer.Body, test.status, test.says)
			}
		})
	}
	why = nil
	answer := httptest.NewRecorder()
	request := httptest.NewRequest("GET", "http://127.0.0.1:9090/readyz", nil)
	if local.Handler().ServeHTTP(answer, request); answer.Code != http.StatusOK {
		t.Errorf("ready: %d", answer.Code)
	}
}

func BenchmarkAdd(b *testing.B) {
	count := NewSet().Count(ProxyDecisions)
	for b.Loop() {
		count.Add(1, "door", "ok")
	}
}

func BenchmarkTook(b *testing.B) {
	times := NewSet().Times(ProxyHandshakeTime)
	for b.Loop() {
		times.Took(time.Millisecond, "door")
	}
}
