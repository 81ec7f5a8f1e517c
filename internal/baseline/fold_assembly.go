package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/ligase-bio/ligase/internal/mol"
)

// assembly is the models of the chains of one sequence, in order, each in
// coordinates where none touches another.
type assembly []*folded

// chainGap is the room left between chains along x, in Å: no two Cβ of
// different chains are in contact.
const chainGap = 10.0

// foldChains folds each chain by itself and puts them side by side. Every
// chain has the same seed, so its model does not depend on its neighbours, and
// chains of one sequence come out the same. done is called after each decoy
// with the number of all so far and in the end.
func foldChains(ctx context.Context, chains []string, models int, seed uint64, done func(n, total int)) (assembly, error) {
	var a assembly
	for i, residues := range chains {
		settings := foldSettings{models: models, seed: seed, moves: movesFor(len(residues))}
		f, err := fold(ctx, residues, settings, func(n int) { done(i*models+n, len(chains)*models) })
		if err != nil {
			return nil, err
		}
		a = append(a, f)
	}
	a.spread()
	return a, nil
}

// spread moves each chain but the first along x until it is clear of the one
// before it.
func (a assembly) spread() {
	for k := 1; k < len(a); k++ {
		_, right := a[k-1].chain.span()
		left, _ := a[k].chain.span()
		a[k].chain.shift(mol.Vec{right + chainGap - left, 0, 0})
	}
}

// span is the least and the greatest x of all atoms.
func (b backbone) span() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := range b {
		for k := range b[i] {
			low, high = min(low, b[i][k][0]), max(high, b[i][k][0])
		}
	}
	return low, high
}

// shift moves all atoms.
func (b backbone) shift(by mol.Vec) {
	for i := range b {
		for k := range b[i] {
			b[i][k] = b[i][k].Add(by)
		}
	}
}

// foldChainID is the name of a chain by its place in the sequence.
func foldChainID(i int) string { return string(rune('A' + i)) }

// structure is the model as it is written: chains A, B … , each numbered from
// 1, backbone and Cβ, with the agreement in the B-factor.
func (a assembly) structure() *mol.Structure {
	names := [...]string{atomN: "N", atomCA: "CA", atomC: "C", atomO: "O", atomCB: "CB"}
	var s mol.Structure
	for c, f := range a {
		chain := mol.Chain{ID: foldChainID(c)}
		for i := range f.chain {
			code := f.residues[i]
			r := mol.Residue{Name: mol.ThreeLetter(code), Code: code, Number: i + 1}
			for k, name := range names {
				if k == atomCB && code == 'G' {
					continue
				}
				r.Atoms = append(r.Atoms, mol.Atom{Name: name, Element: name[:1], Pos: f.chain[i][k], Occupancy: 1, B: f.agreement[i]})
			}
			chain.Residues = append(chain.Residues, r)
		}
		s.Chains = append(s.Chains, chain)
	}
	return &s
}

// remarks tell whoever opens the file what it is.
func (a assembly) remarks(flags foldFlags) []string {
	remarks := []string{
		"CPU BASELINE OF LIGASE FOR TRYING THE WIRING; NOT SCIENCE-GRADE.",
		fmt.Sprintf("MEDOID OF %d MONTE CARLO DECOYS, SEED %d.", flags.models, flags.seed),
	}
	if len(a) > 1 {
		remarks = append(remarks,
			fmt.Sprintf("THE %d CHAINS WERE FOLDED ONE AT A TIME AND PUT SIDE BY SIDE.", len(a)),
			"NO INTERFACE WAS PREDICTED: HOW THEY LIE MEANS NOTHING.")
	}
	return append(remarks,
		"B-FACTOR: AGREEMENT WITH THE OTHER DECOYS, 0-100: THE PERCENTAGE",
		"OF CA-CA DISTANCES UP TO 15 A THAT THEY HAVE WITHIN 2 A. IT IS NO",
		"PLDDT AND NO TEMPERATURE FACTOR, AND SAYS NOTHING OF CORRECTNESS.")
}

// metrics are means over the residues of all chains. That goes for the radius
// of gyration too: one of all chains together would measure chainGap.
func (a assembly) metrics() map[string]float64 {
	var n, energy, gyration float64
	var agreement []float64
	var states []secondary
	for _, f := range a {
		trace, length := f.chain.trace(), float64(len(f.chain))
		n += length
		energy += f.energy * length
		gyration += mol.RadiusOfGyration(trace) * length
		agreement = append(agreement, f.agreement...)
		states = append(states, assignSecondary(trace)...)
	}
	return map[string]float64{
		"n_residues":         n,
		"n_chains":           float64(len(a)),
		"agreement":          math.Round(mean(agreement)*100) / 100,
		"energy":             round4(energy / n),
		"radius_of_gyration": math.Round(gyration/n*100) / 100,
		"helix_fraction":     round4(fractionOf(states, helix)),
		"strand_fraction":    round4(fractionOf(states, strand)),
	}
}
