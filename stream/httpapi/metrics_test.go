package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/freshline/freshline/stream"
)

// scrape reads metrics as Prometheus does.
func scrape(t *testing.T, base string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(testContext(t), http.MethodGet, base+pathMetrics, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s", base+pathMetrics, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func valueOf(t *testing.T, families map[string]*dto.MetricFamily, name string) float64 {
	t.Helper()
	family := families[name]
	if family == nil || len(family.Metric) != 1 {
		t.Fatalf("there is no single %s in %v", name, family)
	}
	switch m := family.Metric[0]; family.GetType() {
	case dto.MetricType_COUNTER:
		return m.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		return m.GetGauge().GetValue()
	case dto.MetricType_HISTOGRAM:
		return float64(m.GetHistogram().GetSampleCount())
	default:
		t.Fatalf("%s is of type %s", name, family.GetType())
		return 0
	}
}

// TestMetricsOfAProcess: what has been written is counted, and the recovery before it.
func TestMetricsOfAProcess(t *testing.T) {
	d := startDeployment(t, "one")
	families := scrape(t, d.bases[0])
	for valueOf(t, families, "freshline_samples_total") < 10 || valueOf(t, families, "freshline_events_total") < 10 {
		families = scrape(t, d.bases[0])
	}
	for name, want := range map[string]float64{
		"freshline_samples_total": 10, "freshline_events_total": 10, "freshline_dead_letters_total": 0, "freshline_failures_total": 0,
		"freshline_slipped_total": 0, "freshline_recovering_tasks": 0, "freshline_graph_number": 0, "freshline_build_info": 1,
	} {
		if got := valueOf(t, families, name); got != want {
			t.Errorf("%s is %f, want %f", name, got, want)
		}
	}
	if epochs := valueOf(t, families, "freshline_epochs_total"); epochs == 0 || epochs != valueOf(t, families, "freshline_epoch_duration_seconds") {
		t.Errorf("%f epochs, %f times of epochs", epochs, valueOf(t, families, "freshline_epoch_duration_seconds"))
	}
	for _, name := range []string{"go_goroutines", "freshline_unfinished_tasks", "freshline_rows_read_total", "freshline_rows_written_total", "freshline_recovery_records", "freshline_recovery_read_records"} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestMetricNames: counters end in _total, and nothing else does.
func TestMetricNames(t *testing.T) {
	m := NewMetrics("1.2.3", "abc")
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "freshline_") && strings.HasSuffix(name, "_total") != (f.GetType() == dto.MetricType_COUNTER) {
			t.Errorf("%s is a %s", name, f.GetType())
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
}

// TestMetricsOfARecovery: a rebuild shows as it goes, also before the process answers anything else.
func TestMetricsOfARecovery(t *testing.T) {
	m := NewMetrics("", "")
	server := NewServer(&stream.Processor{}, nil)
	server.ServeMetrics(m)
	site := httptest.NewServer(server)
	defer site.Close()
	hooks := m.Hooks()
	hooks.OnRecovering(3)
	hooks.OnRecovery("rows", 0, 0, 100)
	hooks.OnRecovery("rows", 0, 40, 100)
	families := scrape(t, site.URL)
	for name, want := range map[string]float64{
		"freshline_recovering_tasks": 3, "freshline_recovery_read_records": 40, "freshline_recovery_records": 100,
	} {
		if got := valueOf(t, families, name); got != want {
			t.Errorf("%s is %f, want %f", name, got, want)
		}
	}
	if r := m.Recovery(); r.Read != 40 || r.Total != 100 {
		t.Errorf("the recovery is %+v", r)
	}
}
