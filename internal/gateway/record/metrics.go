package record

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what Prometheus is told.
type Metrics struct {
	registry *prometheus.Registry
	engine   string
	known    func(tool string) bool
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	requests *prometheus.CounterVec
}

// NewMetrics returns the metrics of a gateway in front of an engine. known
// says which tools have counters of their own: names that callers make up have
// not; nil: all do.
func NewMetrics(engine, version string, known func(tool string) bool) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), engine: engine, known: known,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ligase_mcp_calls_total", Help: "Requests of the protocol that were answered, by method, tool, engine and outcome.",
		}, []string{"method", "tool", "engine", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ligase_mcp_call_seconds", Help: "How long they took to answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "tool", "engine"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ligase_http_requests_total", Help: "HTTP requests, by path and status code.",
		}, []string{"path", "code"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ligase_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version, "engine": engine},
	})
	build.Set(1)
	m.registry.MustRegister(m.calls, m.seconds, m.requests, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gauge adds a figure that is read when it is asked for.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

func (m *Metrics) call(e *entry) {
	if m == nil {
		return
	}
	tool := e.Tool
	if tool != "" && m.known != nil && !m.known(tool) {
		tool = "unknown"
	}
	m.calls.WithLabelValues(e.Method, tool, m.engine, e.Outcome).Inc()
	m.seconds.WithLabelValues(e.Method, tool, m.engine).Observe(e.Millis / 1000)
}

// HTTP counts a request that was answered.
func (m *Metrics) HTTP(path, code string) {
	if m != nil {
		m.requests.WithLabelValues(path, code).Inc()
	}
}
