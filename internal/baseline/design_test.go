package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

const ubiquitinFile = "../mol/testdata/1ubq.pdb"

func targetOf(t testing.TB, s *mol.Structure, chains, fixed string) *designTarget {
	t.Helper()
	target, _, err := newDesignTarget(s, chains, fixed)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestBurialOfUbiquitin(t *testing.T) {
	target := targetOf(t, ubiquitin(t), "", "")
	// Core and surface residues of ubiquitin, by solvent accessibility.
	for _, n := range []int{3, 5, 26, 30, 43, 56, 61, 67, 69} {
		if b := target.sites[n-1].burial; b < 0 {
			t.Errorf("core residue %d has burial %.2f", n, b)
		}
	}
	for _, n := range []int{9, 16, 32, 39, 63, 74, 75, 76} {
		if b := target.sites[n-1].burial; b > 0 {
			t.Errorf("surface residue %d has burial %.2f", n, b)
		}
	}
}

func TestNativeBeatsShuffled(t *testing.T) {
	target := targetOf(t, ubiquitin(t), "", "")
	native := aminosOf(ubiquitinSequence)
	own := target.energy(native)
	random := rand.New(rand.NewPCG(1, 1))
	below := 0
	const shuffles = 200
	for range shuffles {
		shuffled := slices.Clone(native)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if target.energy(shuffled) <= own {
			below++
		}
	}
	if below > 0 {
		t.Errorf("%d of %d shuffled sequences fit ubiquitin's backbone better than its own", below, shuffles)
	}
}

func TestDesignsLookLikeProteins(t *testing.T) {
	s := ubiquitin(t)
	target := targetOf(t, s, "", "")
	structure := stateString(chainSecondary(&s.Chains[0]))
	seen := map[string]bool{}
	native := target.energy(aminosOf(ubiquitinSequence)) / 76
	agreement := 0.0
	const designs = 8
	for i := range designs {
		d, err := target.anneal(context.Background(), 0.1, 37, i, seen)
		if err != nil {
			t.Fatal(err)
		}
		if d.energy >= native {
			t.Errorf("design %d has the energy %.3f, the native sequence %.3f", i, d.energy, native)
		}
		if d.recovery < 0 || d.recovery > 1 {
			t.Errorf("recovery is %g", d.recovery)
		}
		buried, exposed := hydropathyByBurial(target, d.sequence)
		if buried < 1 || exposed > -0.5 {
			t.Errorf("mean hydropathy is %.2f inside and %.2f outside: %s", buried, exposed, d.sequence)
		}
		for _, a := range alphabet {
			if n := strings.Count(d.sequence, string(a)); n > 15 {
				t.Errorf("%d of 76 residues are %c: %s", n, a, d.sequence)
			}
			if strings.Contains(d.sequence, strings.Repeat(string(a), 4)) {
				t.Errorf("a run of %c: %s", a, d.sequence)
			}
		}
		agreement += alike(stateString(predictSecondary(aminosOf(d.sequence))), structure) / designs
	}
	if len(seen) != designs {
		t.Errorf("%d designs are %d sequences", designs, len(seen))
	}
	if agreement < 0.7 {
		t.Errorf("the secondary structure predicted for designs agrees with their backbone in %.2f of residues", agreement)
	}
}

// hydropathyByBurial is the mean hydropathy of buried and exposed residues.
func hydropathyByBurial(t *designTarget, sequence string) (buried, exposed float64) {
	var in, out []float64
	for i, a := range aminosOf(sequence) {
		switch b := t.sites[i].burial; {
		case b > 0.4:
			in = append(in, hydropathy[a])
		case b < -0.4:
			out = append(out, hydropathy[a])
		}
	}
	return mean(in), mean(out)
}

func TestAnnealingKeepsAccount(t *testing.T) {
	// Energies by steps, as the search sums them, and from scratch.
	target := targetOf(t, ubiquitin(t), "", "")
	random := rand.New(rand.NewPCG(9, 9))
	sequence := aminosOf(ubiquitinSequence)
	for range 200 {
		i, to := random.IntN(len(sequence)), amino(random.IntN(numAminos))
		before, repeats := target.energy(sequence), target.repeatTerm(sequence, i)
		from := sequence[i]
		site := &target.sites[i]
		delta := site.siteEnergy(to) - site.siteEnergy(from)
		for _, c := range site.contacts {
			delta += weightContact * c.weight * (contactEnergy(to, sequence[c.site]) - contactEnergy(from, sequence[c.site]))
		}
		var n [numAminos]int
		for _, a := range sequence {
			n[a]++
		}
		if to != from {
			delta += compositionTerm(to, n[to]+1, 76) - compositionTerm(to, n[to], 76) +
				compositionTerm(from, n[from]-1, 76) - compositionTerm(from, n[from], 76)
		}
		sequence[i] = to
		delta += target.repeatTerm(sequence, i) - repeats
		if got := target.energy(sequence) - before; math.Abs(got-delta) > 1e-9 {
			t.Fatalf("site %d %c→%c: energy changes by %g, by steps %g", i, from.code(), to.code(), got, delta)
		}
	}
}

func TestDesignSeeds(t *testing.T) {
	target := targetOf(t, ubiquitin(t), "", "")
	make := func(temperature float64, seed uint64, index int) string {
		d, err := target.anneal(context.Background(), temperature, seed, index, map[string]bool{})
		if err != nil {
			t.Fatal(err)
		}
		return d.sequence
	}
	if first, again := make(0.1, 1, 0), make(0.1, 1, 0); first != again {
		t.Error("the same seed gives two sequences")
	}
	if make(0.1, 1, 0) == make(0.1, 2, 0) || make(0.1, 1, 0) == make(0.1, 1, 1) {
		t.Error("another seed or index gives the same sequence")
	}
	energyAt := func(temperature float64) float64 {
		e := 0.0
		for i := range 4 {
			e += target.energy(aminosOf(make(temperature, 1, i)))
		}
		return e
	}
	if cold, hot := energyAt(0.1), energyAt(1.5); cold >= hot {
		t.Errorf("energy is %.1f at temperature 0.1 and %.1f at 1.5", cold, hot)
	}
}

// twoChains is ubiquitin and a copy of it beside it, the copy bare: glycines
// without side chains.
func twoChains(t testing.TB) *mol.Structure {
	s := ubiquitin(t)
	copied := mol.Chain{ID: "B"}
	for _, r := range s.Chains[0].Residues {
		bare := mol.Residue{Name: "GLY", Code: 'G', Number: r.Number}
		for _, name := range []string{"N", "CA", "C", "O"} {
			a := *r.Atom(name)
			a.Pos = a.Pos.Add(mol.Vec{22, 0, 0})
			bare.Atoms = append(bare.Atoms, a)
		}
		copied.Residues = append(copied.Residues, bare)
	}
	s.Chains = append(s.Chains, copied)
	return s
}

func TestDesignChains(t *testing.T) {
	s := twoChains(t)
	for _, c := range []struct {
		chains, fixed string
		length, known int
	}{
		{"", "", 76*2 + 1, 76},
		{"A,B", "A:1-76", 76*2 + 1, 0},
		{"A", "1-5,A:10", 76, 70},
		{"B", "", 76, 0},
	} {
		target := targetOf(t, s, c.chains, c.fixed)
		d, err := target.anneal(context.Background(), 0.1, 1, 0, map[string]bool{})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.sequence) != c.length || target.known != c.known {
			t.Errorf("chains %q: %d letters, %d known; want %d, %d: %s", c.chains, len(d.sequence), target.known, c.length, c.known, d.sequence)
		}
		if c.length == 153 && d.sequence[76] != '/' {
			t.Errorf("chains %q: no / between the chains: %s", c.chains, d.sequence)
		}
		if math.IsNaN(d.recovery) != (c.known == 0) {
			t.Errorf("chains %q: recovery %g of %d known residues", c.chains, d.recovery, c.known)
		}
		if strings.HasPrefix(c.fixed, "1-5") && (d.sequence[:5] != "MQIFV" || d.sequence[9] != 'G') {
			t.Errorf("fixed positions were not kept: %s", d.sequence)
		}
		if strings.HasPrefix(c.fixed, "A:1-76") && d.sequence[:76] != ubiquitinSequence {
			t.Errorf("a fixed chain was not kept: %s", d.sequence)
		}
	}
	// A neighbour buries the side that faces it.
	alone, beside := targetOf(t, ubiquitin(t), "", ""), targetOf(t, s, "A", "")
	more := 0
	for i := range alone.sites {
		if beside.sites[i].burial < alone.sites[i].burial {
			t.Errorf("residue %d is less buried beside another chain", i+1)
		}
		if beside.sites[i].outside != nil {
			more++
		}
	}
	if more == 0 {
		t.Error("chains that touch have no contacts")
	}
}

func TestBareBackboneIsDesigned(t *testing.T) {
	// The virtual Cβ of bare glycines stand where ubiquitin's are, so the same
	// sites are buried.
	whole := targetOf(t, ubiquitin(t), "", "")
	s := twoChains(t)
	s.Chains = s.Chains[1:]
	bare := targetOf(t, s, "", "")
	if bare.known != 0 {
		t.Errorf("%d residues of a bare backbone are known", bare.known)
	}
	for i := range bare.sites {
		if math.Abs(bare.sites[i].burial-whole.sites[i].burial) > 0.35 {
			t.Errorf("residue %d: burial %.2f bare, %.2f whole", i+1, bare.sites[i].burial, whole.sites[i].burial)
		}
	}
}

func TestDesignRefuses(t *testing.T) {
	trace := ubiquitin(t)
	for i := range trace.Chains[0].Residues {
		r := &trace.Chains[0].Residues[i]
		r.Atoms = []mol.Atom{*r.Atom("CA")}
	}
	unknownResidue := ubiquitin(t)
	unknownResidue.Chains[0].Residues[4].Name, unknownResidue.Chains[0].Residues[4].Code = "UNK", 'X'
	for _, c := range []struct {
		name          string
		s             *mol.Structure
		chains, fixed string
		want          string
	}{
		{"CA only", trace, "", "", "trace of CA atoms"},
		{"no such chain", ubiquitin(t), "Q", "", `no chain "Q" in the structure, which has A`},
		{"not positions", ubiquitin(t), "", "all", "like 1-5,A:10"},
		{"backwards", ubiquitin(t), "", "9-3", "run backwards"},
		{"number out of reach", ubiquitin(t), "", "99999999999999999999", "out of numbers"},
		{"no such residue", ubiquitin(t), "", "500", "A:1-76"},
		{"which chain", twoChains(t), "", "5", "write it with its chain, like A:5"},
		{"chain not designed", twoChains(t), "B", "A:5", "Chain A is not among those to design"},
		{"not an amino acid", unknownResidue, "", "5", "is UNK"},
		{"empty", &mol.Structure{}, "", "", "no protein residues"},
	} {
		_, _, err := newDesignTarget(c.s, c.chains, c.fixed)
		var refused refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestDesignOfIncompleteResidues(t *testing.T) {
	s := ubiquitin(t)
	r := s.Chains[0].Residues
	r[3].Atoms = []mol.Atom{*r[3].Atom("CA")}
	r[10].Atoms = nil
	target, notes, err := newDesignTarget(s, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(target.sites) != 76 {
		t.Errorf("%d sites for 76 residues", len(target.sites))
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "2 residues") {
		t.Errorf("notes are %q", notes)
	}
}

func TestFixedNumbers(t *testing.T) {
	s := ubiquitin(t)
	r := s.Chains[0].Residues
	r[0].Number = -1
	r[10].Number, r[10].Insertion = 10, 'A'
	for _, c := range []struct {
		fixed string
		want  []int
	}{
		{"-1", []int{0}},
		{"-1-3", []int{0, 1, 2}},
		{"10", []int{9}},
		{"10A", []int{10}},
		{"10-12", []int{9, 10, 11}},
		{"9-10", []int{8, 9, 10}},
		{" A:3 , A:5", []int{2, 4}},
		{"", nil},
	} {
		target := targetOf(t, s, "", c.fixed)
		var got []int
		for i := range target.sites {
			if target.sites[i].fixed {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q fixes %v, want %v", c.fixed, got, c.want)
		}
	}
}

func TestDesignCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "deep", "out")
	args := []string{"--structure", ubiquitinFile, "--num", "3", "--seed", "5", "--fixed", "1", "--out", out}
	var stdout, stderr bytes.Buffer
	if code := runDesign(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	if want := "sequence 1/3\nsequence 2/3\nsequence 3/3\n"; stdout.String() != want {
		t.Errorf("stdout is %q", stdout.String())
	}
	var metrics struct {
		Metrics map[string]float64
		Items   map[string][]map[string]float64
	}
	data, err := os.ReadFile(filepath.Join(out, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &metrics); err != nil {
		t.Fatal(err)
	}
	if metrics.Metrics["n_residues"] != 76 || metrics.Metrics["n_sequences"] != 3 || len(metrics.Items["sequences"]) != 3 {
		t.Errorf("metrics are %s", data)
	}
	for i, item := range metrics.Items["sequences"] {
		file, err := os.Open(filepath.Join(out, fmt.Sprintf("design_%03d.fasta", i)))
		if err != nil {
			t.Fatal(err)
		}
		records, err := mol.ReadFASTA(file, nil)
		file.Close()
		if err != nil || len(records) != 1 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		r := records[0]
		if r.Len() != 76 || r.Residues[0] != 'M' {
			t.Errorf("sequence %d: %s", i, r.Residues)
		}
		want := fmt.Sprintf("index=%d energy=%.4f recovery=%.4f temperature=0.1 seed=5", i, item["energy"], item["recovery"])
		if !strings.HasSuffix(r.Header, want) {
			t.Errorf("header is %q, want %q", r.Header, want)
		}
	}

	stderr.Reset()
	if code := runDesign(context.Background(), args, &stdout, &stderr); code != exitInvalid || !strings.Contains(stderr.String(), "earlier run") {
		t.Errorf("a folder with old results: exit %d, %s", code, stderr.String())
	}
}

func TestDesignCommandRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.pdb")
	if err := os.WriteFile(text, []byte("no structure\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		args []string
		code int
		want string
	}{
		{"help", context.Background(), []string{"--help"}, 0, "-temperature"},
		{"no structure", context.Background(), []string{"--out", dir}, exitUsage, "--structure FILE"},
		{"no folder", context.Background(), []string{"--structure", ubiquitinFile}, exitUsage, "--out FOLDER"},
		{"none", context.Background(), []string{"--structure", ubiquitinFile, "--out", dir, "--num", "0"}, exitUsage, "1 to 1000"},
		{"too hot", context.Background(), []string{"--structure", ubiquitinFile, "--out", dir, "--temperature", "3"}, exitUsage, "0.01 to 2"},
		{"NaN", context.Background(), []string{"--structure", ubiquitinFile, "--out", dir, "--temperature", "NaN"}, exitUsage, "0.01 to 2"},
		{"negative seed", context.Background(), []string{"--structure", ubiquitinFile, "--out", dir, "--seed", "-1"}, exitUsage, "0 or more"},
		{"unknown flag", context.Background(), []string{"--magic"}, exitUsage, "magic"},
		{"no flag", context.Background(), []string{"magic"}, exitUsage, `"magic" is no flag`},
		{"no such file", context.Background(), []string{"--structure", dir + "/none.pdb", "--out", dir}, exitInvalid, "There is no file"},
		{"no PDB file", context.Background(), []string{"--structure", text, "--out", dir}, exitInvalid, "text.pdb"},
		{"canceled", canceled, []string{"--structure", ubiquitinFile, "--out", dir}, exitInterrupted, "stopped"},
	} {
		var stdout, stderr bytes.Buffer
		if code := runDesign(c.ctx, c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d, want %d; %q, want %q", c.name, code, c.code, stderr.String(), c.want)
		}
	}
}

func TestDesignWithOneFreePosition(t *testing.T) {
	// There are only twenty sequences; more are asked for than differ.
	target := targetOf(t, ubiquitin(t), "", "2-76")
	seen := map[string]bool{}
	for i := range 25 {
		if _, err := target.anneal(context.Background(), 2, 1, i, seen); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 3 || len(seen) > 20 {
		t.Errorf("%d sequences of 20", len(seen))
	}
	all := targetOf(t, ubiquitin(t), "", "1-76")
	d, err := all.anneal(context.Background(), 0.1, 1, 0, map[string]bool{})
	if err != nil || d.sequence != ubiquitinSequence || !math.IsNaN(d.recovery) {
		t.Errorf("everything fixed: %v %v", d, err)
	}
}

func BenchmarkDesign76(b *testing.B) {
	target := targetOf(b, ubiquitin(b), "", "")
	for i := 0; b.Loop(); i++ {
		if _, err := target.anneal(context.Background(), 0.1, 37, i, map[string]bool{}); err != nil {
			b.Fatal(err)
		}
	}
}
