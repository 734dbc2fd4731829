package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FormatVersion is the version of what a state directory holds. A directory of another version is not read.
const FormatVersion = 2

const (
	// formatFile holds the format version. A directory with data but without it is of unknown
	// format, so it is the first to be removed and the last to be made.
	formatFile = "FORMAT"
	// openFile is there while the store is open: the process that has it and the boot of its machine.
	openFile = "OPEN"
	// damagedFile is there after a write that failed half-way, with the reason.
	damagedFile = "DAMAGED"
)

// directory is the place of a Badger store: what this package keeps there beside Badger's files.
type directory struct {
	path string
	lock *os.File
	free func(dir string) (uint64, bool) // freeBytes, but in tests
}

// openDirectory makes path where it is not there and locks it.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	lock, err := lockDirectory(path)
	d := &directory{path, lock, freeBytes}
	if errors.Is(err, ErrLocked) {
		by := "another process"
		if pid, _, ok := d.openedBy(); ok {
			by = "process " + pid
		}
		return nil, fmt.Errorf("%w: %s has the state directory %s open: stop it, or use another directory", ErrLocked, by, path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	return d, nil
}

func (d *directory) close() error { return d.lock.Close() }

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// check returns an error that wraps ErrFormat or ErrDamaged where the files cannot be used.
// boot is the present boot of the machine, "" where that is not known.
//
// Why the boot: Badger does not sync a log when it goes on to the next, so after a power loss the
// end of one may be missing and the beginning of the next be there: not old, but wrong.
func (d *directory) check(boot string) error {
	names, foreign, err := d.list()
	if err != nil {
		return err
	}
	format, err := os.ReadFile(d.file(formatFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && foreign != "":
		return fmt.Errorf("state: the directory %s is not a state directory, it holds %s: use another one", d.path, foreign)
	case errors.Is(err, fs.ErrNotExist) && len(names) == 0:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the state directory %s holds data of unknown format%s", ErrFormat, d.path, remedy)
	case err != nil:
		return fmt.Errorf("read the format of the state: %w", err)
	}
	if got := strings.TrimSpace(string(format)); got != strconv.Itoa(FormatVersion) {
		return fmt.Errorf("%w: the state directory %s has format %.20q, this program has %d%s", ErrFormat, d.path, got, FormatVersion, remedy)
	}
	if reason, err := os.ReadFile(d.file(damagedFile)); err == nil {
		return fmt.Errorf("%w: the state directory %s: %s%s", ErrDamaged, d.path, strings.TrimSpace(string(reason)), remedy)
	}
	if _, was, ok := d.openedBy(); ok && was != boot && was != "" && boot != "" {
		return fmt.Errorf("%w: the machine stopped while the state directory %s was open, writes may be missing in the middle%s", ErrDamaged, d.path, remedy)
	}
	return nil
}

const remedy = ": open it with Rebuild, or delete it; the state is then built anew from the logs"

// list returns the names that are this package's or Badger's, and the first other name.
func (d *directory) list() (own []string, foreign string, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, "", fmt.Errorf("read the state directory: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.Type().IsRegular() && isOwn(name):
			own = append(own, name)
		case foreign == "" && name != "lost+found":
			foreign = name
		}
	}
	return own, foreign, nil
}

// isOwn tells the files of this package and of Badger from a user's.
func isOwn(name string) bool {
	switch name {
	case formatFile, openFile, damagedFile,
		formatFile + ".tmp", openFile + ".tmp",
		"MANIFEST", "MANIFEST-REWRITE", "KEYREGISTRY", "REWRITE-KEYREGISTRY", "DISCARD", "LOCK":
		return true
	}
	switch filepath.Ext(name) {
	case ".sst", ".mem", ".vlog":
		_, err := strconv.Atoi(strings.TrimSuffix(name, filepath.Ext(name)))
		return err == nil
	}
	return false
}

// empty removes all files of this package and of Badger.
func (d *directory) empty() error {
	if err := os.Remove(d.file(formatFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("empty the state directory: %w", err)
	}
	if err := d.sync(); err != nil {
		return fmt.Errorf("empty the state directory: %w", err)
	}
	names, _, err := d.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(d.file(name)); err != nil {
			return fmt.Errorf("empty the state directory: %w", err)
		}
	}
	return nil
}

// begin notes the format and that the store is open.
func (d *directory) begin(boot string) error {
	if _, err := os.Stat(d.file(formatFile)); errors.Is(err, fs.ErrNotExist) {
		if err := d.write(formatFile, strconv.Itoa(FormatVersion)+"\n"); err != nil {
			return fmt.Errorf("write the format of the state: %w", err)
		}
	}
	if err := d.write(openFile, fmt.Sprintf("%d %s\n", os.Getpid(), boot)); err != nil {
		return fmt.Errorf("mark the state as open: %w", err)
	}
	return nil
}

// end notes that the store has been closed with all its data on the disk.
func (d *directory) end() error {
	if err := os.Remove(d.file(openFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mark the state as closed: %w", err)
	}
	return nil
}

// condemn makes every later check fail with ErrDamaged. Where a file cannot be made, the disk
// being full, it takes away the format.
func (d *directory) condemn(reason string) {
	if d.write(damagedFile, reason+"\n") != nil {
		_ = os.Remove(d.file(formatFile))
	}
}

// openedBy returns what openFile says.
func (d *directory) openedBy() (pid, boot string, ok bool) {
	b, err := os.ReadFile(d.file(openFile))
	if err != nil {
		return "", "", false
	}
	pid, boot, _ = strings.Cut(strings.TrimSpace(string(b)), " ")
	return pid, boot, true
}

// write replaces the file by name at once and durably.
func (d *directory) write(name, content string) error {
	f, err := os.OpenFile(d.file(name+".tmp"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), d.file(name)); err != nil {
		return err
	}
	return d.sync()
}

// sync makes names that came and went durable, where a directory can be synced.
func (d *directory) sync() error {
	if !ownLock {
		return nil
	}
	return d.lock.Sync()
}

// bootID names the boot of the machine, which outlives a process but no power loss; "" where the system has no such name.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
