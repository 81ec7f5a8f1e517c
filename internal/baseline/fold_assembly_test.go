package baseline

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

// foldFile folds a sequence by the command and reads the model.
func foldFile(t *testing.T, sequence string) (model *mol.Structure, pdb, stdout string) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.fasta"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte(">complex\n"+sequence+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said, stderr bytes.Buffer
	if code := runFold(context.Background(), []string{"--sequence", in, "--models", "2", "--out", out}, &said, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	data, err := os.ReadFile(filepath.Join(out, "model.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	model, err = mol.ReadPDB(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return model, string(data), said.String()
}

func TestFoldSeveralChains(t *testing.T) {
	const first, peptide = "GSEAMLEALAEKGNPVTVYV", "MKV"
	s, pdb, stdout := foldFile(t, first+"/"+peptide+":"+first)
	if s.Sequence() != first+"/"+peptide+"/"+first {
		t.Fatalf("the model has the sequence %s", s.Sequence())
	}
	for i, c := range s.Chains {
		if want := string("ABC"[i]); c.ID != want {
			t.Errorf("chain %d is called %s, want %s", i+1, c.ID, want)
		}
		for j, r := range c.Residues {
			if r.Number != j+1 {
				t.Errorf("residue %d of chain %s has the number %d", j+1, c.ID, r.Number)
			}
		}
	}
	for i := range s.Chains {
		for j := i + 1; j < len(s.Chains); j++ {
			if d := nearest(&s.Chains[i], &s.Chains[j]); d < chainGap-0.01 {
				t.Errorf("chains %s and %s are %.2f Å apart", s.Chains[i].ID, s.Chains[j].ID, d)
			}
		}
	}

	// A chain folds beside others as it does alone, and twice alike.
	alone, alonePDB, aloneStdout := foldFile(t, first)
	want := compare.CATrace(alone)
	for _, i := range []int{0, 2} {
		got := compare.CATrace(&mol.Structure{Chains: s.Chains[i : i+1]})
		if rmsd := mol.RMSD(mol.Superpose(got, want), got, want); rmsd > 0.01 {
			t.Errorf("chain %s is %.3f Å from the one folded alone", s.Chains[i].ID, rmsd)
		}
	}

	// The model says that it predicts no interface; one of one chain has none
	// to speak of.
	for _, text := range []string{"FOLDED ONE AT A TIME", "NO INTERFACE WAS PREDICTED"} {
		if !strings.Contains(pdb, text) {
			t.Errorf("the model does not say %q", text)
		}
		if strings.Contains(alonePDB, text) {
			t.Errorf("the model of one chain says %q", text)
		}
	}
	if !strings.Contains(stdout, "no interface is predicted") || strings.Contains(aloneStdout, "interface") {
		t.Errorf("stdout is %q of three chains, %q of one", stdout, aloneStdout)
	}
	progress := regexp.MustCompile(`model \d+/\d+`).FindAllString(stdout, -1)
	if !slices.Equal(progress, []string{"model 1/6", "model 2/6", "model 3/6", "model 4/6", "model 5/6", "model 6/6"}) {
		t.Errorf("progress is %q", progress)
	}
}

// nearest is the least distance of two atoms of two chains.
func nearest(a, b *mol.Chain) float64 {
	least := 1e9
	for _, p := range a.Residues {
		for _, q := range b.Residues {
			for _, x := range p.Atoms {
				for _, y := range q.Atoms {
					least = min(least, x.Pos.Distance(y.Pos))
				}
			}
		}
	}
	return least
}

func TestAssemblyMetrics(t *testing.T) {
	chain := func(n int) backbone {
		angles := make([]torsions, n)
		for i := range angles {
			angles[i] = torsions{radians(-62), radians(-43)}
		}
		return build(angles)
	}
	a := assembly{
		{strings.Repeat("A", 30), chain(30), -2, slices.Repeat([]float64{90}, 30)},
		{strings.Repeat("A", 10), chain(10), -1, slices.Repeat([]float64{50}, 10)},
	}
	before := a.metrics()
	a.spread()
	m := a.metrics()
	for name, x := range before {
		if m[name] != x {
			t.Errorf("%s is %g of chains side by side, %g of chains apart", name, m[name], x)
		}
	}
	for name, want := range map[string]float64{"n_residues": 40, "n_chains": 2, "agreement": 80, "energy": -1.75} {
		if m[name] != want {
			t.Errorf("%s is %g, want %g", name, m[name], want)
		}
	}
	if m["helix_fraction"] < 0.8 || m["strand_fraction"] != 0 {
		t.Errorf("two helices are %g helix and %g strand", m["helix_fraction"], m["strand_fraction"])
	}
}

// A refolded complex is scored chain by chain against its reference, whatever
// the reference calls and numbers its chains.
func TestFoldedChainsCorrespond(t *testing.T) {
	model, _, _ := foldFile(t, "GSEAMLEALAEKGNPVTVYV/MKVLAAGIVGMKV")
	for _, c := range []struct {
		name  string
		ids   string
		first int
	}{
		{"as folded", "AB", 1},
		{"other names", "HL", 1},
		{"one name alike", "BC", 1},
		{"names crossed", "BA", 1},
		{"other numbers", "AB", 101},
	} {
		var reference mol.Structure
		for i, chain := range model.Chains {
			r := mol.Chain{ID: c.ids[i : i+1], Residues: slices.Clone(chain.Residues)}
			for j := range r.Residues {
				// A designed sequence is not that of the reference.
				r.Residues[j].Code, r.Residues[j].Name = "STQ"[j%3], mol.ThreeLetter("STQ"[j%3])
				r.Residues[j].Number = c.first + j
			}
			reference.Chains = append(reference.Chains, r)
		}
		s, _, err := scoreModel(model, &reference, compare.Auto)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.Coverage != 1 || s.RMSD > 1e-6 {
			t.Errorf("%s: paired by %s, %.2f of the reference, %.2f Å", c.name, s.By, s.Coverage, s.RMSD)
		}
	}
}
