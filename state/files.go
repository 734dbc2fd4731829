package state

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

// checkFiles reads the manifest, and opens and closes the key registry and the tables that the manifest names. Badger
// does it again, but on goroutines of its own, where a panic over a damaged table ends the process,
// and an error leaves goroutines behind. With verify it checks the checksum of every block.
//
// Tables that the manifest does not name are what a kill leaves of a compaction; Badger removes them.
func checkFiles(s badger.Options, verify bool) error {
	f, err := os.Open(filepath.Join(s.Dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return checkNoData(s.Dir)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	m, end, err := badger.ReplayManifestFile(f, s.ExternalMagicVersion, s)
	if err != nil {
		return err
	}
	// Badger cuts what it cannot read off the end, and then deletes the tables that only this named.
	if info, err := f.Stat(); err != nil || info.Size() != end {
		return errors.Join(err, fmt.Errorf("the file %s cannot be read behind byte %d", badger.ManifestFilename, end))
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: s.Dir, ReadOnly: true})
	if err != nil {
		return err
	}
	if err := registry.Close(); err != nil {
		return err
	}
	return checkTables(s, slices.Collect(maps.Keys(m.Tables)), verify)
}

// checkTables checks tables, several at once: with verify it reads all of them.
func checkTables(s badger.Options, ids []uint64, verify bool) error {
	o := table.Options{
		BlockSize:   s.BlockSize,
		Compression: badgeroptions.None,
		ChkMode:     badgeroptions.NoVerification,
	}
	if verify {
		o.ChkMode = badgeroptions.OnTableRead
	}
	var group sync.WaitGroup
	var next atomic.Int64
	faults := make([]error, len(ids))
	for range min(len(ids), runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)); i = next.Add(1) - 1 {
				faults[i] = checkTable(table.NewFilename(ids[i], s.Dir), o)
			}
		})
	}
	group.Wait()
	return errors.Join(faults...)
}

func checkTable(name string, o table.Options) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged table %s: %.200q", filepath.Base(name), fmt.Sprint(p))
		}
	}()
	mapped, err := z.OpenMmapFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t, err := table.OpenTable(mapped, o)
	if err != nil {
		return err
	}
	return t.Close(-1)
}

// checkNoData refuses data without a manifest, which Badger would quietly drop.
func checkNoData(dir string) error {
	for _, pattern := range []string{"*.sst", "*.mem"} {
		if names, _ := filepath.Glob(filepath.Join(dir, pattern)); len(names) > 0 {
			return fmt.Errorf("%s is there, but the file %s is not", filepath.Base(names[0]), badger.ManifestFilename)
		}
	}
	return nil
}
