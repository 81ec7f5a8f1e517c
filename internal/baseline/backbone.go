package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

const (
	minBackbone  = 20
	maxBackbone  = 200
	maxBackbones = 10_000
)

// runBackbone is the command: backbones to start a campaign from.
func runBackbone(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("backbone", flag.ContinueOnError)
	flags.SetOutput(stderr)
	length := flags.Int("length", 80, fmt.Sprintf("residues of each backbone, %d–%d", minBackbone, maxBackbone))
	number := flags.Int("count", 4, "number of backbones, 1–10000")
	seed := flags.Int64("seed", 37, "seed of the random numbers, 0 or more")
	out := flags.String("out", "", "`folder` to write backbone_0000.pdb … and metrics.json to")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	fault := ""
	switch {
	case *out == "":
		fault = "say where to write the backbones with --out FOLDER"
	case *length < minBackbone || *length > maxBackbone:
		fault = fmt.Sprintf("--length is %d; give %d to %d residues", *length, minBackbone, maxBackbone)
	case *number < 1 || *number > maxBackbones:
		fault = fmt.Sprintf("--count is %d; give 1 to %d backbones", *number, maxBackbones)
	case *seed < 0:
		fault = fmt.Sprintf("--seed is %d; give 0 or more", *seed)
	}
	if fault != "" {
		fmt.Fprintf(stderr, "backbone: %s.\n", fault)
		return exitUsage
	}
	return exitFor(writeBackbones(ctx, *out, *length, *number, uint64(*seed), stdout), "backbone", stderr)
}

func writeBackbones(ctx context.Context, out string, length, number int, seed uint64, stdout io.Writer) error {
	if err := emptyFolder(out, "backbone_*.pdb"); err != nil {
		return err
	}
	items := make([]map[string]float64, 0, number)
	var gyration []float64
	for i := range number {
		s, plan, err := generateBackbone(ctx, length, seed, uint64(i))
		if err != nil {
			return err
		}
		item := map[string]float64{
			"radius_of_gyration": round4(mol.RadiusOfGyration(compare.CATrace(s))),
			"helix_fraction":     round4(plan.fraction(unitHelix)),
			"strand_fraction":    round4(plan.fraction(unitHairpin)),
		}
		items = append(items, item)
		gyration = append(gyration, item["radius_of_gyration"])
		path := filepath.Join(out, fmt.Sprintf("backbone_%04d.pdb", i))
		err = writeFile(path, func(w io.Writer) error {
			return mol.WritePDB(w, s,
				"IDEAL-GEOMETRY BACKBONE BY LIGASE BASELINE, FOR TRYING THE WIRING.",
				fmt.Sprintf("LENGTH %d SEED %d INDEX %d", length, seed, i))
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "backbone %d/%d\n", i+1, number)
	}
	return writeMetricsFile(filepath.Join(out, "metrics.json"),
		map[string]float64{"n_backbones": float64(number), "radius_of_gyration": round4(mean(gyration))},
		map[string][]map[string]float64{"structures": items})
}

// unit is what a stretch of a blueprint is.
type unit int

const (
	unitLoop    unit = iota
	unitHelix        // α
	unitHairpin      // two strands with a type I′ turn between them
)

// blueprint says for each residue what it is part of, and its torsions.
type blueprint struct {
	units  []unit
	angles []torsions
	loops  []int // residues that the search turns
	basins []int // in which each of them is, by number
}

func (p *blueprint) fraction(u unit) float64 {
	n := 0
	for _, x := range p.units {
		if x == u {
			n++
		}
	}
	return float64(n) / float64(len(p.units))
}

func (p *blueprint) add(u unit, phi, psi float64) {
	p.units = append(p.units, u)
	p.angles = append(p.angles, torsions{radians(phi), radians(psi)})
}

// loopBasins are where loop residues lie, in degrees: β, polyproline II,
// right- and left-handed α, and how far around the centre neither of the
// residue's two peptides comes too near the other.
var loopBasins = [...]struct{ phi, psi, spread float64 }{
	{-115, 130, 30}, {-75, 145, 25}, {-68, -38, 15}, {60, 38, 12},
}

// addLoop adds n residues, each in a basin of its own.
func (p *blueprint) addLoop(n int, random *rand.Rand) {
	for range n {
		basin := random.IntN(len(loopBasins))
		p.loops = append(p.loops, len(p.units))
		p.basins = append(p.basins, basin)
		p.add(unitLoop, loopBasins[basin].phi, loopBasins[basin].psi)
	}
}

// addHelix adds n residues with the torsions of an ideal α-helix.
func (p *blueprint) addHelix(n int) {
	for range n {
		p.add(unitHelix, -63, -42)
	}
}

// addHairpin adds two strands of n residues and a turn of type I′ between
// them, the commonest of two-residue hairpins (Sibanda, Blundell & Thornton,
// J. Mol. Biol. 206, 759 (1989)). The torsions lie in the strands' and the
// turn's regions, where N and O of facing strands come to 2.9 ± 0.4 Å.
func (p *blueprint) addHairpin(n int) {
	for range n {
		p.add(unitHairpin, -142, 145)
	}
	p.add(unitHairpin, 73, 60)
	p.add(unitHairpin, 58, 10)
	for range n {
		p.add(unitHairpin, -116, 131)
	}
}

// newBlueprint draws units, joined by loops, until the length is reached.
// Ends are loops.
func newBlueprint(length int, random *rand.Rand) *blueprint {
	const ends, shortest = 2, 8 // residues
	p := &blueprint{}
	mixed := random.IntN(5) < 2 // else helices only
	left := func() int { return length - ends - len(p.units) }
	for p.addLoop(ends, random); left() >= shortest; {
		if n := 4 + random.IntN(3); mixed && random.IntN(2) == 0 && left() >= 2*n+2 {
			p.addHairpin(n)
		} else {
			n := min(10+random.IntN(10), left())
			if left()-n < shortest+3 {
				n = min(left(), 24) // no room for another: no long tail either
			}
			p.addHelix(n)
		}
		if n := 3 + random.IntN(3); left() >= shortest+n {
			p.addLoop(n, random)
		} else {
			break
		}
	}
	p.addLoop(length-len(p.units), random)
	return p
}

// generateBackbone makes backbone number index of a seed: the same whatever
// others are made with it.
func generateBackbone(ctx context.Context, length int, seed, index uint64) (*mol.Structure, *blueprint, error) {
	random := rand.New(rand.NewPCG(seed, index))
	// What proteins of that length have (radiusOfGyrationFor), with a margin.
	compact := 1.15 * radiusOfGyrationFor(length)
	var (
		best     *mol.Structure
		bestPlan *blueprint
		smallest = math.Inf(1)
	)
	const attempts = 12
	for range attempts {
		plan := newBlueprint(length, random)
		if err := plan.compact(ctx, random); err != nil {
			return nil, nil, err
		}
		s := polyglycine(build(plan.angles))
		if compare.Clashes(s) > 0 {
			continue
		}
		if r := mol.RadiusOfGyration(compare.CATrace(s)); r < smallest {
			best, bestPlan, smallest = s, plan, r
		}
		if smallest <= compact {
			break
		}
	}
	if best == nil {
		return nil, nil, refusef("No backbone of %d residues without clashes was found for seed %d; give another seed or length.", length, seed)
	}
	return best, bestPlan, nil
}

// compact turns the loops by simulated annealing until the chain is as small
// as proteins are, and then, where that has wedged something, gives it some
// room.
func (p *blueprint) compact(ctx context.Context, random *rand.Rand) error {
	steps := 2500 + 25*len(p.units)
	if err := p.anneal(ctx, random, steps, 3, 10); err != nil {
		return err
	}
	for range 3 {
		if compare.Clashes(polyglycine(build(p.angles))) == 0 {
			break
		}
		if err := p.anneal(ctx, random, steps/2, 1, 2); err != nil {
			return err
		}
	}
	return nil
}

// anneal cools from the temperature hot. weight is how much size matters.
func (p *blueprint) anneal(ctx context.Context, random *rand.Rand, steps int, hot, weight float64) error {
	const cold = 0.05
	chain := build(p.angles)
	before := make(backbone, len(chain))
	rigid := p.rigid()
	size := weight * sizeEnergy(chain)
	for step := range steps {
		if step%100 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		at := random.IntN(len(p.loops))
		i := p.loops[at]
		basin := p.basins[at]
		if random.IntN(5) == 0 {
			basin = random.IntN(len(loopBasins))
		}
		b := loopBasins[basin]
		angles := torsions{
			radians(b.phi + b.spread*(2*random.Float64()-1)),
			radians(b.psi + b.spread*(2*random.Float64()-1)),
		}
		copy(before, chain)
		from, to := chain.turn([]turn{
			{i, bondPhi, angles.phi - p.angles[i].phi},
			{i, bondPsi, angles.psi - p.angles[i].psi},
		})
		sizeAfter := weight * sizeEnergy(chain)
		change := sizeAfter - size + crossEnergy(chain, rigid, i, from, to) - crossEnergy(before, rigid, i, from, to)
		temperature := hot * math.Pow(cold/hot, float64(step)/float64(steps))
		if change <= 0 || random.Float64() < math.Exp(-change/temperature) {
			size, p.angles[i], p.basins[at] = sizeAfter, angles, basin
			continue
		}
		copy(chain, before)
	}
	return nil
}

// rigid numbers the stretches that no turn of a loop deforms; every loop
// residue is a stretch of its own.
func (p *blueprint) rigid() []int {
	numbers := make([]int, len(p.units))
	for i := 1; i < len(numbers); i++ {
		numbers[i] = numbers[i-1]
		if p.units[i] == unitLoop || p.units[i] != p.units[i-1] {
			numbers[i]++
		}
	}
	return numbers
}

// sizeEnergy punishes being larger than proteins of that length are.
func sizeEnergy(chain backbone) float64 {
	trace := chain.trace()
	over := mol.RadiusOfGyration(trace)/radiusOfGyrationFor(len(trace)) - 1
	if over <= 0 {
		return 0
	}
	return float64(len(trace)) * over * over
}

// crossEnergy sums the energies of the pairs of residues that a turn about
// residue at changes when it moves those from from to to.
func crossEnergy(chain backbone, rigid []int, at, from, to int) float64 {
	sum := 0.0
	for i := from; i < to; i++ {
		for j := range from {
			sum += pairEnergy(chain, rigid, j, i)
		}
		for j := to; j < len(chain); j++ {
			sum += pairEnergy(chain, rigid, i, j)
		}
		if i != at {
			sum += pairEnergy(chain, rigid, min(i, at), max(i, at))
		}
	}
	return sum
}

// pairEnergy punishes overlap of residues i < j of different rigid stretches,
// with room left for the side chains to come.
func pairEnergy(chain backbone, rigid []int, i, j int) float64 {
	const nearCA, nearCB, far = 5.5, 5.0, 8.0 // Å; beyond far nothing of two residues touches
	if j < i+2 || rigid[i] == rigid[j] {
		return 0
	}
	a, b := &chain[i], &chain[j]
	d2 := a[atomCA].Distance2(b[atomCA])
	if d2 > far*far {
		return 0
	}
	sum := 20 * overlap(a, b)
	if j < i+3 {
		return sum
	}
	if d2 < nearCA*nearCA {
		x := nearCA - math.Sqrt(d2)
		sum += x * x
	}
	if d2 := a[atomCB].Distance2(b[atomCB]); d2 < nearCB*nearCB {
		x := nearCB - math.Sqrt(d2)
		sum += x * x
	}
	return sum
}

// overlap sums, over the backbone atoms of two residues, the squares of how
// much nearer they are than they can be, with a margin.
func overlap(a, b *[numAtoms]mol.Vec) float64 {
	const margin = 0.2 // Å
	elements := [...]byte{atomN: 'N', atomCA: 'C', atomC: 'C', atomO: 'O'}
	sum := 0.0
	for i, x := range elements {
		for j, y := range elements {
			least := compare.LeastDistance(x, y) + margin
			if d2 := a[i].Distance2(b[j]); d2 < least*least {
				d := least - math.Sqrt(d2)
				sum += d * d
			}
		}
	}
	return sum
}

// polyglycine makes a structure of a backbone: N, CA, C and O of glycine, as
// backbone generators write them.
func polyglycine(chain backbone) *mol.Structure {
	residues := make([]mol.Residue, len(chain))
	for i := range chain {
		atom := func(name string, k int) mol.Atom {
			return mol.Atom{Name: name, Element: name[:1], Pos: chain[i][k], Occupancy: 1}
		}
		residues[i] = mol.Residue{Name: "GLY", Code: 'G', Number: i + 1, Atoms: []mol.Atom{
			atom("N", atomN), atom("CA", atomCA), atom("C", atomC), atom("O", atomO),
		}}
	}
	return &mol.Structure{Chains: []mol.Chain{{ID: "A", Residues: residues}}}
}
