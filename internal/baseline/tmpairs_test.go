package baseline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// tmPair is a model with its reference, one chain each, numbered alike.
type tmPair struct {
	name             string
	model, reference *mol.Structure
}

// ubiquitinPairs are variants of ubiquitin that stress the search for the
// best superposition.
func ubiquitinPairs(t testing.TB) []tmPair {
	t.Helper()
	reference := ubiquitin(t)
	random := rand.New(rand.NewPCG(1, 2))
	var pairs []tmPair
	add := func(name string, change func(s *mol.Structure)) {
		s := ubiquitin(t)
		change(s)
		pairs = append(pairs, tmPair{name, s, reference})
	}
	moved := mol.Transform{Rotation: rotation(0.3, 1.1, -2), Shift: mol.Vec{20, -30, 5}}
	add("itself", func(*mol.Structure) {})
	add("rotated", func(s *mol.Structure) { move(s, 0, moved.Apply) })
	for _, sigma := range []float64{0.3, 1, 2, 4, 8} {
		add(fmt.Sprintf("noise %g", sigma), func(s *mol.Structure) {
			move(s, 0, func(p mol.Vec) mol.Vec {
				for i := range p {
					p[i] += sigma * random.NormFloat64()
				}
				return moved.Apply(p)
			})
		})
	}
	for _, at := range []int{20, 36, 50} {
		for _, degrees := range []float64{15, 45, 90, 170} {
			add(fmt.Sprintf("hinge %d by %g", at, degrees), func(s *mol.Structure) {
				pivot := s.Chains[0].Residues[at].Atom("CA").Pos
				bend := mol.Transform{Rotation: rotation(0.5, degrees*math.Pi/180, 0.2)}
				move(s, at, func(p mol.Vec) mol.Vec { return bend.Apply(p.Sub(pivot)).Add(pivot) })
			})
		}
	}
	add("truncated", func(s *mol.Structure) { s.Chains[0].Residues = s.Chains[0].Residues[10:55] })
	add("gaps", func(s *mol.Structure) {
		kept := s.Chains[0].Residues[:0]
		for i, r := range s.Chains[0].Residues {
			if i%7 != 3 && (i < 30 || i > 40) {
				kept = append(kept, r)
			}
		}
		s.Chains[0].Residues = kept
	})
	add("short", func(s *mol.Structure) { s.Chains[0].Residues = s.Chains[0].Residues[:6] })
	add("mirrored", func(s *mol.Structure) { move(s, 0, func(p mol.Vec) mol.Vec { p[0] = -p[0]; return p }) })
	add("shifted by 3", func(s *mol.Structure) {
		for i := range s.Chains[0].Residues {
			s.Chains[0].Residues[i].Number += 3
		}
	})
	add("extended", func(s *mol.Structure) {
		angles := make([]torsions, len(s.Chains[0].Residues))
		for i := range angles {
			angles[i] = torsions{radians(-120), radians(130)}
		}
		chain := build(angles)
		for i := range angles {
			s.Chains[0].Residues[i].Atom("CA").Pos = chain[i][atomCA]
		}
	})
	return pairs
}

// move applies f to the atoms of the residues from first on.
func move(s *mol.Structure, first int, f func(mol.Vec) mol.Vec) {
	residues := s.Chains[0].Residues[first:]
	for i := range residues {
		for k := range residues[i].Atoms {
			// Files keep three decimals; what they hold is what is compared.
			p := f(residues[i].Atoms[k].Pos)
			for x := range p {
				p[x] = math.Round(p[x]*1000) / 1000
			}
			residues[i].Atoms[k].Pos = p
		}
	}
}

// rotation is the one by three angles about x, y and z.
func rotation(x, y, z float64) [3]mol.Vec {
	sx, cx := math.Sincos(x)
	sy, cy := math.Sincos(y)
	sz, cz := math.Sincos(z)
	return [3]mol.Vec{
		{cy * cz, sx*sy*cz - cx*sz, cx*sy*cz + sx*sz},
		{cy * sz, sx*sy*sz + cx*cz, cx*sy*sz - sx*cz},
		{-sy, sx * cy, cx * cy},
	}
}
