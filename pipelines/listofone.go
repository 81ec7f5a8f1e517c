package pipelines

import (
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

// takeListsOfOne finds what takes the items of a list that proves to be a
// single value: a pipeline's list may be given one, and inside of it, inlined,
// there is no scatter. Taking each of a list of one is taking the one.
//
// Where a pipeline was checked by itself its lists had a dimension, so a wire
// under each without one is no mistake of anyone.
func takeListsOfOne(spec *dag.Spec) {
	l := listsOfOne{
		spec: spec,
		byID: make(map[string]int, len(spec.Nodes)),
		into: make([][]int, len(spec.Nodes)),
		dims: make([]*scatter, len(spec.Nodes)),
		seen: make([]bool, len(spec.Nodes)),
		from: make(map[scatter]*scatter),
	}
	for i := range spec.Nodes {
		l.byID[spec.Nodes[i].ID] = i
	}
	for i := range spec.Wires {
		if w := &spec.Wires[i]; w.Mode == dag.Each {
			n := l.byID[w.To.Node]
			l.into[n] = append(l.into[n], i)
		}
	}
	for i := range spec.Nodes {
		l.ofNode(i)
	}
}

type listsOfOne struct {
	spec *dag.Spec
	byID map[string]int
	into [][]int    // by node: the wires that it takes each of
	dims []*scatter // by node: its dimensions, once it is seen
	seen []bool
	from map[scatter]*scatter // there is one of each
}

// scatter is the innermost of a value's dimensions; nil is none.
type scatter struct {
	port  dag.Endpoint
	outer *scatter
}

func (s *scatter) depth() int {
	n := 0
	for ; s != nil; s = s.outer {
		n++
	}
	return n
}

// within reports whether s is other or inside of it.
func (s *scatter) within(other *scatter) bool {
	for ; s != other; s = s.outer {
		if s == nil {
			return false
		}
	}
	return true
}

// ofNode is what a node is within.
func (l *listsOfOne) ofNode(i int) *scatter {
	if l.seen[i] {
		return l.dims[i]
	}
	l.seen[i] = true // also ends the search in a cycle, which is reported elsewhere
	var base *scatter
	for _, e := range l.spec.Nodes[i].Within {
		base = deeper(base, l.of(e))
	}
	dims := base
	for _, at := range l.into[i] {
		w := &l.spec.Wires[at]
		from := l.of(w.From)
		if base.within(from) {
			w.Mode = dag.With
		}
		dims = deeper(dims, from)
	}
	l.dims[i] = dims
	return dims
}

func deeper(a, b *scatter) *scatter {
	if b.depth() > a.depth() {
		return b
	}
	return a
}

// of is what a value is an item of, its port's own scatter included.
func (l *listsOfOne) of(e dag.Endpoint) *scatter {
	ports := l.spec.Inputs
	var outer *scatter
	if e.Node != "" {
		i, known := l.byID[e.Node]
		if !known {
			return nil
		}
		ports, outer = l.spec.Nodes[i].Outputs, l.ofNode(i)
	}
	if p := steps.FindPort(ports, e.Port); p == nil || !p.Many {
		return outer
	}
	key := scatter{e, outer}
	if l.from[key] == nil {
		l.from[key] = &key
	}
	return l.from[key]
}
