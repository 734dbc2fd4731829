package httpapi

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/freshline/freshline/stream"
)

// Metrics is what a process tells Prometheus, in a registry of its own.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	recovery stream.RecoveryProgress

	epochs, samples, failures, rowsRead, rowsWritten, events, deadLetters, slipped prometheus.Counter

	epochSeconds prometheus.Histogram

	graph, unfinished prometheus.Gauge
}

// NewMetrics returns metrics at zero. version and revision are those of the program.
func NewMetrics(version, revision string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "freshline", Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "freshline", Name: name, Help: help}, value))
	}
	m.epochs = counter("epochs_total", "Epochs committed.")
	m.samples = counter("samples_total", "Records of sample topics taken in.")
	m.failures = counter("failures_total", "Records of the failure topic taken in.")
	m.rowsRead = counter("rows_read_total", "Records of the topic of rows read, without those of recoveries.")
	m.rowsWritten = counter("rows_written_total", "Records of the topic of rows written.")
	m.events = counter("events_total", "Records of staleness topics written, tombstones among them.")
	m.deadLetters = counter("dead_letters_total", "Records that could not be used.")
	m.slipped = counter("slipped_total", "Keys that were offered and wait after all, since they were not held long enough.")
	m.epochSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "freshline", Name: "epoch_duration_seconds", Help: "How long a committed epoch took, without the wait for its input.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	m.graph = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "freshline", Name: "graph_number", Help: "Number of the graph in force, its offset in the graph topic."})
	m.unfinished = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "freshline", Name: "unfinished_tasks", Help: "Tasks that had work left after the last epoch that no record waits for: sweeps, scans, keys held back."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "freshline", Name: "build_info", Help: "1, with the version of the program as labels."}, []string{"version", "revision"})
	build.WithLabelValues(version, revision).Set(1)
	m.registry.MustRegister(m.epochSeconds, m.graph, m.unfinished, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("recovering_tasks", "Tasks that recover; 0: none does.", func() float64 { return float64(m.recovery.Recovery().Tasks) })
	gauge("recovery_read_records", "Offsets that the recovery under way, or the last one, has passed.", func() float64 { return float64(m.recovery.Recovery().Read) })
	gauge("recovery_records", "Offsets that the recovery under way, or the last one, has to pass.", func() float64 { return float64(m.recovery.Recovery().Total) })
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	return m
}

// Hooks are to be those of the Processor whose metrics they are.
func (m *Metrics) Hooks() stream.Hooks {
	return stream.Hooks{
		OnEpoch: m.onEpoch, OnGraph: func(number int64) { m.graph.Set(float64(number)) },
		OnRecovering: m.recovery.OnRecovering, OnRecovery: m.recovery.OnRecovery,
	}
}

func (m *Metrics) onEpoch(s stream.EpochStats) {
	m.unfinished.Set(float64(s.Unfinished)) // before it is counted: who has seen the epoch sees what it has left
	m.epochs.Inc()
	m.epochSeconds.Observe(s.Took.Seconds())
	for counter, n := range map[prometheus.Counter]int{
		m.samples: s.Samples, m.failures: s.Failures, m.rowsRead: s.RowsIn, m.rowsWritten: s.RowsOut,
		m.events: s.Events, m.deadLetters: s.DeadLetters, m.slipped: s.Slipped,
	} {
		counter.Add(float64(n))
	}
}

// Recovery says how the recovery of the process stands.
func (m *Metrics) Recovery() stream.Recovery { return m.recovery.Recovery() }
