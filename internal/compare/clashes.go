package compare

import "github.com/ligase-bio/ligase/internal/mol"

// Clashes counts pairs of atoms that are nearer than they can be, of residues
// that are not neighbours in their chain: heavy atoms nearer than the outer
// limits of Ramachandran & Sasisekharan, Adv. Protein Chem. 23, 283 (1968),
// table VII (C–C 3.0, C–N 2.8, C–O 2.7 Å), N and O nearer than 2.4 Å, which
// strong hydrogen bonds reach (Jeffrey, An Introduction to Hydrogen Bonding,
// 1997), and CA atoms nearer than 3.6 Å, which also judges models of CA atoms
// only. Pairs with sulfur or other elements, which bond across the chain, are
// left out.
func Clashes(s *mol.Structure) int {
	type place struct {
		chain, residue int
		kind           byte // the element, or 'A' for CA
	}
	var (
		points []mol.Vec
		places []place
	)
	for c := range s.Chains {
		for r := range s.Chains[c].Residues {
			residue := &s.Chains[c].Residues[r]
			for i := range residue.Atoms {
				atom := &residue.Atoms[i]
				kind := byte(0)
				switch {
				case atom.Name == "CA":
					kind = 'A'
				case atom.Element == "C" || atom.Element == "N" || atom.Element == "O":
					kind = atom.Element[0]
				default:
					continue
				}
				points = append(points, atom.Pos)
				places = append(places, place{c, r, kind})
			}
		}
	}
	const farthest = 3.6
	grid, n := mol.NewGrid(points, farthest), 0
	for i, p := range places {
		grid.Within(points[i], farthest, func(j int, distance float64) {
			q := places[j]
			if j <= i || p.chain == q.chain && -1 <= p.residue-q.residue && p.residue-q.residue <= 1 {
				return
			}
			if distance < LeastDistance(p.kind, q.kind) {
				n++
			}
		})
	}
	return n
}

// LeastDistance is how near two atoms that are not bonded come, in Å: of
// elements C, N and O, and 'A' for CA.
func LeastDistance(a, b byte) float64 {
	if a == 'A' && b == 'A' {
		return 3.6
	}
	if a == 'A' {
		a = 'C'
	}
	if b == 'A' {
		b = 'C'
	}
	if a > b {
		a, b = b, a
	}
	switch {
	case a == 'C' && b == 'C':
		return 3.0
	case a == 'C' && b == 'N':
		return 2.8
	case a == 'C' && b == 'O':
		return 2.7
	}
	return 2.4
}
