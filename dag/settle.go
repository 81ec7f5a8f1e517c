package dag

// drain acts upon what has ended until nothing more follows. The effects of
// one end are complete before the next is looked at: first it becomes visible
// to what exists, then its scatters open, and what they bring into being sees
// it as ended.
func (f *Frontier) drain() {
	for next := 0; next < len(f.queue); next++ {
		e := f.queue[next]
		if f.aborted && e.state == skipped {
			f.nodes[e.node].state[e.cell] = waiting
			delete(f.cause, e.ref)
			continue
		}
		f.nodes[e.node].state[e.cell] = e.state
		switch e.state {
		case succeeded, filtered:
			f.succeeded++
		case failed:
			f.failed++
			if !f.g.nodes[e.node].ContinueOnFailure {
				f.aborted = true
			}
		case skipped:
			f.skipped++
			f.change.Skipped = append(f.change.Skipped, f.task(e.ref))
		}
		f.publish(e)
	}
	clear(f.queue)
	f.queue = f.queue[:0]
}

func (f *Frontier) publish(e ending) {
	g, ok := f.g, e.state == succeeded
	outputs := g.nodes[e.node].Outputs
	if ok {
		for i := range outputs {
			if n, told := e.counts[outputs[i].Name]; told && n == 0 && !outputs[i].Many {
				f.absent[absence{e.ref, int32(i)}] = struct{}{}
			}
		}
	}
	scope := g.scopes.node[e.node]
	for _, t := range f.p.of[e.node] {
		live := int32(0)
		if port := f.p.tally[t].port; ok && outputs[port].Many {
			live = int32(e.counts[outputs[port].Name] - len(e.left[outputs[port].Name]))
		} else if ok && !f.isAbsent(e.ref, port) {
			live = 1
		}
		depth := len(f.p.tally[t].scopes) - 1
		f.counts[t].live[depth][e.cell] = live
		f.counts[t].open[depth][e.cell] = 0
		f.complete(t, depth, e.cell)
	}
	for _, feed := range f.p.feeds[e.node] {
		f.below(scope, e.cell, g.scopes.node[feed.to], func(cell int32) {
			if ok {
				f.met(ref{feed.to, cell})
			} else {
				f.skip(ref{feed.to, cell}, origin{ref: e.ref})
			}
		})
	}
	for _, s := range f.p.opens[e.node] {
		n, name := int32(0), outputs[g.scopes.all[s].port].Name
		if ok {
			n = int32(e.counts[name])
		}
		first := f.open(s, e.cell, n)
		if ok {
			for _, k := range e.left[name] {
				f.left[item{s, first + int32(k)}] = struct{}{}
			}
		}
		f.begin(s, first, n)
	}
}

// complete tells of a tally's cell that all below it has ended.
func (f *Frontier) complete(t int32, depth int, cell int32) {
	y := &f.p.tally[t]
	for _, feed := range y.consumers[depth] {
		f.below(y.scopes[depth], cell, f.g.scopes.node[feed.to], func(cell int32) { f.met(ref{feed.to, cell}) })
	}
	if depth == int(y.outermost) {
		return
	}
	c := &f.counts[t]
	outer := f.scopes[y.scopes[depth]].parent[cell]
	c.live[depth-1][outer] += c.live[depth][cell]
	if c.open[depth-1][outer]--; c.open[depth-1][outer] == 0 {
		f.complete(t, depth-1, outer)
	}
}

// met notes that one of a task's needs is there.
func (f *Frontier) met(r ref) {
	t := &f.nodes[r.node]
	if t.waits[r.cell]--; t.waits[r.cell] == 0 {
		f.settle(r)
	}
}

// settle decides about a task whose needs are all met.
func (f *Frontier) settle(r ref) {
	t := &f.nodes[r.node]
	if f.aborted || t.state[r.cell] != waiting {
		return
	}
	if f.starves(r) {
		t.state[r.cell] = ended
		f.queue = append(f.queue, ending{ref: r, state: failed})
		f.change.Starved = append(f.change.Starved, f.task(r))
		return
	}
	t.state[r.cell] = running
	f.out++
	f.ready = append(f.ready, r)
}

// skip ends a task because what it needs did not come to be.
func (f *Frontier) skip(r ref, because origin) {
	t := &f.nodes[r.node]
	if f.aborted || t.state[r.cell] != waiting {
		return
	}
	t.state[r.cell] = ended
	if deeper, known := f.cause[because.ref]; known {
		because = deeper
	}
	f.cause[r] = because
	f.queue = append(f.queue, ending{ref: r, state: skipped})
}

// leftOut reports whether the item that a cell stands for was filtered. One
// further out has no tasks below it.
func (f *Frontier) leftOut(scope, cell int32) (origin, bool) {
	if len(f.left) == 0 {
		return origin{}, false
	}
	if _, left := f.left[item{scope, cell}]; !left {
		return origin{}, false
	}
	return origin{ref{f.g.scopes.all[scope].node, f.scopes[scope].parent[cell]}, item{scope, cell}}, true
}

// starves reports whether a gather of the task's has fewer items than its
// port needs. An optional port is left unset instead.
func (f *Frontier) starves(r ref) bool {
	n := &f.g.nodes[r.node]
	for p := range n.Inputs {
		port := &n.Inputs[p]
		if !port.Many || port.Optional || port.MinItems == 0 {
			continue
		}
		if w := f.g.wireInto(r.node, int32(p)); w != nil && w.mode == gathers && f.live(w, r) < port.MinItems {
			return true
		}
	}
	return false
}

// live is how many items came to be of what a task gathers.
func (f *Frontier) live(w *wire, r ref) int {
	g := f.g
	gives := g.gives(w.from, w.fromPort)
	switch {
	case w.meet == gives && g.sourcePort(w.from, w.fromPort).Many:
		return 1
	case w.from == boundary:
		return f.given[w.fromPort]
	}
	cell := f.above(g.scopes.node[r.node], r.cell, w.meet)
	for _, t := range f.p.of[w.from] {
		if f.p.tally[t].port == w.fromPort {
			return int(f.counts[t].live[g.scopes.depth(w.meet)][cell])
		}
	}
	return 0
}

// above is the cell of an outer scope that a cell lies in.
func (f *Frontier) above(scope, cell, outer int32) int32 {
	for scope != outer {
		cell = f.scopes[scope].parent[cell]
		scope = f.g.scopes.all[scope].parent
	}
	return cell
}

// below calls do for the cells of an inner scope that lie in a cell, in index
// order, as far as they have come to be.
func (f *Frontier) below(scope, cell, inner int32, do func(cell int32)) {
	if scope == inner {
		do(cell)
		return
	}
	outer := f.g.scopes.all[inner].parent
	f.below(scope, cell, outer, func(cell int32) {
		c := &f.scopes[inner]
		for i := range max(c.count[cell], 0) {
			do(c.first[cell] + i)
		}
	})
}

func (f *Frontier) isAbsent(r ref, port int32) bool {
	if len(f.absent) == 0 {
		return false
	}
	_, absent := f.absent[absence{r, port}]
	return absent
}

// finish hands out the change of the event at hand.
func (f *Frontier) finish() Change {
	c := f.change
	f.change = Change{}
	if f.aborted {
		for _, r := range f.ready {
			f.nodes[r.node].state[r.cell] = waiting
			f.out--
		}
		c.Aborted = true
	} else if len(f.ready) > 0 {
		c.Ready = make([]Task, len(f.ready))
		for i, r := range f.ready {
			c.Ready[i] = f.task(r)
		}
	}
	f.ready = f.ready[:0]
	return c
}
