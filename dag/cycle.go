package dag

import (
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
)

// reportCycles names one cycle in each group of nodes that all reach each
// other: the shortest through the group's first node. waits is above zero for
// the nodes that could not be ordered.
func (b *builder) reportCycles(waits []int32) {
	g := b.g
	group := g.components(waits)
	// The shortest way back to the start, breadth first. Each group is walked
	// once, so all of it is linear.
	via := make([]int32, len(g.nodes)) // the wire that reached a node
	for i := range via {
		via[i] = none
	}
	done := make([]bool, len(g.nodes)) // by group
	for n := range g.nodes {
		start := int32(n)
		if waits[n] == 0 || done[group[n]] {
			continue
		}
		done[group[n]] = true
		queue := []int32{start}
		for len(queue) > 0 && via[start] == none {
			from := queue[0]
			queue = queue[1:]
			for _, w := range g.wiresOut(from) {
				to := g.wires[w].to
				if waits[to] > 0 && group[to] == group[start] && via[to] == none {
					via[to] = w
					queue = append(queue, to)
				}
			}
		}
		if via[start] != none {
			b.reportCycle(start, via)
		}
	}
}

func (b *builder) reportCycle(start int32, via []int32) {
	g := b.g
	var back []int32 // the nodes of the cycle, from the last to the first
	for n := g.wires[via[start]].from; ; n = g.wires[via[n]].from {
		back = append(back, n)
		if n == start {
			break
		}
	}
	const most = 12
	var names []string
	for i := len(back) - 1; i >= 0; i-- {
		if len(back) > most && len(names) == most-2 {
			names = append(names, fmt.Sprintf("… (%d more)", i), g.nodes[back[0]].ID)
			break
		}
		names = append(names, g.nodes[back[i]].ID)
	}
	names = append(names, g.nodes[start].ID)
	closing := &g.wires[via[start]] // from the last node back to the first
	pos, path := g.nodes[start].Pos, g.nodes[start].Path
	fix := fmt.Sprintf("Break it: `%s` must not need `%s`.", g.nodes[start].ID, g.nodes[closing.from].ID)
	if closing.at != none {
		w := &b.spec.Wires[closing.at]
		pos, path = w.Pos, w.Path
		fix = fmt.Sprintf("Break it, for instance by giving %s something other than %s.", code(w.To), code(w.From))
	}
	what := "these wait for each other"
	if len(back) == 1 {
		what = "it waits for itself"
	}
	b.problems.Addf(pos, path, problem.Cycle, fix, "%s is a cycle: %s.", strings.Join(names, " → "), what)
}

// components numbers the strongly connected components among the nodes left
// over: Tarjan's algorithm (SIAM J. Comput. 1:146, 1972) with its stack kept
// by hand, for chains of any length.
func (g *Graph) components(waits []int32) []int32 {
	var (
		component = make([]int32, len(g.nodes))
		seen      = make([]int32, len(g.nodes)) // order of discovery, from 1
		low       = make([]int32, len(g.nodes))
		next      = make([]int32, len(g.nodes)) // wires already followed
		onStack   = make([]bool, len(g.nodes))
		stack     []int32 // nodes without a component yet
		calls     []int32 // nodes being visited
		count     int32
		clock     int32
	)
	enter := func(n int32) {
		clock++
		seen[n], low[n] = clock, clock
		stack, onStack[n] = append(stack, n), true
		calls = append(calls, n)
	}
	for root := range g.nodes {
		if waits[root] == 0 || seen[root] != 0 {
			continue
		}
		enter(int32(root))
		for len(calls) > 0 {
			n := calls[len(calls)-1]
			if out := g.wiresOut(n); int(next[n]) < len(out) {
				to := g.wires[out[next[n]]].to
				next[n]++
				switch {
				case seen[to] == 0:
					enter(to)
				case onStack[to]:
					low[n] = min(low[n], seen[to])
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				caller := calls[len(calls)-1]
				low[caller] = min(low[caller], low[n])
			}
			if low[n] == seen[n] {
				for {
					m := stack[len(stack)-1]
					stack, onStack[m] = stack[:len(stack)-1], false
					component[m] = count
					if m == n {
						break
					}
				}
				count++
			}
		}
	}
	return component
}
