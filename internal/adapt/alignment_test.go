package adapt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

// Alignments of one of several chains: what ColabFold makes of the file that it
// is given, and what Boltz reads for that chain.
func TestAlignmentOfAChain(t *testing.T) {
	for _, c := range []struct {
		name, sequence, alignment string
		unpaired                  []string // of ColabFold, by sequence
		paired                    []string
		copies                    []int
		rows                      []string // of Boltz, of the chain that it is of
		of                        string   // letters of those chains
	}{
		{
			name:     "a target and a binder",
			sequence: "MKVLA/GGST", alignment: ">target\nMKVLA\n>x\nMK-LA\n>y/1-5\twith a tab\n-rrKVaaL-q\n",
			// What stands behind the last column of a row has no column to be counted at.
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n>y/1-5 with a tab\n-rrKVaaL-\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MK-LA", "-rrKVaaL-q"}, of: "A",
		},
		{
			name:     "a binder and a target",
			sequence: "GGST/MKVLA", alignment: ">target\nMKVLA\n>x\nMK-LA\n>y\nrrM-VaaL-\n",
			unpaired: []string{">101\nGGST\n", ">102\nMKVLA\n>x\nMK-LA\n>y\nrrM-VaaL-\n"},
			paired:   []string{">101\nGGST\n", ">102\nMKVLA\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MK-LA", "rrM-VaaL-"}, of: "B",
		},
		{
			name:     "copies of the target around it",
			sequence: "MKVLA/GGST/MKVLA", alignment: ">target\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{2, 1}, rows: []string{"MKVLA", "MK-LA"}, of: "AC",
		},
		{
			name:     "the one in the middle of three, one copied",
			sequence: "GGST/MKVLA/WW/WW", alignment: ">target\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nGGST\n", ">102\nMKVLA\n>x\nMK-LA\n", ">103\nWW\n"},
			paired:   []string{">101\nGGST\n", ">102\nMKVLA\n", ">103\nWW\n"},
			copies:   []int{1, 1, 2}, rows: []string{"MKVLA", "MK-LA"}, of: "B",
		},
		{
			name:     "copies alone",
			sequence: "MKVLA/MKVLA", alignment: ">target\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nMKVLA\n"},
			copies:   []int{2}, rows: []string{"MKVLA", "MK-LA"}, of: "AB",
		},
		{
			name:     "one chain",
			sequence: "MKVLA", alignment: ">target\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n"},
			copies:   []int{1}, rows: []string{"MKVLA", "MK-LA"}, of: "A",
		},
		{
			name:     "as ColabFold leaves it of a target alone",
			sequence: "MKVLA/GGST", alignment: "#5\t1\n>101\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MK-LA"}, of: "A",
		},
		{
			name:     "as ColabFold leaves it of two copies",
			sequence: "MKVLA/GGST/MKVLA", alignment: "#5\t2\n>101\nMKVLA\n>x\nMK-LA\n",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{2, 1}, rows: []string{"MKVLA", "MK-LA"}, of: "AC",
		},
		{
			name:     "broken lines, empty ones, CRLF, comments, a byte order mark, dots for insertions",
			sequence: "MKVLA/GGST", alignment: "\ufeff#PF00001\r\n\r\n>target\r\nMK.\r\nVLA\r\n\r\n>x\r\nM K\r\n# half\r\n-.\r\nLA\r\n\r\n>y\r\nMKaVLA",
			unpaired: []string{">101\nMKVLA\n>x\nMK-LA\n>y\nMKaVLA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MK-LA", "MKaVLA"}, of: "A",
		},
		{
			name:     "gaps of the query are no columns of it",
			sequence: "MKVLA/GGST", alignment: ">target\nMK--VLA-\n>x\nMKWcY-LAR\n>y\nMK-W-LA-\n",
			unpaired: []string{">101\nMKVLA\n>x\nMKwcy-LA\n>y\nMKw-LA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MKwcy-LAr", "MKw-LA"}, of: "A",
		},
		{
			name:     "selenocysteine, and letters for several",
			sequence: "MUVBA/GGST", alignment: ">target\nMUVBA\n>x\nMU-JA\n",
			unpaired: []string{">101\nMCVXA\n>x\nMU-JA\n", ">102\nGGST\n"},
			paired:   []string{">101\nMCVXA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MCVXA", "MU-JA"}, of: "A",
		},
		{
			name:     "headers that no reader is to see",
			sequence: "MKVLA/GGST", alignment: ">target\nMKVLA\n>a\vb\fc\u0085d\u2028e\xffé\nMKVL-\n>" + strings.Repeat("long", 1000) + "\n-KVLA\n>\nMKV--\n",
			unpaired: []string{">101\nMKVLA\n>a_b_c__d___e___\nMKVL-\n>" + strings.Repeat("long", 256) + "\n-KVLA\n>\nMKV--\n", ">102\nGGST\n"},
			paired:   []string{">101\nMKVLA\n", ">102\nGGST\n"},
			copies:   []int{1, 1}, rows: []string{"MKVLA", "MKVL-", "-KVLA", "MKV--"}, of: "A",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.write("s.fasta", ">a\n"+c.sequence+"\n")
			b.write("a.a3m", c.alignment)
			b.must("colabfold prepare --sequence @/s.fasta --models 5 --alignment @/a.a3m --out @/in")
			u, err := unserializeMSA(filepath.Join(b.dir, "in/query.a3m"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(u.unpaired, c.unpaired) || !slices.Equal(u.paired, c.paired) || !slices.Equal(u.copies, c.copies) {
				t.Errorf("ColabFold has, of %v, %v,\nunpaired %q\npaired %q\nwant of %v\nunpaired %q\npaired %q\nof %q", u.unique, u.copies, u.unpaired, u.paired, c.copies, c.unpaired, c.paired, b.read("in/query.a3m"))
			}
			if _, err := u.featurize(); err != nil {
				t.Errorf("ColabFold says %v", err)
			}
			b.must("boltz prepare --sequence @/s.fasta --alignment @/a.a3m --out @/b")
			chains := strings.Split(strings.NewReplacer("U", "C", "B", "X").Replace(c.sequence), "/")
			want := "version: 1\nsequences:\n"
			for i, chain := range chains {
				letter, msa := string(rune('A'+i)), "empty"
				if strings.Contains(c.of, letter) {
					msa = b.dir + "/b/query.a3m"
				}
				want += fmt.Sprintf("  - protein:\n      id: %q\n      sequence: %q\n      msa: %q\n", letter, chain, msa)
			}
			if got := b.read("b/query.yaml"); got != want {
				t.Errorf("wrote\n%s\nwant\n%s", got, want)
			}
			rows, err := boltzMSA(filepath.Join(b.dir, "b/query.a3m"), c.rows[0])
			if err != nil || !slices.Equal(rows, c.rows) {
				t.Errorf("Boltz has %q (%v), want %q", rows, err, c.rows)
			}
		})
	}
}

// An alignment of all chains, in ColabFold's form, keeps its pairs.
func TestAlignmentOfAllChains(t *testing.T) {
	b := newBench(t)
	b.write("ab.fasta", ">a\nMKVLA/GG/MKVLA\n")
	for _, c := range []struct{ alignment, unpaired, paired string }{
		{
			"#5,2\t2,1\r\n>101\t102\r\nMKVLAGG\r\n>x\ty\r\nMK-LA\r\n-G\r\n>101\r\nMKVLA--\r\n>z\r\nMKVcL---\r\n>102\n-----GG\n>v\n-----aG-\n",
			">101\nMKVLA\n>z\nMKVcL-\n|>102\nGG\n>v\naG-\n", ">101\nMKVLA\n>x\nMK-LA\n|>102\nGG\n>y\n-G\n",
		},
		// Those of the file may come in another order, and need no rows of their own.
		{"#2,5\t1,2\n>q\tr\nGGMKVLA\n>x\ty\nG-MK-LA\n", ">101\nGG\n|>102\nMKVLA\n", ">101\nGG\n>x\nG-\n|>102\nMKVLA\n>y\nMK-LA\n"},
	} {
		b.write("ab.a3m", c.alignment)
		b.must("colabfold prepare --sequence @/ab.fasta --models 5 --alignment @/ab.a3m --out @/in")
		u, err := unserializeMSA(filepath.Join(b.dir, "in/query.a3m"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.featurize(); err != nil {
			t.Errorf("ColabFold says %v", err)
		}
		if got := strings.Join(u.unpaired, "|"); got != c.unpaired {
			t.Errorf("unpaired %q, want %q", got, c.unpaired)
		}
		if got := strings.Join(u.paired, "|"); got != c.paired {
			t.Errorf("paired %q, want %q", got, c.paired)
		}
	}
	b.refuses("boltz prepare --sequence @/ab.fasta --alignment @/ab.a3m --out @/b", "its first line is #2,5<tab>1,2), which Boltz does not read; give one in plain A3M of one chain, that chain first.")
}

func TestAlignmentsThatAreRefused(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ sequence, alignment, sentence string }{
		{"MKVLA/GGST", ">x\nMKVL\n", "begins with a sequence of 4 residues, which is none of the chains (5 + 4 residues); put the chain first that it is of. One of all chains, joined, begins with a line like #5,4<tab>1,1."},
		{"MKVLA/GGST", ">x\nMKVLAGGST\n", "a sequence of 9 residues, which is none of the chains (5 + 4 residues)"},
		{"MKVLA", ">x\nMKVLC\n>y\nMKVLA\n", "begins with another sequence (5 residues) than the one to predict (5 residues); put that one first"},
		{"MKVLA", ">x\nmkvla\n", "has small letters, which in A3M are insertions"},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\nMKVLA\n>z\nMKVcL\n", "Record 3 of the alignment has 4 columns (capitals and gaps), and its first sequence 5"},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\nMKVLA-\n", "Record 2 of the alignment has 6 columns"},
		{"MKVLA", ">x\nMKVLA\n>y\nMKVLAA\n", "Record 2 of the alignment has 6 columns"},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\n>z\nMKVLA\n", "Record 2 of the alignment has no sequence"},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\nMKV*A\n", `Record 2 of the alignment holds '*', which is neither a residue nor a gap`},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\nMKV\x00LA\n", "Line 4 of the alignment holds a NUL byte"},
		{"MKVLA/GGST", ">x\nMKVLA\n>y\x00\nMKVLA\n", "Line 3 of the alignment holds a NUL byte"},
		{"MKVLA", "MKVLA\n>x\nMKVLA\n", "Line 1 of the alignment stands before its first '>'"},
		{"MKVLA", "# nothing\n\n", "has no record that begins with '>'"},
		{"MKVLA", ">x\nMKVLA\n>y\n" + strings.Repeat(strings.Repeat("a", 1<<20)+"\n", 5), "The sequence of record 2 of the alignment is over 4 MiB long"},
		{"MKVLA", ">x\nMKVLA\n>" + strings.Repeat("a", 5<<20) + "\nMKVLA\n", "Line 3 of the alignment is over 4 MiB long"},
		{"MKVLA/MKVLA", "#5\t3\n>x\nMKVLA\n", "is #5<tab>3, and it is of 5 residues, which 2 of the chains have; leave that line out."},
		{"MKVLA/GGST", "#6\t1\n>x\nMKVLA\n", "is #6<tab>1, and it is of 5 residues, which 1 of the chains have; leave that line out."},
	} {
		b.write("s.fasta", ">a\n"+c.sequence+"\n")
		b.write("a.a3m", c.alignment)
		for _, tool := range []string{"colabfold prepare --models 5", "boltz prepare"} {
			b.refuses(tool+" --sequence @/s.fasta --alignment @/a.a3m --out @/in", c.sentence)
			if left, err := os.ReadDir(filepath.Join(b.dir, "in")); err != nil || len(left) > 0 {
				t.Errorf("%s left %v of %.40q (%v)", tool, left, c.alignment, err)
			}
		}
	}
	// Of all chains.
	b.write("s.fasta", ">a\nMKVLA/GGST/MKVLA\n")
	for alignment, sentence := range map[string]string{
		"#5,4\t1,1\n>x\nMKVLAGGST\n":                "is #5,4<tab>1,1, and of these chains (5 + 4 + 5 residues) it would be #5,4<tab>2,1; give an alignment of them, or of one of them without that line.",
		"#5,3\t2,1\n>x\nMKVLAGGS\n":                 "is #5,3<tab>2,1, and of these chains",
		"#5,4,5\t1,1\n>x\nMKVLAGGSTMKVLA\n":         "is none of the chains",
		"#5,4\t999999999,1\n>x\nMKVLAGGST\n":        "is #5,4<tab>999999999,1, and of these chains",
		"#5,999999999999\t2,1\n>x\nMKVLAGGST\n":     "is #5,999999999999<tab>2,1, and of these chains",
		"#5,4\t2,1\n>x\nMKVLAGGSTT\n":               "The first sequence of the alignment (10 residues) is not what its first line, #5,4<tab>2,1, says: the chains (5 + 4 + 5 residues), each sequence once, without gaps",
		"#5,4\t2,1\n>x\nMKVLAGGSS\n":                "is not what its first line",
		"#5,4\t2,1\n>x\nMKV-LAGGST\n":               "is not what its first line",
		"#5,4\t2,1\n>x\nMKVLAGGST\n>y\nMKVLAGGS\n":  "Record 2 of the alignment has 8 columns",
		"#5,4\t2,1\n>x\nMKVLAGGST\n>y\nMKVLAGGSt\n": "Record 2 of the alignment has 8 columns",
	} {
		b.write("a.a3m", alignment)
		b.refuses("colabfold prepare --models 5 --sequence @/s.fasta --alignment @/a.a3m --out @/in", sentence)
	}
}

// An alignment takes neither the memory nor the disk of whoever reads it.
func TestAlignmentsAreBounded(t *testing.T) {
	b := newBench(t)
	if err := os.Truncate(b.write("large.a3m", ">x\nMKVLA\n"), 512<<20+1); err != nil {
		t.Fatal(err)
	}
	b.write("s.fasta", ">a\nMKVLA\n")
	b.refuses("boltz prepare --sequence @/s.fasta --alignment @/large.a3m --out @/in", "The alignment is over 512 MiB; give a smaller one.")

	// 24 MiB of rows are read in far less.
	target := strings.Repeat("MKVLAWYHQE", 1000)
	b.write("s.fasta", ">a\n"+target+"/GG\n")
	b.write("deep.a3m", ">x\n"+target+"\n"+strings.Repeat(">y\n"+target+"\n", 2500))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.must("colabfold prepare --models 5 --sequence @/s.fasta --alignment @/deep.a3m --out @/in")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("an alignment of 24 MiB took %d MiB", took>>20)
	}

	// Rows of 6 bytes become rows of 100,000.
	b.write("s.fasta", ">a\nMKVLA/"+strings.Repeat("GSTNDRKPFI", 9999)+"\n")
	b.write("wide.a3m", ">x\nMKVLA\n"+strings.Repeat(">y\nMKVLA\n", 6000))
	b.refuses("colabfold prepare --models 5 --sequence @/s.fasta --alignment @/wide.a3m --out @/w", "With gaps for the other chains the alignment is over 512 MiB; leave out some of its sequences.")
}

// A file of Boltz says where its alignment is, whatever the folder is called.
func TestBoltzAlignmentInAnOddFolder(t *testing.T) {
	b := newBench(t)
	b.write("a.fasta", ">a\nMKVLA\n")
	rows := strings.Repeat(">b\nMK-LA\n", 20_000)
	b.write("a.a3m", ">a\nMKVLA\n"+rows)
	b.must("boltz prepare --sequence @/a.fasta --alignment @/a.a3m", "--out", `@/an: "odd" #folder`)
	if got := b.read(`an: "odd" #folder/query.yaml`); !strings.Contains(got, fmt.Sprintf(`msa: "%s/an: \"odd\" #folder/query.a3m"`, b.dir)) {
		t.Errorf("wrote\n%s", got)
	}
	// A file that is written anew in its place is as it was.
	b.must("boltz prepare --sequence @/a.fasta --alignment", b.dir+`/an: "odd" #folder/query.a3m`, "--out", `@/an: "odd" #folder`)
	if got := b.read(`an: "odd" #folder/query.a3m`); got != ">101\nMKVLA\n"+rows {
		t.Errorf("the alignment became %d bytes: %.100q", len(got), got)
	}
	b.must("boltz prepare --sequence @/a.fasta --out @/none")
	if got := b.read("none/query.yaml"); !strings.Contains(got, `msa: "empty"`) {
		t.Errorf("wrote\n%s", got)
	}
}

// By the library's definitions: an alignment counts for the chain that it is
// of, and models have their chains in the order of the sequence.
func TestFoldWithAnAlignment(t *testing.T) {
	l := newLab(t)
	l.standIn("colabfold_batch", "colabfold", "")
	l.standIn("boltz", "boltz", "")
	const target, binder = "MKVLAWYHQE", "GSTNDRKPFI"
	alignment := ">target\n" + target + "\n>b\nMKV-AaaWYHQE\n>c\nMKVLAW-HQE\n"
	for _, implementation := range []string{"colabfold", "boltz"} {
		metric := map[string]string{"colabfold": "alphafold_ptm", "boltz": "boltz_ptm"}[implementation]
		for _, chains := range [][]string{{target}, {target, binder}, {binder, target}, {target, target}, {target, binder, target}, {binder, target, binder}} {
			g := sequence(">a\n"+strings.Join(chains, "/")+"\n", nil)
			alone := l.must("fold", implementation, g).Metrics[metric]
			g.inputs["alignment"] = []string{alignment}
			r := l.must("fold", implementation, g)
			l.model(r, chains...)
			// In the stand-ins each row is worth 0.01; Boltz counts those of copies.
			want := 0.02
			if implementation == "boltz" && len(chains) > 1 && chains[0] == target && chains[len(chains)-1] == target {
				want = 0.04
			}
			if got := r.Metrics[metric] - alone; !near(got, want) || got == 0 {
				t.Errorf("%s of %v: the alignment is worth %g, want %g", implementation, chains, got, want)
			}
		}
		g := sequence(">a\n"+binder+"\n", nil)
		g.inputs["alignment"] = []string{alignment}
		l.fails("fold", implementation, g, steps.FailInput, "The alignment begins with another sequence")
	}
	// What was measured of each residue goes with its chain: in ColabFold's
	// files the binder comes last.
	s := l.model(l.must("fold", "colabfold", sequence(">a\nMKVLAWYHQ/GST/MKVLAWYHQ\n", nil)), "MKVLAWYHQ", "GST", "MKVLAWYHQ")
	for i, want := range []float64{85, 85 - 8, 85 - 9} {
		if got := s.Chains[i].Residues[0].Atom("CA").B; got != want {
			t.Errorf("chain %d begins with a pLDDT of %g, want %g", i, got, want)
		}
	}
}
