package stream

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
)

// TestSettledOnce: one change of the root is one offer at the far side of the diamond and one at its end, whoever of
// a and b answers first, with all that was said in between: one AWAITING.
func TestSettledOnce(t *testing.T) {
	for _, processors := range []string{"one", "two"} {
		t.Run(processors, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the seed of the orders is %d", seed)
				}
			})
			r := rand.New(rand.NewPCG(seed, 0))
			d := newDiamond(t)
			hold := time.Duration(0)
			stop := []func(){}
			if processors == "two" {
				hold = time.Second // each waits for the other, and both for the machine
				stop = append(stop, d.run("two", "", hold))
			}
			stop = append(stop, d.run("one", t.TempDir(), hold))
			videos := []int{2, 3}
			d.begin(videos...)
			if n := d.partitionsOf(aKey(2), aKey(3), dKey(2), dKey(3), eKey); n < 2 {
				t.Fatalf("all keys lie in %d partition", n)
			}
			for _, version := range []string{"v2", "v3", "v4"} {
				d.write(version, videos...)
				var sides []string
				for _, video := range videos {
					sides = append(sides, aKey(video), bKey(video))
					d.expect("AWAITING STALE FRESH", dKey(video))
				}
				d.expect("STALE FRESH", sides...)
				d.expect("AWAITING STALE FRESH", eKey)
				d.await("STALE", sides...)
				d.await("AWAITING", dKey(2), dKey(3), eKey)
				r.Shuffle(len(sides), func(i, j int) { sides[i], sides[j] = sides[j], sides[i] })
				for _, key := range sides {
					d.answer(key)
					d.await("FRESH", key)
				}
				days := []string{dKey(2), dKey(3)}
				r.Shuffle(2, func(i, j int) { days[i], days[j] = days[j], days[i] })
				for _, key := range days {
					d.await("STALE", key)
					d.answer(key)
					d.await("FRESH", key)
				}
				d.await("STALE", eKey)
				d.answer(eKey)
				d.await("FRESH", eKey)
			}
			d.check(stop...)
			d.noSlips()
		})
	}
}

// TestSettledComing: a sample that joins a group is waited for before it is there.
func TestSettledComing(t *testing.T) {
	t.Parallel()
	d := newDiamond(t)
	stop := d.run("one", "", 0)
	d.begin(2)
	d.write("v1", 4, 6)
	news := []string{aKey(4), bKey(4), aKey(6), bKey(6)}
	d.await("NEW", news...)
	d.await("AWAITING", dKey(2), eKey)
	for _, key := range news {
		d.answer(key)
		d.await("FRESH", key)
	}
	d.expect("NEW FRESH", news...)
	d.await("STALE", dKey(2))
	d.answer(dKey(2))
	d.await("STALE", eKey)
	d.answer(eKey)
	d.await("FRESH", dKey(2), eKey)
	d.expect("AWAITING STALE FRESH", dKey(2), eKey)
	d.check(stop)
	d.noSlips()
}

// TestSettledFailed: nothing waits for work that has failed, and everything does once it is offered again.
func TestSettledFailed(t *testing.T) {
	t.Parallel()
	d := newDiamond(t)
	stop := d.run("one", "", 0)
	d.begin(2)
	d.write("v2", 2)
	d.await("STALE", aKey(2), bKey(2))
	d.await("AWAITING", dKey(2), eKey)
	d.fail(aKey(2))
	d.await("FAILED", aKey(2))
	d.answer(bKey(2))
	d.await("STALE", dKey(2))
	d.answer(dKey(2))
	d.await("STALE", eKey)
	d.answer(eKey)
	d.await("FRESH", bKey(2), dKey(2), eKey)
	d.expect("STALE FRESH", bKey(2))
	d.expect("AWAITING STALE FRESH", dKey(2), eKey)

	if err := d.failures.Retry(testContext(t), d.newest(aKey(2))); err != nil {
		t.Fatal(err)
	}
	d.await("STALE", aKey(2))
	d.await("AWAITING", dKey(2), eKey)
	d.answer(aKey(2))
	d.await("STALE", dKey(2))
	d.answer(dKey(2))
	d.await("STALE", eKey)
	d.answer(eKey)
	d.await("FRESH", aKey(2), dKey(2), eKey)
	d.expect("STALE FAILED STALE FRESH", aKey(2))
	d.expect("AWAITING STALE FRESH", dKey(2), eKey)
	d.check(stop)
	d.noSlips()
}

// TestSettledRestart: a processor that starts in the middle of a change, with its state and without, says nothing
// wrong: what waits goes on to wait, for what was done while it was down too, and in the end waits for nothing.
func TestSettledRestart(t *testing.T) {
	for _, how := range []string{"kept", "lost", "other"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := newDiamond(t)
			dirs := map[string]string{}
			stop := func() {}
			instance := "one"
			again := func(meanwhile func()) {
				t.Helper()
				stop()
				meanwhile()
				switch {
				case how == "other" && instance == "one":
					instance = "two"
				case how == "other":
					instance = "one"
				}
				if how == "lost" || dirs[instance] == "" {
					dirs[instance] = t.TempDir()
				}
				stop = d.run(instance, dirs[instance], 0)
			}
			again(func() {})
			videos := []int{2, 4}
			d.begin(2)
			d.write("v1", 4)
			d.await("NEW", aKey(4), bKey(4))
			d.await("AWAITING", dKey(2), eKey)
			again(func() { d.answer(aKey(4)) })
			d.await("FRESH", aKey(4))
			again(func() {})
			d.answer(bKey(4))
			d.await("STALE", dKey(2))
			again(func() { d.answer(dKey(2)) })
			d.await("STALE", eKey)
			d.answer(eKey)
			d.await("FRESH", eKey, dKey(2), aKey(4), bKey(4))
			d.expect("NEW FRESH", aKey(4), bKey(4))
			d.expect("AWAITING STALE FRESH", dKey(2), eKey)

			var sides []string
			for _, video := range videos {
				sides = append(sides, aKey(video), bKey(video))
			}
			again(func() { d.write("v2", videos...) })
			d.await("STALE", sides...)
			d.await("AWAITING", dKey(2), eKey)
			for i, key := range sides {
				if i%2 == 0 {
					again(func() { d.answer(key) })
				} else {
					d.answer(key)
					again(func() {})
				}
				d.await("FRESH", key)
			}
			d.await("STALE", dKey(2))
			d.answer(dKey(2))
			d.await("STALE", eKey)
			again(func() { d.answer(eKey) })
			d.await("FRESH", dKey(2), eKey)
			d.expect("STALE FRESH", sides...)
			d.expect("AWAITING STALE FRESH", dKey(2), eKey)
			d.check(stop)
			d.noSlips()
		})
	}
}

// TestSlipped: where the news that something is suspect comes later than keys are held, work is offered too early. That
// is counted, taken back, and made good.
func TestSlipped(t *testing.T) {
	t.Parallel()
	d := newDiamond(t)
	p, stop := d.start("one", "", time.Millisecond)
	partition := func(v graph.Value) int32 { return graph.Partition(graph.AppendTuple(nil, v), 5) }
	video := 1 // that lies apart from its day and its site
	for sides := int32(-1); sides < 0 || sides == partition(graph.String(dayOf(video))) || sides == partition(graph.String("north")); {
		video++
		sides = partition(graph.Int(int64(video)))
	}
	d.begin(video)
	late := map[string][]int32{d.ns.Rows(): {d.newest(aKey(video)).Partition}}
	early := 0
	for _, version := range []string{"v2", "v3"} {
		from := len(d.heard[dKey(video)])
		p.fetch.Pause(late)
		d.write(version, video)
		d.await("STALE", dKey(video))
		p.fetch.Resume(late)
		d.await("STALE", aKey(video), bKey(video))
		d.await("AWAITING", dKey(video), eKey)
		for _, e := range d.heard[dKey(video)][from:] {
			if statusOf(e) == "STALE" {
				early++
			}
		}
		d.answer(aKey(video), bKey(video))
		d.await("FRESH", aKey(video), bKey(video))
		d.await("STALE", dKey(video))
		d.answer(dKey(video))
		d.await("FRESH", dKey(video))
		d.await("STALE", eKey)
		d.answer(eKey)
		d.await("FRESH", eKey)
		d.expect("STALE FRESH", aKey(video), bKey(video))
		d.expect("STALE AWAITING STALE FRESH", dKey(video))
		d.expect("AWAITING STALE FRESH", eKey)
	}
	d.check(stop)
	if early != 2 || d.slipped != early {
		t.Errorf("%d keys are said to have slipped, and %d did: %s", d.slipped, early, d.story())
	}
}
