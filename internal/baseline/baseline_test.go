package baseline

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

// runBaseline runs a baseline and returns its exit code and what it said.
func runBaseline(args ...string) (code int, stdout, stderr string) {
	var o, e bytes.Buffer
	code = Run(context.Background(), args, nil, &o, &e)
	return code, o.String(), e.String()
}

func TestRunSaysWhatThereIs(t *testing.T) {
	tests := []struct {
		args string
		code int
		text string // of stdout and stderr together
	}{
		{"", exitUsage, "score"},
		{"--help", exitDone, "for trying the wiring of pipelines; not science-grade."},
		{"help", exitDone, "backbone"},
		{"folt", exitUsage, `There is no baseline "folt"; there are backbone, extract, design, fold, complex_sequence, score, rank.`},
		{"backbone --help", exitDone, "-length"},
		{"design --help", exitDone, "-structure"},
		{"fold --help", exitDone, "-sequence"},
		{"score --help", exitDone, "-reference"},
		{"extract --help", exitDone, "-chains"},
		{"extract --out x", exitUsage, "--structure FILE"},
		{"extract --structure nowhere.pdb --chains A --out x", exitInvalid, "nowhere.pdb"},
		{"rank --help", exitDone, "-max-per-group"},
		{"complex_sequence --model a.pdb", exitUsage, "--complex FILE; say which chains it is of with --chains A,B; say where"},
		{"score", exitUsage, "--out FOLDER"},
		{"score --model a.pdb --reference b.pdb --out x --match best", exitUsage, "auto, numbers, positions or alignment"},
		{"score a.pdb", exitUsage, `"a.pdb" is no flag`},
		{"score --plddt 70", exitUsage, "not defined: -plddt"},
		{"score --model nowhere.pdb --reference nowhere.pdb --out x", exitInvalid, "nowhere.pdb"},
		{"rank --out x", exitUsage, "give the score tables with --scores MANIFEST; give the models"},
		{"rank --scores nowhere.json --models nowhere.json --out x", exitInvalid, "nowhere.json"},
		{"backbone", exitUsage, "--out FOLDER"},
		{"backbone --out x --length 10", exitUsage, "give 20 to 200 residues"},
		{"backbone --out x --count 0", exitUsage, "--count is 0"},
		{"backbone --out x --seed -1", exitUsage, "--seed is -1"},
	}
	for _, test := range tests {
		code, stdout, stderr := runBaseline(strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(stdout+stderr, test.text) {
			t.Errorf("%q: exit code %d\n%s%swant %d and %q", test.args, code, stdout, stderr, test.code, test.text)
		}
	}
}

func TestScoreCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := runBaseline("score", "--model", "../mol/testdata/1ubq.pdb", "--reference", "../mol/testdata/1ubq.pdb", "--out", out)
	if code != exitDone || !strings.Contains(stdout, "TM-score 1.0000") || !strings.Contains(stderr, "model: 58 atoms of water left out.") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	file, err := os.Open(filepath.Join(out, "scores.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	want := "tm_score=1 ca_rmsd=0 clashes=0 radius_of_gyration=11.4929 n_residues=76 coverage=1 sequence_identity=1 mean_b_factor=10.5837 correspondence=numbers"
	var got []string
	for i, column := range rows[0] {
		got = append(got, column+"="+rows[1][i])
	}
	if strings.Join(got, " ") != want {
		t.Errorf("scores.csv\n got %s\nwant %s", strings.Join(got, " "), want)
	}
	var metrics struct {
		Metrics map[string]float64 `json:"metrics"`
	}
	data, err := os.ReadFile(filepath.Join(out, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &metrics); err != nil {
		t.Fatal(err)
	}
	if len(metrics.Metrics) != len(rows[0])-1 || metrics.Metrics["tm_score"] != 1 {
		t.Errorf("metrics %v", metrics.Metrics)
	}
	if code, _, stderr := runBaseline("score", "--model", "../mol/testdata/1ubq.pdb", "--reference", "../mol/testdata/1ubq.pdb", "--out", out); code != exitInvalid || !strings.Contains(stderr, "earlier run") {
		t.Errorf("a second time into the same folder: exit code %d, %s", code, stderr)
	}
}

// TestExtract: the chains that are asked for, as they lie and are numbered, in
// the order of the structure; one that is not there is refused.
func TestExtract(t *testing.T) {
	dir := t.TempDir()
	atom := func(serial int, name, chain string, number int, x float64) string {
		return fmt.Sprintf("ATOM  %5d  %-3s GLY %s%4d    %8.3f%8.3f%8.3f  1.00 20.00           %.1s\n", serial, name, chain, number, x, 0.0, 0.0, name)
	}
	text := ""
	for i, chain := range []string{"A", "B", "C"} {
		for j := range 3 {
			for k, name := range []string{"N", "CA", "C"} {
				text += atom(9*i+3*j+k+1, name, chain, 7+j, float64(100*i+10*j+k))
			}
		}
	}
	path := filepath.Join(dir, "complex.pdb")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	code, stdout, stderr := runBaseline("extract", "--structure", path, "--chains", "C,B", "--out", out)
	if code != exitDone || !strings.Contains(stdout, "2 chains of 3 taken, 6 residues") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	s, err := readStructure(filepath.Join(out, "extracted.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Chains) != 2 || s.Chains[0].ID != "B" || s.Chains[1].ID != "C" || s.Chains[1].Residues[2].Number != 9 || s.Chains[1].Residues[2].Atom("CA").Pos[0] != 221 {
		t.Errorf("%+v", s.Chains)
	}
	code, _, stderr = runBaseline("extract", "--structure", path, "--chains", "D", "--out", filepath.Join(dir, "other"))
	if code != exitInvalid || !strings.Contains(stderr, `There is no chain "D" in the structure, which has A, B, C`) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

func TestScoreRefusesWhatIsNoPDB(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.cif":     "data_1UBQ\n_atom_site.id\n",
		"a.fasta":   ">a\nMKV\n",
		"empty.pdb": "",
		"two.pdb":   "ATOM      1  CA  ALA A   1       1.000   0.000   0.000\nATOM      2  CA  ALA A   2       4.800   0.000   0.000\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := runBaseline("score", "--model", path, "--reference", "../mol/testdata/1ubq.pdb", "--out", filepath.Join(dir, "out"+name))
		if code != exitInvalid || !strings.HasPrefix(stderr, "score: ") && !strings.Contains(stderr, "\nscore: ") {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}

func TestBackboneCommand(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) map[string]string {
		out := filepath.Join(dir, name)
		code, stdout, stderr := runBaseline(append([]string{"backbone", "--out", out}, args...)...)
		if code != exitDone || !strings.Contains(stdout, "backbone 1/") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		files := map[string]string{}
		paths, err := filepath.Glob(filepath.Join(out, "*.pdb"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(p)] = string(data)
		}
		return files
	}
	first := run("first", "--length", "60", "--count", "3", "--seed", "5")
	if len(first) != 3 {
		t.Fatalf("%d files", len(first))
	}
	again := run("again", "--length", "60", "--count", "2", "--seed", "5")
	for name, text := range again {
		if first[name] != text {
			t.Errorf("%s depends on more than length, seed and index", name)
		}
	}
	if other := run("other", "--length", "60", "--count", "1", "--seed", "6"); other["backbone_0000.pdb"] == first["backbone_0000.pdb"] {
		t.Error("another seed gives the same backbone")
	}
	var traces [][]mol.Vec
	for i := range 3 {
		s, err := mol.ReadPDB(strings.NewReader(first[fmt.Sprintf("backbone_%04d.pdb", i)]), nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Sequence() != strings.Repeat("G", 60) || s.Atoms() != 240 || len(s.Notes) != 0 {
			t.Errorf("backbone %d: %s, %d atoms, %q", i, s.Sequence(), s.Atoms(), s.Notes)
		}
		traces = append(traces, compare.CATrace(s))
	}
	for i := range traces {
		for j := range i {
			if d := mol.RMSD(mol.Superpose(traces[i], traces[j]), traces[i], traces[j]); d < 1 {
				t.Errorf("backbones %d and %d are %.2f Å apart", i, j, d)
			}
		}
	}
}

// TestBackbonesAreSound: free of clashes, compact, peptides of ideal geometry
// and secondary structure that is there.
func TestBackbonesAreSound(t *testing.T) {
	for _, length := range []int{20, 35, 80} {
		for index := range uint64(8) {
			s, plan, err := generateBackbone(context.Background(), length, 37, index)
			if err != nil {
				t.Fatalf("length %d, index %d: %v", length, index, err)
			}
			if n := compare.Clashes(s); n > 0 {
				t.Errorf("length %d, index %d: %d clashes", length, index, n)
			}
			trace := compare.CATrace(s)
			if r := mol.RadiusOfGyration(trace); r > 1.35*radiusOfGyrationFor(length) {
				t.Errorf("length %d, index %d: radius of gyration %.1f Å", length, index, r)
			}
			for i := 1; i < len(trace); i++ {
				if d := trace[i].Distance(trace[i-1]); d < 3.75 || d > 3.87 {
					t.Fatalf("length %d, index %d: CA atoms %d and %d are %.2f Å apart", length, index, i, i+1, d)
				}
			}
			if plan.fraction(unitHelix)+plan.fraction(unitHairpin) < 0.4 || len(plan.units) != length {
				t.Errorf("length %d, index %d: %d residues, mostly loop", length, index, len(plan.units))
			}
		}
	}
}

func TestBackboneStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var o, e bytes.Buffer
	code := Run(ctx, []string{"backbone", "--out", filepath.Join(t.TempDir(), "out")}, nil, &o, &e)
	if code != exitInterrupted {
		t.Errorf("exit code %d, %s", code, e.String())
	}
}

func BenchmarkBackbone(b *testing.B) {
	for i := range b.N {
		if _, _, err := generateBackbone(context.Background(), 80, 37, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
}
