package adapt_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

// table reads a CSV text into rows by column.
func table(t *testing.T, text string) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("%v of %q", err, text)
	}
	var rows []map[string]string
	for _, fields := range all[1:] {
		row := map[string]string{}
		for i, column := range all[0] {
			row[column] = fields[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TMscore fills the same table as the baseline: but for what it measures, the
// columns are the same.
func TestTMscore(t *testing.T) {
	l := newLab(t)
	l.standIn("TMscore", "tmscore", "")
	shifted := strings.ReplaceAll(ubiquitin(t), " A ", " B ")
	g := given{inputs: map[string][]string{"model": {shifted}, "reference": {ubiquitin(t)}}}
	theirs := l.must("score", "tmscore", g)
	row := table(t, theirs.text("scores", 0))[0]
	if row["tm_score"] != "0.8765" || row["ca_rmsd"] != "1.234" {
		t.Errorf("%v", row)
	}
	ours := table(t, l.must("score", "baseline", g).text("scores", 0))[0]
	for column, value := range ours {
		if column != "tm_score" && column != "ca_rmsd" && row[column] != value {
			t.Errorf("%s is %q by TMscore and %q by the baseline", column, row[column], value)
		}
	}
	if moved := l.must("score", "baseline", g).text("superposed", 0); moved == "" || moved != theirs.text("superposed", 0) {
		t.Errorf("superposed are %d bytes by TMscore and %d by the baseline", len(theirs.text("superposed", 0)), len(moved))
	}
	g.params = map[string]any{"pose_of": "A"}
	l.fails("score", "tmscore", g, steps.FailInput, "Besides A only 0 residues")
	l.fails("score", "baseline", g, steps.FailInput, "Besides A only 0 residues")
	g.params = nil
	far := &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLAWYHQE", 1, flat(0))}}
	far = far.Moved(mol.Transform{Rotation: mol.Identity().Rotation, Shift: mol.Vec{9965, 0, 0}})
	turned := far.Moved(mol.Transform{Rotation: [3]mol.Vec{{-1, 0, 0}, {0, -1, 0}, {0, 0, 1}}, Shift: mol.Vec{9965, 0, 0}})
	turned.Chains[0].Residues[9].Atoms = append(turned.Chains[0].Residues[9].Atoms, mol.Atom{Name: "CZ", Element: "C", Occupancy: 1, Pos: turned.Chains[0].Residues[9].Atoms[1].Pos.Sub(mol.Vec{9, 0, 0})})
	edge := given{inputs: map[string][]string{"model": {pdb(t, turned)}, "reference": {pdb(t, far)}}}
	l.fails("score", "tmscore", edge, steps.FailInput, "move the reference near the origin")
	l.fails("score", "baseline", edge, steps.FailInput, "move the reference near the origin")
	l.standIn("TMscore", "tmscore", "fewer")
	l.fails("score", "tmscore", g, steps.FailOutputContract, "TMscore compared 75 residues")
	b := newBench(t)
	b.write("m.pdb", ubiquitin(t))
	b.write("printed", "")
	b.refuses("tmscore finish --model @/m.pdb --reference @/m.pdb --from @/printed --out @/out", `did not print "TM-score"`)
	b.refuses("tmscore prepare --model @/m.pdb --reference @/m.pdb --match best --out @/in", "give auto, numbers, positions or alignment")
}

func TestDSSP(t *testing.T) {
	l := newLab(t)
	l.standIn("mkdssp", "mkdssp", "")
	s := &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKCLA", 3, flat(0)), chainOf("B", "GSTND", 1, flat(0))}}
	s.Chains[0].Residues[4].Number, s.Chains[0].Residues[4].Insertion = 6, 'A'
	r := l.must("secondary_structure", "dssp", given{inputs: map[string][]string{"structure": {pdb(t, s)}}})
	rows := table(t, r.text("states", 0))
	if len(rows) != 10 {
		t.Fatalf("%d rows of 10", len(rows))
	}
	for i, want := range map[int]map[string]string{
		0: {"index": "0", "chain": "A", "residue": "3", "amino_acid": "M", "state": "H", "state3": "H", "accessible_area": "10", "phi": "", "psi": "140.2"},
		2: {"index": "2", "chain": "A", "residue": "5", "amino_acid": "C", "state": "-", "state3": "C", "accessible_area": "12", "phi": "-60.1", "psi": "140.2"},
		4: {"index": "4", "chain": "A", "residue": "6A", "amino_acid": "A", "state": "G", "state3": "H", "accessible_area": "14", "phi": "-60.1", "psi": "140.2"},
		6: {"index": "6", "chain": "B", "residue": "2", "amino_acid": "S", "state": "E", "state3": "E", "accessible_area": "11", "phi": "-60.1", "psi": "140.2"},
	} {
		for column, value := range want {
			if rows[i][column] != value {
				t.Errorf("row %d has %s %q, want %q", i, column, rows[i][column], value)
			}
		}
	}
	l.same("dssp", r.Metrics, map[string]float64{"helix_fraction": 0.4, "strand_fraction": 0.2, "coil_fraction": 0.4, "accessible_area": 120, "n_residues": 10})
	b := newBench(t)
	b.write("x", "data_x\n")
	b.refuses("dssp finish --from @/x --out @/out", "is not its classic format")
	b.write("x", "  #  RESIDUE AA STRUCTURE BP1\n")
	b.refuses("dssp finish --from @/x --out @/out", "mkdssp assigned no residue")
	b.refuses("dssp finish --from @/gone --out @/out", "The tool wrote no gone")
}

func TestRelax(t *testing.T) {
	l := newLab(t)
	l.standIn("colabfold_relax", "relax", "")
	s := &mol.Structure{Chains: []mol.Chain{chainOf("H", "MKVLAWYHQE", 50, func(i int) float64 { return float64(10 * i) })}}
	s.Chains[0].Residues[4].Number, s.Chains[0].Residues[4].Insertion = 53, 'A'
	m := &s.Chains[0].Residues[0]
	m.Name = "MSE"
	text := pdb(t, s) + "HETATM  999 FE   HEM H 200       5.000   5.000   5.000  1.00 10.00          FE\n"
	r := l.must("relax", "openmm", given{inputs: map[string][]string{"structure": {text}}})
	after, err := mol.ReadPDB(strings.NewReader(r.text("relaxed", 0)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &after.Chains[0]
	if c.ID != "H" || after.Sequence() != "MKVLAWYHQE" || c.Residues[0].Name != "MET" || c.Residues[0].Number != 50 || c.Residues[4].Number != 53 || c.Residues[4].Insertion != 'A' || c.Residues[9].Atom("H").B != 90 {
		t.Errorf("%+v", c.Residues)
	}
	if x := r.Metrics["ca_rmsd"]; !(x > 0 && x < 0.1) || r.Metrics["n_residues"] != 10 {
		t.Errorf("%v", r.Metrics)
	}
	unknown := strings.ReplaceAll(text, "LYS", "UNK")
	l.fails("relax", "openmm", given{inputs: map[string][]string{"structure": {unknown}}}, steps.FailInput, "Residue 51 of chain H is UNK")
}

func TestFoldseek(t *testing.T) {
	l := newLab(t)
	l.standIn("foldseek", "foldseek", "")
	g := given{inputs: map[string][]string{"structure": {ubiquitin(t)}, "targets": {ubiquitin(t), ubiquitin(t), ubiquitin(t)}}}
	r := l.must("search", "foldseek", g)
	rows := table(t, r.text("hits", 0))
	if len(rows) != 3 || rows[1]["target_index"] != "1" || !strings.HasSuffix(rows[1]["target_uri"], "targets-1.pdb") || rows[1]["qtmscore"] != "0.800" || rows[1]["evalue"] != "1.234E-07" {
		t.Errorf("%v", rows)
	}
	l.same("foldseek", r.Metrics, map[string]float64{"n_hits": 3, "n_targets": 3, "best_tm_score": 0.9, "best_probability": 0.998})
	l.standIn("foldseek", "foldseek", "chains")
	if rows := table(t, l.must("search", "foldseek", g).text("hits", 0)); rows[2]["target_index"] != "2" || rows[2]["target_chain"] != "B" {
		t.Errorf("%v", rows)
	}
	l.standIn("foldseek", "foldseek", "nothing")
	r = l.must("search", "foldseek", g)
	if rows := table(t, r.text("hits", 0)); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
	l.same("no hits", r.Metrics, map[string]float64{"n_hits": 0, "n_targets": 3})
	l.standIn("foldseek", "foldseek", "a stranger")
	l.fails("search", "foldseek", g, steps.FailOutputContract, "was not among those given")
}
