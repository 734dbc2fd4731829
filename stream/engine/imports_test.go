package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/freshline/freshline"

// layers are the packages of the module from the bottom up: each may import those below it only,
// so that schema and state, in one layer, never import each other. What is not named here takes the
// layer of the nearest folder above it.
var layers = [][]string{
	{"graph"},
	{"state", "schema"},
	{"stream/engine"},
	{"stream/engine/enginetest"},
	{"stream/replay"},
	{"stream"},
	{"stream/walkthrough", "stream/httpapi"},
	{"cmd", "deploy"},
	{"integration"},
}

// effects are what the pure packages must not reach: files, clocks, randomness, goroutines' tools, networks.
var effects = []string{
	"context", "crypto/rand", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "os/signal",
	"runtime", "sync", "sync/atomic", "syscall", "unsafe",
}

func layerOf(pkg string) int {
	for ; pkg != "."; pkg = filepath.Dir(pkg) {
		for i, layer := range layers {
			if slices.Contains(layer, pkg) {
				return i
			}
		}
	}
	return -1
}

// TestImportsPointOneWay holds the imports of the module against layers.
func TestImportsPointOneWay(t *testing.T) {
	eachFile(t, func(pkg, name string, file *ast.File) {
		for _, path := range importsOf(file) {
			target, ok := strings.CutPrefix(path, module+"/")
			if !ok {
				continue
			}
			from, to := layerOf(pkg), layerOf(target)
			if from < 0 || to < 0 {
				t.Errorf("%s imports %s: one of the two is in no layer; add it to the list", name, target)
			} else if from <= to && pkg != target {
				t.Errorf("%s imports %s, which is not below it", name, target)
			}
		}
	})
}

// TestPurePackages checks that graph and engine have no client, clock, goroutine or lock.
func TestPurePackages(t *testing.T) {
	eachFile(t, func(pkg, name string, file *ast.File) {
		if pkg != "graph" && pkg != "stream/engine" {
			return
		}
		for _, path := range importsOf(file) {
			if slices.Contains(effects, path) || strings.Contains(path, "franz-go") || path == "time" && pkg != "graph" {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", name)
			case *ast.SelectorExpr:
				// graph reads and writes dates, but no clock.
				x, ok := n.X.(*ast.Ident)
				if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}, n.Sel.Name) {
					t.Errorf("%s uses time.%s", name, n.Sel.Name)
				}
			}
			return true
		})
	})
}

// eachFile parses every file of the module that is no test.
func eachFile(t *testing.T, fn func(pkg, name string, file *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // the compiler says so
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		files++
		rel, _ := filepath.Rel(root, path)
		fn(filepath.ToSlash(pkg), rel, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were found", files)
	}
}

func importsOf(file *ast.File) (paths []string) {
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}
