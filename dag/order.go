package dag

import "math/bits"

// sort orders the nodes by Kahn's algorithm: of those whose sources are all
// placed, always the one that comes first in the spec. Nodes that are on a
// cycle or behind one are left over; the cycles are reported.
func (b *builder) sort() {
	g := b.g
	waits := make([]int32, len(g.nodes)) // by node: wires from nodes not yet placed
	for _, w := range g.out {
		waits[g.wires[w].to]++
	}
	ready := newMinSet(len(g.nodes))
	for n := range waits {
		if waits[n] == 0 {
			ready.add(int32(n))
		}
	}
	g.order = make([]int32, 0, len(g.nodes))
	for n := ready.takeMin(); n != none; n = ready.takeMin() {
		g.order = append(g.order, n)
		for _, w := range g.wiresOut(n) {
			to := g.wires[w].to
			if waits[to]--; waits[to] == 0 {
				ready.add(to)
			}
		}
	}
	if len(g.order) < len(g.nodes) {
		b.reportCycles(waits)
	}
}

// minSet is a set of small numbers that gives up its smallest: a tree of
// bitmaps, 64 ways at each level, so that each operation touches as many words
// as the tree is high (3 for 262,144 numbers).
type minSet struct {
	levels [][]uint64 // the last is a single word
}

func newMinSet(n int) *minSet {
	s := &minSet{}
	for {
		n = (n + 63) / 64
		s.levels = append(s.levels, make([]uint64, max(n, 1)))
		if n <= 1 {
			return s
		}
	}
}

func (s *minSet) add(x int32) {
	for _, level := range s.levels {
		level[x/64] |= 1 << (x % 64)
		x /= 64
	}
}

// takeMin removes and returns the smallest number, or none.
func (s *minSet) takeMin() int32 {
	top := len(s.levels) - 1
	if s.levels[top][0] == 0 {
		return none
	}
	x := int32(0)
	for l := top; l >= 0; l-- {
		x = x*64 + int32(bits.TrailingZeros64(s.levels[l][x]))
	}
	at := x
	for _, level := range s.levels {
		level[at/64] &^= 1 << (at % 64)
		if level[at/64] != 0 {
			break
		}
		at /= 64
	}
	return x
}
