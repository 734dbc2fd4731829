package state

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
)

// Badger is a Store on the local disk.
type Badger struct {
	dir   *directory
	limit Limit
	spare uint64 // bytes that the disk must have left for a write to begin

	mu     sync.RWMutex // held for reading while db is in use, for writing to change what follows
	db     *badger.DB
	closed bool

	count   sync.Mutex // guards readers
	readers int

	apply   sync.Mutex // one Apply at a time; guards what follows
	failed  error      // a write was cut short: what the database holds is not known
	entries []badger.Entry
}

// OpenBadger opens the store in the directory dir, which it makes if need be, for this process alone.
//
// ErrLocked: dir is open already. ErrFormat, ErrDamaged: its content cannot be used; see Rebuild.
func OpenBadger(dir string, opts ...Option) (*Badger, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	db, err := openChecked(d, o)
	if err != nil && o.rebuild && (errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged)) {
		if o.logf != nil {
			o.logf("state: rebuild: %v", err)
		}
		if err = d.empty(); err == nil {
			db, err = openChecked(d, o)
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	// Badger refuses at its bounds, not beyond them, and counts a mark of its own.
	limit := Limit{Keys: int(db.MaxBatchCount()) - 2, Bytes: int(db.MaxBatchSize()) - 64}
	return &Badger{dir: d, db: db, limit: limit, spare: spareOf(o)}, nil
}

func openChecked(d *directory, o options) (*badger.DB, error) {
	boot := o.bootID()
	if err := d.check(boot); err != nil {
		return nil, err
	}
	if err := d.checkRoom(spareOf(o)); err != nil {
		return nil, fmt.Errorf("open the state directory %s: %w", d.path, err)
	}
	// With Sync, a stop of the machine does no harm, unless a run without it has left writes behind.
	if _, was, ok := d.openedBy(); o.sync && (!ok || was == "") {
		boot = ""
	}
	if err := d.begin(boot); err != nil {
		return nil, err
	}
	settings := badgerSettings(d.path, o)
	err := checkFiles(settings, o.verify)
	var db *badger.DB
	if err == nil {
		db, err = openDatabase(settings)
	}
	switch {
	case err == nil:
		return db, nil
	case isSystem(err):
		return nil, fmt.Errorf("open the state directory %s: %w", d.path, err)
	}
	return nil, fmt.Errorf("%w: the state directory %s: %w%s", ErrDamaged, d.path, err, remedy)
}

// openDatabase is badger.Open, which panics on some damage.
func openDatabase(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: panic: %v", p)
		}
	}()
	return badger.Open(o)
}

// badgerSettings are explained in doc.go.
func badgerSettings(dir string, o options) badger.Options {
	return badger.DefaultOptions(dir).
		WithCompression(badgeroptions.None).
		WithBlockCacheSize(0).
		WithValueThreshold(MaxValue + 1).
		WithValueLogFileSize(16 << 20).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithSyncWrites(o.sync).
		WithMemTableSize(o.memtable).
		WithMetricsEnabled(false).
		WithLogger(badgerLog{o.logf}).
		WithBypassLockGuard(ownLock)
}

// isSystem tells a refusal of the system, which has another cure, from damage. Badger keeps
// only the text of most causes.
func isSystem(err error) bool {
	for _, cause := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EROFS} {
		if errors.Is(err, cause) || strings.Contains(err.Error(), cause.Error()) {
			return true
		}
	}
	return false
}

// Limit implements Store.
func (b *Badger) Limit() Limit { return b.limit }

// Reader implements Store.
func (b *Badger) Reader() (ReadCloser, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, fmt.Errorf("open a reader: %w", ErrClosed)
	}
	b.count.Lock()
	b.readers++
	b.count.Unlock()
	return &badgerReader{store: b, txn: b.db.NewTransaction(false)}, nil
}

func (b *Badger) readerClosed() {
	b.count.Lock()
	b.readers--
	b.count.Unlock()
}

// Apply implements Store. A disk that is about to be full is an error that wraps syscall.ENOSPC: nothing was written, and
// the store can be used again once there is room. After an error that is not ErrTooLarge or a refused key, what the
// database holds is not known: the store takes no more writes, and its directory is ErrDamaged.
func (b *Badger) Apply(o *Overlay) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return fmt.Errorf("apply: %w", ErrClosed)
	}
	if err := checkApply(o, b.limit); err != nil {
		return err
	}
	b.apply.Lock()
	defer b.apply.Unlock()
	if b.failed != nil {
		return fmt.Errorf("apply after a failed write: %w", b.failed)
	}
	if o.Len() == 0 {
		return nil
	}
	if err := b.dir.checkRoom(b.spare); err != nil {
		return fmt.Errorf("apply to the state directory %s: %w", b.dir.path, err)
	}
	txn := b.db.NewTransaction(true)
	defer txn.Discard()
	if err := b.fill(txn, o); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		b.failed = err
		b.dir.condemn(fmt.Sprintf("a write failed: %v", err))
		return fmt.Errorf("apply to the state directory %s: %w", b.dir.path, err)
	}
	return nil
}

// fill makes the pending writes of o those of txn. Badger copies keys and values when it
// commits, so they may lie in the overlay's memory until then, and the entries in ours.
func (b *Badger) fill(txn *badger.Txn, o *Overlay) (err error) {
	if cap(b.entries) < o.Len() {
		b.entries = make([]badger.Entry, 0, o.Len()*5/4)
	}
	b.entries = b.entries[:0]
	o.Pending(func(key, value []byte, deleted bool) bool {
		if deleted {
			err = txn.Delete(key)
		} else {
			b.entries = append(b.entries, badger.Entry{Key: key, Value: value})
			err = txn.SetEntry(&b.entries[len(b.entries)-1])
		}
		return err == nil
	})
	if errors.Is(err, badger.ErrTxnTooBig) {
		return fmt.Errorf("%w: %d keys, %d bytes", ErrTooLarge, o.Len(), o.Bytes())
	}
	if err != nil {
		return fmt.Errorf("apply to the state directory %s: %w", b.dir.path, err)
	}
	return nil
}

// DropPrefix implements Store.
func (b *Badger) DropPrefix(prefix []byte) error {
	// Not Badger's own DropPrefix, which stops all writers and rewrites tables.
	r, err := b.Reader()
	if err != nil {
		return fmt.Errorf("drop a prefix: %w", err)
	}
	defer r.Close()
	o := NewOverlay(r)
	batch := Limit{Keys: b.limit.Keys / 4, Bytes: b.limit.Bytes / 4}
	var failed error
	err = r.Scan(prefix, PrefixEnd(prefix), func(key, _ []byte) bool {
		if o.Delete(key); o.Fits(batch) {
			return true
		}
		failed = b.Apply(o)
		o.Reset(r)
		return failed == nil
	})
	if err = errors.Join(err, failed); err == nil {
		err = b.Apply(o)
	}
	if err != nil {
		return fmt.Errorf("drop the prefix %.64q: %w", prefix, err)
	}
	return nil
}

// Close implements Store. On a disk that is about to be full it refuses, as Apply does: it would have to write. The end of
// the process does no harm then.
func (b *Badger) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	if b.readers > 0 {
		return fmt.Errorf("close the state directory %s: %d readers are open", b.dir.path, b.readers)
	}
	if err := b.dir.checkRoom(b.spare); err != nil {
		return fmt.Errorf("close the state directory %s: %w", b.dir.path, err)
	}
	b.closed = true
	err := b.db.Close()
	if err == nil {
		err = b.dir.end()
	}
	if err = errors.Join(err, b.dir.close()); err != nil {
		return fmt.Errorf("close the state directory %s: %w", b.dir.path, err)
	}
	return nil
}
