package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshline/freshline/stream"
)

// BenchmarkRebuild measures how many records a second a processor reads that has lost its state, until it has recovered,
// beside a client that only reads the same records. Run it with -benchtime 1x, -restart.samples for the size and
// -cpuprofile for where the time goes.
func BenchmarkRebuild(b *testing.B) {
	if !broker.Real() {
		b.Skip("needs a real Kafka")
	}
	ctx, cancel := context.WithTimeout(b.Context(), loadLimit)
	defer cancel()
	l := &load{cluster: stream.Cluster{Brokers: broker.Brokers()}, ns: stream.Namespace(shortNamespace())}
	l.size(*restartSamples)
	if err := l.write(ctx); err != nil {
		b.Fatal(err)
	}
	rebuildOnce(ctx, b, l) // files the rows
	for range b.N {
		read, took := rebuildOnce(ctx, b, l)
		rate := float64(read) / took.Seconds()
		began := time.Now()
		n, err := l.read(ctx, l.ns.Rows())
		if err != nil {
			b.Fatal(err)
		}
		plain := float64(n) / time.Since(began).Seconds()
		b.ReportMetric(rate, "records/s")
		b.ReportMetric(rate/plain, "of-reading")
		b.ReportMetric(0, "ns/op")
	}
}

// rebuildOnce runs a processor without state until all is drained, and returns what its recovery has read, and how long that
// took.
func rebuildOnce(ctx context.Context, b *testing.B, l *load) (read int64, took time.Duration) {
	b.Helper()
	var progress stream.RecoveryProgress
	began := time.Time{}
	rest := make(chan struct{}, 1) // has something once no sweep is under way
	p, err := stream.NewProcessor(stream.ProcessorOptions{
		Cluster: l.cluster, Namespace: l.ns, StateDir: b.TempDir(), InstanceID: "bench",
		Hooks: stream.Hooks{OnEpoch: func(s stream.EpochStats) {
			if s.Unfinished == 0 {
				select {
				case rest <- struct{}{}:
				default:
				}
			}
		}, OnRecovery: progress.OnRecovery, OnRecovering: func(tasks int) {
			progress.OnRecovering(tasks)
			switch {
			case tasks > 0:
				began = time.Now()
			case took == 0:
				took, read = time.Since(began), progress.Recovery().Read
			}
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(running) }()
	<-p.Ready()
	<-rest
	drained := l.awaitDrained(ctx)
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
	if drained != nil {
		b.Fatal(drained)
	}
	return read, took
}
