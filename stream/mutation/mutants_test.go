package mutation

// mutant is one way to break the code: the text of a file, which it has once, and what takes its place.
type mutant struct {
	name     string
	file     string // from the root of the module
	old, new string
	by       noticer
}

// noticer is a run of tests that has to fail.
type noticer struct {
	pkg  string
	args []string
}

var (
	deployments = noticer{"./stream", []string{"-run", "TestSimulation$", "-histories", "2500"}}
	engines     = noticer{"./stream/engine", []string{"-run", "TestSimulation$", "-histories", "5000"}}
	logs        = noticer{"./stream", []string{"-run", "TestReadLogs|TestStableOffsets"}}
	commits     = noticer{"./stream", []string{"-run", "Zombie|Lost|Outcome|Refused|Aborts"}}
	states      = noticer{"./state", []string{"-run", "Contract|Overlay"}}
	graphs      = noticer{"./graph", nil}
)

// mutants are in the order of the way of an event: router, rows, resolver, epoch, commit, state, recovery.
var mutants = []mutant{
	{"a row that a filter drops stays", "stream/engine/router.go",
		"		if !next.has(was.place) {", "		if false {", engines},
	{"a row that has moved stays where it was", "stream/engine/router.go",
		"		if next.own != old.own && !old.own.zero() {", "		if false {", engines},
	{"a deletion leaves the other edges", "stream/engine/router.go",
		"	for _, was := range old.edges {\n		e.produce(", "	for _, was := range old.edges[:0] {\n		e.produce(", engines},
	{"the second record key of a sample is not taken up", "stream/engine/router.go",
		"	if len(old.indexed) > 0 {\n		e.unindex", "	if false {\n		e.unindex", engines},
	{"a row that readers see otherwise is taken for the same", "stream/engine/router.go",
		"	if edge.Upstream.ManyKeys || !old.same(at) {", "	if edge.Upstream.ManyKeys || !old.has(at.place) {", engines},
	{"a request marks what was written after it", "stream/engine/router.go",
		"	row.Marked = o.offset < old.marked", "	row.Marked = old.marked > 0", engines},
	{"readers of a row are not touched", "stream/engine/resolver.go",
		"	if bytes.Equal(seenInState(old), seenInState(next)) {", "	if old != nil {", engines},
	{"a child that goes is still counted", "stream/engine/resolver.go",
		"		e.count(r, edge, k.join, match, old, -1)\n", "", engines},
	{"a child that comes is counted twice", "stream/engine/resolver.go",
		"		e.count(r, edge, k.join, match, next, 1)", "		e.count(r, edge, k.join, match, next, 2)", engines},
	{"a sample that comes is not in the index", "stream/engine/resolver.go",
		"	if f.Expands && (old == nil) != (next == nil) {", "	if f.Expands && next == nil {", engines},
	{"of two record keys the earlier write counts", "stream/engine/evaluate.go",
		"	if s.offset != o.offset {\n		return s.offset > o.offset", "	if s.offset != o.offset {\n		return s.offset < o.offset", engines},
	{"a feature is evaluated before it is hydrated", "stream/engine/hydration.go",
		"	return h != nil && h.have >= h.want", "	return h == nil || h.have >= 0", engines},
	{"moved keys are said before they are taken back", "stream/engine/hydration.go",
		"	return f.Moved == 0 || r.moved[f.Moved] >= e.cfg.Partitions", "	return true", engines},
	{"a sweep that is asked for again does not go round", "stream/engine/sweep.go",
		"	} else if !s.wrapped && len(s.stop) > 0 {", "	} else if false {", engines},
	{"events of an earlier shape are forgotten, not taken back", "stream/engine/sweep.go",
		"		if !e.goOver(r, shape, event.Key, en.digest) {", "		if e.goOver(r, shape, event.Key, en.digest) {", engines},
	{"a sweep passes over what it was to take back", "stream/engine/sweep.go",
		"	for from := base; ; {", "	for from := base; s.wrapped; {", engines},
	{"what is suspect of an input is not kept", "stream/engine/suspect.go",
		"	e.countFlag(r, edge, k, old, value)\n", "	if value != nil {\n		e.st.Delete(key)\n	}\n", engines},
	{"what was said of a row is not taken back", "stream/engine/suspect.go",
		"			if !bytes.Equal(tail, keep) {\n				ev.inform", "			if false {\n				ev.inform", engines},
	{"a failure that is taken back stays", "stream/engine/failure.go",
		"	there := ok && id != [16]byte{}", "	there := ok && len(id) > 0", engines},
	{"work that is held is never offered", "stream/engine/held.go",
		"	if r.due == 0 || r.due > e.now {", "	if true {", engines},
	{"the complete expansion is not remembered", "stream/engine/page.go",
		"				p.flags |= pageComplete\n", "", engines},
	{"a page that has become empty stays", "stream/engine/page.go",
		"		if p.stored {\n			e.st.Delete(", "		if false {\n			e.st.Delete(", engines},
	{"a router rebuilds half of what it has filed", "stream/engine/restore.go",
		"	case k.kind == recordOwn:\n		f.dropOwn(at)", "	case k.kind == recordOwn:", engines},
	{"what has been emitted is not restored", "stream/engine/restore.go",
		"func(uint64) uint64 { return digest })", "func(old uint64) uint64 { return old })", engines},
	{"an epoch does not see its own writes", "state/overlay.go",
		"	if w := o.find(key); w != nil {\n		return w.value", "	if w := o.find(key); w != nil && w.deleted {\n		return w.value", states},
	{"a deletion of the epoch is not seen in a scan", "state/merge.go",
		"	if !w.deleted && !m.fn(w.key, w.value) {", "	if !m.fn(w.key, w.value) {", states},
	{"partitions by another seed", "graph/murmur2.go", "0x9747b28c", "0x9747b28d", graphs},
	{"NULL counts as false under NOT", "graph/filter_eval.go",
		"	case False:\n		return True\n	}\n	return Unknown", "	case False:\n		return True\n	}\n	return True", graphs},
	{"the state is written before the commit", "stream/processor_epoch.go",
		"	defer p.inspect.committing()()\n", "	if err := p.store.Apply(p.overlay); err != nil {\n		return err\n	}\n	defer p.inspect.committing()()\n", deployments},
	{"what was polled is committed, not what was used", "stream/processor_epoch.go",
		"	ep.positions[t], ep.left[t] = f.Records[from].Offset, true", "	ep.positions[t], ep.left[t] = f.Position, true", deployments},
	{"records behind those that were left are used", "stream/processor_epoch.go",
		"	if ep.left[t] {", "	if false {", deployments},
	{"the work of an aborted epoch is not taken up", "stream/processor_epoch.go",
		"	p.more = true // what", "	// what", deployments},
	{"an unknown outcome is taken for an abort", "stream/processor_epoch.go",
		"	p.unsettled = nil\n	return p.recoverAll(ctx)", "	p.unsettled = nil\n	return nil", deployments},
	{"epochs of sweeps are not fenced by the group", "stream/processor_epoch.go",
		"		p.note(ep, task{p.o.Namespace.Rows(), q})", "		_ = q", deployments},
	{"a record is refused by the graph of a while ago", "stream/processor_epoch.go",
		"	if owedToGraph(refusal.Reason) && !ep.synced {", "	if false {", deployments},
	{"tasks that are revoked are kept", "stream/processor_tasks.go",
		"				if err := p.drop(t); err != nil {", "				if err := error(nil); err != nil {", deployments},
	{"tasks are taken over under the graph of a while ago", "stream/processor_recovery.go",
		"	if err := p.syncGraphs(ctx); err != nil {", "	if err := error(nil); err != nil {", deployments},
	{"a rebuilt resolver is not swept", "stream/processor_recovery.go",
		"		return r.p.engine.SweepAll(t.partition)", "		return nil", deployments},
	{"a rebuilt router does not file again", "stream/processor_recovery.go",
		"	return r.p.engine.RescanAll(t.source())", "	return nil", deployments},
	{"what recovery has read is not evaluated", "stream/processor_recovery.go",
		"	for t := range r.fresh {\n		if t.topic == p.o.Namespace.Rows() {", "	for t := range r.records {\n		if t.topic == p.o.Namespace.Rows() {", deployments},
	{"a state older than tombstones is trusted", "stream/processor_recovery.go",
		"> stateLife", "> 100*stateLife", deployments},
	{"the state is further than it has read", "stream/positions.go",
		"record(t).logs.set(topic, partition, offset+1)", "record(t).logs.set(topic, partition, offset+3)", deployments},
	{"a graph does not wait for what was written before it", "stream/processor_graph.go",
		"	if err := p.setTargets(ctx); err != nil {", "	if err := error(nil); err != nil {", deployments},
	{"an error of a partition that comes when the wait is over is passed over", "stream/processor_loop.go",
		"	case len(faults) > 0: //", "	case len(faults) > 0 && pollCtx.Err() == nil: //", deployments},
	{"recovery reads to the last stable offset", "stream/logreader_offsets.go",
		"		req.ReplicaID, req.IsolationLevel = -1, 0", "		req.ReplicaID, req.IsolationLevel = -1, 1", logs},
	{"offsets are read while they are about to change", "stream/logreader_offsets.go",
		"		req.RequireStable = true", "		req.RequireStable = false", logs},
	{"a zombie's offsets are accepted", "stream/transaction_offsets.go",
		"	req.ProducerID, req.ProducerEpoch = id, producerEpoch\n	req.MemberID, req.Generation = epoch.MemberID, epoch.Generation", "	req.ProducerID, req.ProducerEpoch = id, producerEpoch\n	req.MemberID, req.Generation = \"\", -1", commits},
	{"a lost answer is taken for an abort", "stream/transaction.go",
		"	return t.spoilAs(ErrUnknown, err)\n}\n\n// rollBack", "	return refused(err)\n}\n\n// rollBack", commits},
}
