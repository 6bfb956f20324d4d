package proxy_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/metrics"
	"github.com/signet-tls/signet/internal/proxy"
)

// scrape reads a proxy's metrics as Prometheus does.
func scrape(t *testing.T, p *proxy.Proxy) map[string]*dto.MetricFamily {
	t.Helper()
	var text bytes.Buffer
	if err := p.Metrics().Write(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value adds up a metric's values that have all of some labels' values.
func value(families map[string]*dto.MetricFamily, m metrics.Metric, labels ...string) (sum float64) {
	for _, metric := range families[m.Name].GetMetric() {
		var have []string
		for _, label := range metric.Label {
			have = append(have, label.GetValue())
		}
		if !slices.ContainsFunc(labels, func(want string) bool { return !slices.Contains(have, want) }) {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestMetricsUnderLoad scrapes both proxies while connections come and go, are denied
// and cut off, and holds the figures to what happened.
func TestMetricsUnderLoad(t *testing.T) {
	w := newWorld(t, "ann", "bob", "cat")
	w.allow("ann")
	w.allow("cat")
	const rounds, line = 8, "hello\n"
	stays := w.open(w.doors[2], "cat.0")
	var load sync.WaitGroup
	for range rounds {
		load.Go(func() {
			conn := w.dial(w.doors[0])
			io.WriteString(conn, line)
			conn.CloseWrite()
			if data, err := io.ReadAll(conn); err != nil || string(data) != line {
				t.Errorf("ann: %q, %v", data, err)
			}
		})
		load.Go(func() {
			conn := w.dial(w.doors[1])
			io.WriteString(conn, line)
			io.ReadAll(conn) // it is reset
		})
		load.Go(func() {
			for _, p := range []*proxy.Proxy{w.inbound, w.outbound} {
				for name := range scrape(t, p) {
					if !slices.ContainsFunc(metrics.Declared(), func(m metrics.Metric) bool { return m.Name == name && strings.HasPrefix(name, "signet_proxy_") }) {
						t.Errorf("%s is not declared", name)
					}
				}
			}
		})
	}
	load.Wait()
	w.revoke("cat")
	io.ReadAll(stays)
	w.until("all ends are told", func() bool {
		return w.events.count(func(e api.Event) bool { return e.Kind == api.Ended }) == 2*(rounds+1)
	})
	in, out := scrape(t, w.inbound), scrape(t, w.outbound)
	for _, test := range []struct {
		families map[string]*dto.MetricFamily
		metric   metrics.Metric
		labels   []string
		want     float64
	}{
		{out, metrics.ProxyDecisions, []string{"door", "ok"}, rounds + 1},
		{out, metrics.ProxyDecisions, []string{"door", "no_rule"}, rounds},
		{out, metrics.ProxyPolicyTime, []string{"door"}, 2*rounds + 1},
		{out, metrics.ProxyHandshakes, []string{"door", "ok"}, rounds + 1},
		{out, metrics.ProxyHandshakeTime, []string{"door"}, rounds + 1},
		{out, metrics.ProxyOpened, []string{"door"}, rounds + 1},
		{out, metrics.ProxyRefused, []string{"door", "no_rule"}, rounds},
		{out, metrics.ProxyEnded, []string{"door", "closed"}, rounds},
		{out, metrics.ProxyEnded, []string{"door", "identity_revoked"}, 1},
		{out, metrics.ProxyCarried, []string{"door", string(dataPath)}, rounds + 1},
		{in, metrics.ProxyCarried, []string{"service", string(dataPath)}, rounds + 1},
		{out, metrics.ProxyBytes, []string{"door", "ann", "sent"}, rounds * float64(len(line))},
		{out, metrics.ProxyBytes, []string{"door", "ann", "back"}, rounds * float64(len(line))},
		{out, metrics.ProxyBytes, []string{"door", "cat", "sent"}, float64(len("cat.0\n"))},
		{out, metrics.ProxyConnections, nil, 0},
		{out, metrics.ProxyStale, nil, 0},
		{out, metrics.ProxyEventsLost, nil, 0},
		{in, metrics.ProxyHandshakes, []string{"service", "ok"}, rounds + 1},
		{in, metrics.ProxyVerificationTime, nil, rounds + 1},
		{in, metrics.ProxyDecisions, []string{"service", "ok"}, rounds + 1},
		{in, metrics.ProxyBytes, []string{"service", "orders", "sent"}, rounds*float64(len(line)) + float64(len("cat.0\n"))},
		{in, metrics.ProxyEnded, []string{"service", "identity_revoked"}, 1},
		{in, metrics.ProxyRefused, nil, 0},
	} {
		if have := value(test.families, test.metric, test.labels...); have != test.want {
			t.Errorf("%s %v is %v, want %v", test.metric.Name, test.labels, have, test.want)
		}
	}
	if left := value(in, metrics.ProxyCertificate, "orders"); left < 20*3600 || left > 25*3600 {
		t.Errorf("the certificate of orders has %v s left", left)
	}
	if revision := value(in, metrics.ProxyRevision); revision < 3 {
		t.Errorf("revision %v", revision)
	}
	if why := w.inbound.Ready(); len(why) != 0 {
		t.Errorf("the service's proxy is not ready: %q", why)
	}
	if why := w.outbound.Ready(); len(why) != 0 {
		t.Errorf("the door's proxy is not ready, of whose identities one was revoked: %q", why)
	}
	w.stop()
	if why := w.inbound.Ready(); len(why) != 1 {
		t.Errorf("a proxy that was stopped is not ready: %q", why)
	}
}
