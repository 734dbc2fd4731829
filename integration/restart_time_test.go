package integration_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/integration"
	"github.com/freshline/freshline/stream"
)

var (
	restartSamples = flag.Int("restart.samples", 20_000, "how many samples TestRestartTime loads; a tenth of them are loaded before, to compare with")
	restartDir     = flag.String("restart.dir", "", "a `folder` that keeps the state: on brokers that outlive the run, the next one measures again what this one has loaded")
)

const (
	// timedRestarts is how many restarts the median is of.
	timedRestarts = 5
	// restartGrowth is how many times as long a restart may take with ten times the samples. A restart that reads all
	// of its state takes ten times as long.
	restartGrowth = 3
	// restartNoise is what is left out of the comparison: with a small state a restart takes no longer than this.
	restartNoise = 2 * time.Second
	loadLimit    = 2 * time.Hour
)

// restartTimes are what TestRestartTime measures of one size.
type restartTimes struct {
	assigned, recovered, event time.Duration // since the process was started
}

// after is the time from having the partitions to the event.
func (r restartTimes) after() time.Duration { return r.event - r.assigned }

// TestRestartTime loads samples, kills the processor, writes a video while it is down, and measures how long after the
// next start it has its partitions, has recovered, and the event is there: with its state, whatever its size, within a
// few times the same time. Then the state is lost: it is rebuilt, and says nothing that is not new.
func TestRestartTime(t *testing.T) {
	needReal(t)
	if testing.Short() {
		t.Skip("loads many samples")
	}
	small := measureRestarts(t, *restartSamples/10)
	large := measureRestarts(t, *restartSamples)
	if limit := restartNoise + restartGrowth*small.event; large.event > limit {
		t.Errorf("with %d samples it takes %s from the start to the event, with %d it takes %s: it grows with the state", *restartSamples/10, small.event, *restartSamples, large.event)
	}
	if limit := restartNoise + restartGrowth*small.after(); large.after() > limit {
		t.Errorf("with %d samples it takes %s from having the partitions to the event, with %d it takes %s: it grows with the state", *restartSamples/10, small.after(), *restartSamples, large.after())
	}
}

func measureRestarts(t *testing.T, samples int) restartTimes {
	t.Helper()
	ctx := deadline(t, loadLimit)
	l := &load{cluster: stream.Cluster{Brokers: broker.Brokers()}, ns: stream.Namespace(shortNamespace())}
	l.size(samples)
	p := newProcess(t, string(l.ns))
	if *restartDir != "" {
		l.ns = stream.Namespace(fmt.Sprintf("restart-%d", l.samples()))
		dir := filepath.Join(*restartDir, string(l.ns))
		*p = *newProcessAs(p.binary, dir, broker.Brokers(), string(l.ns), "one")
	} else {
		deleteLater(t, l.ns)
	}
	if _, err := os.Stat(p.state); err != nil {
		start := time.Now()
		if err := l.write(ctx); err != nil {
			t.Fatal(err)
		}
		written := time.Since(start)
		start = time.Now()
		if err := errors.Join(p.start(), l.awaitDrained(ctx)); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d samples: written in %s, taken in by a first start in %s, %.0f a second", l.samples(), round(written), round(time.Since(start)), float64(l.samples())/time.Since(start).Seconds())
	} else if err := errors.Join(p.start(), l.awaitDrained(ctx)); err != nil {
		t.Fatal(err)
	}
	times := timeRestarts(ctx, t, l, p)
	rebuild(ctx, t, l, p)
	if err := p.stop(ctx); err != nil {
		t.Error(err)
	}
	return times
}

// timeRestarts returns the medians.
func timeRestarts(ctx context.Context, t *testing.T, l *load, p *process) restartTimes {
	t.Helper()
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: l.cluster, Namespace: l.ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{Cluster: l.cluster, Namespace: l.ns, Features: []graph.FeatureKey{"video/chunk"}})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	var all []restartTimes
	for n := range timedRestarts {
		key := fmt.Sprintf(`{"video_id":%d}`, n)
		err := errors.Join(p.kill(), l.putVideo(ctx, producer, n, fmt.Sprintf("again-%d", time.Now().UnixNano())), producer.Flush(ctx))
		began := time.Now()
		err = errors.Join(err, p.start())
		if err == nil {
			err = awaitSince(ctx, events, key, began)
		}
		if err != nil {
			t.Fatal(err)
		}
		times := restartTimes{event: time.Since(began)}
		if times.assigned, err = p.logged(began, assignedLine); err == nil {
			times.recovered, err = p.logged(began, recoveredLine)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, times)
		if err := l.awaitDrained(ctx); err != nil {
			t.Fatal(err)
		}
	}
	median := restartTimes{
		assigned:  medianOf(all, func(r restartTimes) time.Duration { return r.assigned }),
		recovered: medianOf(all, func(r restartTimes) time.Duration { return r.recovered }),
		event:     medianOf(all, func(r restartTimes) time.Duration { return r.event }),
	}
	t.Logf("%d samples, %d restarts after a kill, medians since the start: partitions %s, recovered %s, event %s; from the partitions to the event %s, %s at most", l.samples(), timedRestarts,
		round(median.assigned), round(median.recovered), round(median.event), round(medianOf(all, restartTimes.after)), round(slices.MaxFunc(all, func(a, b restartTimes) int { return cmp.Compare(a.after(), b.after()) }).after()))
	return median
}

func medianOf(all []restartTimes, of func(restartTimes) time.Duration) time.Duration {
	var list []time.Duration
	for _, r := range all {
		list = append(list, of(r))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// awaitSince waits for an event of a key that was written after a time.
func awaitSince(ctx context.Context, events *stream.Subscriber, key string, began time.Time) error {
	for {
		list, err := events.Poll(ctx)
		if err != nil {
			return fmt.Errorf("wait for an event of %s: %w", key, err)
		}
		for _, e := range list {
			if e.Err != nil {
				return e.Err
			}
			if string(e.Key) == key && e.Timestamp.After(began) {
				return nil
			}
		}
	}
}

// rebuild loses the state, and wants nothing to be said that was said before.
func rebuild(ctx context.Context, t *testing.T, l *load, p *process) {
	t.Helper()
	before, err := l.said(ctx)
	if err == nil {
		err = errors.Join(p.kill(), p.prepare(stateLost), p.start())
	}
	if err == nil {
		err = p.awaitReady(ctx)
	}
	took := time.Since(p.life.began)
	if err == nil {
		err = p.awaitRest(ctx)
	}
	if err = errors.Join(err, l.awaitDrained(ctx)); err != nil {
		t.Fatal(err)
	}
	drained := time.Since(p.life.began)
	after, err := l.said(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if after != before {
		t.Errorf("the rebuild said %d things, want none: all had been said", after-before)
	}
	_, _, records := recoveries(p.lifeWritten())
	if records < l.samples() {
		t.Errorf("the rebuild has read %d records of %d samples", records, l.samples())
	}
	t.Logf("%d samples, state lost: ready after %s, %.0f records a second; all evaluated after %s", l.samples(), round(took), float64(records)/took.Seconds(), round(drained))
}

var (
	answersAt  = regexp.MustCompile(`answers questions at (http://\S+)`)
	restMetric = regexp.MustCompile(`(?m)^freshline_unfinished_tasks 0$`)
	anEpoch    = regexp.MustCompile(`(?m)^freshline_epochs_total [1-9]`)
)

// awaitRest waits until a process that is ready has no sweep under way: what the group says of it may still be from before.
func (p *process) awaitRest(ctx context.Context) error {
	at := answersAt.FindStringSubmatch(p.lifeWritten())
	if at == nil {
		return errors.New("freshline has not said where it answers")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return integration.Eventually(ctx, "the sweeps to end", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, at[1]+"/metrics", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && !(anEpoch.Match(text) && restMetric.Match(text)) {
			err = errors.New("tasks have work left")
		}
		return err
	})
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Lines of the log of a process.
const (
	assignedLine  = `msg="the group has given tasks"`
	recoveredLine = `msg="tasks are recovered"`
)

// logged is how long after began the present life has logged a line for the last time.
func (p *process) logged(began time.Time, line string) (time.Duration, error) {
	found := time.Time{}
	for text := range strings.Lines(p.lifeWritten()) {
		stamp, rest, _ := strings.Cut(strings.TrimPrefix(text, "time="), " ")
		if !strings.Contains(rest, line) {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return 0, fmt.Errorf("the log line %q: %w", text, err)
		}
		found = at
	}
	if found.IsZero() {
		return 0, fmt.Errorf("freshline has not logged %s", line)
	}
	return found.Sub(began), nil
}
