package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine"
)

// Headers of a question that one process passes on to another. The other answers from what it has and asks nobody, so
// no question goes round.
const (
	headerInstance = "Freshline-Instance" // the instance id of the process that is meant
	headerRows     = "Freshline-Rows"     // the partitions of rows that it is asked about: 0,3,7
)

// checkTarget refuses a question that was meant for another process.
func checkTarget(r *http.Request, in *stream.Inspection) error {
	if meant := r.Header.Get(headerInstance); meant != "" && meant != target(in.Namespace, in.InstanceID) {
		return fault(Misdirected, "this is process %s of namespace %s, and %.200q was meant", in.InstanceID, in.Namespace, meant)
	}
	return nil
}

// target names a process to others, in characters that a header may have.
func target(ns stream.Namespace, instance string) string { return ns.String() + "/" + instance }

// hopRows reads the partitions that another process asks about, each of which costs a look at the state: so they
// ascend, and the first one that is not owned ends the answer. ok is false where nobody passed the question on.
func hopRows(r *http.Request) (rows []int32, ok bool, err error) {
	text := r.Header.Get(headerRows)
	if text == "" {
		return nil, false, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		q, err := strconv.ParseInt(part, 10, 32)
		if err != nil || q < 0 {
			return nil, true, fault(BadRequest, "header %s: %.20q is no partition", headerRows, part)
		}
		if n := len(rows); n > 0 && rows[n-1] >= int32(q) {
			return nil, true, fault(BadRequest, "header %s: partition %d stands behind %d; name each once, ascending", headerRows, q, rows[n-1])
		}
		rows = append(rows, int32(q))
	}
	return rows, true, nil
}

// wantsCounts reads the one parameter that there is, counts of the status: true unless it is false.
func wantsCounts(r *http.Request) (bool, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false, fault(BadRequest, "the query of the address cannot be read: %.200s", err)
	}
	for name := range values {
		if name != "counts" {
			return false, fault(BadRequest, "there is no parameter %.100q; there is counts, true or false", name)
		}
	}
	if !values.Has("counts") {
		return true, nil
	}
	switch text := values.Get("counts"); text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fault(BadRequest, "the parameter counts is %.100q; write true or false", text)
	}
}

// question is one request with all that it has to ask others for.
type question struct {
	server  *Server
	members []stream.Member
	listed  bool
}

// tries is how often a key is looked for whose partition moves meanwhile.
const tries = 3

// explain explains a key, wherever in the deployment it is (a flat).
func (q *question) explain(ctx context.Context, feature graph.FeatureKey, key []byte) (x *Explanation, err error) {
	for range tries {
		if x, err = q.explainOnce(ctx, feature, key); reasonOf(err) != NotReady && reasonOf(err) != Misdirected {
			return x, err
		}
		q.listed = false
	}
	return x, err
}

func (q *question) explainOnce(ctx context.Context, feature graph.FeatureKey, key []byte) (*Explanation, error) {
	in := q.server.process.Inspect()
	if in == nil {
		return nil, fault(NotReady, "the process is starting or stopping")
	}
	l, err := lookup(in, feature, key)
	if err != nil {
		return nil, err
	}
	var here, elsewhere []int32
	for p := range in.Partitions {
		switch {
		case l.Partition >= 0 && p != l.Partition:
		case slices.Contains(in.Rows, p):
			here = append(here, p)
		default:
			elsewhere = append(elsewhere, p)
		}
	}
	x, err := q.server.explainHere(ctx, in, feature, key, here)
	if err == nil || reasonOf(err) != UnknownKey || len(elsewhere) == 0 {
		return x, err
	}
	owners, err := q.owners(ctx, in, elsewhere)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, o := range owners {
		x, err := q.server.client.explain(ctx, in.Namespace, o.member, o.rows, feature, key)
		if err == nil {
			return x, nil
		}
		if reasonOf(err) != UnknownKey {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return nil, unknownKey(feature, key)
}

// owner is a process and those of some partitions that it owns.
type owner struct {
	member stream.Member
	rows   []int32
}

// owners finds who owns partitions of rows.
func (q *question) owners(ctx context.Context, in *stream.Inspection, rows []int32) ([]owner, error) {
	if !q.listed {
		members, err := q.server.process.Members(ctx)
		if err != nil {
			return nil, fault(NotReady, "cannot find who owns the key: %s", err)
		}
		q.members, q.listed = members, true
	}
	left := slices.Clone(rows)
	var owners []owner
	for _, m := range q.members {
		o := owner{member: m}
		left = slices.DeleteFunc(left, func(p int32) bool {
			if !slices.Contains(m.Rows, p) {
				return false
			}
			o.rows = append(o.rows, p)
			return true
		})
		switch {
		case len(o.rows) == 0:
		case m.InstanceID == in.InstanceID:
			return nil, fault(NotReady, "process %s is still reading the state of partition %d of rows", m.InstanceID, o.rows[0])
		case m.Address == "":
			return nil, fault(Unreachable, "process %s owns partition %d of rows and answers no questions: it was started with --http off", m.InstanceID, o.rows[0])
		default:
			owners = append(owners, o)
		}
	}
	if len(left) > 0 {
		return nil, fault(NotReady, "no process owns partition %d of rows now", left[0])
	}
	return owners, nil
}

// explainHere explains a key from partitions of rows that this process owns.
func (s *Server) explainHere(ctx context.Context, in *stream.Inspection, feature graph.FeatureKey, key []byte, rows []int32) (*Explanation, error) {
	l, err := lookup(in, feature, key)
	if err != nil {
		return nil, err
	}
	for _, q := range rows {
		var x *Explanation
		err := s.process.View(ctx, q, func(_ context.Context, in *stream.Inspection, view *engine.View) error {
			found, err := view.Explain(l)
			if err == nil {
				x = newExplanation(found, in.Pushed)
			}
			return err
		})
		switch {
		case err == nil:
			return x, nil
		case errors.Is(err, engine.ErrUnknownKey):
		case errors.Is(err, engine.ErrUnknownFeature):
			return nil, unknownFeature(in, feature)
		case errors.Is(err, stream.ErrNotOwned), errors.Is(err, stream.ErrNotRunning):
			return nil, fault(NotReady, "process %s does not own partition %d of rows, or is still reading its state", in.InstanceID, q)
		default:
			return nil, fmt.Errorf("explain %s of %s: %w", key, feature, err)
		}
	}
	return nil, unknownKey(feature, key)
}

// lookup reads a key under the graph in force.
func lookup(in *stream.Inspection, feature graph.FeatureKey, key []byte) (*engine.Lookup, error) {
	plan := in.History.Plan()
	if plan == nil {
		return nil, noGraph()
	}
	l, err := engine.NewLookup(plan, in.Partitions, feature, key)
	switch {
	case errors.Is(err, engine.ErrUnknownFeature):
		return nil, unknownFeature(in, feature)
	case err != nil:
		return nil, fault(BadRequest, "%s", err)
	}
	return l, nil
}

func unknownKey(feature graph.FeatureKey, key []byte) *Fault {
	return fault(UnknownKey, "%s has no sample %s, and nothing that it would be made of", feature, key)
}

func unknownFeature(in *stream.Inspection, feature graph.FeatureKey) *Fault {
	plan := in.History.Plan()
	known := make([]string, len(plan.Features))
	for i, f := range plan.Features {
		known[i] = string(f.Key)
	}
	return fault(UnknownFeature, "the graph in force (number %d) has no feature %q; it has %s", plan.Number, feature, strings.Join(known, ", "))
}

// rowsText words partitions for a header.
func rowsText(rows []int32) string {
	texts := make([]string, len(rows))
	for i, q := range rows {
		texts[i] = strconv.Itoa(int(q))
	}
	return strings.Join(texts, ",")
}
