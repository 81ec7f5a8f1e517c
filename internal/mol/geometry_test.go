package mol_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

func cloud(random *rand.Rand, n int) []mol.Vec {
	points := make([]mol.Vec, n)
	for i := range points {
		for k := range points[i] {
			points[i][k] = 10 * random.NormFloat64()
		}
	}
	return points
}

// turned rotates by an angle about an axis and shifts.
func turned(points []mol.Vec, axis mol.Vec, angle float64, shift mol.Vec) []mol.Vec {
	u := axis.Unit()
	out := make([]mol.Vec, len(points))
	for i, p := range points {
		sin, cos := math.Sincos(angle)
		out[i] = p.Scale(cos).Add(u.Cross(p).Scale(sin)).Add(u.Scale(u.Dot(p) * (1 - cos))).Add(shift)
	}
	return out
}

func TestSuperposeFindsTheMotion(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{3, 4, 50} {
		for _, angle := range []float64{0, 1e-9, 0.7, math.Pi / 2, math.Pi} {
			points := cloud(random, n)
			moved := turned(points, mol.Vec{1, -2, 0.5}, angle, mol.Vec{100, -50, 3})
			if d := mol.RMSD(mol.Superpose(points, moved), points, moved); d > 1e-6 {
				t.Errorf("%d points turned by %g: RMSD %g", n, angle, d)
			}
		}
	}
}

func TestSuperposeIsBest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	a, b := cloud(random, 20), cloud(random, 20)
	best := mol.RMSD(mol.Superpose(a, b), a, b)
	ca, cb := mol.Centroid(a), mol.Centroid(b)
	for range 2000 {
		axis := cloud(random, 1)[0]
		moved := turned(a, axis, 2*math.Pi*random.Float64(), mol.Vec{})
		shift := cb.Sub(mol.Centroid(moved))
		if d := mol.RMSD(mol.Transform{Rotation: mol.Identity().Rotation, Shift: shift}, moved, b); d < best-1e-9 {
			t.Fatalf("a random rotation gives %g, Superpose %g (centre %v)", d, best, ca)
		}
	}
}

// TestSuperposeDegenerate: points that leave the motion open still get a
// proper one.
func TestSuperposeDegenerate(t *testing.T) {
	line := []mol.Vec{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}
	upright := []mol.Vec{{5, 0, 0}, {5, 0, 1}, {5, 0, 2}}
	mirrored := []mol.Vec{{0, 0, 0}, {1, 0, 0}, {0, 2, 0}, {0, 0, 3}}
	image := []mol.Vec{{0, 0, 0}, {-1, 0, 0}, {0, 2, 0}, {0, 0, 3}}
	tests := []struct {
		name          string
		mobile, fixed []mol.Vec
		exact         bool
	}{
		{"none", nil, nil, true},
		{"one", line[:1], upright[:1], true},
		{"two", line[:2], upright[:2], true},
		{"a line", line, upright, true},
		{"a line reversed", line, []mol.Vec{{2, 0, 0}, {1, 0, 0}, {0, 0, 0}}, true},
		{"all in one place", []mol.Vec{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, line, false},
		{"mirror image", mirrored, image, false},
	}
	for _, test := range tests {
		tr := mol.Superpose(test.mobile, test.fixed)
		r := tr.Rotation
		if det := r[0].Cross(r[1]).Dot(r[2]); math.Abs(det-1) > 1e-9 {
			t.Errorf("%s: determinant %g", test.name, det)
		}
		if d := mol.RMSD(tr, test.mobile, test.fixed); math.IsNaN(d) || (d < 1e-9) != test.exact {
			t.Errorf("%s: RMSD %g", test.name, d)
		}
	}
}

// TestPlaceInvertsDihedral: what NeRF places is measured back.
func TestPlaceInvertsDihedral(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		p := cloud(random, 3)
		bond, angle, torsion := 1+random.Float64(), 0.2+2.7*random.Float64(), math.Pi*(2*random.Float64()-1)
		d := mol.Place(p[0], p[1], p[2], bond, angle, torsion)
		if math.Abs(d.Distance(p[2])-bond) > 1e-9 || math.Abs(mol.Angle(p[1], p[2], d)-angle) > 1e-9 ||
			math.Abs(mol.Dihedral(p[0], p[1], p[2], d)-torsion) > 1e-6 {
			t.Fatalf("bond %g angle %g torsion %g: got %g %g %g", bond, angle, torsion,
				d.Distance(p[2]), mol.Angle(p[1], p[2], d), mol.Dihedral(p[0], p[1], p[2], d))
		}
	}
	if d := mol.Place(mol.Vec{}, mol.Vec{1, 0, 0}, mol.Vec{2, 0, 0}, 1.5, 2, 1); math.Abs(d.Distance(mol.Vec{2, 0, 0})-1.5) > 1e-9 {
		t.Errorf("after three points on a line: %v", d)
	}
}

// TestDihedralSign: the angles of ubiquitin's helix (residues 24 to 32) lie
// where right-handed helices do.
func TestDihedralSign(t *testing.T) {
	r := read1UBQ(t).Chains[0].Residues
	for i := 24; i < 32; i++ {
		phi := mol.Dihedral(r[i-1].Atom("C").Pos, r[i].Atom("N").Pos, r[i].Atom("CA").Pos, r[i].Atom("C").Pos) * 180 / math.Pi
		psi := mol.Dihedral(r[i].Atom("N").Pos, r[i].Atom("CA").Pos, r[i].Atom("C").Pos, r[i+1].Atom("N").Pos) * 180 / math.Pi
		if math.Abs(phi+63) > 20 || math.Abs(psi+43) > 20 {
			t.Errorf("residue %d: φ %.0f, ψ %.0f", r[i].Number, phi, psi)
		}
	}
}

func TestGridFindsWhatASearchOfAllFinds(t *testing.T) {
	points := cloud(rand.New(rand.NewPCG(7, 8)), 300)
	for _, cell := range []float64{0.5, 3, 50} {
		grid := mol.NewGrid(points, cell)
		const radius = 6.0
		for i, p := range points[:40] {
			want := 0
			for _, q := range points {
				if p.Distance(q) <= radius {
					want++
				}
			}
			got := 0
			grid.Within(p, radius, func(j int, d float64) {
				got++
				if math.Abs(d-p.Distance(points[j])) > 1e-9 {
					t.Fatalf("distance %g", d)
				}
			})
			if got != want {
				t.Errorf("cells of %g: %d points near point %d, want %d", cell, got, i, want)
			}
		}
	}
}

func TestRadiusOfGyration(t *testing.T) {
	if r := mol.RadiusOfGyration([]mol.Vec{{0, 0, 0}, {2, 0, 0}}); r != 1 {
		t.Errorf("two points 2 Å apart: %g", r)
	}
	if r := mol.RadiusOfGyration(nil); r != 0 {
		t.Errorf("no points: %g", r)
	}
}

func BenchmarkSuperpose(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	x, y := cloud(random, 100), cloud(random, 100)
	for b.Loop() {
		mol.Superpose(x, y)
	}
}
