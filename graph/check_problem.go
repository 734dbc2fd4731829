package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one reason why a graph is refused: where it stands, and what to do.
type Problem struct {
	File    string     // as given to Parse
	Place   Place      // the zero Place where the graph was not read from a file
	Feature FeatureKey // "" where it belongs to no feature, or the key itself is wrong
	Path    string     // within the feature, such as deps[0].rename; without Feature the same as Place.Path
	Text    string     // what is wrong, and after a semicolon what to do
}

// Error returns the problem on one line: FILE:LINE:COL: feature "KEY": PATH: TEXT.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		b.WriteByte(':')
	}
	if p.Place.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Place.Line, p.Place.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Feature != "" {
		fmt.Fprintf(&b, "feature %q: ", string(p.Feature))
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are all reasons why a graph is refused, in the order of the file.
type Problems []*Problem

const (
	maxProblems = 100    // that one message lists
	maxNoted    = 10_000 // that are noted at all: a file of a few megabytes could have millions
)

// Error returns the problems, one a line.
func (p Problems) Error() string {
	var b strings.Builder
	for i, problem := range p {
		if i == maxProblems {
			fmt.Fprintf(&b, "\nand %d more", len(p)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(problem.Error())
	}
	return b.String()
}

// Unwrap returns the problems one by one.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

// refusal collects the problems of one graph.
type refusal struct {
	file     string
	problems Problems
}

// err returns the problems as an error, sorted by place, or nil.
func (r *refusal) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	return r.problems
}

// A spot is a place in a graph that is read or checked: it knows its path, its feature, and the node
// there (nil where there is none), and takes the problems found at it.
type spot struct {
	refusal *refusal
	feature FeatureKey
	base    string // path of the feature
	rel     string // path within the feature
	n       *node  // nil: nothing is written here
	near    Place  // of the nearest node; Path unused
}

// full returns the whole path.
func (s spot) full() string {
	switch {
	case s.base == "":
		return s.rel
	case s.rel == "" || strings.HasPrefix(s.rel, "["):
		return s.base + s.rel
	}
	return s.base + "." + s.rel
}

// place returns where the spot is: the place of the node, or of what is nearest.
func (s spot) place() Place {
	p := Place{s.near.Line, s.near.Column, s.full()}
	if s.n != nil {
		p.Line, p.Column = s.n.line, s.n.col
	}
	return p
}

// full reports whether no more problems are noted.
func (r *refusal) full() bool { return len(r.problems) >= maxNoted }

// fail notes a problem here.
func (s spot) fail(format string, args ...any) {
	if s.refusal.full() {
		return
	}
	p := &Problem{File: s.refusal.file, Place: s.place(), Feature: s.feature, Path: s.rel, Text: fmt.Sprintf(format, args...)}
	if s.feature == "" {
		p.Path = p.Place.Path
	}
	s.refusal.problems = append(s.refusal.problems, p)
}

// to returns the spot at a child.
func (s spot) to(n *node, rel string) spot {
	s.near, s.n, s.rel = s.place(), n, rel
	return s
}

// at returns the spot of a property.
func (s spot) at(name string) spot { return s.to(s.n.value(name), member(s.rel, name)) }

// index returns the spot of an item of a list.
func (s spot) index(i int) spot {
	var item *node
	if s.n != nil && s.n.kind == nodeList && i < len(s.n.items) {
		item = s.n.items[i]
	}
	return s.to(item, fmt.Sprintf("%s[%d]", s.rel, i))
}

// entry returns the spot of the i-th value of an object.
func (s spot) entry(i int) spot {
	return s.to(s.n.items[i], member(s.rel, s.n.keys[i].text))
}

// spot returns the place of a feature of the graph, for the problems found by r.
func (f *Feature) spot(r *refusal) spot {
	return spot{refusal: r, feature: f.Key, base: f.Place.Path, n: f.source, near: f.Place}
}
