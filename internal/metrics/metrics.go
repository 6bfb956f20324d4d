// Package metrics counts and measures what the authority and its proxies do, and
// shows it in Prometheus's text form. Each metric is declared once: docs/metrics.md is
// made of the declarations.
package metrics

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// Kind is what a metric's values mean.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"   // of what happened since the start; it never goes down
	Gauge     Kind = "gauge"     // what is so now
	Histogram Kind = "histogram" // how long it took, in buckets
)

// Metric is the declaration of one.
type Metric struct {
	Name    string
	Kind    Kind
	Unit    string
	Labels  []Label
	Meaning string
}

// Label is a dimension of a metric. Nobody outside can choose a value's text, and of
// different values there are only so many: what is beyond counts as "other".
type Label struct {
	Name   string
	Values string // what they can be
	Most   int
}

// Other is the value of a label that stands for all beyond its bound.
const Other = "other"

// buckets are the upper bounds of what takes time, in seconds.
var buckets = []float64{.00001, .0001, .0005, .001, .0025, .005, .01, .025, .1, 1, 10}

func (m Metric) labelNames() []string {
	var names []string
	for _, label := range m.Labels {
		names = append(names, label.Name)
	}
	return names
}

// Set is what one process, or part of it, counts. It is safe for concurrent use.
type Set struct{ registry *prometheus.Registry }

// NewSet returns an empty one.
func NewSet() *Set { return &Set{prometheus.NewRegistry()} }

// Write writes the present values in the text form.
func (s *Set) Write(w io.Writer) error {
	families, err := s.registry.Gather()
	if err != nil {
		return err
	}
	text := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := text.Encode(family); err != nil {
			return err
		}
	}
	return nil
}

// bounds hold the values of a metric's labels to their bounds.
type bounds struct {
	labels []Label

	mu   sync.RWMutex
	seen []map[string]bool // guarded by mu; by label
}

func newBounds(labels []Label) *bounds {
	b := &bounds{labels: labels}
	for range labels {
		b.seen = append(b.seen, map[string]bool{})
	}
	return b
}

// hold returns values of which each is within its bound.
func (b *bounds) hold(values []string) []string {
	if b.known(values) {
		return values
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	held := slices.Clone(values)
	for i, value := range values {
		switch {
		case b.seen[i][value]:
		case len(b.seen[i]) < b.labels[i].Most:
			b.seen[i][strings.Clone(value)] = true
		default:
			held[i] = Other
		}
	}
	return held
}

func (b *bounds) known(values []string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for i, value := range values {
		if !b.seen[i][value] {
			return false
		}
	}
	return true
}

// Count is a counter that is told of what happens.
type Count struct {
	vec    *prometheus.CounterVec
	bounds *bounds
}

// Count adds a counter.
func (s *Set) Count(m Metric) *Count {
	c := &Count{prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Meaning}, m.labelNames()), newBounds(m.Labels)}
	s.registry.MustRegister(c.vec)
	return c
}

// Add counts n more, of the labels' values.
func (c *Count) Add(n int, values ...string) {
	c.vec.WithLabelValues(c.bounds.hold(values)...).Add(float64(n))
}

// Times is a histogram of how long something took.
type Times struct {
	vec    *prometheus.HistogramVec
	bounds *bounds
}

// Times adds a histogram.
func (s *Set) Times(m Metric) *Times {
	t := &Times{prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Meaning, Buckets: buckets}, m.labelNames()), newBounds(m.Labels)}
	s.registry.MustRegister(t.vec)
	return t
}

// Took notes a duration, of the labels' values.
func (t *Times) Took(d time.Duration, values ...string) {
	t.vec.WithLabelValues(t.bounds.hold(values)...).Observe(d.Seconds())
}

// Read adds a counter or gauge whose values are looked up when somebody reads them.
// What is put under the same labels is added up.
func (s *Set) Read(m Metric, look func(put func(value float64, labels ...string))) {
	s.registry.MustRegister(&reader{m, prometheus.NewDesc(m.Name, m.Meaning, m.labelNames(), nil), newBounds(m.Labels), look})
}

type reader struct {
	metric Metric
	desc   *prometheus.Desc
	bounds *bounds
	look   func(put func(float64, ...string))
}

// Describe implements prometheus.Collector.
func (r *reader) Describe(descs chan<- *prometheus.Desc) { descs <- r.desc }

// Collect implements prometheus.Collector.
func (r *reader) Collect(values chan<- prometheus.Metric) {
	kind := prometheus.GaugeValue
	if r.metric.Kind == Counter {
		kind = prometheus.CounterValue
	}
	type sum struct {
		labels []string
		value  float64
	}
	sums := map[string]*sum{}
	r.look(func(value float64, labels ...string) {
		held := r.bounds.hold(labels)
		key := strings.Join(held, "\x00")
		if sums[key] == nil {
			sums[key] = &sum{labels: held}
		}
		sums[key].value += value
	})
	for _, sum := range sums {
		values <- prometheus.MustNewConstMetric(r.desc, kind, sum.value, sum.labels...)
	}
}
