package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
)

const (
	minBackbone  = 20
	maxBackbone  = 500
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
			"radius_of_gyration": round4(mol.RadiusOfGyration(caTrace(s))),
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
	loops  []int      // residues that the search turns
	centre []torsions // of the basin that each loop residue is in
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

// loopBasins are where loop residues of glycine lie (degrees): β, polyproline
// II, right- and left-handed α.
var loopBasins = [...]torsions{{-120, 130}, {-70, 145}, {-65, -40}, {57, 40}}

// addLoop adds n residues, each in a basin of its own.
func (p *blueprint) addLoop(n int, random *rand.Rand) {
	for range n {
		basin := loopBasins[random.IntN(len(loopBasins))]
		p.loops = append(p.loops, len(p.units))
		p.centre = append(p.centre, torsions{radians(basin.phi), radians(basin.psi)})
		p.add(unitLoop, basin.phi, basin.psi)
	}
}

// addHelix adds n residues with the torsions of an ideal α-helix.
func (p *blueprint) addHelix(n int) {
	for range n {
		p.add(unitHelix, -63, -42)
	}
}

// addHairpin adds two strands of n residues and the type I′ turn, the
// commonest of two-residue hairpins (Sibanda, Blundell & Thornton, J. Mol.
// Biol. 206, 759 (1989)).
func (p *blueprint) addHairpin(n int) {
	strand := func() {
		for range n {
			p.add(unitHairpin, -112, 123) // twisted as strands are
		}
	}
	strand()
	p.add(unitHairpin, 60, 30)
	p.add(unitHairpin, 90, 0)
	strand()
}

// newBlueprint draws units until the length is reached. Ends are loops.
func newBlueprint(length int, random *rand.Rand) *blueprint {
	const ends = 2
	p := &blueprint{}
	mixed := random.IntN(5) < 2 // else helices only
	p.addLoop(ends, random)
	for {
		const shortest = 8
		left := length - ends - len(p.units)
		if left < shortest {
			break
		}
		if mixed && random.IntN(2) == 0 {
			p.addHairpin(min(4+random.IntN(3), (left-2)/2))
		} else {
			p.addHelix(min(10+random.IntN(10), left))
		}
		if left = length - ends - len(p.units); left >= shortest {
			p.addLoop(min(3+random.IntN(3), left), random)
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
		if clashes(s) > 0 {
			continue
		}
		if r := mol.RadiusOfGyration(caTrace(s)); r < smallest {
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
// as proteins are and nothing overlaps.
func (p *blueprint) compact(ctx context.Context, random *rand.Rand) error {
	const (
		steps  = 2500
		hot    = 3.0
		cold   = 0.05
		spread = 35.0 // degrees around the centre of a basin
	)
	energy := p.energy()
	for step := range steps {
		if step%100 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		at := random.IntN(len(p.loops))
		i, centre := p.loops[at], p.centre[at]
		before, centreBefore := p.angles[i], centre
		if random.IntN(5) == 0 {
			basin := loopBasins[random.IntN(len(loopBasins))]
			centre = torsions{radians(basin.phi), radians(basin.psi)}
		}
		p.centre[at] = centre
		p.angles[i] = torsions{
			centre.phi + radians(spread)*(2*random.Float64()-1),
			centre.psi + radians(spread)*(2*random.Float64()-1),
		}
		temperature := hot * math.Pow(cold/hot, float64(step)/steps)
		after := p.energy()
		if after <= energy || random.Float64() < math.Exp((energy-after)/temperature) {
			energy = after
			continue
		}
		p.angles[i], p.centre[at] = before, centreBefore
	}
	return nil
}

// energy punishes overlap of residues of different units (with room left for
// the side chains to come) and being larger than proteins of that length are.
func (p *blueprint) energy() float64 {
	chain := build(p.angles)
	trace := chain.trace()
	const nearCA, nearCB = 5.5, 5.0 // Å
	sum := 0.0
	for i := range chain {
		for j := i + 3; j < len(chain); j++ {
			d2 := trace[i].Distance2(trace[j])
			if d2 > 100 {
				continue
			}
			if p.sameUnit(i, j) {
				continue
			}
			if d2 < nearCA*nearCA {
				x := nearCA - math.Sqrt(d2)
				sum += x * x
			}
			if b2 := chain[i][atomCB].Distance2(chain[j][atomCB]); b2 < nearCB*nearCB {
				x := nearCB - math.Sqrt(b2)
				sum += x * x
			}
		}
	}
	if over := mol.RadiusOfGyration(trace)/radiusOfGyrationFor(len(trace)) - 1; over > 0 {
		sum += 10 * float64(len(trace)) * over * over
	}
	return sum
}

// sameUnit reports whether residues i < j are in one rigid unit.
func (p *blueprint) sameUnit(i, j int) bool {
	if p.units[i] == unitLoop || p.units[i] != p.units[j] {
		return false
	}
	for k := i + 1; k < j; k++ {
		if p.units[k] != p.units[i] {
			return false
		}
	}
	return true
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
