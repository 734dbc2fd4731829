package state

import "fmt"

// options are the settings of a Badger store.
type options struct {
	memtable int64
	logf     func(format string, args ...any)
	rebuild  bool
	sync     bool
	verify   bool
	bootID   func() string
}

// Option changes a setting of OpenBadger.
type Option func(*options)

// Memtable sets the size in bytes of the table in memory that takes writes; the default is
// 64 MiB. One Apply can take 15 % of it, so it also sets the Limit. Up to five of them are
// held while they wait for the disk. At least 8 MiB, at most 512 MiB.
func Memtable(bytes int64) Option { return func(o *options) { o.memtable = bytes } }

// Log sends Badger's warnings and errors to logf; without it they are dropped.
func Log(logf func(format string, args ...any)) Option { return func(o *options) { o.logf = logf } }

// Rebuild makes OpenBadger empty a directory that it would otherwise refuse with ErrFormat or
// ErrDamaged. It removes only files that are its own or Badger's. A good directory it leaves as it is.
func Rebuild() Option { return func(o *options) { o.rebuild = true } }

// Sync makes each Apply wait until the disk has the write. The state then outlives a failure of
// the machine, which without it asks for a rebuild.
func Sync() Option { return func(o *options) { o.sync = true } }

// Verify makes OpenBadger check the checksums of all tables, which reads the whole state once.
func Verify() Option { return func(o *options) { o.verify = true } }

func newOptions(opts []Option) (options, error) {
	o := options{memtable: 64 << 20, bootID: bootID}
	for _, set := range opts {
		set(&o)
	}
	if o.memtable < 8<<20 || o.memtable > 512<<20 {
		return o, fmt.Errorf("state: Memtable of %d bytes: it must be from 8 MiB to 512 MiB", o.memtable)
	}
	return o, nil
}
