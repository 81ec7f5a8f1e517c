//go:build tools

package adapt_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// install makes a Debian package's program available, or fails loudly: this
// test was asked for by its tag.
func install(t *testing.T, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if out, err := exec.Command("apt-get", "install", "-y", "--no-install-recommends", pkg).CombinedOutput(); err != nil {
		t.Fatalf("%s is not installed and `apt-get install %s` did not help: %v\n%s\nInstall it (Debian package %s) and try again.", program, pkg, err, out, pkg)
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("package %s has no program %s: %v", pkg, program, err)
	}
}

// TestToolsTMscore runs score/tmscore as the library has it, by Debian's
// TMscore, and holds it against the baseline.
func TestToolsTMscore(t *testing.T) {
	install(t, "TMscore", "tm-align")
	l := newLab(t)
	u, err := mol.ReadPDB(strings.NewReader(ubiquitin(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	// Bent at the middle, cut at both ends and numbered anew; and two chains.
	bent := &mol.Structure{Chains: []mol.Chain{{ID: "X"}}}
	for i, r := range u.Chains[0].Residues[4:70] {
		r.Number = i + 1
		r.Atoms = slices.Clone(r.Atoms)
		for k := range r.Atoms {
			r.Atoms[k].Pos[0] += 0.02 * float64(i)
			r.Atoms[k].Pos[1] += 0.5 * float64(i%3)
		}
		bent.Chains[0].Residues = append(bent.Chains[0].Residues, r)
	}
	second := u.Chains[0]
	second.ID, second.Residues = "B", slices.Clone(second.Residues)
	for i := range second.Residues {
		second.Residues[i].Atoms = slices.Clone(second.Residues[i].Atoms)
		for k := range second.Residues[i].Atoms {
			second.Residues[i].Atoms[k].Pos[2] += 40
		}
	}
	pair := &mol.Structure{Chains: []mol.Chain{u.Chains[0], second}}
	tilted := &mol.Structure{Chains: []mol.Chain{u.Chains[0], {ID: "B", Residues: slices.Clone(second.Residues)}}}
	for i := range tilted.Chains[1].Residues {
		r := &tilted.Chains[1].Residues[i]
		r.Atoms = slices.Clone(r.Atoms)
		for k := range r.Atoms {
			r.Atoms[k].Pos[0] += 6
		}
	}
	for name, g := range map[string]given{
		"itself":           {inputs: map[string][]string{"model": {ubiquitin(t)}, "reference": {ubiquitin(t)}}},
		"a bent piece":     {inputs: map[string][]string{"model": {pdb(t, bent)}, "reference": {ubiquitin(t)}}},
		"by numbers":       {inputs: map[string][]string{"model": {pdb(t, bent)}, "reference": {ubiquitin(t)}}, params: map[string]any{"match": "numbers"}},
		"two chains":       {inputs: map[string][]string{"model": {pdb(t, tilted)}, "reference": {pdb(t, pair)}}},
		"two chains on it": {inputs: map[string][]string{"model": {pdb(t, pair)}, "reference": {pdb(t, pair)}}},
	} {
		theirs := table(t, l.must("score", "tmscore", g).text("scores", 0))[0]
		ours := table(t, l.must("score", "baseline", g).text("scores", 0))[0]
		for column, tolerance := range map[string]float64{"tm_score": 0.01, "ca_rmsd": 0.05} {
			x, _ := strconv.ParseFloat(theirs[column], 64)
			y, _ := strconv.ParseFloat(ours[column], 64)
			if x == 0 && column == "tm_score" || x-y > tolerance || y-x > tolerance {
				t.Errorf("%s: %s is %s by TMscore and %s by the baseline", name, column, theirs[column], ours[column])
			}
		}
		t.Logf("%s: TM-score %s (baseline %s), CA-RMSD %s (%s), paired by %s", name, theirs["tm_score"], ours["tm_score"], theirs["ca_rmsd"], ours["ca_rmsd"], theirs["correspondence"])
	}
}

// TestToolsDSSP runs secondary_structure/dssp as the library has it, by
// Debian's mkdssp, on files that have no header.
func TestToolsDSSP(t *testing.T) {
	install(t, "mkdssp", "dssp")
	l := newLab(t)
	bare := ""
	for line := range strings.Lines(ubiquitin(t)) {
		if strings.HasPrefix(line, "ATOM") {
			bare += line[:66] + "\n" // as RFdiffusion writes: no element either
		}
	}
	whole := l.must("secondary_structure", "dssp", given{inputs: map[string][]string{"structure": {ubiquitin(t)}}})
	rows := table(t, whole.text("states", 0))
	if len(rows) != 76 {
		t.Fatalf("%d rows of 76", len(rows))
	}
	states, sequence := "", ""
	for _, row := range rows {
		states += row["state3"]
		sequence += row["amino_acid"]
	}
	// The helix of ubiquitin is 23-34, its first strands 1-7 and 10-17
	// (Vijay-Kumar, Bugg & Cook (1987) J. Mol. Biol. 194, 531).
	if sequence != ubiquitinSequence || states[23:33] != "HHHHHHHHHH" || states[1:6] != "EEEEE" || states[11:15] != "EEEE" {
		t.Errorf("%s\n%s", sequence, states)
	}
	if m := whole.Metrics; m["n_residues"] != 76 || m["helix_fraction"] < 0.15 || m["strand_fraction"] < 0.25 || m["accessible_area"] < 4000 || m["accessible_area"] > 6000 {
		t.Errorf("%v", m)
	}
	if got := l.must("secondary_structure", "dssp", given{inputs: map[string][]string{"structure": {bare}}}); got.text("states", 0) != whole.text("states", 0) {
		t.Error("without a header the states are others")
	}
	// A backbone by the baseline is what its maker says, nearly.
	b := l.must("backbone", "baseline", given{params: map[string]any{"num_backbones": 1, "length": 60}})
	r := l.must("secondary_structure", "dssp", given{inputs: map[string][]string{"structure": {b.text("structures", 0)}}})
	t.Logf("baseline backbone: helix %g by it, %g by DSSP", b.Outputs["structures"][0].Metrics["helix_fraction"], r.Metrics["helix_fraction"])
	if r.Metrics["n_residues"] != 60 {
		t.Errorf("%v", r.Metrics)
	}
	// Two chains with an insertion code.
	s := &mol.Structure{}
	u, err := mol.ReadPDB(strings.NewReader(ubiquitin(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Chains = append(s.Chains, mol.Chain{ID: "H", Residues: slices.Clone(u.Chains[0].Residues[:40])}, mol.Chain{ID: "L", Residues: slices.Clone(u.Chains[0].Residues[44:])})
	s.Chains[0].Residues[39].Number, s.Chains[0].Residues[39].Insertion = 39, 'A'
	rows = table(t, l.must("secondary_structure", "dssp", given{inputs: map[string][]string{"structure": {pdb(t, s)}}}).text("states", 0))
	if len(rows) != 72 || rows[39]["residue"] != "39A" || rows[40]["chain"] != "L" || rows[40]["residue"] != "45" {
		t.Errorf("%d rows: %v %v", len(rows), rows[39], rows[40])
	}
}
