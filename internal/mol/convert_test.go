package mol_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/mol"
)

func toPDB(t *testing.T, cif string) (string, []string) {
	t.Helper()
	var out bytes.Buffer
	notes, err := mol.ConvertMMCIF(strings.NewReader(cif), &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), notes
}

func toCIF(t *testing.T, pdb string) (string, []string) {
	t.Helper()
	var out bytes.Buffer
	notes, err := mol.ConvertPDB(strings.NewReader(pdb), &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), notes
}

// atomLines are the records of atoms, but for their serial numbers.
func atomLines(pdb string) []string {
	var out []string
	for line := range strings.Lines(pdb) {
		if strings.HasPrefix(line, "ATOM") || strings.HasPrefix(line, "HETATM") || strings.HasPrefix(line, "MODEL") {
			if !strings.HasPrefix(line, "MODEL") {
				line = line[:6] + "     " + line[11:]
			}
			out = append(out, strings.TrimRight(line, " \n"))
		}
	}
	return out
}

// A real structure comes back from mmCIF as it was, atom for atom, but for its
// water.
func TestThereAndBack(t *testing.T) {
	pdb, err := os.ReadFile("testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	cif, notes := toCIF(t, string(pdb))
	var dry []string
	for _, line := range atomLines(string(pdb)) {
		if !strings.Contains(line, "HOH") {
			dry = append(dry, line)
		}
	}
	if len(dry) != 602 {
		t.Fatalf("%d atoms besides water", len(dry))
	}
	if want := "58 atoms of water are left out."; notes[0] != want {
		t.Errorf("notes %q, want %q", notes, want)
	}
	back, _ := toPDB(t, cif)
	if diff := gocmp.Diff(dry, atomLines(back)); diff != "" {
		t.Errorf("-was +is:\n%s", diff)
	}
	first, err := mol.ReadPDB(bytes.NewReader(pdb), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := mol.ReadPDB(strings.NewReader(back), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Sequence() != second.Sequence() {
		t.Errorf("the sequence is %s now", second.Sequence())
	}
	if again, _ := toCIF(t, back); again != cif {
		t.Error("mmCIF of what came back is another")
	}
}

// What only the one or the other format has: models, alternate locations,
// insertion codes, ligands, modified residues, numbers beyond four digits.
func TestOddSites(t *testing.T) {
	pdb := strings.Join([]string{
		"MODEL        1",
		"ATOM      1  N   GLY A  -1      11.104   6.134  -6.504  1.00 10.00           N",
		"ATOM      2  CA AGLY A  -1      11.639   6.071  -5.147  0.60 10.00           C",
		"ATOM      3  CA BGLY A  -1      11.700   6.100  -5.200  0.40 10.00           C",
		"HETATM    4 SE   MSE A  52A     12.639   7.071  -4.147  1.00 99.00          SE",
		"ATOM      5  CA  ALA AA000      13.639   8.071  -3.147  1.00 10.00           C",
		"TER       6      ALA AA000 ",
		"HETATM    7  O5' ATP A 901      14.639   9.071  -2.147  1.00 10.00           O",
		"HETATM    8 ZN    ZN B 902      15.639   9.071  -2.147  1.00 10.00          ZN2+",
		"ENDMDL",
		"MODEL        2",
		"ATOM      1  N   GLY A  -1      11.104   6.134  -6.504  1.00 10.00           N",
		"ENDMDL", "END", "",
	}, "\n")
	cif, _ := toCIF(t, pdb)
	back, _ := toPDB(t, cif)
	if diff := gocmp.Diff(atomLines(pdb), atomLines(back)); diff != "" {
		t.Errorf("-was +is:\n%s", diff)
	}
	if !strings.Contains(back, "TER       6      ALA AA000") {
		t.Errorf("the chain has no end before its ligand:\n%s", back)
	}
	if !strings.Contains(cif, `"O5'"`) || !strings.Contains(cif, "\n2 non-polymer\n") {
		t.Errorf("mmCIF:\n%s", cif)
	}
}

const smallCIF = `data_1ABC
_entry.id 1ABC
_struct.title
;A title that says loop_ and
data_too
;
loop_
_citation_author.name
'O''Neil, A.'
"B. d'Arc"
# a remark
loop_
_atom_site.group_PDB
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
ATOM   C CA . ALA A 1 ? 1.0 2.0
3.0 1.00 50.5 7 heavy
ATOM   C CA . GLY B 1 ? 4.0 5.0 6.0 1.00 60.5 8 B
HETATM C C1 . A1B1X C . ? 7.0 8.0 9.0 0.50 70.5 9 heavy
#
loop_
_other.thing
1 2 3
`

func TestMMCIF(t *testing.T) {
	pdb, notes := toPDB(t, smallCIF)
	want := []string{
		"ATOM         CA  ALA A   7       1.000   2.000   3.000  1.00 50.50           C",
		"ATOM         CA  GLY B   8       4.000   5.000   6.000  1.00 60.50           C",
		"HETATM       C1  L00 A   9       7.000   8.000   9.000  0.50 70.50           C",
	}
	if diff := gocmp.Diff(want, atomLines(pdb)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := gocmp.Diff([]string{
		"Chains have one letter in PDB files: heavy is A.",
		"Residues have three letters in PDB files: A1B1X is L00.",
		"Kept are the atoms; header, sequence, symmetry, bonds and assemblies are not.",
	}, notes); diff != "" {
		t.Errorf("notes, -want +got:\n%s", diff)
	}
}

func TestMMCIFRefused(t *testing.T) {
	chains := strings.Builder{}
	for i := range 63 {
		fmt.Fprintf(&chains, "ATOM C CA . ALA A 1 ? 1 2 3 1 1 1 chain%d\n", i)
	}
	replaced := func(old, with string) string { return strings.Replace(smallCIF, old, with, 1) }
	for _, c := range []struct {
		name, cif string
		fault     mol.Fault
		message   string
	}{
		{"empty", "", mol.FaultEmpty, "The file is empty"},
		{"PDB", "HEADER    PROTEIN\nATOM      1  N   GLY A   1      11.104   6.134  -6.504\n", mol.FaultFormat, "no _atom_site"},
		{"no atoms", "data_x\n_entry.id x\n", mol.FaultFormat, "no _atom_site"},
		{"cut off in a row", smallCIF[:strings.Index(smallCIF, "60.5 8 B")], mol.FaultMalformed, "of 15 values"},
		{"cut off in a text", "data_x\n_struct.title\n;never ended\n", mol.FaultMalformed, "has no end"},
		{"quotes without an end", "data_x\n_a.b 'never ended\n", mol.FaultMalformed, "has no end on its line"},
		{"a coordinate", replaced("4.0 5.0", "4.0 nan"), mol.FaultMalformed, `"nan" is not a coordinate`},
		{"a coordinate not known", replaced("4.0 5.0", "4.0 ?"), mol.FaultMalformed, "is not a coordinate"},
		{"a residue number", replaced("60.5 8 B", "60.5 x B"), mol.FaultMalformed, `"x" is not a residue number`},
		{"63 chains", replaced("#\nloop_\n_other", chains.String()+"#\nloop_\n_other"), mol.FaultTooLarge, "65 chains; a PDB file has room for 62"},
		{"a long name of an atom", replaced("CA . GLY", "CALPHA . GLY"), mol.FaultTooLarge, "longer names than a PDB file has room for"},
		{"far away", replaced("4.0 5.0", "4.0 99999"), mol.FaultTooLarge, "does not fit into a PDB file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := mol.ConvertMMCIF(strings.NewReader(c.cif), &out, nil)
			var refused *mol.ReadError
			if !errors.As(err, &refused) || refused.Fault != c.fault || !strings.Contains(refused.Message, c.message) {
				t.Errorf("%v, want %s: …%s…", err, c.fault, c.message)
			}
		})
	}
	if _, err := mol.ConvertPDB(strings.NewReader(smallCIF), &bytes.Buffer{}, nil); err == nil || !strings.Contains(err.Error(), "is mmCIF") {
		t.Errorf("mmCIF as PDB: %v", err)
	}
}

// Chains without a name are told from those that have one, and residues with
// long names from each other and from amino acids.
func TestNamesThatAreFree(t *testing.T) {
	cif, notes := toCIF(t, strings.Join([]string{
		"ATOM      1  CA  GLY A   1      11.104   6.134  -6.504  1.00 10.00           C",
		"ATOM      2  CA  GLY     1      21.104   6.134  -6.504  1.00 10.00           C", "",
	}, "\n"))
	if !strings.Contains(cif, " 1 A 1\n") || !strings.Contains(cif, " 1 B 1\n") || notes[0] != "Chains without a name have one now: the chain without a name is B." {
		t.Errorf("%q\n%s", notes, cif)
	}
	pdb, _ := toPDB(t, strings.NewReplacer("A1B1X", "GLY01", "CA . GLY", "CA . GLY02").Replace(smallCIF))
	for _, want := range []string{"L00 B   8", "L01 A   9", "ALA A   7"} {
		if !strings.Contains(pdb, want) {
			t.Errorf("there is no %q in\n%s", want, pdb)
		}
	}
}

// A modified residue stands as HETATM and is one of its chain all the same; what
// has no backbone is not.
func TestModifiedResidues(t *testing.T) {
	atom := func(record, name, residue string, number int, x float64) string {
		return fmt.Sprintf("%-6s    1  %-3s %s A%4d    %8.3f   6.134  -6.504  1.00 10.00           %.1s", record, name, residue, number, x, name)
	}
	var lines []string
	for i, r := range []struct{ record, name string }{{"HETATM", "MSE"}, {"ATOM", "GLN"}} {
		for k, name := range []string{"N", "CA", "C"} {
			lines = append(lines, atom(r.record, name, r.name, i+1, float64(10*i+k)))
		}
	}
	lines = append(lines, atom("HETATM", "C1", "LIG", 900, 50), "")
	cif, _ := toCIF(t, strings.Join(lines, "\n"))
	for _, want := range []string{"\n1 1 MSE\n1 2 GLN\n", "HETATM 2 C CA . MSE A 1 1 ", "ATOM 5 C CA . GLN A 1 2 ", " C1 . LIG A 1 . "} {
		if !strings.Contains(cif, want) {
			t.Errorf("there is no %q in\n%s", want, cif)
		}
	}
}

func FuzzConvertMMCIF(f *testing.F) {
	f.Add(smallCIF)
	f.Add("data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 2\n")
	f.Fuzz(func(t *testing.T, cif string) {
		var out bytes.Buffer
		if _, err := mol.ConvertMMCIF(strings.NewReader(cif), &out, &mol.Limits{Atoms: 1000}); err == nil {
			if _, err := mol.ConvertPDB(&out, &bytes.Buffer{}, nil); err != nil && !strings.Contains(err.Error(), "no atoms besides water") {
				t.Errorf("the PDB that came of it cannot be read: %v", err)
			}
		}
	})
}
