package draft_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/steps"
)

var update = flag.Bool("update", false, "write testdata anew")

// files are what is there where the command lines are typed.
var files = map[string]string{
	"ref.fa":     ">chr1\nACGTACGTACGTACGTACGTACGTACGTAC\n",
	"reads.fq":   "@r1\nACGT\n+\nIIII\n",
	"prot.fasta": ">a\nMVLSPADKTNVKAAW\n>b\nMVHLTPEEKSAVTAL\n",
	"a.csv":      "x,y\n1,2\n", "b.csv": "x,y\n1,2\n", "c.csv": "x,y\n1,2\n",
	"model.pdb": "ATOM      2  CA  MET A   1      26.266  25.413   2.842  1.00 10.38           C\nATOM      3  CG  MET A   1      26.913  26.639   3.531  1.00 10.38           C\n",
	"count.py":  "print(1)\n",
	"blob":      "\x00\x01\x02",
	"done.vcf":  "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
}

func look(path string) draft.File {
	f := draft.File{Path: filepath.Join("/home/me", path)}
	content, there := files[filepath.Clean(path)]
	switch {
	case there:
		f.There, f.Head, f.Whole = true, []byte(content), true
	case path == "weights" || path == "results":
		f.There, f.Folder = true, true
	}
	if path == "ref.fa" {
		f.Beside = []string{"ref.fa.bwt", "ref.fa.gz"}
	}
	return f
}

func read(t *testing.T, name string, words []draft.Word) (*draft.Draft, []draft.Sample, error) {
	t.Helper()
	types, err := steps.LibraryTypes()
	if err != nil {
		t.Fatal(err)
	}
	return draft.Read(draft.Command{
		Name: name, Words: words, Types: types, Look: look,
		Found: func(program string) bool { return program != "no-such-tool" },
	})
}

// TestCommandLines: each line becomes the definition that testdata has, which
// is sound.
func TestCommandLines(t *testing.T) {
	types, err := steps.LibraryTypes()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, line, samples string }{
		{"redirected", `bwa mem -t 4 -R "@RG\tID:x" ref.fa reads.fq > aligned.sam 2> log.txt`, "sequence=ref.fa reads=reads.fq"},
		{"piped", `bwa mem --threads 2 ref.fa reads.fq | samtools sort -o sorted.bam -`, "sequence=ref.fa reads=reads.fq"},
		{"flags", `hmmsearch --cpu 2 --seed=42 -E 1e-5 --tblout hits.tbl globins.hmm prot.fasta`, "input=globins.hmm sequence_set=prot.fasta"},
		{"script", `python3 count.py --min-length 30 prot.fasta -o counts.csv`, "sequence_set=prot.fasta"},
		{"printing", `OMP_NUM_THREADS=2 wc -l < reads.fq`, "reads=reads.fq"},
		{"positional", `convert model.pdb model.cif 5`, "structure=model.pdb"},
		{"folders", `predict --weights weights --out-dir results --prefix x model.pdb`, "structure=model.pdb"},
		{"many", `cat a.csv b.csv c.csv > all.csv`, "table=a.csv table=b.csv table=c.csv"},
		{"two", `paste a.csv b.csv`, "table=a.csv table_2=b.csv"},
		{"existing", `bcftools view -O v -o done.vcf done.vcf`, "variants=done.vcf"},
		{"named", `score --reference model.pdb --model=model.pdb --scale -1.5 --mode fast --verbose`, "reference=model.pdb model=model.pdb"},
		{"words", `tool --ref-fasta ref.fa --structures=model.pdb --quick prot.fasta --in-table gone.csv --log run.log`, "ref_fasta=ref.fa structures=model.pdb sequence_set=prot.fasta in_table=gone.csv"},
		{"binary", `strings blob`, "input=blob"},
		{"hostile", `tool --text '$(work) it'\''s; rm -rf "x"' prot.fasta '' '#not' "a b" && tool2 '$(params.x)' > out.txt`, "sequence_set=prot.fasta"},
		{"own_program", `./count.py no-such-file.pdb out.pdb`, "structure=no-such-file.pdb"},
		{"variables", `A=1 B="x y" sort reads.fq 2>&1 | uniq -c`, "reads=reads.fq"},
		{"clash", `tool --work 1 --inputs 2 --x 3 --x 4 -t 1 -T 2 --seed 1 prot.fasta`, "sequence_set=prot.fasta"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			words, err := draft.ReadLine(tt.line)
			if err != nil {
				t.Fatal(err)
			}
			d, samples, err := read(t, tt.name, words)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", tt.name+".yaml")
			if *update {
				if err := os.WriteFile(file, d.Text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(d.Text)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			step, problems := steps.ParseStep(file, d.Text)
			if problems = append(problems, types.CheckPorts("inputs", step.Inputs)...); len(problems) > 0 {
				t.Error(problems)
			}
			if marks := strings.Count(string(d.Text), "FILL IN: "); marks != d.Open {
				t.Errorf("it has %d marks and says %d", marks, d.Open)
			}
			var got []string
			for _, s := range samples {
				got = append(got, s.Input+"="+s.Path)
			}
			if strings.Join(got, " ") != tt.samples {
				t.Errorf("samples %q, want %q", got, tt.samples)
			}
		})
	}
}

// The words of an argv are taken as they are: what a shell has done it does
// not do again.
func TestReadArgs(t *testing.T) {
	d, _, err := read(t, "argv", draft.ReadArgs([]string{"grep", "-c", "$HOME *", "prot.fasta", ">", "n.txt"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`default: "$HOME *"`, "n.txt"} {
		if !strings.Contains(string(d.Text), want) {
			t.Errorf("no %s in\n%s", want, d.Text)
		}
	}
}

func TestReadLine(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{`a  b	c`, []string{"a", "b", "c"}},
		{`'a b' "c d" e\ f g'h'"i"`, []string{"a b", "c d", "e f", "ghi"}},
		{`"\"\\\$\a" '\'`, []string{`"\$\a`, `\`}},
		{`a>b 2>c <d|e`, []string{"a", ">", "b", "2>", "c", "<", "d", "|", "e"}},
		{`a2>b`, []string{"a2", ">", "b"}},
		{`a 2>&1 >>b && c; d # all`, []string{"a", "2>&1", ">>", "b", "&&", "c", ";", "d"}},
		{"a \\\n b", []string{"a", "b"}},
		{`'' ""`, []string{"", ""}},
		{``, nil},
	} {
		words, err := draft.ReadLine(tt.line)
		var got []string
		for _, w := range words {
			got = append(got, w.Text)
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q %v, want %q", tt.line, got, err, tt.want)
		}
	}
	for line, want := range map[string]string{
		`a $HOME`: "$", "a `b`": "`", `a "$(b)"`: "$", `(a)`: "(", `a &`: "&", `~/a`: "~", `a 'b`: "' is not closed", `a "b`: `" is not closed`, `a \`: "backslash", `! a`: "!",
	} {
		if _, err := draft.ReadLine(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something about %s", line, err, want)
		}
	}
}

func TestWhatIsNoCommand(t *testing.T) {
	for line, want := range map[string]string{
		`| a`: "no program before", `a |`: "ends without a program", `a >`: "no file follows", `a > | b`: "no file follows",
		`X=1`: "names no program", `ls *.fa`: "pattern *.fa", `> a`: "ends without a program", `a '${inputs.x}'`: "looks like a reference",
	} {
		words, err := draft.ReadLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t, "none", words); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want …%s…", line, err, want)
		}
	}
}

func TestBlankIsSound(t *testing.T) {
	d := draft.Blank("beginning_of")
	step, problems := steps.ParseStep("blank.yaml", d.Text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if marks := strings.Count(string(d.Text), "FILL IN: "); step.Name != "beginning_of" || marks != d.Open || marks == 0 {
		t.Errorf("%s with %d marks, says %d", step.Name, marks, d.Open)
	}
}
