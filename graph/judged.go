package graph

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// What a reader on a settle edge must know before it may answer (E4): that every partition has judged
// the upstream's rows, under a graph in which they are judged as in the one in force. A partition says
// so by the name that Judged gives, which changes whenever something does that a row's status
// or its flags are made of.

// ancestors returns f and everything that it is made of, by position.
func (f *FeaturePlan) ancestors() []*FeaturePlan {
	list := make([]*FeaturePlan, 0, 8)
	for _, g := range f.plan.Features {
		if f.above[g.position] {
			list = append(list, g)
		}
	}
	return list
}

// DependsOn reports whether o is an ancestor of f.
func (f *FeaturePlan) DependsOn(o *FeaturePlan) bool { return f != o && f.above[o.position] }

// judgedDefinition is the hash of all that the flags of f are made of: the specs of f and its
// ancestors, and where readers look for the flags.
func (f *FeaturePlan) judgedDefinition() uint64 {
	d := xxhash.New()
	p := f.plan
	fmt.Fprintf(d, "judged;%s;%d;%s;", p.Hash, p.Length, f.Key)
	list := f.ancestors()
	slices.SortFunc(list, func(a, b *FeaturePlan) int { return a.Key.Compare(b.Key) })
	for _, g := range list {
		_, _ = d.Write(g.Spec.appendSpec(nil, true)) // a hash never fails
	}
	var places []uint64
	for _, e := range p.Edges {
		if e.Upstream == f && e.Flagged {
			place := e.definition
			if e.Coming {
				place++
			}
			places = append(places, place)
		}
	}
	slices.Sort(places)
	for _, place := range places {
		_ = binary.Write(d, binary.BigEndian, place)
	}
	return d.Sum64()
}

// Asks reports whether the evaluation of f has to know what is suspect on a dependency.
func (f *FeaturePlan) Asks(d *DepPlan) bool { return d.Edge.Flagged && (d.Settle || f.Watched) }

// compileLateness finds how far behind the rows the flags that f asks for can be: so many times they
// go through the rows topic on their way. What is suspect in a root shows in its rows.
func (f *FeaturePlan) compileLateness() {
	for _, d := range f.Deps {
		if d.Upstream.Root() || !d.Settle && !f.Watched {
			continue
		}
		hops := d.Upstream.Hops
		if !d.Edge.Own {
			hops++
		}
		f.Hops = max(f.Hops, hops)
	}
}
