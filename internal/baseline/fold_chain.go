package baseline

import (
	"math"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Ideal geometry of the backbone, in Å and degrees.
//
// Source: Engh and Huber (1991) Acta Cryst. A47, 392–400.
const (
	bondNCA  = 1.458
	bondCAC  = 1.525
	bondCN   = 1.329
	bondCO   = 1.231
	bondCACB = 1.530
	bondNH   = 1.010

	angleNCAC  = 111.2
	angleCACN  = 116.2
	angleCNCA  = 121.7
	angleCACO  = 120.8
	angleCCACB = 110.1
)

// torsionCB is the dihedral N–C–CA–CB that makes an L-amino acid.
const torsionCB = -122.6

// The atoms of a residue as the search keeps them. The hydrogen is that of
// the amide; proline and the first residue have it too, unused.
const (
	atomN = iota
	atomCA
	atomC
	atomO
	atomCB
	atomH
	numAtoms
)

// backbone is the atoms of each residue. Glycine has a Cβ too, as the centre
// of its (missing) side chain.
type backbone [][numAtoms]mol.Vec

// torsions are the free angles of a residue's backbone, in radians. Peptide
// bonds are trans.
type torsions struct{ phi, psi float64 }

// placeCB puts a Cβ, or the place of one, on a residue's backbone.
func placeCB(n, ca, c mol.Vec) mol.Vec {
	return mol.Place(n, c, ca, bondCACB, radians(angleCCACB), radians(torsionCB))
}

// build makes a chain of ideal geometry from its torsion angles, atom by atom
// in the natural extension reference frame, and centres it on the origin.
func build(angles []torsions) backbone {
	chain := make(backbone, len(angles))
	for i := range chain {
		r := &chain[i]
		if i == 0 {
			r[atomN] = mol.Vec{}
			r[atomCA] = mol.Vec{bondNCA, 0, 0}
			sin, cos := math.Sincos(radians(180 - angleNCAC))
			r[atomC] = mol.Vec{bondNCA + bondCAC*cos, bondCAC * sin, 0}
		} else {
			p := &chain[i-1]
			r[atomN] = mol.Place(p[atomN], p[atomCA], p[atomC], bondCN, radians(angleCACN), angles[i-1].psi)
			r[atomCA] = mol.Place(p[atomCA], p[atomC], r[atomN], bondNCA, radians(angleCNCA), math.Pi)
			r[atomC] = mol.Place(p[atomC], r[atomN], r[atomCA], bondCAC, radians(angleNCAC), angles[i].phi)
			r[atomH] = amideHydrogen(p[atomC], p[atomO], r[atomN])
		}
		// The carbonyl oxygen lies opposite to the next nitrogen.
		r[atomO] = mol.Place(r[atomN], r[atomCA], r[atomC], bondCO, radians(angleCACO), angles[i].psi+math.Pi)
		r[atomCB] = placeCB(r[atomN], r[atomCA], r[atomC])
		if i == 0 {
			r[atomH] = r[atomN]
		}
	}
	centre := mol.Centroid(chain.trace())
	for i := range chain {
		for k := range chain[i] {
			chain[i][k] = chain[i][k].Sub(centre)
		}
	}
	return chain
}

// amideHydrogen puts the hydrogen opposite to the carbonyl oxygen before it,
// as Kabsch and Sander (1983) do.
func amideHydrogen(c, o, n mol.Vec) mol.Vec {
	return n.Add(c.Sub(o).Unit().Scale(bondNH))
}

// trace returns the Cα atoms.
func (b backbone) trace() []mol.Vec {
	trace := make([]mol.Vec, len(b))
	for i := range b {
		trace[i] = b[i][atomCA]
	}
	return trace
}

// axis is one of the two bonds of a residue that turn.
type axis int

const (
	aboutPhi axis = iota // N–CA
	aboutPsi             // CA–C
)

// turn adds angle to one torsion of residue i by moving the shorter side of
// the chain, the longer one staying as it is. It returns the residues that
// moved, [from, to).
func (b backbone) turn(i int, about axis, angle float64) (from, to int) {
	r := &b[i]
	origin, end := r[atomN], r[atomCA]
	if about == aboutPsi {
		origin, end = r[atomCA], r[atomC]
	}
	behind := i >= len(b)/2
	if !behind {
		angle = -angle
	}
	move := newRotation(origin, end, angle)

	// The residue itself is cut in two by the bond.
	var own []int
	switch {
	case behind && about == aboutPhi:
		own = []int{atomC, atomO, atomCB}
	case behind:
		own = []int{atomO}
	case about == aboutPhi:
		own = []int{atomH}
	default:
		own = []int{atomN, atomH, atomCB}
	}
	for _, k := range own {
		r[k] = move.apply(r[k])
	}
	from, to = 0, i
	if behind {
		from, to = i+1, len(b)
	}
	for j := from; j < to; j++ {
		for k := range b[j] {
			b[j][k] = move.apply(b[j][k])
		}
	}
	return min(from, i), max(to, i+1)
}

// rotation turns points about a line.
type rotation struct {
	rows   [3]mol.Vec
	origin mol.Vec
}

// newRotation turns by angle about the line from origin to end, clockwise
// looking along it (Rodrigues).
func newRotation(origin, end mol.Vec, angle float64) rotation {
	u := end.Sub(origin).Unit()
	sin, cos := math.Sincos(angle)
	x, y, z, k := u[0], u[1], u[2], 1-cos
	return rotation{
		rows: [3]mol.Vec{
			{cos + x*x*k, x*y*k - z*sin, x*z*k + y*sin},
			{y*x*k + z*sin, cos + y*y*k, y*z*k - x*sin},
			{z*x*k - y*sin, z*y*k + x*sin, cos + z*z*k},
		},
		origin: origin,
	}
}

func (r *rotation) apply(p mol.Vec) mol.Vec {
	d := p.Sub(r.origin)
	return mol.Vec{
		r.rows[0].Dot(d) + r.origin[0],
		r.rows[1].Dot(d) + r.origin[1],
		r.rows[2].Dot(d) + r.origin[2],
	}
}
