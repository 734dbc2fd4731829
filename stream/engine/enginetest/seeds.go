package enginetest

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var (
	// SeedFlag is the one seed that is asked for, 0 for none.
	SeedFlag      = flag.Uint64("seed", 0, "run the one history of this seed, and say what happens")
	historiesFlag = flag.Int("histories", 0, "run so many histories; 0 is what each test runs by itself, with -short a twentieth of it")
	fromFlag      = flag.Uint64("from", 1, "the first seed")
)

// EachSeed runs a history for each of n seeds, as the flags say, on all cores, until a few have
// failed. It returns how many it was to run, and the seconds.
func EachSeed(t *testing.T, n int, run func(t *testing.T, seed uint64) bool) (int, float64) {
	t.Helper()
	from := *fromFlag
	switch {
	case *SeedFlag != 0:
		from, n = *SeedFlag, 1
	case *historiesFlag > 0:
		n = *historiesFlag
	case testing.Short():
		n = max(1, n/20)
	}
	start := time.Now()
	shards := min(n, runtime.GOMAXPROCS(0))
	var failed atomic.Int64
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for i := shard; i < n && failed.Load() < 5; i += shards {
					if !run(t, from+uint64(i)) {
						failed.Add(1)
					}
				}
			})
		}
	})
	return n, time.Since(start).Seconds()
}
