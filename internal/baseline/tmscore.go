package baseline

import (
	"math"
	"slices"

	"github.com/ligase-bio/ligase/internal/mol"
)

// tmScale is d0 of the TM-score, in Å: the distance at which a residue counts
// half, for a reference of n residues (Zhang & Skolnick, Proteins 57, 702
// (2004), eq. 5; never under 0.5 Å, as in the TM-score program).
func tmScale(n int) float64 {
	if n <= 15 {
		return 0.5
	}
	return max(0.5, 1.24*math.Cbrt(float64(n-15))-1.8)
}

// tmScore is the TM-score of paired CA atoms, normalised by the length of the
// reference: the largest sum of 1/(1+(d/d0)²) over superpositions, divided by
// length. It lies in (0, 1]; over 0.5 means the same fold, about 0.17 is what
// unrelated structures have.
//
// The largest sum is looked for as the TM-score program does: from fragments
// of the whole, a half, a quarter … of the pairs, at every position, each
// superposition is refined by taking only the pairs that it brings close and
// superposing those, until they stay the same.
func tmScore(model, reference []mol.Vec, length int) float64 {
	s := tmSearch{model: model, reference: reference, d0: tmScale(length)}
	s.near = max(4.5, min(8, s.d0))
	n := len(model)
	for _, size := range fragmentSizes(n) {
		// Beyond a thousand residues neighbouring fragments say the same.
		const mostStarts = 1000
		stride := 1 + (n-size)/mostStarts
		for start := 0; start+size <= n; start += stride {
			s.refine(start, size)
		}
	}
	return s.best / float64(length)
}

// fragmentSizes gives n, n/2, n/4 … and 4 at last, six at most.
func fragmentSizes(n int) []int {
	const most, shortest = 6, 4
	var sizes []int
	for size := n; len(sizes) < most-1 && size > shortest; size /= 2 {
		sizes = append(sizes, size)
	}
	return append(sizes, min(n, shortest))
}

// tmSearch looks for the best superposition.
type tmSearch struct {
	model, reference []mol.Vec
	d0               float64
	near             float64 // around which distance pairs are taken into the next superposition, Å
	best             float64 // largest sum so far
	distance2        []float64
	chosen, before   []int
	a, b             []mol.Vec
}

// refine starts from one fragment.
func (s *tmSearch) refine(start, size int) {
	const iterations = 20
	t := mol.Superpose(s.model[start:start+size], s.reference[start:start+size])
	s.measure(&t)
	s.choose(s.near - 1)
	for range iterations {
		s.before = append(s.before[:0], s.chosen...)
		s.a, s.b = s.a[:0], s.b[:0]
		for _, i := range s.chosen {
			s.a, s.b = append(s.a, s.model[i]), append(s.b, s.reference[i])
		}
		t = mol.Superpose(s.a, s.b)
		s.measure(&t)
		s.choose(s.near + 1)
		if slices.Equal(s.chosen, s.before) {
			return
		}
	}
}

// measure computes all distances under t and keeps the sum when it is the
// largest so far.
func (s *tmSearch) measure(t *mol.Transform) {
	s.distance2 = s.distance2[:0]
	sum, d02 := 0.0, s.d0*s.d0
	for i, p := range s.model {
		d2 := t.Apply(p).Distance2(s.reference[i])
		s.distance2 = append(s.distance2, d2)
		sum += 1 / (1 + d2/d02)
	}
	s.best = max(s.best, sum)
}

// choose takes the pairs within cutoff, which grows until there are three:
// fewer fix no superposition.
func (s *tmSearch) choose(cutoff float64) {
	for enough := min(3, len(s.model)); ; cutoff += 0.5 {
		s.chosen = s.chosen[:0]
		for i, d2 := range s.distance2 {
			if d2 < cutoff*cutoff {
				s.chosen = append(s.chosen, i)
			}
		}
		if len(s.chosen) >= enough {
			return
		}
		// Far apart (a hinge of many Å) this goes by larger steps.
		cutoff += cutoff / 8
	}
}
