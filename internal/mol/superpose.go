package mol

import (
	"math"
	"slices"
)

// Transform is a rotation followed by a translation.
type Transform struct {
	Rotation [3]Vec // rows
	Shift    Vec
}

// Identity moves nothing.
func Identity() Transform {
	return Transform{Rotation: [3]Vec{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}
}

// Apply moves a point.
func (t *Transform) Apply(p Vec) Vec {
	return Vec{
		t.Rotation[0].Dot(p) + t.Shift[0],
		t.Rotation[1].Dot(p) + t.Shift[1],
		t.Rotation[2].Dot(p) + t.Shift[2],
	}
}

// Moved is a copy of the structure, moved. Its notes stay with the original.
func (s *Structure) Moved(t Transform) *Structure {
	moved := &Structure{Chains: slices.Clone(s.Chains)}
	for i := range moved.Chains {
		c := &moved.Chains[i]
		c.Residues = slices.Clone(c.Residues)
		for j := range c.Residues {
			r := &c.Residues[j]
			r.Atoms = slices.Clone(r.Atoms)
			for k := range r.Atoms {
				r.Atoms[k].Pos = t.Apply(r.Atoms[k].Pos)
			}
		}
	}
	return moved
}

// Superpose finds the rigid motion that brings mobile onto fixed with the
// least root mean square deviation (the problem of Kabsch, Acta Cryst. A32,
// 922 (1976)), in the quaternion form of Horn, J. Opt. Soc. Am. A 4, 629
// (1987). The result is always a proper rotation: a mirror image is not
// brought onto its original. Where the best motion is not unique (points on a
// line, a single point, none) one of the best is returned. The two lists pair
// up by position; of lists of different length the longer one's rest is
// ignored.
func Superpose(mobile, fixed []Vec) Transform {
	n := min(len(mobile), len(fixed))
	if n == 0 {
		return Identity()
	}
	mobile, fixed = mobile[:n], fixed[:n]
	cm, cf := Centroid(mobile), Centroid(fixed)
	var s [3][3]float64 // s[i][j] = Σ mobile_i · fixed_j, about the centroids
	for k, m := range mobile {
		a, b := m.Sub(cm), fixed[k].Sub(cf)
		for i := range 3 {
			for j := range 3 {
				s[i][j] += a[i] * b[j]
			}
		}
	}
	q := largestEigenvector([4][4]float64{
		{s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]},
		{s[1][2] - s[2][1], s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]},
		{s[2][0] - s[0][2], s[0][1] + s[1][0], s[1][1] - s[0][0] - s[2][2], s[1][2] + s[2][1]},
		{s[0][1] - s[1][0], s[2][0] + s[0][2], s[1][2] + s[2][1], s[2][2] - s[0][0] - s[1][1]},
	})
	w, x, y, z := q[0], q[1], q[2], q[3]
	t := Transform{Rotation: [3]Vec{
		{w*w + x*x - y*y - z*z, 2 * (x*y - w*z), 2 * (x*z + w*y)},
		{2 * (x*y + w*z), w*w - x*x + y*y - z*z, 2 * (y*z - w*x)},
		{2 * (x*z - w*y), 2 * (y*z + w*x), w*w - x*x - y*y + z*z},
	}}
	t.Shift = cf.Sub(t.Apply(cm))
	return t
}

// RMSD is the root mean square deviation of paired points after t has moved
// the mobile ones, in Å; 0 when there are none.
func RMSD(t Transform, mobile, fixed []Vec) float64 {
	n := min(len(mobile), len(fixed))
	if n == 0 {
		return 0
	}
	sum := 0.0
	for i := range n {
		sum += t.Apply(mobile[i]).Distance2(fixed[i])
	}
	return math.Sqrt(sum / float64(n))
}

// largestEigenvector returns the unit eigenvector of the largest eigenvalue
// of a symmetric matrix, by cyclic Jacobi rotations: unconditionally stable,
// and for 4×4 a handful of sweeps.
func largestEigenvector(a [4][4]float64) [4]float64 {
	v := [4][4]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	const maxSweeps = 50 // about 6 are needed; the cap is against NaN
	for range maxSweeps {
		off, diag := 0.0, 0.0
		for i := range 4 {
			diag += a[i][i] * a[i][i]
			for j := i + 1; j < 4; j++ {
				off += a[i][j] * a[i][j]
			}
		}
		if off <= 1e-30*diag || off == 0 {
			break
		}
		for p := range 3 {
			for q := p + 1; q < 4; q++ {
				rotateJacobi(&a, &v, p, q)
			}
		}
	}
	best := 0
	for i := 1; i < 4; i++ {
		if a[i][i] > a[best][best] {
			best = i
		}
	}
	return [4]float64{v[0][best], v[1][best], v[2][best], v[3][best]}
}

// rotateJacobi makes a[p][q] zero and keeps the rotations in v.
func rotateJacobi(a, v *[4][4]float64, p, q int) {
	if a[p][q] == 0 {
		return
	}
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range 4 {
		akp, akq := a[k][p], a[k][q]
		a[k][p], a[k][q] = c*akp-s*akq, s*akp+c*akq
	}
	for k := range 4 {
		apk, aqk := a[p][k], a[q][k]
		a[p][k], a[q][k] = c*apk-s*aqk, s*apk+c*aqk
		vkp, vkq := v[k][p], v[k][q]
		v[k][p], v[k][q] = c*vkp-s*vkq, s*vkp+c*vkq
	}
	a[p][q], a[q][p] = 0, 0
}
