package steps_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

func libraryTypes(t testing.TB) *steps.Types {
	t.Helper()
	types, err := steps.LibraryTypes()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

const (
	atom = "ATOM      1  CA  MET A   1      26.266  25.413   2.842  1.00 10.38           C  \n"
	side = "ATOM      5  CG  MET A   1      26.913  26.639  -2.531  1.00 12.62           C  \n"
)

func TestCheckHead(t *testing.T) {
	types := libraryTypes(t)
	long := strings.Repeat("MKV", 40_000)
	for _, c := range []struct {
		name, typ, format, head string
		cut                     bool
		want                    string
	}{
		{"plain", "protein.sequence", "fasta", ">a\nMKVL\n", false, ""},
		{"crlf", "protein.sequence", "fasta", ">a\r\nMKVL\r\nAAA \r\n", false, ""},
		{"lower case", "protein.sequence", "fasta", ">a\nmkvl\n", false, ""},
		{"stop at the end", "protein.sequence", "fasta", ">a\nMKVL*\n", false, ""},
		{"BOM", "protein.sequence", "fasta", "\ufeff>a\nMKVL\n", false, ""},
		{"comments and blank lines", "protein.sequence", "fasta", "; x\n\n>a\n\nMKVL\n", false, ""},
		{"complex", "protein.sequence", "fasta", ">a\nMKVL/GGS:AAA\n", false, ""},
		{"poly-glycine", "protein.sequence", "fasta", ">a\n" + strings.Repeat("G", 60) + "\nGG\n", false, ""},
		{"short", "protein.sequence", "fasta", ">a\nGATTACA\n", false, ""},
		{"one long line, cut", "protein.sequence", "fasta", ">a\n" + long, true, ""},
		{"stop inside", "protein.sequence", "fasta", ">a\nMK*VL\n", false, "It goes on after a stop (*); give one protein a record. A * at the end is fine."},
		{"DNA", "protein.sequence", "fasta", ">a\nATGGCATTCGATCC\nGGA\n", false, "It looks like DNA or RNA (only the letters A, C, G, T, U and N); translate it to protein first."},
		{"dna", "protein.sequence", "fasta", ">a\natggcattcgatcc\n", false, "It looks like DNA or RNA (only the letters A, C, G, T, U and N); translate it to protein first."},
		{"RNA", "protein.sequence", "fasta", ">a\nAUGGCAUUCGAUCC\n", false, "It looks like DNA or RNA (only the letters A, C, G, T, U and N); translate it to protein first."},
		{"gaps", "protein.sequence", "fasta", ">a\nMK-VL\n", false, "It has gaps (- or .), so it is an alignment; give the sequence without gaps."},
		{"no header", "protein.sequence", "fasta", "MKVL\n", false, "It does not begin with '>': a FASTA file has a line '>name' and the sequence below it."},
		{"no residues", "protein.sequence", "fasta", ">a\n\n", false, "It has a name but no residues; put the sequence below the '>' line."},
		{"two records", "protein.sequence", "fasta", ">a\nMKV\n>b\nMKV\n", false, "It has several records; split it into one file a sequence."},
		{"two records in a set", "protein.sequence_set", "fasta", ">a\nMKV\n>b\nMKV\n", false, ""},
		{"odd letters", "protein.sequence", "fasta", ">a\nMK#V\n", false, "It has characters that are no amino acids; use the letters ACDEFGHIKLMNPQRSTVWY and X, and / between chains."},
		{"empty", "protein.sequence", "fasta", "", false, "It is empty."},
		{"blank", "protein.sequence", "fasta", "\n \n", false, "It is empty."},
		{"gzip", "protein.sequence", "fasta", "\x1f\x8b\x08\x00", false, "It is compressed with gzip; decompress it first."},
		{"binary", "protein.sequence", "fasta", ">a\x00b\nMKV", false, "It is binary data, not text."},

		{"atoms only", "protein.structure", "pdb", atom, false, ""},
		{"header", "protein.structure", "pdb", "HEADER    X\nREMARK 1\nMODEL        1\n" + atom, false, ""},
		{"no atoms", "protein.structure", "pdb", "HEADER    X\nREMARK 1\n", false, "It has no ATOM line with coordinates in its first 64 KB, so it is no PDB file of a protein."},
		{"one endless line", "protein.structure", "pdb", strings.Repeat("A", 70_000), true, "It has no ATOM line with coordinates in its first 64 KB, so it is no PDB file of a protein."},
		{"mmCIF as PDB", "protein.structure", "pdb", "data_1UBQ\nloop_\n", false, "It is mmCIF, not PDB; name it .cif, or convert it."},
		{"web page", "protein.structure", "pdb", "<!DOCTYPE html>\n<html>\n", false, "It is a web page, not a PDB file; use the download link of the file itself."},
		{"mmCIF", "protein.structure", "mmcif", "data_1UBQ\n#\n_entry.id 1UBQ\n", true, ""},
		{"no structure", "protein.structure", "mmcif", "data_x\n_cell_length_a 3\n", false, "It has no _atom_site records, so it holds no structure."},
		{"backbone", "protein.backbone", "pdb", atom, false, ""},
		{"side chain", "protein.backbone", "pdb", atom + side, false, "It has side-chain atoms; a backbone has only N, CA, C, O and CB."},
		{"side chain in the cut line", "protein.backbone", "pdb", atom + side[:40], true, ""},
		{"backbone without atoms", "protein.backbone", "pdb", "REMARK\n", false, "It has no ATOM line with coordinates in its first 64 KB, so it is no PDB file of a protein."},

		{"json", "table", "json", `[{"a": 1}]`, false, ""},
		{"json cut", "table", "json", `[{"a": 1}, {"a": 12`, true, ""},
		{"json ends early", "table", "json", `[{"a": 1}, {"a"`, false, "It is not JSON: it ends in the middle."},
		{"json twice", "table", "json", `{} {}`, false, "It is not JSON: there is more than one value."},
		{"json not", "table", "json", `hello`, false, "It is not JSON: invalid character 'h' looking for beginning of value."},
		{"json deep", "table", "json", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), false, ""},
		{"csv", "table.scores", "csv", "id,tm\n1,0.5\n", false, ""},

		{"bam", "alignment.reads", "bam", "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00\x1b\x00", false, ""},
		{"bam not bgzf", "alignment.reads", "bam", "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00XX\x02\x00\x1b\x00", false, "It is gzip but not BGZF, so it is no BAM file."},
		{"bam tiny", "alignment.reads", "bam", "\x1f", false, "It is not compressed with BGZF, so it is no BAM file."},
		{"vcf", "variants", "vcf", "##fileformat=VCFv4.3\n#CHROM\n", false, ""},
		{"fastq", "reads", "fastq", "@r1\nACGT\n+\nIIII\n", false, ""},
		{"a3m", "protein.alignment", "a3m", "#4\t1\n>a\nMK-Vl\n", false, ""},
		{"smiles", "ligand.molecule", "smiles", "CC(=O)Oc1ccccc1C(=O)O aspirin\n", false, ""},
		{"sdf", "ligand.molecule", "sdf", "x\n  -OEChem\n\n  3  2  0  0  0  0  0  0  0  0999 V2000\n", false, ""},
		{"html", "report", "html", "<!doctype html>\n<title>x</title>\n", false, ""},
		{"genome", "genome.sequence", "fasta", ">chr1\nACGTNN\nacgt\n", false, ""},
		{"protein as genome", "genome.sequence", "fasta", ">a\nMKLEF\n", false, "It has letters that are no nucleotides; is it a protein?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			if err := types.CheckHead(c.typ, c.format, []byte(c.head), !c.cut); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRealStructure(t *testing.T) {
	types := libraryTypes(t)
	data, err := os.ReadFile("testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	if err := types.CheckHead("protein.structure", "pdb", data, true); err != nil {
		t.Error(err)
	}
	if n, err := types.Length("protein.structure", "pdb", strings.NewReader(string(data))); n != 76 || err != nil {
		t.Errorf("length is %d, %v; 1UBQ has 76 residues", n, err)
	}
	if diff := cmp.Diff([]steps.TypeFormat{{Type: "protein.structure", Format: "pdb"}}, types.Guess("1ubq.pdb", data, true)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckPort(t *testing.T) {
	types := libraryTypes(t)
	scores := steps.Port{Name: "scores", Type: "table.scores", Columns: []string{"tm_score", "rmsd"}}
	for _, c := range []struct {
		port         steps.Port
		format, head string
		want         string
	}{
		{scores, "csv", "id,tm_score,rmsd\n", ""},
		{scores, "csv", "id, \"tm_score\",rmsd\r\n", ""},
		{scores, "tsv", "id\ttm_score\trmsd\n", ""},
		{scores, "json", `[{"rmsd": [1, {"x": 2}], "tm_score": "rmsd"}]`, ""},
		{scores, "csv", "id,name\n", "The table has no column tm_score and rmsd; its columns are id, name. The port scores takes a score table (table.scores) as csv, tsv or json."},
		{scores, "json", `[{"id": "rmsd", "tm_score": 1}]`, "The table has no column rmsd; its columns are id, tm_score. The port scores takes a score table (table.scores) as csv, tsv or json."},
		{scores, "pdb", atom, "This is pdb. The port scores takes a score table (table.scores) as csv, tsv or json."},
		{steps.Port{Name: "model", Type: "protein.structure", Formats: []string{"pdb"}}, "", "id,tm\n",
			"It has no ATOM line with coordinates in its first 64 KB, so it is no PDB file of a protein. The port model takes a protein structure (protein.structure) as pdb."},
		{steps.Port{Name: "model", Type: "protein.structure"}, "", "data_x\n_entry.id x\n", ""},
	} {
		var got string
		if err := types.CheckPort(c.port, c.format, []byte(c.head), true); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %q\n got %s\nwant %s", c.port.Name, c.head, got, c.want)
		}
	}
}

func TestLength(t *testing.T) {
	types := libraryTypes(t)
	for _, c := range []struct {
		typ, format, data string
		want              int
	}{
		{"protein.sequence", "fasta", ">a MKV\r\nMKV L\r\nAA*\n", 6},
		{"protein.sequence", "fasta", ">" + strings.Repeat("M", 200_000) + "\nMKV", 3},
		{"protein.sequence", "fasta", ">a\n" + strings.Repeat("M", 200_000), 200_000},
		{"protein.sequence_set", "fasta", ">a\nM\n>b\nK", 2},
		{"protein.structure", "pdb", atom + side + "ENDMDL\n" + atom, 1},
		{"table", "csv", "a,b\n", -1},
		{"protein.sequence", "fasta", "", 0},
	} {
		got, err := types.Length(c.typ, c.format, strings.NewReader(c.data))
		if got != c.want || err != nil || types.HasLength(c.typ, c.format) != (c.want >= 0) {
			t.Errorf("%s %.20q: %d, %v; want %d", c.typ, c.data, got, err, c.want)
		}
	}
}

func TestGuess(t *testing.T) {
	types := libraryTypes(t)
	const bgzf = "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00\x1b\x00"
	for _, c := range []struct {
		name, head string
		want       []steps.TypeFormat
	}{
		{"x.pdb", atom, []steps.TypeFormat{{"protein.backbone", "pdb"}}},
		{"x.PDB", atom + side, []steps.TypeFormat{{"protein.structure", "pdb"}}},
		{"download", atom + side, []steps.TypeFormat{{"protein.structure", "pdb"}}},
		{"x.pdb", "hello", nil},
		{"x.fasta", ">a\nMKVL\n", []steps.TypeFormat{{"protein.sequence", "fasta"}}},
		{"x.fasta", ">a\nMKVL\n>b\nMKVL\n", []steps.TypeFormat{{"protein.sequence_set", "fasta"}}},
		{"x.fasta", ">a\nACGTACGTACGT\n", []steps.TypeFormat{{"genome.sequence", "fasta"}}},
		{"x.csv", "a,b\n", []steps.TypeFormat{{"table", "csv"}}},
		{"x.fastq.gz", "\x1f\x8b", []steps.TypeFormat{{"reads", "fastq_gz"}}},
		{"x.fasta.gz", "\x1f\x8b", nil},
		{"x.PDB.gz", "\x1f\x8b", nil},
		{"x.fa.gz", bgzf, nil}, // as bgzip writes it, and BAM is
		{"x.tar.gz", "\x1f\x8b", nil},
		{"x.gz", "\x1f\x8b", nil},
		{"", "\x1f\x8b", nil},
		{"x", bgzf, []steps.TypeFormat{{"alignment.reads", "bam"}}},
		{"x.pdb.bak", atom + side, []steps.TypeFormat{{"protein.structure", "pdb"}}},
		{"x.pdb.txt", ">a\nMKVL\n", nil},
		{"x.bin", "\x00\x01", nil},
	} {
		if diff := cmp.Diff(c.want, types.Guess(c.name, []byte(c.head), true)); diff != "" {
			t.Errorf("%s %.20q (-want +got):\n%s", c.name, c.head, diff)
		}
	}
}

func TestLattice(t *testing.T) {
	types := libraryTypes(t)
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"protein.backbone", "protein.structure", true},
		{"protein.structure", "protein.backbone", false},
		{"protein.structure", "protein.structure", true},
		{"protein.sequence", "protein.structure", false},
		{"nothing", "nothing", true},
	} {
		if got := types.Fits(c.from, c.to); got != c.want {
			t.Errorf("Fits(%s, %s) = %v", c.from, c.to, got)
		}
	}
	if !types.Related("table", "table.scores") || types.Related("table.ledger", "table.scores") {
		t.Error("a table can be a score table; a ledger cannot")
	}
	if f := types.FormatOf("protein.complex", "mmcif"); f == nil || f.MediaType != "chemical/x-mmcif" {
		t.Errorf("inherited format is %+v", f)
	}
	if types.FormatOf("protein.backbone", "mmcif") != nil {
		t.Error("a type that names formats has those only")
	}
	chain, ps := steps.NewTypes([]steps.Type{
		{Name: "a", Is: []string{"b"}}, {Name: "b", Is: []string{"c"}}, {Name: "c", Formats: []steps.Format{{Name: "x"}}},
	})
	if len(ps) > 0 || !chain.Fits("a", "c") || chain.Fits("c", "a") || chain.FormatOf("a", "x").Extensions[0] != "x" {
		t.Errorf("a is b is c: %v", ps)
	}
}

func TestTypesProblems(t *testing.T) {
	data := `
types:
  a: {title: A, is: b, formats: {x: {extensions: x}}}
  b: {title: B, is: c}
  c: {title: C, is: a}
  d: {title: D, is: structur, formats: {x: {extensions: x}}}
  e: {title: E}
  structure: {title: S, formats: {y: {extensions: y}}}
  ok: {title: OK, is: structure}
`
	list, ps := steps.ParseTypes("t.yaml", []byte(data))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	types, ps := steps.NewTypes(list, []steps.Type{{Name: "structure"}})
	var got []string
	for _, p := range ps {
		got = append(got, p.String())
	}
	want := []string{
		`types.structure: The type structure is defined twice; the first is at t.yaml:8. Rename or remove one of them.`,
		`t.yaml:3: types.a.is: A type cannot be a kind of itself: a is b is c is a. Remove one of these.`,
		`t.yaml:6: types.d.is: There is no type "structur". Did you mean "structure"?`,
		`t.yaml:7: types.e: The type e has no formats. Add formats, or is: with a type that has some.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ok", "structure"}, types.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestParseTypesProblems(t *testing.T) {
	data := `
types:
  Protein: {title: P, formats: {x: {extensions: x}}}
  p:
    title: P
    edam: "1460"
    formats:
      x:
        extensions: [.pdb, pdb]
        media_type: text
        check:
          - {any_line: '('}
          - {starts_with: a, min_bytes: 3}
          - {message: hello}
          - {magic: "xyz"}
        length: {lines: a, characters: b}
`
	_, ps := steps.ParseTypes("t.yaml", []byte(data))
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%d %s: %s", p.Pos.Line, p.Path, p.Message))
	}
	want := []string{
		`3 types.Protein: "Protein" cannot name a type.`,
		`6 types.p.edam: "1460" has another form than is used here.`,
		`9 types.p.formats.x.extensions[0]: ".pdb" cannot be a file name extension.`,
		`10 types.p.formats.x.media_type: "text" has another form than is used here.`,
		"12 types.p.formats.x.check[0].any_line: The pattern is not valid: missing closing ): `(`.",
		`13 types.p.formats.x.check[1]: The rule has starts_with and min_bytes in one.`,
		`14 types.p.formats.x.check[2]: The rule checks nothing.`,
		`15 types.p.formats.x.check[3].magic: "xyz" is not bytes.`,
		`16 types.p.formats.x.length: The length rule must say what it counts, once.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
