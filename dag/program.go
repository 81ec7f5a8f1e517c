package dag

// program is what every run through a graph needs to know of it: for each
// node what it waits for, and for each event what it concerns. It is made
// once, when the first run starts.
type program struct {
	needAt []int32 // by node: where its needs begin; one more at the end
	needs  []need
	feeds  [][]feed  // by node: the consumers of its values by item
	tally  []tally   // what is gathered
	of     [][]int32 // by node: the tallies of its ports

	within   [][]int32 // by scope: the nodes that run for its items, in order
	inner    [][]int32 // by scope: the scopes right below it
	counting [][]int32 // by scope: the tallies whose way leads through it
	opens    [][]int32 // by node: the scopes that its ports open
}

// need is something that has to be there before a task can start.
type need struct {
	wire  int32
	from  int32
	scope int32 // whose cell above the task's decides: the value's, or the gather's meet
	tally int32 // of a gather that has to be complete; none for a value by item
}

// feed is a wire by which a task's value goes to the tasks of a consumer.
type feed struct{ to int32 }

// tally counts what a gather waits for: which of the tasks of a node have
// ended, below each cell of the scopes on the way from the outermost meet to
// the node.
type tally struct {
	node, port int32
	many       bool
	outermost  int32    // depth of the outermost scope below which somebody gathers
	scopes     []int32  // the way to the node's scope, by depth from the root
	consumers  [][]feed // by depth of the meet
}

func (g *Graph) makeProgram() *program {
	p := &program{
		needAt:   make([]int32, len(g.nodes)+1),
		feeds:    make([][]feed, len(g.nodes)),
		of:       make([][]int32, len(g.nodes)),
		opens:    make([][]int32, len(g.nodes)),
		within:   make([][]int32, len(g.scopes.all)),
		inner:    make([][]int32, len(g.scopes.all)),
		counting: make([][]int32, len(g.scopes.all)),
	}
	for s := 1; s < len(g.scopes.all); s++ {
		sc := g.scopes.all[s]
		p.inner[sc.parent] = append(p.inner[sc.parent], int32(s))
		if sc.node != boundary {
			p.opens[sc.node] = append(p.opens[sc.node], int32(s))
		}
	}
	for _, n := range g.order {
		s := g.scopes.node[n]
		p.within[s] = append(p.within[s], n)
	}
	tallies := make(map[[2]int32]int32)
	for n := range g.nodes {
		for slot := range g.nodes[n].Inputs {
			if w := g.bound[g.inAt[n]+int32(slot)]; w >= 0 {
				p.need(g, w, tallies)
			}
		}
		for w := g.withinAt[n]; w < g.withinAt[n+1]; w++ {
			p.need(g, w, tallies)
		}
		p.needAt[n+1] = int32(len(p.needs))
	}
	for t := range p.tally {
		for d := int(p.tally[t].outermost); d < len(p.tally[t].scopes); d++ {
			s := p.tally[t].scopes[d]
			p.counting[s] = append(p.counting[s], int32(t))
		}
	}
	return p
}

// need records what a wire makes its consumer wait for. What comes from the
// boundary is there from the start, and an item of a scatter is there as soon
// as the task for it is.
func (p *program) need(g *Graph, number int32, tallies map[[2]int32]int32) {
	w := &g.wires[number]
	if w.from == boundary {
		return
	}
	gives := g.gives(w.from, w.fromPort)
	many := g.nodes[w.from].Outputs[w.fromPort].Many
	if w.mode == takesItem {
		if !many {
			p.needs = append(p.needs, need{wire: number, from: w.from, scope: gives, tally: none})
			p.feeds[w.from] = append(p.feeds[w.from], feed{w.to})
		}
		return
	}
	if many && w.meet == gives {
		return
	}
	key := [2]int32{w.from, w.fromPort}
	t, known := tallies[key]
	depth := int32(g.scopes.depth(w.meet))
	if !known {
		t = int32(len(p.tally))
		tallies[key] = t
		way := g.scopes.path(g.scopes.node[w.from])
		p.tally = append(p.tally, tally{
			node: w.from, port: w.fromPort, many: many, outermost: depth,
			scopes: way, consumers: make([][]feed, len(way)),
		})
		p.of[w.from] = append(p.of[w.from], t)
	}
	p.tally[t].outermost = min(p.tally[t].outermost, depth)
	p.tally[t].consumers[depth] = append(p.tally[t].consumers[depth], feed{w.to})
	p.needs = append(p.needs, need{wire: number, from: w.from, scope: w.meet, tally: t})
}

// path lists the scopes from the root down to x.
func (s *scopes) path(x int32) []int32 {
	out := make([]int32, s.depth(x)+1)
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = x
		x = s.all[x].parent
	}
	return out
}
