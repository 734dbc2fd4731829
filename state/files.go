package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

// checkFiles opens and closes the key registry and the tables that the manifest names. Badger
// does it again, but on goroutines of its own, where a panic over a damaged table ends the process,
// and an error leaves goroutines behind. With verify it checks the checksum of every block.
//
// Tables that the manifest does not name are what a kill leaves of a compaction; Badger removes them.
func checkFiles(s badger.Options, verify bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged table: %.200q", fmt.Sprint(p))
		}
	}()
	f, err := os.Open(filepath.Join(s.Dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return checkNoData(s.Dir)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, s.ExternalMagicVersion, s)
	if err != nil {
		return err
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: s.Dir, ReadOnly: true})
	if err != nil {
		return err
	}
	if err := registry.Close(); err != nil {
		return err
	}
	o := table.Options{
		BlockSize:   s.BlockSize,
		Compression: badgeroptions.None,
		ChkMode:     badgeroptions.NoVerification,
	}
	if verify {
		o.ChkMode = badgeroptions.OnTableRead
	}
	for id := range m.Tables {
		mapped, err := z.OpenMmapFile(table.NewFilename(id, s.Dir), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		t, err := table.OpenTable(mapped, o)
		if err != nil {
			return err
		}
		if err := t.Close(-1); err != nil {
			return err
		}
	}
	return nil
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
