package integration_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stateFiles are the kinds of files that a state consists of.
var stateFiles = []string{"MANIFEST", "*.sst", "*.vlog", "*.mem", "DISCARD", "KEYREGISTRY", "FORMAT", "OPEN"}

// changeBytes ends a processor, changes some bytes of one of its files, and starts it again: kind after kind of files.
func changeBytes(r *faultRun) error {
	return r.spoilStates(func(p *process, path string) error {
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		// Files are allocated beyond what was written: change what is not zero.
		end := len(b)
		for end > 1 && b[end-1] == 0 {
			end--
		}
		var at []int
		for range 1 + r.rng.IntN(4) {
			i := r.rng.IntN(end)
			b[i] ^= byte(1 + r.rng.IntN(255))
			at = append(at, i)
		}
		r.logf("%s: bytes %v of %d of %s are changed", p.instance(), at, end, filepath.Base(path))
		return os.WriteFile(path, b, 0o644)
	})
}

// removeFiles ends a processor, removes one of its files, and starts it again: kind after kind of files.
func removeFiles(r *faultRun) error {
	return r.spoilStates(func(p *process, path string) error {
		r.logf("%s: %s is removed", p.instance(), filepath.Base(path))
		return os.Remove(path)
	})
}

// spoilStates does harm to one file of a processor after another, of which there are those that a clean stop leaves and
// those that a kill leaves. The processor must heal, or stop and say what to do: then that is done.
func (r *faultRun) spoilStates(spoil func(p *process, path string) error) error {
	kinds := slices.Clone(stateFiles)
	r.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for n := 0; n < len(kinds) || r.round.Err() == nil; n++ {
		if r.ctx.Err() != nil {
			return nil
		}
		pass(r.ctx, nil, r.some(100*time.Millisecond, 600*time.Millisecond))
		p := r.processes[r.rng.IntN(len(r.processes))]
		if err := r.startAll(); err != nil {
			return err
		}
		// A clean stop makes tables of all that there is; a kill leaves it in the log.
		kind, end := kinds[n%len(kinds)], p.kill
		if kind == "*.sst" || kind != "*.mem" && r.rng.IntN(2) == 0 {
			end = func() error {
				if err := p.awaitReady(r.ctx); err != nil {
					return err
				}
				return p.stop(r.ctx)
			}
		}
		if err := end(); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(p.state, kind))
		if err != nil {
			return err
		}
		if len(files) > 0 {
			if err := spoil(p, files[r.rng.IntN(len(files))]); err != nil {
				return err
			}
		}
		if err := p.start(); err != nil {
			return err
		}
		if err := p.awaitReady(r.ctx); err == nil {
			continue
		} else if p.running() {
			return err
		}
		r.checkEnd(p)
		said := lastLine(p.lifeWritten())
		r.logf("%s stopped: %s", p.instance(), said)
		if !strings.Contains(said, p.state) {
			r.t.Errorf("%s stopped and did not say what to do:\n%s", p.instance(), firstLines(p.lifeWritten(), 40))
		}
		if err := errors.Join(os.RemoveAll(p.state), p.start()); err != nil {
			return err
		}
	}
	return nil
}

// fillDisk gives the state of one processor a small disk of its own, fills it while the processor works, and makes room
// again.
func fillDisk(r *faultRun) error {
	p := r.processes[0]
	if err := p.kill(); err != nil {
		return err
	}
	dir := filepath.Dir(p.state)
	if err := mountSmall(dir, smallDisk); err != nil {
		return err
	}
	defer func() {
		_ = p.kill()
		if err := unmount(dir); err != nil {
			r.t.Error(err)
		}
		p.life = nil // what ended it has been looked at
	}()
	if err := p.start(); err != nil {
		return err
	}
	full := filepath.Join(dir, "full")
	for n := 0; n < 2 || r.pass(time.Second); n++ {
		if err := r.awaitEither(p); err != nil {
			return err
		}
		if err := fill(full); err != nil {
			return err
		}
		r.logf("the disk of %s is full", p.instance())
		select {
		case <-p.life.ended:
		case <-r.round.Done():
		case <-r.ctx.Done():
		}
		if !p.running() {
			r.checkEnd(p)
			r.logf("%s stopped: %s", p.instance(), lastLine(p.lifeWritten()))
			// Started again on a full disk, it says so.
			if err := p.start(); err != nil {
				return err
			}
			select {
			case <-p.life.ended:
				r.checkEnd(p)
				said := lastLine(p.lifeWritten())
				r.logf("%s stopped again: %s", p.instance(), said)
				if !strings.Contains(said, "no space left") {
					r.t.Errorf("%s stopped and did not say that the disk is full:\n%s", p.instance(), firstLines(p.lifeWritten(), 40))
				}
			case <-p.life.ready:
			case <-r.ctx.Done():
			}
		}
		if err := os.Remove(full); err != nil {
			return fmt.Errorf("make room again: %w", err)
		}
		if !p.running() {
			if err := p.start(); err != nil {
				return err
			}
		}
	}
	return r.awaitEither(p)
}

// awaitEither waits until a process is ready or has ended, and starts it again once if it has.
func (r *faultRun) awaitEither(p *process) error {
	if err := p.awaitReady(r.ctx); err == nil || p.running() {
		return err
	}
	r.checkEnd(p)
	if err := p.start(); err != nil {
		return err
	}
	return p.awaitReady(r.ctx)
}
