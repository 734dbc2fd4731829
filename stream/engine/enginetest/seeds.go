package enginetest

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var (
	// SeedFlag is the one seed that is asked for, 0 for none.
	SeedFlag      = flag.Uint64("seed", 0, "run the one history of this seed, and say what happens")
	historiesFlag = flag.Int("histories", 0, "run so many histories; 0 is what each test runs by itself, with -short a twentieth of it")
	simulateFlag  = flag.Duration("simulate", 0, "run histories for so long, of as many seeds as there is time for")
	fromFlag      = flag.Uint64("from", 1, "the first seed")
)

// EachSeed runs a history for each of n seeds, or of as many and for as long as the flags say, on all cores, until a
// few have failed. It returns how many it ran, and the seconds.
func EachSeed(t *testing.T, n int, run func(t *testing.T, seed uint64) bool) (int, float64) {
	t.Helper()
	from := *fromFlag
	start := time.Now()
	deadline := start.Add(24 * time.Hour)
	switch {
	case *SeedFlag != 0:
		from, n = *SeedFlag, 1
	case *simulateFlag > 0:
		n, deadline = math.MaxInt, start.Add(*simulateFlag)
	case *historiesFlag > 0:
		n = *historiesFlag
	case testing.Short():
		n = max(1, n/20)
	}
	shards := min(n, runtime.GOMAXPROCS(0))
	var failed, ran atomic.Int64
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for i := shard; i < n && failed.Load() < maxFailed && time.Now().Before(deadline); i += shards {
					ran.Add(1)
					if !run(t, from+uint64(i)) {
						failed.Add(1)
					}
				}
			})
		}
	})
	return int(ran.Load()), time.Since(start).Seconds()
}

// maxFailed bounds how many failures one run shows.
const maxFailed = 5
