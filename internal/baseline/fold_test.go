package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// foldQuickly makes one decoy with few moves.
func foldQuickly(t testing.TB, sequence string, seed uint64, moves int) *search {
	t.Helper()
	a := aminosOf(sequence)
	s := newSearch(newField(a), predictSecondary(a), rand.New(rand.NewPCG(seed, 0)))
	if err := s.run(context.Background(), moves); err != nil {
		t.Fatal(err)
	}
	return s
}

// foldPairEnergy is the energy of two residues wherever they are.
func foldPairEnergy(f *field, chain backbone, i, j int) float64 {
	d2 := distance2(&chain[i][atomCA], &chain[j][atomCA])
	if d2 > reachPair*reachPair {
		return 0
	}
	return f.pair(chain, i, j, d2)
}

// checkGeometry checks that a chain has the bonds and angles of ideal
// geometry, trans peptides and L-amino acids.
func checkGeometry(t *testing.T, chain backbone, tolerance float64) {
	t.Helper()
	check := func(i int, what string, got, want float64) {
		if math.Abs(got-want) > tolerance {
			t.Errorf("residue %d: %s is %.5f, want %.5f", i+1, what, got, want)
		}
	}
	angle := func(a, b, c mol.Vec) float64 { return degrees(mol.Angle(a, b, c)) }
	for i := range chain {
		r := &chain[i]
		check(i, "N-CA", r[atomN].Distance(r[atomCA]), bondNCA)
		check(i, "CA-C", r[atomCA].Distance(r[atomC]), bondCAC)
		check(i, "C-O", r[atomC].Distance(r[atomO]), bondCO)
		check(i, "CA-CB", r[atomCA].Distance(r[atomCB]), bondCACB)
		check(i, "N-CA-C", angle(r[atomN], r[atomCA], r[atomC]), angleNCAC)
		check(i, "CA-C-O", angle(r[atomCA], r[atomC], r[atomO]), angleCACO)
		// Looking from H to CA, CO, R and N go clockwise ("CORN"): the dihedral
		// N-C-CA-CB of an L-amino acid is positive.
		check(i, "N-C-CA-CB", degrees(mol.Dihedral(r[atomN], r[atomC], r[atomCA], r[atomCB])), torsionCB)
		if i == 0 {
			continue
		}
		p := &chain[i-1]
		check(i, "C-N", p[atomC].Distance(r[atomN]), bondCN)
		check(i, "CA-C-N", angle(p[atomCA], p[atomC], r[atomN]), angleCACN)
		check(i, "C-N-CA", angle(p[atomC], r[atomN], r[atomCA]), angleCNCA)
		check(i, "omega", math.Abs(degrees(mol.Dihedral(p[atomCA], p[atomC], r[atomN], r[atomCA]))), 180)
		check(i, "N-H", r[atomN].Distance(r[atomH]), bondNH)
	}
}

func TestPlaceCBLikeNature(t *testing.T) {
	// The chirality and place of ubiquitin's own Cβ.
	for _, r := range ubiquitin(t).Chains[0].Residues {
		cb := r.Atom("CB")
		if cb == nil {
			continue
		}
		d := placeCB(r.Atom("N").Pos, r.Atom("CA").Pos, r.Atom("C").Pos).Distance(cb.Pos)
		if d > 0.4 {
			t.Errorf("the Cβ of residue %d is %.2f Å off", r.Number, d)
		}
	}
}

func TestBuild(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	angles := make([]torsions, 30)
	for i := range angles {
		angles[i] = torsions{random.Float64()*6 - 3, random.Float64()*6 - 3}
	}
	chain := build(angles)
	checkGeometry(t, chain, 1e-6)
	for i := range chain {
		if i > 0 {
			if phi := mol.Dihedral(chain[i-1][atomC], chain[i][atomN], chain[i][atomCA], chain[i][atomC]); math.Abs(phi-angles[i].phi) > 1e-9 {
				t.Errorf("phi of residue %d is %g, want %g", i+1, phi, angles[i].phi)
			}
		}
		if i+1 < len(chain) {
			if psi := mol.Dihedral(chain[i][atomN], chain[i][atomCA], chain[i][atomC], chain[i+1][atomN]); math.Abs(psi-angles[i].psi) > 1e-9 {
				t.Errorf("psi of residue %d is %g, want %g", i+1, psi, angles[i].psi)
			}
		}
	}
	if c := mol.Centroid(chain.trace()); c.Norm() > 1e-9 {
		t.Errorf("the chain is centred on %v", c)
	}
}

func TestBuildHelix(t *testing.T) {
	// Pauling's α-helix: right-handed, 1.5 Å and 100° a residue, its hydrogen
	// bonds from i+4 to i.
	angles := make([]torsions, 20)
	for i := range angles {
		angles[i] = torsions{radians(-62), radians(-43)}
	}
	chain := build(angles)
	trace := chain.trace()
	if turn := degrees(mol.Dihedral(trace[5], trace[6], trace[7], trace[8])); turn < 40 || turn > 60 {
		t.Errorf("four Cα turn by %.0f°, want about 50° (right-handed)", turn)
	}
	if rise := trace[0].Distance(trace[18]) / 18; rise < 1.4 || rise > 1.6 {
		t.Errorf("the rise is %.2f Å a residue", rise)
	}
	for i := 0; i+4 < len(chain); i++ {
		if e := hydrogenBond(&chain[i], &chain[i+4]); e > -0.8 {
			t.Errorf("the hydrogen bond from %d to %d has %.2f kT", i+5, i+1, e)
		}
		if e := hydrogenBond(&chain[i+4], &chain[i]); e != 0 {
			t.Errorf("a hydrogen bond points the wrong way, %.2f kT", e)
		}
	}
}

// Ideal helices and strands are not to be held to overlap.
func TestIdealChainsDoNotOverlap(t *testing.T) {
	field := newField(make([]amino, 20))
	for i := range field.sequence {
		field.sequence[i] = unknown
	}
	clear(field.contacts)
	for _, b := range [][]basin{helixBasins, strandBasins[:1]} {
		angles := make([]torsions, 20)
		for i := range angles {
			angles[i] = torsions{radians(b[0].phi), radians(b[0].psi)}
		}
		chain := build(angles)
		for i := range chain {
			for j := i + 2; j < len(chain); j++ {
				if e := foldPairEnergy(field, chain, i, j); e > 0.3 {
					t.Errorf("phi %.0f psi %.0f: residues %d and %d overlap, %.2f kT", b[0].phi, b[0].psi, i+1, j+1, e)
				}
			}
		}
	}
}

// Turning bonds must give what building from the changed angles gives.
func TestTurn(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	angles := make([]torsions, 23)
	for i := range angles {
		angles[i] = torsions{random.Float64()*6 - 3, random.Float64()*6 - 3}
	}
	chain := build(angles)
	for range 300 {
		i := random.IntN(len(angles))
		turns := []turn{{i, bondPhi, random.NormFloat64()}, {i, bondPsi, random.NormFloat64()}}
		switch {
		case random.IntN(2) == 0 && i+1 < len(angles):
			turns = []turn{{i, bondPsi, 0.3}, {i + 1, bondPhi, random.NormFloat64()}}
		case random.IntN(3) == 0 && i+3 < len(angles):
			turns = []turn{{i, bondPhi, 0.5}, {i + 3, bondPsi, random.NormFloat64()}}
		}
		before := append(backbone(nil), chain...)
		from, to := chain.turn(turns)
		for j := range chain {
			if (j < from || j >= to) && chain[j] != before[j] {
				t.Fatalf("residue %d moved outside [%d, %d)", j, from, to)
			}
		}
		for _, u := range turns {
			if u.bond == bondPhi {
				angles[u.residue].phi += u.angle
			} else {
				angles[u.residue].psi += u.angle
			}
		}
		want := build(angles)
		for j := range chain {
			for k := range chain[j] {
				if j == 0 && k == atomH {
					continue // the first residue has none
				}
				a, b := chain[j][k].Distance(chain[11][atomCA]), want[j][k].Distance(want[11][atomCA])
				if math.Abs(a-b) > 1e-6 {
					t.Fatalf("after %v, atom %d of residue %d is %.6f Å from the middle, want %.6f", turns, k, j, a, b)
				}
			}
		}
	}
}

func TestSearchKeepsAccount(t *testing.T) {
	// The energy summed move by move against that from scratch, and the trial
	// against what it must equal between moves.
	s := foldQuickly(t, ubiquitinSequence, 3, 3000)
	random := rand.New(rand.NewPCG(4, 4))
	for range 1500 {
		s.try(s.propose(random.Float64(), nil), 2)
	}
	summed, angles := s.now.energy, append([]torsions(nil), s.now.angles...)
	for i := range s.now.chain {
		if s.now.chain[i] != s.trial.chain[i] {
			t.Fatalf("residue %d differs between the trial and the chain", i)
		}
	}
	s.settle(angles)
	if math.Abs(summed-s.now.energy) > 1e-3 {
		t.Errorf("the energy is %.6f by moves, %.6f from scratch", summed, s.now.energy)
	}
	all := 0.0
	for i := range s.now.chain {
		for j := i + 2; j < len(s.now.chain); j++ {
			all += foldPairEnergy(s.field, s.now.chain, i, j)
		}
	}
	for _, e := range s.now.local {
		all += e
	}
	all += s.field.compactness(s.now.chain)
	if math.Abs(all-s.now.energy) > 1e-6 {
		t.Errorf("the energy is %.6f by blocks, %.6f by pairs", s.now.energy, all)
	}
}

func TestFoldedUbiquitin(t *testing.T) {
	n := len(ubiquitinSequence)
	s := foldQuickly(t, ubiquitinSequence, 37, movesFor(n)/2)
	chain := s.now.chain
	checkGeometry(t, chain, 1e-6)
	for i := range chain {
		for j := i + 2; j < n; j++ {
			for a := range touching {
				for b := range touching {
					if d := chain[i][a].Distance(chain[j][b]); d < touching[a][b]-0.6 {
						t.Errorf("residues %d and %d clash: %.2f Å between atoms %d and %d", i+1, j+1, d, a, b)
					}
				}
			}
		}
	}
	rg, want := mol.RadiusOfGyration(chain.trace()), radiusOfGyrationFor(n)
	if rg < 0.8*want || rg > 1.25*want {
		t.Errorf("the radius of gyration is %.1f Å, of a globular protein %.1f Å", rg, want)
	}
	predicted := stateString(predictSecondary(aminosOf(ubiquitinSequence)))
	if q := alike(stateString(assignSecondary(chain.trace())), predicted); q < 0.6 {
		t.Errorf("the model has the predicted secondary structure in %.2f of residues", q)
	}
	left := 0
	for i := 1; i+1 < n; i++ {
		phi := degrees(mol.Dihedral(chain[i-1][atomC], chain[i][atomN], chain[i][atomCA], chain[i][atomC]))
		if phi > 0 && ubiquitinSequence[i] != 'G' {
			left++
		}
	}
	if left > 10 {
		t.Errorf("%d residues have a positive phi", left)
	}
}

// Hydrophobic residues gather inside.
func TestFoldBuriesHydrophobic(t *testing.T) {
	var inside, outside []float64
	for seed := range uint64(2) {
		chain := foldQuickly(t, ubiquitinSequence, seed, 20000).now.chain
		centre := mol.Centroid(chain.trace())
		for i, a := range aminosOf(ubiquitinSequence) {
			if d := chain[i][atomCB].Distance(centre); hydropathy[a] > 1.5 {
				inside = append(inside, d)
			} else if hydropathy[a] < -3 {
				outside = append(outside, d)
			}
		}
	}
	if in, out := mean(inside), mean(outside); in >= out {
		t.Errorf("hydrophobic residues are %.1f Å from the centre, charged ones %.1f Å", in, out)
	}
}

func TestFoldSeeds(t *testing.T) {
	ctx, quiet := context.Background(), func(int) {}
	fold1 := func(sequence string, seed uint64) *folded {
		f, err := fold(ctx, sequence, foldSettings{2, seed, 2000}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const a, b = "GSEAMLEALAEKGNPVTVYV", "GSNGKVTVYVNPGKVTIEVS"
	x := fold1(a, 1)
	same := func(y *folded) bool {
		for i := range x.chain {
			if x.chain[i] != y.chain[i] {
				return false
			}
		}
		return true
	}
	if !same(fold1(a, 1)) {
		t.Error("the same seed gives two models")
	}
	if same(fold1(a, 2)) {
		t.Error("another seed gives the same model")
	}
	if same(fold1(b, 1)) {
		t.Error("another sequence gives the same model")
	}
}

func TestAgreement(t *testing.T) {
	chain := build([]torsions{{-1, 2}, {-1, 2}, {-1, -1}, {-1, -1}, {-1, 2}, {-1, 2}, {-2, 2}, {-2, 2}, {-2, 2}, {-1, 2}})
	trace := chain.trace()
	for i, x := range agreementWith(trace, trace) {
		if x != 1 {
			t.Errorf("residue %d agrees with itself in %g", i, x)
		}
	}
	moved := append([]mol.Vec(nil), trace...)
	moved[9] = moved[9].Add(mol.Vec{100, 0, 0})
	got := agreementWith(trace, moved)
	if got[9] != 0 || got[0] < 0.8 {
		t.Errorf("with the last residue far away, agreement is %v", got)
	}
	// Three decoys, of which two are alike: one of these stands for all, the
	// one of lower energy.
	other := build(make([]torsions, 10))
	best, agreement := medoid([]backbone{other, chain, chain}, []float64{-9, -1, -2})
	if best != 2 {
		t.Errorf("decoy %d stands for all, want 2", best)
	}
	if m := mean(agreement); m < 50 || m > 100 {
		t.Errorf("agreement is %g", m)
	}
}

func TestFoldCommand(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.fasta"), filepath.Join(dir, "out")
	const sequence = "GSEAMLEALAEKGNPVTVYVX"
	if err := os.WriteFile(in, []byte(">test\n"+sequence+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--sequence", in, "--models", "2", "--seed", "7", "--out", out}
	var stdout, stderr bytes.Buffer
	if code := runFold(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	if want := "model 1/2\nmodel 2/2\n"; stdout.String() != want {
		t.Errorf("stdout is %q", stdout.String())
	}
	data, err := os.ReadFile(filepath.Join(out, "model.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NOT SCIENCE-GRADE", "MEDOID OF 2", "SEED 7", "AGREEMENT"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the model does not say %q", want)
		}
	}
	s, err := mol.ReadPDB(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Chains) != 1 || s.Chains[0].ID != "A" || s.Chains[0].Sequence() != sequence {
		t.Fatalf("the model has the sequence %s", s.Sequence())
	}
	sum := 0.0
	for i, r := range s.Chains[0].Residues {
		atoms := 5
		if r.Code == 'G' {
			atoms = 4
		}
		if len(r.Atoms) != atoms || r.Number != i+1 {
			t.Errorf("residue %d (%s) has %d atoms", r.Number, r.Name, len(r.Atoms))
		}
		b := r.Atoms[0].B
		if b < 0 || b > 100 {
			t.Errorf("residue %d has the B-factor %g", r.Number, b)
		}
		sum += b
	}
	var metrics struct{ Metrics map[string]float64 }
	data, err = os.ReadFile(filepath.Join(out, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &metrics); err != nil {
		t.Fatal(err)
	}
	m := metrics.Metrics
	if len(m) != 7 || m["n_residues"] != 21 || m["n_chains"] != 1 || math.Abs(m["agreement"]-sum/21) > 0.01 || m["radius_of_gyration"] < 4 {
		t.Errorf("metrics are %s, mean B-factor %g", data, sum/21)
	}
}

func TestFoldCommandRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	good := file("good.fasta", ">a\n"+ubiquitinSequence+"\n")
	for _, c := range []struct {
		name string
		ctx  context.Context
		args []string
		code int
		want string
	}{
		{"help", context.Background(), []string{"-h"}, 0, "-models"},
		{"no sequence", context.Background(), []string{"--out", dir}, exitUsage, "--sequence FILE"},
		{"no folder", context.Background(), []string{"--sequence", good}, exitUsage, "--out FOLDER"},
		{"one model", context.Background(), []string{"--sequence", good, "--out", dir, "--models", "1"}, exitUsage, "more than one"},
		{"negative seed", context.Background(), []string{"--sequence", good, "--out", dir, "--seed", "-1"}, exitUsage, "0 or more"},
		{"seed no number", context.Background(), []string{"--sequence", good, "--out", dir, "--seed", "x"}, exitUsage, "seed"},
		{"too short a chain", context.Background(), []string{"--sequence", file("dipeptide.fasta", ">a\nMKVLAAGIVG/MK\n"), "--out", dir}, exitInvalid, "Chain B has 2 residues"},
		{"too many chains", context.Background(), []string{"--sequence", file("many.fasta", ">a\nMKVL"+strings.Repeat("/MKVL", 26)+"\n"), "--out", dir}, exitInvalid, "27 chains"},
		{"short chains", context.Background(), []string{"--sequence", file("shorts.fasta", ">a\nMKV:LAA\n"), "--out", dir}, exitInvalid, "6 residues"},
		{"long chains", context.Background(), []string{"--sequence", file("longs.fasta", ">a\n"+strings.Repeat("MKVLE", 41)+"/"+strings.Repeat("MKVLE", 41)+"\n"), "--out", dir}, exitInvalid, "410 residues"},
		{"two records", context.Background(), []string{"--sequence", file("records.fasta", ">a\nMKVLAAGIVG\n>b\nMKVLAAGIVG\n"), "--out", dir}, exitInvalid, "holds 2 sequences"},
		{"short", context.Background(), []string{"--sequence", file("short.fasta", ">a\nMKV\n"), "--out", dir}, exitInvalid, "3 residues"},
		{"long", context.Background(), []string{"--sequence", file("long.fasta", ">a\n"+strings.Repeat("MKVLE", 81)+"\n"), "--out", dir}, exitInvalid, "405 residues"},
		{"empty", context.Background(), []string{"--sequence", file("empty.fasta", ""), "--out", dir}, exitInvalid, "empty.fasta"},
		{"no such file", context.Background(), []string{"--sequence", dir + "/none.fasta", "--out", dir}, exitInvalid, "There is no file"},
		{"canceled", canceled, []string{"--sequence", good, "--out", dir}, exitInterrupted, "stopped"},
	} {
		var stdout, stderr bytes.Buffer
		if code := runFold(c.ctx, c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d, want %d; %q, want %q", c.name, code, c.code, stderr.String(), c.want)
		}
	}
}

func benchmarkFold(b *testing.B, sequence string) {
	for b.Loop() {
		if _, err := fold(context.Background(), sequence, foldSettings{5, 37, movesFor(len(sequence))}, func(int) {}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFold76(b *testing.B) { benchmarkFold(b, ubiquitinSequence) }

func BenchmarkFold200(b *testing.B) {
	benchmarkFold(b, strings.Repeat(ubiquitinSequence, 3)[:200])
}
