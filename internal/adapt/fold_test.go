package adapt_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

// sequence is a call of fold.
func sequence(fasta string, params map[string]any) given {
	return given{inputs: map[string][]string{"sequence": {fasta}}, params: params}
}

// model reads the structure of a fold and wants it to be of these chains, from
// A on, each numbered from 1.
func (l *lab) model(r *result, chains ...string) *mol.Structure {
	l.Helper()
	s, err := mol.ReadPDB(strings.NewReader(r.text("structure", 0)), nil)
	if err != nil {
		l.Fatal(err)
	}
	if got, want := s.Sequence(), strings.Join(chains, "/"); got != want {
		l.Errorf("the model is of %s, want %s", got, want)
	}
	for i, c := range s.Chains {
		if c.ID != string(rune('A'+i)) || c.Residues[0].Number != 1 {
			l.Errorf("chain %d is %s from %d", i, c.ID, c.Residues[0].Number)
		}
	}
	if r.Metrics["n_chains"] != float64(len(chains)) || r.Metrics["n_residues"] != float64(s.Len()) || !(r.Metrics["radius_of_gyration"] > 0) {
		l.Errorf("metrics %v", r.Metrics)
	}
	return s
}

// meanB is the mean B-factor of the CA atoms.
func meanB(s *mol.Structure) float64 {
	sum := 0.0
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			sum += s.Chains[i].Residues[j].Atom("CA").B
		}
	}
	return sum / float64(s.Len())
}

func near(a, b float64) bool { return math.Abs(a-b) < 0.01 }

func TestESMFold(t *testing.T) {
	l := newLab(t)
	for _, mood := range []string{"", "fractions"} {
		l.standIn("esm-fold", "esm-fold", mood)
		r := l.must("fold", "esmfold", sequence(">../../etc/passwd|a b:c/d\n"+ubiquitinSequence+"\n", map[string]any{"recycles": 2}))
		s := l.model(r, ubiquitinSequence)
		// 60 + k%20 over 76 residues.
		want := 0.0
		for k := range 76 {
			want += float64(60+k%20) / 76
		}
		if got := r.Metrics["esmfold_plddt"]; !near(got, want) || !near(meanB(s), want) {
			t.Errorf("%q: pLDDT %g in the metrics and %g in the model, want %g of 100", mood, got, meanB(s), want)
		}
	}
	// Chains are joined by ':' for it, and come out as chains.
	l.fails("fold", "esmfold", sequence(">a\nMKVXA\n", nil), steps.FailInput, "has X, of which ESMFold places no atoms")
	r := l.must("fold", "esmfold", sequence(">a\nMKVLAWYHQE/GSTNDRKPFI\n", nil))
	l.model(r, "MKVLAWYHQE", "GSTNDRKPFI")

	l.standIn("esm-fold", "esm-fold", "memory")
	l.fails("fold", "esmfold", sequence(">a\n"+ubiquitinSequence+"\n", nil), steps.FailGPUOOM, "GPU memory ran out")
}

func TestColabFold(t *testing.T) {
	l := newLab(t)
	for _, mood := range []string{"", "fractions"} {
		l.standIn("colabfold_batch", "colabfold", mood)
		r := l.must("fold", "colabfold", sequence(">evil; rm -rf / #\n"+ubiquitinSequence+"\n", map[string]any{"models": 3, "seed": 7}))
		s := l.model(r, ubiquitinSequence)
		want := 0.0
		for k := range 76 {
			want += (85 - float64(k%10)) / 76
		}
		if got := r.Metrics["alphafold_plddt"]; !near(got, want) || !near(meanB(s), want) {
			t.Errorf("%q: pLDDT %g in the metrics and %g in the model, want %g of 100: rank 1 of 3", mood, got, meanB(s), want)
		}
		if r.Metrics["alphafold_ptm"] != 0.81 || r.Metrics["alphafold_pae"] != 4 {
			t.Errorf("%v", r.Metrics)
		}
		if _, has := r.Metrics["alphafold_iptm"]; has {
			t.Error("a single chain has an interface")
		}
	}
	l.standIn("colabfold_batch", "colabfold", "")
	r := l.must("fold", "colabfold", sequence(">a\nMKVLAWYHQE/GSTNDRKPFI\n", map[string]any{"models": 2}))
	l.model(r, "MKVLAWYHQE", "GSTNDRKPFI")
	if r.Metrics["alphafold_iptm"] != 0.66 || r.Metrics["alphafold_interface_pae"] != 12 || !(r.Metrics["alphafold_pae"] < 12) {
		t.Errorf("%v", r.Metrics)
	}
	l.standIn("colabfold_batch", "colabfold", "memory")
	l.fails("fold", "colabfold", sequence(">a\n"+ubiquitinSequence+"\n", nil), steps.FailGPUOOM, "GPU memory ran out")
}

func TestBoltz(t *testing.T) {
	l := newLab(t)
	l.standIn("boltz", "boltz", "")
	r := l.must("fold", "boltz", sequence(">a: [x]\n"+ubiquitinSequence+"\n", map[string]any{"models": 2, "recycles": 3}))
	s := l.model(r, ubiquitinSequence)
	if r.Metrics["boltz_plddt"] != 80 || !near(meanB(s), 80) || r.Metrics["boltz_ptm"] != 0.84 || r.Metrics["boltz_confidence"] != 0.81 {
		t.Errorf("%v, B-factors %g", r.Metrics, meanB(s))
	}
	if _, has := r.Metrics["boltz_iptm"]; has {
		t.Error("a single chain has an interface")
	}
	// Boltz puts chains of one sequence together.
	r = l.must("fold", "boltz", sequence(">a\nMKVLAWYHQE/GSTNDRKPFI/MKVLAWYHQE\n", nil))
	l.model(r, "MKVLAWYHQE", "GSTNDRKPFI", "MKVLAWYHQE")
	if r.Metrics["boltz_iptm"] != 0.69 {
		t.Errorf("%v", r.Metrics)
	}
	l.standIn("boltz", "boltz", "memory")
	l.fails("fold", "boltz", sequence(">a\n"+ubiquitinSequence+"\n", nil), steps.FailGPUOOM, "GPU memory ran out")
}

// Of every predictor the model is of the sequence that was given, or refused.
func TestFoldOfAnotherProtein(t *testing.T) {
	b := newBench(t)
	b.write("a.fasta", ">a\nMKVLA\n")
	b.write("raw/query.pdb", pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVL", 1, func(int) float64 { return 50 })}}))
	b.refuses("esmfold finish --sequence @/a.fasta --from @/raw --out @/out", "they are not of the same protein")
	b.write("raw/query.pdb", pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLA", 1, func(int) float64 { return 120 })}}))
	b.refuses("esmfold finish --sequence @/a.fasta --from @/raw --out @/out", "120 is no pLDDT")
	b.write("raw/query.pdb", pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLA", 1, func(int) float64 { return 50 })}}))
	b.must("esmfold finish --sequence @/a.fasta --from @/raw --out @/out")
	if got := b.metrics().Metrics["esmfold_plddt"]; got != 50 {
		t.Errorf("pLDDT %g", got)
	}
	b.refuses("esmfold finish --sequence @/a.fasta --from @/raw --out @/out", "of an earlier run already")
}

func TestColabFoldScores(t *testing.T) {
	b := newBench(t)
	b.write("a.fasta", ">a\nMKVLA\n")
	b.write("raw/query_unrelaxed_rank_001_x.pdb", pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLA", 1, func(int) float64 { return 50 })}}))
	for scores, want := range map[string]string{
		`{"plddt": [90, 90, 90, 90]}`:                               "pLDDT values of 4 residues, and the model has 5",
		`{"plddt": [90, 90, 90, 90, 101]}`:                          "101 is no pLDDT",
		`{"plddt": [90, 90, 90, 90, 90], "pae": [[1]]}`:             "aligned errors are of 1 residues",
		`{"plddt": [90, 90, 90, 90, 90], "pae": [[],[],[],[],[1]]}`: "Row 1 of the predicted aligned errors",
		`{"plddt": [90, NaN, 90, 90, 90]}`:                          "is not the JSON that the tool writes",
		``:                                                          "is not the JSON that the tool writes",
	} {
		b.write("raw/query_scores_rank_001_x.json", scores)
		b.refuses("colabfold finish --sequence @/a.fasta --from @/raw --out @/out", want)
	}
	b.write("raw/query_scores_rank_001_y.json", "{}")
	b.refuses("colabfold finish --sequence @/a.fasta --from @/raw --out @/out", "wrote 2 files query_scores_rank_001_*.json")
	b.refuses("colabfold prepare --sequence @/a.fasta --models 6 --out @/in", "ask for 5 or fewer")
	b.refuses("colabfold prepare --sequence @/a.fasta --models many --out @/in", "give a whole number")
}
