package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func openBadger(t *testing.T, dir string, opts ...Option) *Badger {
	t.Helper()
	b, err := OpenBadger(dir, append([]Option{Memtable(8 << 20), Log(t.Logf)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closeStore(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// applyPairs writes the pairs "key=value"; one without "=" is deleted.
func applyPairs(t *testing.T, s Store, pairs ...string) {
	t.Helper()
	o := NewOverlay(nil)
	for _, p := range pairs {
		if k, v, ok := strings.Cut(p, "="); ok {
			o.Set([]byte(k), []byte(v))
		} else {
			o.Delete([]byte(p))
		}
	}
	if err := s.Apply(o); err != nil {
		t.Fatal(err)
	}
}

// wantPairs checks the whole content of s.
func wantPairs(t *testing.T, s Store, want ...string) {
	t.Helper()
	r, err := s.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	if err := r.Scan(nil, nil, func(k, v []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("holds %q, want %q", got, want)
	}
}

func copyDirectory(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestBadgerKeepsWhatWasAppliedWithoutClose(t *testing.T) {
	dir := t.TempDir()
	b := openBadger(t, dir)
	applyPairs(t, b, "a=1", "b=2")
	applyPairs(t, b, "a", "c=3")
	left := copyDirectory(t, dir)
	closeStore(t, b)
	for _, dir := range []string{dir, left} {
		b := openBadger(t, dir)
		wantPairs(t, b, "b=2", "c=3")
		closeStore(t, b)
	}
}

func TestBadgerIsLocked(t *testing.T) {
	dir := t.TempDir()
	b := openBadger(t, dir)
	for _, opts := range [][]Option{nil, {Rebuild()}} {
		_, err := OpenBadger(dir, opts...)
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Fatalf("second open: %v", err)
		}
	}
	closeStore(t, b)
	closeStore(t, openBadger(t, dir))
}

// spoil is a way for a directory to become unusable.
type spoil struct {
	name string
	want error
	do   func(t *testing.T, dir string)
}

func overwrite(pattern string, change func([]byte) []byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(names) == 0 {
			t.Fatalf("no file %s", pattern)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func constant(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }

var spoils = []spoil{
	{"later format", ErrFormat, overwrite(formatFile, constant(strconv.Itoa(FormatVersion+1)+"\n"))},
	{"earlier format", ErrFormat, overwrite(formatFile, constant(strconv.Itoa(FormatVersion-1)+"\n"))},
	{"empty format", ErrFormat, overwrite(formatFile, constant(""))},
	{"no format", ErrFormat, func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, formatFile)); err != nil {
			t.Fatal(err)
		}
	}},
	{"failed write", ErrDamaged, func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, damagedFile), []byte("a write failed\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}},
	{"machine stopped", ErrDamaged, func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, openFile), []byte("1 another-boot\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}},
	{"manifest of zeros", ErrDamaged, overwrite("MANIFEST", func(b []byte) []byte { return make([]byte, len(b)) })},
	{"manifest with a flipped bit", ErrDamaged, overwrite("MANIFEST", func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
	{"manifest cut in a change", ErrDamaged, overwrite("MANIFEST", func(b []byte) []byte { return b[:len(b)-1] })},
	{"manifest missing", ErrDamaged, func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, "MANIFEST")); err != nil {
			t.Fatal(err)
		}
	}},
	{"table missing", ErrDamaged, func(t *testing.T, dir string) {
		names, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
		if err := os.Remove(names[0]); err != nil {
			t.Fatal(err)
		}
	}},
	{"table cut short", ErrDamaged, overwrite("*.sst", func(b []byte) []byte { return b[:len(b)/2] })},
	{"table empty", ErrDamaged, overwrite("*.sst", constant(""))},
	{"table of zeros", ErrDamaged, overwrite("*.sst", func(b []byte) []byte { return make([]byte, len(b)) })},
	{"table with a flipped bit", ErrDamaged, overwrite("*.sst", func(b []byte) []byte { b[20] ^= 1; return b })},
	{"key registry of zeros", ErrDamaged, overwrite("KEYREGISTRY", func(b []byte) []byte { return make([]byte, len(b)) })},
}

func TestBadgerRefusesAndRebuilds(t *testing.T) {
	good := t.TempDir()
	b := openBadger(t, good)
	applyPairs(t, b, "a=1", "b=2")
	closeStore(t, b)
	for _, s := range spoils {
		t.Run(s.name, func(t *testing.T) {
			dir := copyDirectory(t, good)
			s.do(t, dir)
			for range 2 { // a refusal does not mend it
				_, err := OpenBadger(dir, Memtable(8<<20), Verify())
				if !errors.Is(err, s.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "Rebuild") {
					t.Fatalf("open: %v", err)
				}
			}
			b := openBadger(t, dir, Rebuild(), Verify())
			wantPairs(t, b)
			applyPairs(t, b, "c=3")
			closeStore(t, b)
			b = openBadger(t, dir, Rebuild(), Verify()) // a good one stays
			wantPairs(t, b, "c=3")
			closeStore(t, b)
		})
	}
}

func TestBadgerLeavesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	photo := filepath.Join(dir, "photo.sst")
	if err := os.WriteFile(photo, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenBadger(dir, Rebuild())
	if err == nil || !strings.Contains(err.Error(), "photo.sst") {
		t.Fatalf("open: %v", err)
	}
	if _, err := os.Stat(photo); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(photo); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	closeStore(t, openBadger(t, dir))
}

func TestBadgerPermissionIsNotDamage(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may do all")
	}
	dir := t.TempDir()
	closeStore(t, openBadger(t, dir))
	if err := os.Chmod(filepath.Join(dir, "MANIFEST"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBadger(dir); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatalf("open: %v", err)
	}
}

// A stop of the machine counts only where a run without Sync was not closed.
func TestBadgerBoots(t *testing.T) {
	boot := func(id string) Option { return func(o *options) { o.bootID = func() string { return id } } }
	for _, c := range []struct {
		name string
		runs [][]Option // each is killed, but for the last, which must fail or not
		want error
	}{
		{"same boot", [][]Option{{boot("1")}, {boot("1")}}, nil},
		{"other boot", [][]Option{{boot("1")}, {boot("2")}}, ErrDamaged},
		{"unknown boot", [][]Option{{boot("1")}, {boot("")}}, nil},
		{"synced", [][]Option{{boot("1"), Sync()}, {boot("2")}}, nil},
		{"not synced, then synced", [][]Option{{boot("1")}, {boot("2"), Sync()}}, ErrDamaged},
		{"not synced, synced, then stopped", [][]Option{{boot("1")}, {boot("1"), Sync()}, {boot("2")}}, ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, opts := range c.runs {
				b, err := OpenBadger(dir, append(opts, Memtable(8<<20))...)
				if i == len(c.runs)-1 {
					if !errors.Is(err, c.want) {
						t.Fatalf("open: %v, want %v", err, c.want)
					}
				} else if err != nil {
					t.Fatal(err)
				}
				if err == nil {
					killed := copyDirectory(t, dir)
					closeStore(t, b)
					dir = killed
				}
			}
		})
	}
}

func TestBadgerFailedWriteCondemnsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	b := openBadger(t, dir)
	applyPairs(t, b, "a=1")
	if err := b.db.Close(); err != nil { // the database fails under the store
		t.Fatal(err)
	}
	o := NewOverlay(nil)
	o.Set([]byte("b"), nil)
	for range 2 {
		if err := b.Apply(o); err == nil {
			t.Fatal("Apply succeeded on a failed database")
		}
	}
	closeStore(t, b)
	if _, err := OpenBadger(dir); !errors.Is(err, ErrDamaged) {
		t.Fatalf("open: %v", err)
	}
	b = openBadger(t, dir, Rebuild())
	wantPairs(t, b)
	closeStore(t, b)
}

// What the disk may have no room for is not begun.
func TestBadgerRefusesOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	b := openBadger(t, dir)
	applyPairs(t, b, "a=1")
	b.dir.free = func(string) (uint64, bool) { return 16<<20 - 1, true }
	o := NewOverlay(nil)
	o.Set([]byte("b"), nil)
	for what, do := range map[string]func() error{"apply": func() error { return b.Apply(o) }, "close": b.Close} {
		err := do()
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "15 MiB free and must have 16 MiB") {
			t.Fatalf("%s on a full disk: %v", what, err)
		}
	}
	wantPairs(t, b, "a=1")
	b.dir.free = func(string) (uint64, bool) { return 16 << 20, true }
	if err := b.Apply(o); err != nil {
		t.Fatal(err)
	}
	b.dir.free = func(string) (uint64, bool) { return 0, false } // not known
	applyPairs(t, b, "b")
	closeStore(t, b)
	b = openBadger(t, dir)
	wantPairs(t, b, "a=1")
	closeStore(t, b)
}

// What the Limit allows is taken, to the last key and byte.
func TestBadgerTakesItsLimit(t *testing.T) {
	b := openBadger(t, t.TempDir())
	defer closeStore(t, b)
	o := NewOverlay(nil)
	for i := range b.Limit().Keys {
		o.Set(fmt.Appendf(nil, "%08d", i), nil)
	}
	if err := b.Apply(o); err != nil {
		t.Fatal(err)
	}
	o.Reset(nil)
	for i := 0; o.Bytes() < b.Limit().Bytes; i++ {
		size := min(MaxValue, b.Limit().Bytes-o.Bytes()-8-entryOverhead)
		o.Set(fmt.Appendf(nil, "%08d", i), bytes.Repeat([]byte{byte(i)}, size))
	}
	if o.Bytes() != b.Limit().Bytes {
		t.Fatalf("%d bytes pending, want %d", o.Bytes(), b.Limit().Bytes)
	}
	if err := b.Apply(o); err != nil {
		t.Fatal(err)
	}
	r, err := b.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if v, ok, err := r.Get([]byte("00000000")); err != nil || !ok || len(v) != MaxValue {
		t.Fatalf("%d bytes, %v, %v", len(v), ok, err)
	}
}

func TestMemtableBounds(t *testing.T) {
	for _, size := range []int64{0, 8<<20 - 1, 512<<20 + 1} {
		if _, err := OpenBadger(t.TempDir(), Memtable(size)); err == nil || !strings.Contains(err.Error(), "Memtable") {
			t.Fatalf("%d: %v", size, err)
		}
	}
}

// Wherever a kill cuts the log, each Apply is there as a whole or not at all, and none after one that is not.
func TestBadgerLogCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	b := openBadger(t, dir)
	for i := range 6 {
		applyPairs(t, b, fmt.Sprintf("a=%d", i), fmt.Sprintf("b=%d", i), fmt.Sprintf("c%d=%d", i, i), fmt.Sprintf("c%d", i-1))
	}
	left := copyDirectory(t, dir)
	closeStore(t, b)
	logs, _ := filepath.Glob(filepath.Join(left, "*.mem"))
	if len(logs) != 1 {
		t.Fatalf("logs %q", logs)
	}
	log, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	log = bytes.TrimRight(log, "\x00")
	seen := map[string]bool{}
	for cut := len(log); cut > 20; cut -= 41 {
		if err := os.WriteFile(logs[0], log[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b := openBadger(t, copyDirectory(t, left))
		r, err := b.Reader()
		if err != nil {
			t.Fatal(err)
		}
		v, _, err := r.Get([]byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		at := string(v)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if seen[at] = true; at == "" {
			wantPairs(t, b)
		} else {
			wantPairs(t, b, "a="+at, "b="+at, "c"+at+"="+at)
		}
		closeStore(t, b)
	}
	if len(seen) < 5 {
		t.Fatalf("only the states %v", seen)
	}
}
