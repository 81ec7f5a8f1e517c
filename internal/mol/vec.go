package mol

import "math"

// Vec is a point or direction, in Å.
type Vec [3]float64

// Add returns v + w.
func (v Vec) Add(w Vec) Vec { return Vec{v[0] + w[0], v[1] + w[1], v[2] + w[2]} }

// Sub returns v − w.
func (v Vec) Sub(w Vec) Vec { return Vec{v[0] - w[0], v[1] - w[1], v[2] - w[2]} }

// Scale returns v times f.
func (v Vec) Scale(f float64) Vec { return Vec{v[0] * f, v[1] * f, v[2] * f} }

// Dot returns the scalar product.
func (v Vec) Dot(w Vec) float64 { return v[0]*w[0] + v[1]*w[1] + v[2]*w[2] }

// Cross returns the vector product.
func (v Vec) Cross(w Vec) Vec {
	return Vec{v[1]*w[2] - v[2]*w[1], v[2]*w[0] - v[0]*w[2], v[0]*w[1] - v[1]*w[0]}
}

// Norm returns the length.
func (v Vec) Norm() float64 { return math.Sqrt(v.Dot(v)) }

// Unit returns the direction of v: length 1, or the zero vector when v is.
func (v Vec) Unit() Vec {
	n := v.Norm()
	if n == 0 {
		return Vec{}
	}
	return v.Scale(1 / n)
}

// Distance returns the distance of two points.
func (v Vec) Distance(w Vec) float64 { return v.Sub(w).Norm() }

// Distance2 returns the squared distance of two points.
func (v Vec) Distance2(w Vec) float64 {
	x, y, z := v[0]-w[0], v[1]-w[1], v[2]-w[2]
	return x*x + y*y + z*z
}

// Centroid returns the mean of the points, or the origin when there are none.
func Centroid(points []Vec) Vec {
	var c Vec
	if len(points) == 0 {
		return c
	}
	for _, p := range points {
		c = c.Add(p)
	}
	return c.Scale(1 / float64(len(points)))
}

// RadiusOfGyration is the root mean square distance of the points from their
// centroid, in Å; every point weighs the same.
func RadiusOfGyration(points []Vec) float64 {
	if len(points) == 0 {
		return 0
	}
	c, sum := Centroid(points), 0.0
	for _, p := range points {
		sum += p.Distance2(c)
	}
	return math.Sqrt(sum / float64(len(points)))
}

// Angle is the angle a–b–c in radians, 0 to π; 0 when two points coincide.
func Angle(a, b, c Vec) float64 {
	u, v := a.Sub(b), c.Sub(b)
	// atan2 keeps its precision near 0 and π, where acos loses it.
	return math.Atan2(u.Cross(v).Norm(), u.Dot(v))
}

// Dihedral is the torsion angle a–b–c–d in radians, −π to π, by the IUPAC
// sign convention (clockwise is positive looking from b to c). It is 0 when
// three of the points lie on a line.
func Dihedral(a, b, c, d Vec) float64 {
	b1, b2, b3 := b.Sub(a), c.Sub(b), d.Sub(c)
	n1, n2 := b1.Cross(b2), b2.Cross(b3)
	return math.Atan2(n1.Cross(n2).Dot(b2.Unit()), n1.Dot(n2))
}

// Place returns the point d with |cd| = bond, angle bcd = angle and dihedral
// abcd = torsion (Å, radians): the natural extension reference frame of
// Parsons, Holmes, Rojas, Tsai & Strauss, J. Comput. Chem. 26, 1063 (2005).
// When a, b and c lie on a line, where the torsion has no meaning, some plane
// through it is taken.
func Place(a, b, c Vec, bond, angle, torsion float64) Vec {
	bc := c.Sub(b).Unit()
	n := b.Sub(a).Cross(bc)
	if n.Norm() < 1e-9 {
		n = perpendicular(bc)
	}
	n = n.Unit()
	m := n.Cross(bc)
	sinA, cosA := math.Sincos(angle)
	sinT, cosT := math.Sincos(torsion)
	return c.
		Add(bc.Scale(-bond * cosA)).
		Add(m.Scale(bond * sinA * cosT)).
		Add(n.Scale(bond * sinA * sinT))
}

// perpendicular returns some vector at a right angle to v, not zero.
func perpendicular(v Vec) Vec {
	// The axis that v points along least cannot be parallel to it.
	axis := Vec{1, 0, 0}
	if math.Abs(v[0]) > math.Abs(v[1]) {
		axis = Vec{0, 1, 0}
	}
	if p := v.Cross(axis); p.Norm() > 0 {
		return p
	}
	return Vec{0, 0, 1}
}
