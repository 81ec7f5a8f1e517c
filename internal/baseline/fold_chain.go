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
const torsionCB = 122.6

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

// bond is one of the two bonds of a residue that turn.
type bond int

const (
	bondPhi bond = iota // N–CA
	bondPsi             // CA–C
)

// turn is an angle added to a torsion, in radians.
type turn struct {
	residue int
	bond    bond
	angle   float64
}

// The atoms of a residue on either side of its two bonds, of those that turn.
var (
	atomsBehind = [2][]int{bondPhi: {atomC, atomO, atomCB}, bondPsi: {atomO}}
	atomsBefore = [2][]int{bondPhi: {atomH}, bondPsi: {atomN, atomH, atomCB}}
)

// turn changes torsions, given in the order of the chain, by moving the
// shorter side of the chain while the longer one stays. It returns the
// residues of which atoms moved, [from, to). Each residue is moved once, by
// the product of the motions.
func (b backbone) turn(turns []turn) (from, to int) {
	total, first, last := stay(), turns[0].residue, turns[len(turns)-1].residue
	if first >= len(b)/2 {
		moved := first // the residues before this one are where they belong
		for _, t := range turns {
			for ; moved < t.residue; moved++ {
				total.apply(b[moved+1][:])
			}
			r := &b[t.residue]
			m := t.motion(r, t.angle)
			for _, k := range atomsBehind[t.bond] {
				m.apply(r[k : k+1])
			}
			total = m.after(&total)
		}
		for i := last + 1; i < len(b); i++ {
			total.apply(b[i][:])
		}
		return first, len(b)
	}
	moved := last
	for k := len(turns) - 1; k >= 0; k-- {
		t := turns[k]
		for ; moved > t.residue; moved-- {
			total.apply(b[moved-1][:])
		}
		r := &b[t.residue]
		m := t.motion(r, -t.angle)
		for _, k := range atomsBefore[t.bond] {
			m.apply(r[k : k+1])
		}
		total = m.after(&total)
	}
	for i := range first {
		total.apply(b[i][:])
	}
	return 0, last + 1
}

// motion is the rotation about the bond of a residue.
func (t turn) motion(r *[numAtoms]mol.Vec, angle float64) motion {
	if t.bond == bondPhi {
		return rotationAbout(&r[atomN], &r[atomCA], angle)
	}
	return rotationAbout(&r[atomCA], &r[atomC], angle)
}

// motion is a rigid one: p → rows·p + shift.
type motion struct {
	rows  [3]mol.Vec
	shift mol.Vec
}

func stay() motion { return motion{rows: [3]mol.Vec{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}} }

// rotationAbout turns by angle about the line from origin to end, clockwise
// looking along it (Rodrigues).
func rotationAbout(origin, end *mol.Vec, angle float64) motion {
	u := end.Sub(*origin).Unit()
	sin, cos := math.Sincos(angle)
	x, y, z, k := u[0], u[1], u[2], 1-cos
	m := motion{rows: [3]mol.Vec{
		{cos + x*x*k, x*y*k - z*sin, x*z*k + y*sin},
		{y*x*k + z*sin, cos + y*y*k, y*z*k - x*sin},
		{z*x*k - y*sin, z*y*k + x*sin, cos + z*z*k},
	}}
	for i := range m.shift {
		m.shift[i] = origin[i] - m.rows[i].Dot(*origin)
	}
	return m
}

// after is the motion of first, followed by m.
func (m *motion) after(first *motion) motion {
	var c motion
	for i := range c.rows {
		r := &m.rows[i]
		for j := range c.rows[i] {
			c.rows[i][j] = r[0]*first.rows[0][j] + r[1]*first.rows[1][j] + r[2]*first.rows[2][j]
		}
		c.shift[i] = r.Dot(first.shift) + m.shift[i]
	}
	return c
}

// apply moves points, in place.
func (m *motion) apply(points []mol.Vec) {
	// Numbers of their own stay in registers, which arrays do not.
	xx, xy, xz, xs := m.rows[0][0], m.rows[0][1], m.rows[0][2], m.shift[0]
	yx, yy, yz, ys := m.rows[1][0], m.rows[1][1], m.rows[1][2], m.shift[1]
	zx, zy, zz, zs := m.rows[2][0], m.rows[2][1], m.rows[2][2], m.shift[2]
	for i := range points {
		p := &points[i]
		x, y, z := p[0], p[1], p[2]
		p[0] = xx*x + xy*y + xz*z + xs
		p[1] = yx*x + yy*y + yz*z + ys
		p[2] = zx*x + zy*y + zz*z + zs
	}
}

// distance2 is the squared distance of two points. It takes pointers because
// it is what a search does most.
func distance2(p, q *mol.Vec) float64 {
	x, y, z := p[0]-q[0], p[1]-q[1], p[2]-q[2]
	return x*x + y*y + z*z
}
