package compare

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

const ubiquitinSequence = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"

func ubiquitin(t *testing.T) *mol.Structure {
	t.Helper()
	s, err := tool.ReadStructure("../mol/testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// traced is a structure of CA atoms along a wave, one chain a sequence,
// numbered from the number given.
func traced(first int, sequences ...string) *mol.Structure {
	s := &mol.Structure{}
	for c, sequence := range sequences {
		chain := mol.Chain{ID: string(rune('A' + c))}
		for i := range len(sequence) {
			x := float64(i)
			chain.Residues = append(chain.Residues, mol.Residue{
				Name: mol.ThreeLetter(sequence[i]), Code: sequence[i], Number: first + i,
				Atoms: []mol.Atom{{Name: "CA", Element: "C", Pos: mol.Vec{2 * x, 5 * float64(i%3), 20 * float64(c)}}},
			})
		}
		s.Chains = append(s.Chains, chain)
	}
	return s
}

func renamed(s *mol.Structure, id string) *mol.Structure {
	s.Chains[0].ID = id
	return s
}

// joined is the chains of several structures.
func joined(all ...*mol.Structure) *mol.Structure {
	s := &mol.Structure{}
	for _, one := range all {
		s.Chains = append(s.Chains, one.Chains...)
	}
	return s
}

// named gives chains their names, a letter each.
func named(ids string, s *mol.Structure) *mol.Structure {
	for i := range s.Chains {
		s.Chains[i].ID = ids[i : i+1]
	}
	return s
}

func TestCorrespond(t *testing.T) {
	const u = ubiquitinSequence
	glycine := strings.Repeat("G", len(u))
	designed := "MRVRVETLDGREYTFDVDPNDTVADLKRKIEEKLGIPVEDQVLLFNGKVLDDNKKLSDYGIGNNAHIRLVKRKVGG"
	helix := strings.Repeat("LKEA", 13)
	other := "AKRWYVPEHCQDWTNGFSLIMAKRWYVPEHCQDWTNGFSLIMAKRWYVPEHC"
	tests := []struct {
		name             string
		model, reference *mol.Structure
		by               string
		pairs            int
		firstModel       int // number of the model's first paired residue
	}{
		{"the same", traced(1, u), traced(1, u), Numbers, 76, 1},
		{"another chain id", renamed(traced(1, u), "B"), traced(1, u), Numbers, 76, 1},
		{"a designed sequence, numbered the same", traced(1, designed), traced(1, u), Numbers, 76, 1},
		{"a designed sequence on a backbone of glycine", traced(1, designed), traced(1, glycine), Numbers, 76, 1},
		{"a designed sequence, numbered from 1", traced(1, designed), traced(27, u), Positions, 76, 1},
		{"the same sequence, numbered from 1", traced(1, u), traced(27, u), Alignment, 76, 1},
		{"a truncated model with its numbers", traced(11, u[10:60]), traced(1, u), Numbers, 50, 11},
		{"a truncated model, numbered from 1", traced(1, u[10:60]), traced(1, u), Alignment, 50, 1},
		{"the same length, but shifted", traced(5, u[4:74]), traced(1, u[:70]), Numbers, 66, 5},
		{"the same length, but shifted and numbered from 1", traced(1, u[4:74]), traced(1, u[:70]), Alignment, 66, 1},
		{"a loop left out, numbered from 1", traced(1, u[:30]+u[40:]), traced(1, u), Alignment, 66, 1},
		{"two chains", traced(1, u, other), traced(1, u, other), Numbers, 76 + 52, 1},
		{"two chains in other words", traced(1, designed, other), traced(100, u, other), Positions, 76 + 52, 1},
		{"a redesigned chain beside its target, numbered from 1", joined(traced(1, u), renamed(traced(1, other), "B")), joined(traced(1, u), renamed(traced(77, helix), "B")), Positions, 76 + 52, 1},
		{"the same, the target numbered otherwise, too", joined(traced(1, u+u), renamed(traced(1, other[:15]), "B")), joined(traced(20, u+u), renamed(traced(300, helix[:15]), "B")), Positions, 2*76 + 15, 1},
		{"two copies under other names", named("AB", traced(1, u, u)), named("BC", traced(1, u, u)), Numbers, 2 * 76, 1},
		{"one chain of two", traced(1, u), traced(1, u, other), Numbers, 76, 1},
		{"another sequence with the same numbers", traced(1, other), traced(1, u), Numbers, 52, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Correspond(test.model, test.reference, Auto)
			if err != nil {
				t.Fatal(err)
			}
			if c.By != test.by || len(c.Pairs) != test.pairs {
				t.Fatalf("%d pairs by %s, want %d by %s", len(c.Pairs), c.By, test.pairs, test.by)
			}
			if n := c.Pairs[0].Model.Number; n != test.firstModel {
				t.Errorf("begins with residue %d of the model, want %d", n, test.firstModel)
			}
		})
	}
}

func TestCorrespondRefuses(t *testing.T) {
	tests := []struct {
		name             string
		model, reference *mol.Structure
		how, text        string
	}{
		{"nothing in common", traced(500, "AKRWYVPEHCQDWTNG"), traced(1, ubiquitinSequence), Auto, "It cannot be told which residues"},
		{"no numbers in common", traced(500, ubiquitinSequence), traced(1, ubiquitinSequence), Numbers, "same chain and number"},
		{"not the same length", traced(1, "AKRW"), traced(1, ubiquitinSequence), Positions, "differ in length"},
	}
	for _, test := range tests {
		_, err := Correspond(test.model, test.reference, test.how)
		if err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestAlign(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"MKVLA", "MKVLA", "MKVLA/MKVLA"},
		{"KVL", "AAMKVLWW", "KVL/KVL"},
		{"WWWHHHHCCCC", "WWWCCCC", "WWWCCCC/WWWCCCC"},
		{"", "MKV", "/"},
		{"XXXX", "XXXX", ""}, // X matches nothing, so gaps are as good
	}
	for _, test := range tests {
		var a, b strings.Builder
		for _, p := range align(test.a, test.b) {
			a.WriteByte(test.a[p[0]])
			b.WriteByte(test.b[p[1]])
		}
		if got := a.String() + "/" + b.String(); got != test.want && test.want != "" {
			t.Errorf("align(%s, %s) = %s, want %s", test.a, test.b, got, test.want)
		}
	}
}

// TestBLOSUM62 checks sums of the matrix against those of the published one.
func TestBLOSUM62(t *testing.T) {
	table := blosum62()
	for _, check := range []struct {
		a, b byte
		want int8
	}{{'W', 'W', 11}, {'A', 'R', -1}, {'I', 'V', 3}, {'F', 'Y', 3}, {'C', 'E', -4}, {'D', 'E', 2}, {'X', 'A', -1}, {'V', 'V', 4}, {'H', 'Y', 2}} {
		if got := table[check.a&31][check.b&31]; got != check.want || got != table[check.b&31][check.a&31] {
			t.Errorf("%c with %c scores %d, want %d", check.a, check.b, got, check.want)
		}
	}
}

func TestClashes(t *testing.T) {
	if n := Clashes(ubiquitin(t)); n != 0 {
		t.Errorf("%d clashes in a crystal structure", n)
	}
	squeezed := ubiquitin(t)
	for i := range squeezed.Chains[0].Residues {
		for j := range squeezed.Chains[0].Residues[i].Atoms {
			a := &squeezed.Chains[0].Residues[i].Atoms[j]
			a.Pos = a.Pos.Scale(0.7)
		}
	}
	if n := Clashes(squeezed); n < 100 {
		t.Errorf("%d clashes in a squeezed structure", n)
	}
	trace := traced(1, "AAAA")
	trace.Chains[0].Residues[3].Atoms[0].Pos = trace.Chains[0].Residues[0].Atoms[0].Pos.Add(mol.Vec{0, 0, 3.5})
	if n := Clashes(trace); n != 1 {
		t.Errorf("%d clashes of two CA atoms 3.5 Å apart", n)
	}
}
