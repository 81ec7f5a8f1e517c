package dag

import (
	"fmt"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// scatter works out the dimensions of every node and value, in order, and
// checks cardinality against them. What lies behind another mistake is left
// unknown and not checked.
func (b *builder) scatter() {
	g := b.g
	s := &g.scopes
	s.all = []scope{{parent: none, node: none, port: none}}
	s.node = make([]int32, len(g.nodes))
	s.base = make([]int32, len(g.nodes))
	s.portAt = b.givesAt
	s.ports = make([]int32, b.givesAt[len(g.nodes)])
	s.inputs = make([]int32, len(g.inputs))
	for i := range s.ports {
		s.ports[i] = unknownScope
	}
	for i := range g.nodes {
		s.node[i], s.base[i] = unknownScope, unknownScope
	}
	for i := range g.inputs {
		if g.inputs[i].Many {
			s.inputs[i] = s.open(rootScope, boundary, int32(i))
		}
	}
	for _, n := range g.order {
		b.scatterNode(n)
	}
}

func (b *builder) scatterNode(n int32) {
	s := &b.g.scopes
	node := &b.g.nodes[n]
	base, ok := b.baseOf(n)
	if !ok {
		return
	}
	s.base[n] = base
	dims, ok := b.dimsOf(n, base)
	if !ok {
		return
	}
	s.node[n] = dims
	if !b.checkWith(n, base, dims) {
		return // a scatter was meant, most likely: what the node gives would be many
	}
	for p := range node.Outputs {
		gives := dims
		if node.Outputs[p].Many {
			if s.depth(dims) == uris.MaxIndexDepth {
				b.problems.Addf(node.Pos, node.Path, problem.TooLarge, "Gather before scattering again.",
					"`%s` gives many below %d scatters already, and no more may nest.", node.ID, uris.MaxIndexDepth)
				continue
			}
			gives = s.open(dims, n, int32(p))
		}
		s.ports[s.portAt[n]+int32(p)] = gives
	}
}

// baseOf is the scope of a node's Within; false when it cannot be known.
func (b *builder) baseOf(n int32) (int32, bool) {
	g, s := b.g, &b.g.scopes
	base := rootScope
	for w := g.withinAt[n]; w < g.withinAt[n+1]; w++ {
		v := g.gives(g.wires[w].from, g.wires[w].fromPort)
		if v == unknownScope {
			return 0, false
		}
		deeper, ok := b.extend(base, v)
		if !ok {
			node := &g.nodes[n]
			b.clash(node.Pos, node.Path, "the pipeline around `"+node.ID+"`", base, s.all[v])
			return 0, false
		}
		base = deeper
	}
	return base, true
}

// dimsOf extends a node's base by what it takes with each.
func (b *builder) dimsOf(n, base int32) (int32, bool) {
	g, s := b.g, &b.g.scopes
	if b.broken[n] {
		return 0, false
	}
	node := &g.nodes[n]
	dims, ok := base, true
	for p := range node.Inputs {
		r := g.wireInto(n, int32(p))
		if r == nil {
			continue
		}
		v := g.gives(r.from, r.fromPort)
		if v == unknownScope {
			return 0, false
		}
		w := &b.spec.Wires[r.at]
		if w.Mode != Each {
			continue
		}
		if node.Inputs[p].Many && !node.Inputs[p].Joined {
			b.problems.Addf(w.Pos, w.Path, problem.Cardinality, fmt.Sprintf("Give it the whole list, with: {%s: %s}.", w.To.Port, written(w.From)),
				"%s takes a list, and each gives one item at a time.", code(w.To))
			ok = false
			continue
		}
		if s.isPrefix(v, base) {
			what := "is a single value"
			if v != rootScope {
				what = "is one item at a time here already"
			}
			b.problems.Addf(w.Pos, w.Path, problem.Cardinality, fmt.Sprintf("Take it whole, with: {%s: %s}.", w.To.Port, written(w.From)),
				"%s %s, so there is nothing to take each of.", code(w.From), what)
			continue
		}
		deeper, extends := b.extend(dims, v)
		if !extends {
			b.clash(w.Pos, w.Path, code(Endpoint{Node: node.ID, Port: w.To.Port}), dims, s.all[v])
			ok = false
			continue
		}
		dims = deeper
	}
	return dims, ok
}

// extend returns the deeper of two scopes, if the other is a prefix of it.
func (b *builder) extend(a, v int32) (int32, bool) {
	s := &b.g.scopes
	switch {
	case s.isPrefix(a, v):
		return v, true
	case s.isPrefix(v, a):
		return a, true
	}
	return 0, false
}

func (b *builder) clash(pos problem.Pos, path, who string, have int32, other scope) {
	s := b.g.scopes.all[have]
	b.problems.Addf(pos, path, problem.ScatterClash,
		"Take each of one scatter only; for every combination, make one of the two from each item of the other.",
		"%s would pair the items of %s with those of %s, and neither come from the other.",
		who, code(b.g.endpoint(s.node, s.port)), code(b.g.endpoint(other.node, other.port)))
}

// checkWith checks the cardinality of what is taken whole, and says where
// gathers collect. It reports false when many was given where one is taken.
func (b *builder) checkWith(n, base, dims int32) bool {
	g, s := b.g, &b.g.scopes
	ok := true
	node := &g.nodes[n]
	for p := range node.Inputs {
		r := g.wireInto(n, int32(p))
		if r == nil {
			continue
		}
		w := &b.spec.Wires[r.at]
		if w.Mode == Each {
			continue
		}
		v := g.gives(r.from, r.fromPort)
		port := &node.Inputs[p]
		if r.mode == gathers {
			r.meet = s.meet(v, dims)
			if port.Joined && r.meet == v && !s.isPrefix(v, base) {
				b.joinsNothing(w)
				ok = false
				continue
			}
			if port.Joined {
				if r.meet == v {
					r.mode = takesItem // it takes many for another node's sake; here it is given the one file
				}
				if mayStarve(g.sourcePort(r.from, r.fromPort), port, r) {
					b.misfits = append(b.misfits, g.bound[g.inAt[n]+int32(p)])
				}
				continue
			}
			if r.meet == v && port.MinItems > 1 {
				b.problems.Addf(w.Pos, w.Path, problem.Cardinality, fmt.Sprintf("Give it something that is many, at least %d.", port.MinItems),
					"%s takes at least %d values; %s is one.", code(w.To), port.MinItems, code(w.From))
			}
			continue
		}
		if !s.isPrefix(v, base) {
			if meet := s.meet(v, dims); b.canJoin(r, port) {
				if meet == v {
					b.joinsNothing(w)
					ok = false
				} else {
					b.join(r, port, meet)
				}
				continue
			}
			b.problems.Addf(w.Pos, w.Path, problem.Cardinality,
				fmt.Sprintf("Run `%s` once for each, with each: {%s: %s}.", node.ID, w.To.Port, written(w.From)),
				"%s is many; %s takes one.", code(w.From), code(w.To))
			ok = false
		}
	}
	return ok
}

// canJoin reports whether what is many can be made the one file that a port
// takes.
func (b *builder) canJoin(r *wire, to *steps.Port) bool {
	from := b.g.sourcePort(r.from, r.fromPort)
	return b.types.Joins(from.Type, from.Formats, to)
}

// join has a wire gather what is many into one file.
func (b *builder) join(r *wire, to *steps.Port, meet int32) {
	r.mode, r.meet = gathers, meet
	joined := *to
	joined.Join()
	if mayStarve(b.g.sourcePort(r.from, r.fromPort), &joined, r) {
		b.misfits = append(b.misfits, b.g.bound[b.g.inAt[r.to]+r.toPort])
	}
}

// joinsNothing reports a join of what the node takes an item of already: each
// of its tasks would be given its own item for the whole.
func (b *builder) joinsNothing(w *Wire) {
	b.problems.Addf(w.Pos, w.Path, problem.Cardinality,
		fmt.Sprintf("Join them in a node of their own that is not run for each of them, or take the one, with each: {%s: %s}.", w.To.Port, written(w.From)),
		"%s is many; %s takes one, and `%s` runs for each of them already.", code(w.From), code(w.To), w.To.Node)
}

// candidate is a value of the graph that would fit an input.
type candidate struct {
	from Endpoint
	mode Mode // how it would have to be taken
}

// candidates lists up to most values that an input port could take without
// closing a cycle: of the node that was named instead first, then the same
// type before kinds of it, in the order of the spec, then the inputs of the
// graph.
func (b *builder) candidates(node int32, to *steps.Port, instead *wire, most int) []candidate {
	const budget = 5_000_000 // ports looked at over all problems: some 0.2 s
	g := b.g
	if b.cost += len(g.wires) + len(g.scopes.ports) + len(g.inputs); b.cost > budget {
		return nil
	}
	behind := g.behind(node)
	var lists [3][]candidate
	consider := func(from, port int32) {
		p := g.sourcePort(from, port)
		r := wire{from: from, mode: takesItem}
		if to.Many {
			r.mode = gathers
		}
		if !b.fit(p, to).ok() || mayStarve(p, to, &r) {
			return
		}
		c := candidate{from: g.endpoint(from, port), mode: With}
		if v, base := g.gives(from, port), g.scopes.base[node]; !to.Many && v != unknownScope && base != unknownScope && !g.scopes.isPrefix(v, base) {
			c.mode = Each
		}
		rank := 2
		if p.Type == to.Type {
			rank = 1
		}
		if instead != nil && instead.from == from {
			rank = 0
		}
		lists[rank] = append(lists[rank], c)
	}
	for n := range g.nodes {
		if behind[n] {
			continue
		}
		for p := range g.nodes[n].Outputs {
			consider(int32(n), int32(p))
		}
	}
	for p := range g.inputs {
		consider(boundary, int32(p))
	}
	all := append(append(lists[0], lists[1]...), lists[2]...)
	return all[:min(len(all), most)]
}

// behind marks a node and all that needs it.
func (g *Graph) behind(node int32) []bool {
	marked := make([]bool, len(g.nodes))
	marked[node] = true
	for queue := []int32{node}; len(queue) > 0; queue = queue[1:] {
		for _, w := range g.wiresOut(queue[0]) {
			if to := g.wires[w].to; !marked[to] {
				marked[to] = true
				queue = append(queue, to)
			}
		}
	}
	return marked
}
