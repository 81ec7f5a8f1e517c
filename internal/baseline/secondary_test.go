package baseline

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// ubiquitin reads the crystal structure of ubiquitin, 1UBQ.
func ubiquitin(t testing.TB) *mol.Structure {
	t.Helper()
	s, err := readStructure("../mol/testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const ubiquitinSequence = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"

// ubiquitinDSSP is what DSSP assigns to 1UBQ, its helices (H, G) as H, its
// strands (E) as E, all else as C.
const ubiquitinDSSP = "CEEEEEECCCCEEEEECCCCCCHHHHHHHHHHHHCCCHHHEEEEECCECCCCCCCHHHHCCCCCEEEEEECCCCCC"

func aminosOf(sequence string) []amino {
	a := make([]amino, len(sequence))
	for i := range a {
		a[i] = aminoOf(sequence[i])
	}
	return a
}

func stateString(states []secondary) string {
	b := make([]byte, len(states))
	for i, s := range states {
		b[i] = byte(s)
	}
	return string(b)
}

// alike is the fraction of residues with the same state (Q3).
func alike(a, b string) float64 {
	n := 0
	for i := range a {
		if a[i] == b[i] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}

func TestAssignSecondary(t *testing.T) {
	s := ubiquitin(t)
	got := stateString(chainSecondary(&s.Chains[0]))
	if q := alike(got, ubiquitinDSSP); q < 0.75 {
		t.Errorf("agrees with DSSP in %.2f of residues\n got %s\nDSSP %s", q, got, ubiquitinDSSP)
	}
}

// idealTrace is the Cα trace of n residues with the same torsion angles.
func idealTrace(n int, phi, psi float64) []mol.Vec {
	angles := make([]torsions, n)
	for i := range angles {
		angles[i] = torsions{radians(phi), radians(psi)}
	}
	return build(angles).trace()
}

func TestAssignSecondaryIdeal(t *testing.T) {
	for _, c := range []struct {
		name     string
		phi, psi float64
		want     secondary
		least    float64
	}{
		{"alpha helix", -60, -45, helix, 0.8},
		{"left-handed helix", 60, 45, helix, 0},
		{"strand", -120, 130, strand, 0.8},
	} {
		states := assignSecondary(idealTrace(20, c.phi, c.psi))
		f := fractionOf(states, c.want)
		if f < c.least || (c.least == 0 && f > 0) {
			t.Errorf("%s: %.2f is %c: %s", c.name, f, c.want, stateString(states))
		}
	}
}

func TestAssignSecondaryBreaks(t *testing.T) {
	// Two halves of a helix, far apart: a gap must not be read as a bond.
	trace := idealTrace(20, -60, -45)
	for i := 10; i < 20; i++ {
		trace[i] = trace[i].Add(mol.Vec{50, 0, 0})
	}
	states := stateString(assignSecondary(trace))
	if !strings.Contains(states[:10], "HHHHH") || !strings.Contains(states[10:], "HHHHH") || states[9] == 'H' || states[10] == 'H' {
		t.Errorf("got %s", states)
	}
	for n := range 6 {
		if got := assignSecondary(trace[:n]); len(got) != n {
			t.Errorf("%d residues have %d states", n, len(got))
		}
	}
}

func TestPredictSecondary(t *testing.T) {
	got := stateString(predictSecondary(aminosOf(ubiquitinSequence)))
	if q := alike(got, ubiquitinDSSP); q < 0.5 {
		t.Errorf("Q3 of ubiquitin is %.2f\n got %s\nDSSP %s", q, got, ubiquitinDSSP)
	}
	for _, c := range []struct{ sequence, want string }{
		{"EALKAMEEALKAMEEA", "HHHHHHHHHHHHHHHH"},
		{"VTVYVIVTVYVI", "EEEEEEEEEEEE"},
		{"GPNGSPDGNG", "CCCCCCCCCC"},
		{"EAMLEALAEKAGPNGSPNGVTVYVIVTVYV", "HHHHHHHHHHHCCCCCCCCEEEEEEEEEEE"},
		{"XXXXXXXX", ""},
		{"A", "C"},
		{"", ""},
	} {
		got := stateString(predictSecondary(aminosOf(c.sequence)))
		if len(got) != len(c.sequence) || c.want != "" && got != c.want {
			t.Errorf("%s: got %s, want %s", c.sequence, got, c.want)
		}
	}
}

// Random sequences must not all be of one kind: the openings are set for that.
func TestPredictSecondaryBalance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var sequence []amino
	for range 4000 {
		x := random.Float64()
		for a := range background {
			if x -= background[a]; x < 0 {
				sequence = append(sequence, amino(a))
				break
			}
		}
	}
	var states []secondary
	for i := 0; i+100 <= len(sequence); i += 100 {
		states = append(states, predictSecondary(sequence[i:i+100])...)
	}
	h, e := fractionOf(states, helix), fractionOf(states, strand)
	if h < 0.2 || h > 0.5 || e < 0.15 || e > 0.4 {
		t.Errorf("%.2f helix, %.2f strand", h, e)
	}
}
