package adapt_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

func ubiquitin(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../mol/testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const ubiquitinSequence = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"

// pdb writes a structure as a file.
func pdb(t *testing.T, s *mol.Structure) string {
	t.Helper()
	var b strings.Builder
	if err := mol.WritePDB(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func flat(float64) func(int) float64 { return func(int) float64 { return 10 } }

// residuesOf are those of a FASTA text.
func residuesOf(t *testing.T, fasta string) string {
	t.Helper()
	all, err := mol.ReadFASTA(strings.NewReader(fasta), nil)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d records, %v of\n%s", len(all), err, fasta)
	}
	return all[0].Residues
}

func TestProteinMPNN(t *testing.T) {
	l := newLab(t)
	l.standIn("python", "proteinmpnn", "")
	r := l.must("design", "proteinmpnn", given{
		inputs: map[string][]string{"structure": {ubiquitin(t)}},
		params: map[string]any{"num_sequences": 3, "fixed": "1-5,A:10"},
	})
	if n := len(r.Outputs["sequences"]); n != 3 {
		t.Fatalf("%d sequences of 3: is the input's among them?", n)
	}
	l.same("all", r.Metrics, map[string]float64{"mpnn_score": 0.8, "mpnn_global_score": 1, "recovery": 0.6, "n_residues": 76, "n_sequences": 3})
	for n := range 3 {
		residues := residuesOf(t, r.text("sequences", n))
		if residues == ubiquitinSequence || len(residues) != 76 {
			t.Errorf("sequence %d is %s", n, residues)
		}
		if residues[:5] != "MQIFV" || residues[9] != 'G' {
			t.Errorf("sequence %d does not keep 1-5 and 10: %s", n, residues)
		}
		l.same(fmt.Sprint(n), r.Outputs["sequences"][n].Metrics, map[string]float64{
			"mpnn_score": []float64{0.7, 0.8, 0.9}[n], "mpnn_global_score": []float64{0.9, 1, 1.1}[n], "recovery": []float64{0.5, 0.6, 0.7}[n],
		})
	}
	if again := l.must("design", "proteinmpnn", given{
		inputs: map[string][]string{"structure": {ubiquitin(t)}}, params: map[string]any{"num_sequences": 3, "fixed": "1-5,A:10"},
	}); again.text("sequences", 2) != r.text("sequences", 2) {
		t.Error("the same seed gave other sequences")
	}
	l.fails("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {ubiquitin(t)}}, params: map[string]any{"seed": 0}},
		steps.FailInput, "by 0 the tool means any seed")
	l.fails("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {ubiquitin(t)}}, params: map[string]any{"fixed": "99"}},
		steps.FailInput, "There is no residue 99 in the structure")
}

// Two chains are designed, a third stays: what is given are the two, in the
// order of the file and not of their letters, without the residues that are
// missing.
func TestProteinMPNNChains(t *testing.T) {
	s := &mol.Structure{Chains: []mol.Chain{chainOf("C", "MKVLAWYHQE", 1, flat(0)), chainOf("B", "GSTNDRKPFI", 5, flat(0)), chainOf("A", "WWWWHHHH", 1, flat(0))}}
	s.Chains[1].Residues = slices.Delete(s.Chains[1].Residues, 3, 5) // N and D are missing
	s.Chains[2].Residues[2].Name, s.Chains[2].Residues[2].Number, s.Chains[2].Residues[2].Insertion = "MSE", 2, 'A'
	s.Chains[2].Residues[2].Code = 'M'
	l := newLab(t)
	l.standIn("python", "proteinmpnn", "")
	g := given{inputs: map[string][]string{"structure": {pdb(t, s)}}, params: map[string]any{"num_sequences": 1, "chains": "C,B"}}
	r := l.must("design", "proteinmpnn", g)
	chains := strings.Split(residuesOf(t, r.text("sequences", 0)), "/")
	if len(chains) != 2 || len(chains[0]) != 10 || len(chains[1]) != 8 || r.Metrics["n_residues"] != 18 {
		t.Fatalf("the chains are %v, %v", chains, r.Metrics)
	}
	if n := strings.Count(residuesOf(t, l.must("design", "baseline", g).text("sequences", 0)), "/"); n != 1 {
		t.Errorf("the baseline gives %d chains", n+1)
	}
	// The stand-in writes position i of a chain as AminoAcids[(37+3i)%20].
	want := func(at ...int) string {
		var b strings.Builder
		for _, i := range at {
			b.WriteByte(mol.AminoAcids[(37+3*i)%20])
		}
		return b.String()
	}
	if w := want(0, 1, 2, 3, 4, 5, 6, 7, 8, 9); chains[0] != w {
		t.Errorf("chain C is %s, want %s", chains[0], w)
	}
	if w := want(0, 1, 2, 5, 6, 7, 8, 9); chains[1] != w {
		t.Errorf("chain B is %s, want %s: the residues that are missing count", chains[1], w)
	}

	l.standIn("python", "proteinmpnn", "one fewer")
	l.fails("design", "proteinmpnn", g, steps.FailOutputContract, "The tool made 0 sequences of 1")
	g.params["fixed"] = "C:3"
	l.standIn("python", "proteinmpnn", "careless")
	l.fails("design", "proteinmpnn", g, steps.FailOutputContract, "Residue 3 of chain C was to stay V")
}

// Backbones of RFdiffusion are all glycine: what comes out again says nothing.
func TestProteinMPNNOnABareBackbone(t *testing.T) {
	s := &mol.Structure{Chains: []mol.Chain{chainOf("A", strings.Repeat("G", 30), 1, flat(0))}}
	l := newLab(t)
	l.standIn("python", "proteinmpnn", "")
	r := l.must("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {pdb(t, s)}}, params: map[string]any{"num_sequences": 2}})
	if _, has := r.Metrics["recovery"]; has {
		t.Error("the recovery of glycine was measured")
	}
	trace := strings.Join(slices.DeleteFunc(strings.SplitAfter(ubiquitin(t), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "ATOM") && !strings.Contains(line, " CA ")
	}), "")
	l.fails("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {trace}}}, steps.FailInput, "this is a trace of CA atoms")
}

func TestLigandMPNN(t *testing.T) {
	l := newLab(t)
	l.standIn("python", "ligandmpnn", "")
	s := &mol.Structure{Chains: []mol.Chain{chainOf("B", "MKVLAWYHQE", 1, flat(0)), chainOf("A", "GSTNDRKPFI", 1, flat(0))}}
	g := given{inputs: map[string][]string{"structure": {pdb(t, s)}}, params: map[string]any{"num_sequences": 2, "chains": "B", "fixed": "2"}}
	r := l.must("design", "ligandmpnn", g)
	for n := range 2 {
		chains := strings.Split(residuesOf(t, r.text("sequences", n)), "/")
		if len(chains) != 1 || len(chains[0]) != 10 || chains[0] == "MKVLAWYHQE" || chains[0][1] != 'K' {
			t.Errorf("sequence %d is %v", n, chains)
		}
	}
	l.same("without a ligand", r.Metrics, map[string]float64{"ligandmpnn_confidence": 0.45, "recovery": 0.25, "n_residues": 10, "n_sequences": 2})

	g.inputs["structure"] = []string{strings.Replace(g.inputs["structure"][0], "END\n", "HETATM  999 FE   HEM A 200       5.000   5.000   5.000  1.00 10.00          FE\nEND\n", 1)}
	r = l.must("design", "ligandmpnn", g)
	l.same("with a ligand", r.Metrics, map[string]float64{"ligandmpnn_confidence": 0.45, "ligandmpnn_ligand_confidence": 0.3, "recovery": 0.25, "n_residues": 10, "n_sequences": 2})

	nameless := strings.ReplaceAll(pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLAWYHQE", 1, flat(0))}}), " A ", "   ")
	l.fails("design", "ligandmpnn", given{inputs: map[string][]string{"structure": {nameless}}}, steps.FailInput, "chains without a letter of their own")
}

func TestRFdiffusion(t *testing.T) {
	l := newLab(t)
	l.standIn("python3.9", "rfdiffusion", "")
	shard := func(seed, num int) []string {
		r := l.must("backbone", "rfdiffusion", given{params: map[string]any{"seed": seed, "num_backbones": num, "length": 40}})
		var texts []string
		for n := range num {
			text := r.text("structures", n)
			s, err := mol.ReadPDB(strings.NewReader(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Chains) != 1 || s.Chains[0].ID != "A" || s.Len() != 40 || s.Atoms() != 160 || s.Sequence() != strings.Repeat("G", 40) || s.Chains[0].Residues[0].Number != 1 {
				t.Errorf("backbone %d of seed %d is %d residues, %d atoms, %s", n, seed, s.Len(), s.Atoms(), s.Sequence())
			}
			if m := r.Outputs["structures"][n].Metrics; len(m) != 1 || m["radius_of_gyration"] <= 0 {
				t.Errorf("metrics %v", m)
			}
			if !strings.Contains(text, fmt.Sprintf("Design %d of RFdiffusion", seed+n)) {
				t.Errorf("backbone %d of seed %d does not say which design it is", n, seed)
			}
			texts = append(texts, strings.SplitN(text, "\n", 2)[1])
		}
		if r.Metrics["n_backbones"] != float64(num) {
			t.Errorf("metrics %v", r.Metrics)
		}
		return texts
	}
	whole := shard(0, 12)
	shards := slices.Concat(shard(0, 4), shard(4, 4), shard(8, 4))
	if !slices.Equal(whole, shards) {
		t.Error("three shards give other backbones than one run, in another order, or the same ones again")
	}
	distinct := map[string]bool{}
	for _, text := range whole {
		distinct[text] = true
	}
	if len(distinct) != 12 {
		t.Errorf("only %d backbones of 12 differ", len(distinct))
	}
	l.fails("backbone", "rfdiffusion", given{params: map[string]any{"seed": int64(4294967295), "num_backbones": 2}}, steps.FailInput, "give a smaller seed")

	g := given{params: map[string]any{"seed": 5, "num_backbones": 3, "length": 40}}
	for mood, want := range map[string]string{"one fewer": "The tool wrote no design_7.pdb", "short": "design_5.pdb has 39 residues, not one chain of 40", "no oxygen": "Residue 4 of chain A has no O"} {
		l.standIn("python3.9", "rfdiffusion", mood)
		l.fails("backbone", "rfdiffusion", g, steps.FailOutputContract, want)
	}
	l.standIn("python3.9", "rfdiffusion", "memory")
	l.fails("backbone", "rfdiffusion", g, steps.FailGPUOOM, "GPU memory ran out")
}

// What RFdiffusion makes goes on to ProteinMPNN and to every other step.
func TestRFdiffusionIntoProteinMPNN(t *testing.T) {
	l := newLab(t)
	l.standIn("python3.9", "rfdiffusion", "")
	l.standIn("python", "proteinmpnn", "")
	r := l.must("backbone", "rfdiffusion", given{params: map[string]any{"num_backbones": 1, "length": 40}})
	d := l.must("design", "proteinmpnn", given{inputs: map[string][]string{"structure": {r.text("structures", 0)}}, params: map[string]any{"num_sequences": 1}})
	if got := len(residuesOf(t, d.text("sequences", 0))); got != 40 {
		t.Errorf("a sequence of %d residues for a backbone of 40", got)
	}
	if b := l.must("design", "baseline", given{inputs: map[string][]string{"structure": {r.text("structures", 0)}}, params: map[string]any{"num_sequences": 1}}); len(b.Outputs["sequences"]) != 1 {
		t.Error("the baseline does not take it")
	}
	names := slices.Sorted(maps.Keys(d.Metrics))
	if !slices.Contains(names, "mpnn_score") || slices.Contains(names, "energy") {
		t.Errorf("ProteinMPNN measures %v", names)
	}
}
