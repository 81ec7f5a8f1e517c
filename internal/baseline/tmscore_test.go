package baseline

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

// The project promises to agree with the TM-score program within these.
const (
	tmTolerance   = 0.01
	rmsdTolerance = 0.05 // Å
)

// TestAgreesWithRecordedTMscore compares with what Debian's TMscore said of
// the same pairs; `go test -tags tools -run Tools -update` records it anew.
func TestAgreesWithRecordedTMscore(t *testing.T) {
	file, err := os.Open("testdata/tmscore.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := map[string][2]float64{}
	for in := bufio.NewScanner(file); in.Scan(); {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		fields := strings.Split(in.Text(), "\t")
		var tm, rmsd float64
		if _, err := fmt.Sscan(fields[1]+" "+fields[2], &tm, &rmsd); err != nil {
			t.Fatalf("%q: %v", in.Text(), err)
		}
		want[fields[0]] = [2]float64{tm, rmsd}
	}
	pairs := ubiquitinPairs(t)
	if len(want) != len(pairs) {
		t.Errorf("%d pairs are recorded, there are %d", len(want), len(pairs))
	}
	for _, p := range pairs {
		recorded, ok := want[p.name]
		if !ok {
			t.Errorf("%s is not recorded", p.name)
			continue
		}
		compareTM(t, p, recorded[0], recorded[1])
	}
}

// compareTM checks our scores of a pair against TMscore's.
func compareTM(t *testing.T, p tmPair, tm, rmsd float64) {
	t.Helper()
	s, _, err := scoreModel(p.model, p.reference, compare.Numbers)
	if err != nil {
		t.Errorf("%s: %v", p.name, err)
		return
	}
	if math.Abs(s.TM-tm) > tmTolerance {
		t.Errorf("%s: TM-score %.4f, TMscore says %.4f", p.name, s.TM, tm)
	}
	if math.Abs(s.RMSD-rmsd) > rmsdTolerance {
		t.Errorf("%s: CA-RMSD %.3f, TMscore says %.3f", p.name, s.RMSD, rmsd)
	}
}

func TestFragmentSizes(t *testing.T) {
	for n, want := range map[int]string{
		3: "[3]", 4: "[4]", 5: "[5 4]", 76: "[76 38 19 9 4]", 1000: "[1000 500 250 125 62 4]",
	} {
		if got := fmt.Sprint(fragmentSizes(n)); got != want {
			t.Errorf("fragmentSizes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSelfScoreIsPerfect(t *testing.T) {
	u := ubiquitin(t)
	s, _, err := scoreModel(u, u, compare.Auto)
	if err != nil {
		t.Fatal(err)
	}
	if s.TM != 1 || s.RMSD > 1e-6 || s.Coverage != 1 || s.Identity != 1 || s.Clashes != 0 || s.By != compare.Numbers {
		t.Errorf("%+v", s)
	}
}

// TestTMScoreDegenerate: points that fix no superposition must not hang or
// give anything but a number.
func TestTMScoreDegenerate(t *testing.T) {
	line := make([]mol.Vec, 40)
	same := make([]mol.Vec, 40)
	far := make([]mol.Vec, 40)
	for i := range line {
		line[i] = mol.Vec{3.8 * float64(i), 0, 0}
		far[i] = mol.Vec{9e3 * float64(i%2), -9e2 * float64(i%3), float64(i)}
	}
	for _, p := range [][2][]mol.Vec{{line, line}, {line, same}, {same, same}, {far, line}, {line[:3], far[:3]}} {
		if tm := tmScore(p[0], p[1], len(p[0])); !(tm >= 0 && tm <= 1+1e-9) {
			t.Errorf("TM-score %g", tm)
		}
	}
}

func BenchmarkTMScore(b *testing.B) {
	p := ubiquitinPairs(b)[4]
	x, y := compare.CATrace(p.model), compare.CATrace(p.reference)
	for b.Loop() {
		tmScore(x, y, len(y))
	}
}
