package baseline

import (
	"context"
	"math"
	"math/rand/v2"
)

// basin is a region of the Ramachandran map: a normal distribution about a
// pair of torsion angles, in degrees.
type basin struct {
	phi, psi float64
	width    float64 // standard deviation
	weight   float64 // of the residues in this state
}

// Basins by predicted secondary structure. Centres of helix and strand are
// the usual ideal values; the shares of the coil regions, for an ordinary
// residue and for the three that differ, are rounded from the distributions
// of Lovell et al. (2003) Proteins 50, 437–450.
var (
	helixBasins  = []basin{{-62, -43, 6, 1}}
	strandBasins = []basin{{-118, 132, 16, 0.8}, {-90, 128, 16, 0.2}}
	coilBasins   = []basin{{-68, 145, 18, 0.36}, {-118, 132, 22, 0.24}, {-66, -32, 14, 0.26}, {-92, 0, 16, 0.10}, {57, 40, 10, 0.04}}
	asxBasins    = []basin{{-70, 140, 18, 0.28}, {-110, 115, 22, 0.16}, {-66, -32, 14, 0.26}, {-92, 0, 16, 0.16}, {56, 40, 10, 0.14}}
	glyBasins    = []basin{{-70, 150, 18, 0.14}, {70, -150, 18, 0.10}, {180, 180, 25, 0.16}, {-66, -35, 14, 0.16}, {62, 35, 14, 0.16}, {88, 2, 16, 0.28}}
	proBasins    = []basin{{-66, 146, 12, 0.62}, {-62, -30, 12, 0.38}}
)

// basinsOf are the torsion angles that a residue is looked for at.
func basinsOf(a amino, s secondary) []basin {
	switch {
	case a == proline && s != helix:
		return proBasins
	case s == helix:
		return helixBasins
	case s == strand:
		return strandBasins
	case a == glycine:
		return glyBasins
	case a == aminoOf('N') || a == aminoOf('D'):
		return asxBasins
	}
	return coilBasins
}

// draw picks torsion angles from the basins.
func draw(basins []basin, random *rand.Rand) torsions {
	x := random.Float64()
	b := basins[len(basins)-1]
	for _, c := range basins {
		if x < c.weight {
			b = c
			break
		}
		x -= c.weight
	}
	return torsions{
		phi: radians(b.phi + b.width*random.NormFloat64()),
		psi: radians(b.psi + b.width*random.NormFloat64()),
	}
}

// torsionEnergy is −ln of the density of the basins at the angles, in kT,
// relative to the top of a basin of weight 1 of the strand's width, and
// levelling off far from all.
func torsionEnergy(basins []basin, t torsions) float64 {
	const floor = 1e-4
	density := floor
	phi, psi := degrees(t.phi), degrees(t.psi)
	for _, b := range basins {
		x, y := math.Remainder(phi-b.phi, 360)/b.width, math.Remainder(psi-b.psi, 360)/b.width
		if s := x*x + y*y; s < 40 {
			density += b.weight * math.Exp(-s/2) * (16 * 16) / (b.width * b.width)
		}
	}
	return -weightTorsion * math.Log(density)
}

// conformation is a chain in the course of a search.
type conformation struct {
	angles  []torsions
	chain   backbone
	spheres blocks
	pairs   []float64 // energy between blocks, count×count, upper triangle
	local   []float64 // torsion energy by residue
	compact float64
	energy  float64 // of everything, kT
}

// search is a Monte Carlo search for a fold: torsion moves, simulated
// annealing.
type search struct {
	field  *field
	basins [][]basin
	random *rand.Rand
	now    conformation
	trial  conformation // equal to now between moves
	turns  []turn       // of the move being tried
}

func newSearch(f *field, states []secondary, random *rand.Rand) *search {
	s := &search{field: f, random: random}
	angles := make([]torsions, len(f.sequence))
	for i, a := range f.sequence {
		s.basins = append(s.basins, basinsOf(a, states[i]))
		angles[i] = draw(s.basins[i], random)
	}
	s.settle(angles)
	return s
}

// settle builds the chain anew from its torsion angles, which also takes out
// the rounding of many rotations, and computes everything from scratch.
func (s *search) settle(angles []torsions) {
	n := len(angles)
	c := conformation{angles: angles, chain: build(angles), spheres: newBlocks(n), local: make([]float64, n)}
	c.spheres.cover(c.chain, 0, n)
	count := len(c.spheres.centres)
	c.pairs = make([]float64, count*count)
	for k := range count {
		for l := k; l < count; l++ {
			e := s.field.blockPair(c.chain, &c.spheres, k, l)
			c.pairs[k*count+l] = e
			c.energy += e
		}
	}
	for i := range n {
		c.local[i] = torsionEnergy(s.basins[i], c.angles[i])
		c.energy += c.local[i]
	}
	c.compact = s.field.compactness(c.chain)
	c.energy += c.compact
	s.now = c
	s.trial = conformation{
		angles:  append([]torsions(nil), c.angles...),
		chain:   append(backbone(nil), c.chain...),
		spheres: blocks{append(c.spheres.centres[:0:0], c.spheres.centres...), append(c.spheres.radii[:0:0], c.spheres.radii...)},
		pairs:   append([]float64(nil), c.pairs...),
		local:   append([]float64(nil), c.local...),
		compact: c.compact,
		energy:  c.energy,
	}
}

// copyRange makes to equal from, which differ in residues [low, high) and the
// energies of blocks that first…last touch.
func copyRange(to, from *conformation, low, high, first, last int) {
	copy(to.angles[first:last+1], from.angles[first:last+1])
	copy(to.local[first:last+1], from.local[first:last+1])
	copy(to.chain[low:high], from.chain[low:high])
	lowBlock, highBlock := low/blockSize, (high-1)/blockSize+1
	copy(to.spheres.centres[lowBlock:highBlock], from.spheres.centres[lowBlock:highBlock])
	copy(to.spheres.radii[lowBlock:highBlock], from.spheres.radii[lowBlock:highBlock])
	count := len(to.spheres.centres)
	for k := range last/blockSize + 1 {
		start := k*count + max(k, first/blockSize)
		copy(to.pairs[start:(k+1)*count], from.pairs[start:(k+1)*count])
	}
	to.compact, to.energy = from.compact, from.energy
}

// change is a new pair of torsion angles for a residue.
type change struct {
	residue int
	angles  torsions
}

// propose makes a move. While hot, half of them are jumps of one residue to
// another basin, which turn whole halves of the chain; towards the end they
// are small and mostly turn one peptide.
func (s *search) propose(heat float64, changes []change) []change {
	n := len(s.now.angles)
	i := s.random.IntN(n)
	kind := s.random.Float64()
	step := radians(1 + 6*heat)
	switch {
	case kind < 0.02+0.5*heat:
		return append(changes, change{i, draw(s.basins[i], s.random)})
	case kind < 0.65 && i+1 < n:
		// ψ of one residue against φ of the next turns the peptide between
		// them and leaves the rest of the chain nearly where it is.
		delta := step * s.random.NormFloat64()
		here, next := s.now.angles[i], s.now.angles[i+1]
		here.psi += delta
		next.phi -= delta
		return append(changes, change{i, here}, change{i + 1, next})
	}
	here := s.now.angles[i]
	here.phi += step * s.random.NormFloat64()
	here.psi += step * s.random.NormFloat64()
	return append(changes, change{i, here})
}

// try makes the changes and keeps them with Metropolis's probability.
func (s *search) try(changes []change, temperature float64) {
	t := &s.trial
	count := len(t.spheres.centres)
	first, last := changes[0].residue, changes[len(changes)-1].residue
	s.turns = s.turns[:0]
	for _, c := range changes {
		old := t.angles[c.residue]
		if c.angles.phi != old.phi {
			s.turns = append(s.turns, turn{c.residue, bondPhi, c.angles.phi - old.phi})
		}
		if c.angles.psi != old.psi {
			s.turns = append(s.turns, turn{c.residue, bondPsi, c.angles.psi - old.psi})
		}
		t.angles[c.residue] = c.angles
		local := torsionEnergy(s.basins[c.residue], c.angles)
		t.energy += local - t.local[c.residue]
		t.local[c.residue] = local
	}
	if len(s.turns) == 0 {
		return
	}
	low, high := t.chain.turn(s.turns)
	t.spheres.cover(t.chain, low, high)
	// Only pairs on both sides of the turned bonds have changed.
	for k := range last/blockSize + 1 {
		for l := max(k, first/blockSize); l < count; l++ {
			e := s.field.blockPair(t.chain, &t.spheres, k, l)
			t.energy += e - t.pairs[k*count+l]
			t.pairs[k*count+l] = e
		}
	}
	compact := s.field.compactness(t.chain)
	t.energy += compact - t.compact
	t.compact = compact

	delta := t.energy - s.now.energy
	if delta <= 0 || s.random.Float64() < math.Exp(-delta/temperature) {
		copyRange(&s.now, t, low, high, first, last)
	} else {
		copyRange(t, &s.now, low, high, first, last)
	}
}

// Schedule of the annealing, in kT. Of schedules of this length tried on
// ubiquitin and on designs, this one ends at the lowest energies.
const (
	foldHot        = 3.0
	foldCold       = 0.25
	settleInterval = 5000 // moves
)

// movesFor is how many moves a chain of n residues is given.
func movesFor(n int) int { return 20000 + 400*n }

// run anneals for a number of moves and leaves the best conformation of the
// last part in s.now.
func (s *search) run(ctx context.Context, moves int) error {
	var best []torsions
	lowest := math.Inf(1)
	var changes []change
	for m := range moves {
		if m%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if m > 0 && m%settleInterval == 0 {
			s.settle(s.now.angles)
		}
		progress := float64(m) / float64(moves)
		temperature := foldHot * math.Pow(foldCold/foldHot, progress)
		heat := 1 - progress
		changes = s.propose(heat, changes[:0])
		s.try(changes, temperature)
		if progress > 0.8 && s.now.energy < lowest {
			lowest = s.now.energy
			best = append(best[:0], s.now.angles...)
		}
	}
	if best != nil {
		s.settle(best)
	}
	return nil
}
