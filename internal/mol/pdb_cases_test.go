package mol_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// atomLine writes an ATOM record by columns, as crystallographers' programs do.
func atomLine(record string, serial int, name, alt, residue, chain, number string, x float64, occupancy string) string {
	return fmt.Sprintf("%-6s%5d %-4s%1s%3s %1s%5s   %8.3f%8.3f%8.3f%6s%6.2f", record, serial, name, alt, residue, chain, number, x, 0.0, 0.0, occupancy, 10.0)
}

// residue writes N, CA, C and O of a residue. number holds the insertion code
// in its fifth column.
func residue(record, name, chain, number string, x float64) string {
	var b strings.Builder
	for i, atom := range []string{" N  ", " CA ", " C  ", " O  "} {
		b.WriteString(atomLine(record, i+1, atom, " ", name, chain, number, x+float64(i), "  1.00") + "\n")
	}
	return b.String()
}

func TestReadPDB(t *testing.T) {
	ala := func(chain, number string) string { return residue("ATOM", "ALA", chain, number, 1) }
	tests := []struct {
		name     string
		file     string
		sequence string
		chains   string
		notes    []string // each is part of a note, in order
	}{
		{"atoms only", ala("A", "   1 ") + ala("A", "   2 "), "AA", "A", nil},
		{"all glycine", residue("ATOM", "GLY", "A", "   1 ", 1) + residue("ATOM", "GLY", "A", "   2 ", 5), "GG", "A", nil},
		{"two chains", ala("A", "   1 ") + "TER\n" + ala("B", "   1 ") + "TER\nEND\n", "A/A", "A B", nil},
		{"CRLF", strings.ReplaceAll("REMARK\n"+ala("A", "   1 ")+"END\n", "\n", "\r\n"), "A", "A", nil},
		{"byte order mark", "\xef\xbb\xbf" + ala("A", "   1 "), "A", "A", nil},
		{"no last newline", strings.TrimSuffix(ala("A", "   1 "), "\n"), "A", "A", nil},
		{"no chain id", ala(" ", "   1 "), "A", "A", []string{"called A"}},
		{"no chain ids, two chains", ala(" ", "   1 ") + "TER\n" + ala(" ", "   1 "), "A/A", "A B", []string{"called A, B"}},
		{"same id after TER", ala("A", "   1 ") + "TER\n" + ala("A", "   1 "), "A/A", "A B", []string{"called B"}},
		{"gap marked by TER", ala("A", "   1 ") + "TER\n" + ala("A", "   9 "), "AA", "A", nil},
		{"numbers begin again", ala("A", "   1 ") + ala("A", "   2 ") + ala("A", "   1 "), "AA/A", "A B", []string{"taken as 1 chain more", "called B"}},
		{"insertion codes", ala("A", "  52 ") + residue("ATOM", "SER", "A", "  52A", 3) + ala("A", "  53 "), "ASA", "A", nil},
		{"negative numbers", ala("A", "  -3 ") + ala("A", "   0 "), "AA", "A", nil},
		{"hybrid-36 numbers", ala("A", "9999 ") + ala("A", "A000 "), "AA", "A", nil},
		{"hybrid-36 serials", strings.ReplaceAll(ala("A", "   1 "), "ATOM      ", "ATOM  A000"), "A", "A", nil},
		{"numbers of five digits", ala("A", "9999 ") + ala("A", "10000") + ala("A", "10001"), "AAA", "A", nil},
		{"water and ligands", ala("A", "   1 ") + "TER\n" + atomLine("HETATM", 9, " O  ", " ", "HOH", "A", " 101 ", 1, "  1.00") + "\n" +
			atomLine("HETATM", 9, "FE  ", " ", "HEM", "A", " 102 ", 1, "  1.00") + "\n", "A", "A", []string{"1 atom of water", "1 atom of ligands"}},
		{"water with a number in hexadecimal", ala("A", "   1 ") + residue("ATOM", "TIP", "A", "271a ", 1), "A", "A", []string{"4 atoms of water"}},
		{"calcium is no CA", ala("A", "   1 ") + atomLine("HETATM", 9, "CA  ", " ", " CA", "A", " 101 ", 1, "  1.00") + "\n", "A", "A", []string{"1 atom of ligands"}},
		{"free amino acid after TER", ala("A", "   1 ") + "TER\n" + residue("HETATM", "GLU", "A", " 301 ", 1), "A", "A", []string{"4 atoms of ligands"}},
		{"selenomethionine", ala("A", "   1 ") + residue("HETATM", "MSE", "A", "   2 ", 1) + ala("A", "   3 "), "AMA", "A", []string{"1 modified residue of MSE as M"}},
		{"histidine of a force field", residue("ATOM", "HSD", "A", "   1 ", 1), "H", "A", []string{"HSD as H"}},
		{"unknown residue", ala("A", "   1 ") + residue("ATOM", "XYZ", "A", "   2 ", 1), "AX", "A", []string{"1 residue not known, taken as X"}},
		{"unlisted modification in a closed chain", ala("A", "   1 ") + residue("HETATM", "0A1", "A", "   2 ", 1) + ala("A", "   3 ") + "TER\n", "AXA", "A", []string{"taken as X"}},
		{"unlisted HETATM in an open chain", ala("A", "   1 ") + residue("HETATM", "0A1", "A", "   2 ", 1), "A", "A", []string{"4 atoms of ligands"}},
		{"caps", residue("ATOM", "ACE", "A", "   0 ", 1) + ala("A", "   1 "), "A", "A", []string{"4 atoms of caps"}},
		{"DNA beside protein", ala("A", "   1 ") + residue("ATOM", " DA", "B", "   1 ", 1), "A", "A", []string{"4 atoms of DNA or RNA"}},
		{"CA only", atomLine("ATOM", 1, " CA ", " ", "ALA", "A", "   1 ", 1, "  1.00") + "\n", "A", "A", []string{"CA atoms only?"}},
		{"missing atoms", ala("A", "   1 ") + atomLine("ATOM", 1, " CA ", " ", "ALA", "A", "   2 ", 1, "  1.00") + "\n" +
			atomLine("ATOM", 1, " N  ", " ", "ALA", "A", "   3 ", 1, "  1.00") + "\n", "AAA", "A", []string{"1 residue without N, C or O", "1 residue without CA"}},
		{"several models", "MODEL        1\n" + ala("A", "   1 ") + "ENDMDL\nMODEL        2\n" + ala("A", "   1 ") + ala("A", "   2 "), "A", "A", []string{"first model"}},
		{"several models, MODEL only", "MODEL        1\n" + ala("A", "   1 ") + "MODEL        2\n" + ala("A", "   1 "), "A", "A", []string{"first model"}},
		{"two files in one", ala("A", "   1 ") + "END\n" + ala("B", "   1 "), "A", "A", []string{"more follow after line 5"}},
		{"one model", "MODEL        1\n" + ala("A", "   1 ") + "ENDMDL\nEND\n", "A", "A", nil},
		{"serial of six digits", strings.ReplaceAll(ala("A", "   1 "), "ATOM      ", "ATOM  10000"), "A", "A", nil},
		{"atom given twice", ala("A", "   1 ") + atomLine("ATOM", 5, " O  ", " ", "ALA", "A", "   1 ", 9, "  1.00") + "\n", "A", "A", []string{"1 atom given twice"}},
		{"mutation in part", atomLine("ATOM", 1, " CA ", "A", "SER", "A", "   1 ", 1, "  0.40") + "\n" + atomLine("ATOM", 2, " CA ", "B", "THR", "A", "   1 ", 2, "  0.60") + "\n", "T", "A", []string{"alternate locations", "CA atoms only?"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := mol.ReadPDB(strings.NewReader(test.file), nil)
			if err != nil {
				t.Fatal(err)
			}
			if s.Sequence() != test.sequence {
				t.Errorf("sequence %s, want %s", s.Sequence(), test.sequence)
			}
			var ids []string
			for _, c := range s.Chains {
				ids = append(ids, c.ID)
			}
			if got := strings.Join(ids, " "); got != test.chains {
				t.Errorf("chains %s, want %s", got, test.chains)
			}
			if len(s.Notes) != len(test.notes) {
				t.Fatalf("notes %q, want %q", s.Notes, test.notes)
			}
			for i, n := range test.notes {
				if !strings.Contains(s.Notes[i], n) {
					t.Errorf("note %q, want %q", s.Notes[i], n)
				}
			}
		})
	}
}

func TestReadPDBNumbers(t *testing.T) {
	file := residue("ATOM", "ALA", "A", "  -3 ", 1) + residue("ATOM", "ALA", "A", "  52A", 1) + residue("ATOM", "ALA", "A", "A000 ", 1) + residue("ATOM", "ALA", "A", "a000 ", 1)
	s, err := mol.ReadPDB(strings.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range s.Chains[0].Residues {
		got += fmt.Sprintf("%d%s ", r.Number, strings.Trim(string(rune(r.Insertion)), "\x00"))
	}
	if want := "-3 52A 10000 1223056 "; got != want {
		t.Errorf("numbers %s, want %s", got, want)
	}
}

// TestAlternateLocations: each residue keeps one conformer whole.
func TestAlternateLocations(t *testing.T) {
	tests := []struct{ name, a, b, want string }{
		{"the higher occupancy", "  0.40", "  0.60", "B B"},
		{"of equals the first", "  0.50", "  0.50", "A A"},
	}
	for _, test := range tests {
		file := atomLine("ATOM", 1, " N  ", " ", "SER", "A", "   1 ", 0, "  1.00") + "\n"
		for i, label := range []string{"A", "B"} {
			occupancy := []string{test.a, test.b}[i]
			for _, name := range []string{" CA ", " OG "} {
				file += atomLine("ATOM", 2, name, label, "SER", "A", "   1 ", float64(i+1), occupancy) + "\n"
			}
		}
		s, err := mol.ReadPDB(strings.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := s.Chains[0].Residues[0]
		label := func(atom string) string { return string("_AB"[int(r.Atom(atom).Pos[0])]) }
		if got := label("CA") + " " + label("OG"); got != test.want || len(r.Atoms) != 3 {
			t.Errorf("%s: kept %s of %d atoms, want %s", test.name, got, len(r.Atoms), test.want)
		}
	}
}

func TestBlankElements(t *testing.T) {
	file := residue("HETATM", "MSE", "A", "   1 ", 1) + atomLine("HETATM", 5, "SE  ", " ", "MSE", "A", "   1 ", 1, "  1.00") + "\n" +
		atomLine("HETATM", 6, "1HB ", " ", "MSE", "A", "   1 ", 1, "  1.00") + "\n"
	s, err := mol.ReadPDB(strings.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, a := range s.Chains[0].Residues[0].Atoms {
		got += a.Element + " "
	}
	if got != "N C C O SE H " {
		t.Errorf("elements %s", got)
	}
}

func TestRefusePDB(t *testing.T) {
	good := residue("ATOM", "ALA", "A", "   1 ", 1)
	line := atomLine("ATOM", 1, " CA ", " ", "ALA", "A", "   2 ", 1, "  1.00") + "\n"
	tests := []struct {
		name   string
		file   string
		limits *mol.Limits
		fault  mol.Fault
		text   string
	}{
		{"empty", "", nil, mol.FaultEmpty, "The file is empty"},
		{"blank", "\n\n", nil, mol.FaultEmpty, "no ATOM records"},
		{"header only", "HEADER    X\nEND\n", nil, mol.FaultEmpty, "no ATOM records"},
		{"mmCIF", "data_1UBQ\n#\n_entry.id 1UBQ\n", nil, mol.FaultFormat, "gemmi convert"},
		{"mmCIF behind comments", "# by a program\n\ndata_1UBQ\n", nil, mol.FaultFormat, "mmCIF"},
		{"FASTA", ">a\nMKV\n", nil, mol.FaultFormat, "FASTA"},
		{"gzip", "\x1f\x8b\x08\x00", nil, mol.FaultFormat, "gunzip"},
		{"web page", "<!DOCTYPE html>\n<html>", nil, mol.FaultFormat, "failed download"},
		{"JSON", `{"a": 1}`, nil, mol.FaultFormat, "JSON"},
		{"UTF-16", "\xff\xfeA\x00T\x00O\x00M\x00", nil, mol.FaultFormat, "binary"},
		{"garbage coordinates", good + strings.Replace(line, "   1.000", "     xyz", 1), nil, mol.FaultMalformed, `Line 5: "xyz" is not a coordinate (columns 31 to 38)`},
		{"overflowed coordinates", good + strings.Replace(line, "   1.000", "********", 1), nil, mol.FaultMalformed, "Line 5"},
		{"NaN", good + strings.Replace(line, "   1.000", "     nan", 1), nil, mol.FaultMalformed, "Line 5"},
		{"infinite", good + strings.Replace(line, "   1.000", "     inf", 1), nil, mol.FaultMalformed, "Line 5"},
		{"blank coordinates", good + strings.Replace(line, "   1.000", "        ", 1), nil, mol.FaultMalformed, "Line 5"},
		{"cut line", good + line[:40] + "\n", nil, mol.FaultMalformed, "Line 5: The atom record ends"},
		{"no residue number", good + strings.Replace(line, "   2 ", "     ", 1), nil, mol.FaultMalformed, "residue number"},
		{"blanks instead of columns", "ATOM 1 CA ALA A 1 1.0 2.0 3.0 1.00 0.00 C  and more of it, up to the columns\n", nil, mol.FaultMalformed, "Line 1"},
		{"DNA only", residue("ATOM", " DA", "A", "   1 ", 1), nil, mol.FaultNoProtein, "DNA or RNA"},
		{"water only", atomLine("HETATM", 1, " O  ", " ", "HOH", "A", "   1 ", 1, "  1.00"), nil, mol.FaultNoProtein, "ligands or water"},
		{"long line", good + strings.Repeat("x", 1<<20), nil, mol.FaultTooLarge, "Line 5: The line is over 4 KiB"},
		{"many atoms", good, &mol.Limits{Atoms: 3}, mol.FaultTooLarge, "more than 3 atoms"},
		{"one residue of everything", strings.Repeat(line, 1001), nil, mol.FaultMalformed, "more than 1000 atoms"},
		{"many lines", good, &mol.Limits{Lines: 3}, mol.FaultTooLarge, "more than 3 lines"},
		{"many bytes", good, &mol.Limits{Bytes: 100}, mol.FaultTooLarge, "over 100 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := mol.ReadPDB(strings.NewReader(test.file), test.limits)
			var refused *mol.ReadError
			if !errors.As(err, &refused) {
				t.Fatalf("read %v, error %v", s, err)
			}
			if refused.Fault != test.fault || !strings.Contains(refused.Error(), test.text) {
				t.Errorf("%s: %s; want %s with %q", refused.Fault, refused, test.fault, test.text)
			}
		})
	}
}

// TestReadLargePDB reads 20,000 atoms.
func TestReadLargePDB(t *testing.T) {
	var b bytes.Buffer
	for i := range 5000 {
		b.WriteString(residue("ATOM", "ALA", "A", fmt.Sprintf("%4d ", i+1), float64(i%900)))
	}
	s, err := mol.ReadPDB(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Atoms() != 20_000 || s.Len() != 5000 || len(s.Notes) != 0 {
		t.Errorf("%d atoms of %d residues, notes %q", s.Atoms(), s.Len(), s.Notes)
	}
}

func TestWritePDBColumns(t *testing.T) {
	s := &mol.Structure{Chains: []mol.Chain{{ID: "B", Residues: []mol.Residue{{
		Name: "MSE", Number: 12345, Insertion: 'A', Atoms: []mol.Atom{
			{Name: "CA", Element: "C", Pos: mol.Vec{-1.5, 999.9994, 0}, Occupancy: 1, B: 1e6},
			{Name: "SE", Element: "SE", Occupancy: 0.5},
			{Name: "HG11", Element: "H"},
		}}}}}}
	var b bytes.Buffer
	if err := mol.WritePDB(&b, s, strings.Repeat("a", 70)); err != nil {
		t.Fatal(err)
	}
	want := "REMARK  99 " + strings.Repeat("a", 68) + "\nREMARK  99 aa\n" +
		"ATOM      1  CA  MSE BA1T5A     -1.500 999.999   0.000  1.00999.99           C\n" +
		"ATOM      2 SE   MSE BA1T5A      0.000   0.000   0.000  0.50  0.00          SE\n" +
		"ATOM      3 HG11 MSE BA1T5A      0.000   0.000   0.000  0.00  0.00           H\n" +
		"TER       4      MSE BA1T5A\nEND\n"
	if b.String() != want {
		t.Errorf("wrote\n%swant\n%s", b.String(), want)
	}
}

func TestWritePDBRefuses(t *testing.T) {
	far := &mol.Structure{Chains: []mol.Chain{{ID: "A", Residues: []mol.Residue{{Name: "ALA", Atoms: []mol.Atom{{Name: "CA", Pos: mol.Vec{10000, 0, 0}}}}}}}}
	if err := mol.WritePDB(&bytes.Buffer{}, far); err == nil || !strings.Contains(err.Error(), "near the origin") {
		t.Errorf("a coordinate of 10000: %v", err)
	}
	long := &mol.Structure{Chains: []mol.Chain{{ID: "AA", Residues: []mol.Residue{{Name: "ALA"}}}}}
	if err := mol.WritePDB(&bytes.Buffer{}, long); err == nil {
		t.Error("a chain id of two characters was written")
	}
}

// FuzzReadPDB: whatever is read can be written and read again, the same.
func FuzzReadPDB(f *testing.F) {
	data, err := os.ReadFile("testdata/1ubq.pdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[bytes.Index(data, []byte("ATOM  ")):][:2000])
	f.Add([]byte(residue("ATOM", "ALA", " ", "   1 ", 1) + "TER\n" + residue("HETATM", "MSE", " ", "  -1A", 1)))
	f.Add([]byte("data_x\n_atom_site.id\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := mol.ReadPDB(bytes.NewReader(data), &mol.Limits{Atoms: 2000})
		if err != nil {
			var refused *mol.ReadError
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("no sentence: %v", err)
			}
			return
		}
		if s.Len() == 0 {
			t.Fatal("nothing was read and nothing said")
		}
		var first bytes.Buffer
		if err := mol.WritePDB(&first, s); err != nil {
			return // coordinates that fit no column
		}
		again, err := mol.ReadPDB(bytes.NewReader(first.Bytes()), nil)
		if err != nil {
			t.Fatalf("%v of\n%s", err, first.Bytes())
		}
		if again.Len() != s.Len() || again.Sequence() != s.Sequence() {
			t.Fatalf("%s came back as %s from\n%s", s.Sequence(), again.Sequence(), first.Bytes())
		}
	})
}

func BenchmarkReadPDB(b *testing.B) {
	data, err := os.ReadFile("testdata/1ubq.pdb")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := mol.ReadPDB(bytes.NewReader(data), nil); err != nil {
			b.Fatal(err)
		}
	}
}
