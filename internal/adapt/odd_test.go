package adapt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

// odd is a structure as laboratories have them: two models, no chain ids, a
// residue number in hybrid-36, an insertion code, alternate locations,
// selenomethionine as HETATM, an atom missing, water and an ion; no header.
func odd() string {
	var b strings.Builder
	atom := func(record, name, alt, residue, number string, x float64, occupancy float64) {
		fmt.Fprintf(&b, "%-6s%5s %-4s%1s%3s  %5s   %8.3f%8.3f%8.3f%6.2f%6.2f\n", record, "A000", name, alt, residue, number, x, x/2, 1.0, occupancy, 20.0)
	}
	for model := 1; model <= 2; model++ {
		fmt.Fprintf(&b, "MODEL     %4d\n", model)
		for i, r := range []struct{ record, name, number string }{
			{"ATOM", "ALA", "9998 "}, {"HETATM", "MSE", "9999 "}, {"ATOM", "SER", "A000 "}, {"ATOM", "THR", "A000A"}, {"ATOM", "GLY", "A001 "}, {"ATOM", "LYS", "A002 "},
		} {
			for k, name := range []string{" N  ", " CA ", " C  ", " O  "} {
				x := 3.4*float64(i) + 1.1*float64(k)
				switch {
				case r.name == "GLY" && name == " O  ": // missing
				case r.name == "SER" && name == " CA ":
					atom(r.record, name, "A", r.name, r.number, x, 0.4)
					atom(r.record, name, "B", r.name, r.number, x+0.5, 0.6)
				default:
					atom(r.record, name, "", r.name, r.number, x, 1)
				}
			}
		}
		b.WriteString("TER\n")
		atom("HETATM", " O  ", "", "HOH", "B000 ", 5, 1)
		atom("HETATM", "CA  ", "", " CA", "B001 ", 5, 1)
		b.WriteString("ENDMDL\n")
	}
	return b.String() + "END\n"
}

// Every adapter takes an odd structure, or refuses it with a sentence that
// says what to do.
func TestOddStructures(t *testing.T) {
	l := newLab(t)
	l.standIn("python", "proteinmpnn", "")
	l.standIn("mkdssp", "mkdssp", "")
	l.standIn("colabfold_relax", "relax", "")
	l.standIn("TMscore", "tmscore", "")
	g := given{inputs: map[string][]string{"structure": {odd()}}, params: map[string]any{"num_sequences": 1, "fixed": "10000"}}
	r := l.must("design", "proteinmpnn", g)
	if residues := residuesOf(t, r.text("sequences", 0)); len(residues) != 6 || residues[2] != 'S' {
		t.Errorf("designed %s", residues)
	}
	rows := table(t, l.must("secondary_structure", "dssp", given{inputs: g.inputs}).text("states", 0))
	if len(rows) != 6 || rows[1]["amino_acid"] != "M" {
		t.Errorf("%v", rows)
	}
	after, err := mol.ReadPDB(strings.NewReader(l.must("relax", "openmm", given{inputs: g.inputs}).text("relaxed", 0)), nil)
	if err != nil || after.Sequence() != "AMSTGK" || after.Chains[0].Residues[3].Insertion != 'A' || after.Chains[0].Residues[5].Number != 10002 {
		t.Errorf("%v: %+v", err, after)
	}
	l.must("score", "tmscore", given{inputs: map[string][]string{"model": {odd()}, "reference": {odd()}}})

	l.standIn("python", "ligandmpnn", "")
	l.fails("design", "ligandmpnn", g, steps.FailInput, "write the file again with chains A, B and so on")
	l.fails("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {"data_1UBQ\n_entry.id 1UBQ\n"}}}, steps.FailInput, "It is mmCIF, not PDB; name it .cif, or convert it.")
	l.fails("fold", "esmfold", sequence(">a\nACGTACGTACGTACGT\n", nil), steps.FailInput, "translate it to protein first")
}
