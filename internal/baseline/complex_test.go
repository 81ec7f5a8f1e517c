package baseline

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

// writtenPDB writes a structure into a new folder.
func writtenPDB(t *testing.T, s *mol.Structure) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.pdb")
	if err := writeFile(path, func(w io.Writer) error { return mol.WritePDB(w, s) }); err != nil {
		t.Fatal(err)
	}
	return path
}

// cutInTwo is ubiquitin, cut in two: A of 45 residues and B of 31, numbered
// on or anew.
func cutInTwo(t *testing.T, anew bool) *mol.Structure {
	all := ubiquitin(t).Chains[0].Residues
	b := slices.Clone(all[45:])
	for i := range b {
		if anew {
			b[i].Number = i + 1
		}
	}
	return &mol.Structure{Chains: []mol.Chain{{ID: "A", Residues: all[:45]}, {ID: "B", Residues: b}}}
}

// TestSuperposed: the model comes back laid over the reference, with all else
// that it had.
func TestSuperposed(t *testing.T) {
	for _, p := range ubiquitinPairs(t) {
		out := filepath.Join(t.TempDir(), "out")
		code, _, stderr := runBaseline("score", "--model", writtenPDB(t, p.model), "--reference", writtenPDB(t, p.reference), "--match", "numbers", "--out", out)
		if code != exitDone {
			t.Fatalf("%s: exit code %d\n%s", p.name, code, stderr)
		}
		moved, err := readStructure(filepath.Join(out, "superposed.pdb"))
		if err != nil {
			t.Fatal(err)
		}
		s, c, err := scoreModel(moved, p.reference, compare.Numbers)
		if err != nil {
			t.Fatal(err)
		}
		model, reference := c.CAs()
		if asItLies := mol.RMSD(mol.Identity(), model, reference); math.Abs(asItLies-s.RMSD) > 0.002 {
			t.Errorf("%s: as it lies it is %.3f Å from the reference, superposed %.3f Å", p.name, asItLies, s.RMSD)
		}
		was, is := p.model.Chains[0].Residues[0], moved.Chains[0].Residues[0]
		if moved.Atoms() != p.model.Atoms() || moved.Sequence() != p.model.Sequence() || is.Number != was.Number || math.Abs(is.Atoms[0].B-was.Atoms[0].B) > 0.01 {
			t.Errorf("%s: %d atoms of %d, first %+v of %+v", p.name, moved.Atoms(), p.model.Atoms(), is, was)
		}
	}
}

// TestPose: a small binder that has moved as a whole shows in its pose, and
// nowhere else as much; of a model that is only moved in space nothing shows.
func TestPose(t *testing.T) {
	reference := cutInTwo(t, false)
	for _, test := range []struct {
		name   string
		binder mol.Vec // by how much it has moved
		pose   float64
	}{{"in its place", mol.Vec{}, 0}, {"12 Å away", mol.Vec{0, 12, 0}, 12}} {
		model := cutInTwo(t, true).Moved(mol.Transform{Rotation: [3]mol.Vec{{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}, Shift: mol.Vec{30, -4, 7}})
		binder := (&mol.Structure{Chains: model.Chains[1:]}).Moved(mol.Transform{Rotation: mol.Identity().Rotation, Shift: test.binder})
		model.Chains[1] = binder.Chains[0]
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := runBaseline("score", "--model", writtenPDB(t, model), "--reference", writtenPDB(t, reference), "--pose-of", "B", "--out", out)
		if code != exitDone {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		row, err := readScoreRow(filepath.Join(out, "scores.csv"))
		if err != nil {
			t.Fatal(err)
		}
		pose, err := strconv.ParseFloat(row.values["pose_rmsd"], 64)
		if err != nil || math.Abs(pose-test.pose) > 0.01 || row.values["coverage"] != "1" {
			t.Errorf("%s: pose_rmsd %q, want %g; %v", test.name, row.values["pose_rmsd"], test.pose, row.values)
		}
	}
	path := writtenPDB(t, reference)
	for chains, why := range map[string]string{"C": `There is no chain "C"`, "A,B": "Besides A,B only 0 residues"} {
		code, _, stderr := runBaseline("score", "--model", path, "--reference", path, "--pose-of", chains, "--out", filepath.Join(t.TempDir(), "out"))
		if code != exitInvalid || !strings.Contains(stderr, why) {
			t.Errorf("the pose of %s: exit code %d, %s", chains, code, stderr)
		}
	}
}

// TestComplexSequence: the designed chain as its model has it, the others as
// they are, in the order of the complex; a model of another complex is refused.
func TestComplexSequence(t *testing.T) {
	whole := cutInTwo(t, false)
	binder := func(n int) *mol.Structure {
		residues := slices.Clone(whole.Chains[1].Residues[:n])
		for i := range residues {
			residues[i].Name, residues[i].Code = "LEU", 'L'
		}
		return &mol.Structure{Chains: []mol.Chain{{ID: "A", Residues: residues}}}
	}
	path, out := writtenPDB(t, whole), filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := runBaseline("complex_sequence", "--complex", path, "--model", writtenPDB(t, binder(31)), "--chains", "B", "--out", out)
	if code != exitDone || !strings.Contains(stdout, "2 chains, 1 as in the model; 76 residues") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	file, err := os.Open(filepath.Join(out, "sequence.fasta"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := mol.ReadFASTA(file, nil)
	if want := whole.Chains[0].Sequence() + "/" + strings.Repeat("L", 31); err != nil || len(all) != 1 || all[0].Residues != want {
		t.Errorf("%v, %v, want %s", err, all, want)
	}
	for _, test := range []struct {
		chains string
		model  *mol.Structure
		why    string
	}{
		{"B", binder(30), "Chain B of the complex has 31 residues and the model's chain A has 30"},
		{"B", whole, "Chain B of the complex has 31 residues and the model's chain A has 45"},
		{"A,B", binder(31), "Chain A of the complex has 45 residues"},
		{"B,C", binder(31), `There is no chain "C"`},
		{"B", &mol.Structure{Chains: []mol.Chain{binder(31).Chains[0], {ID: "B", Residues: whole.Chains[0].Residues}}}, "The model has 2 chains where 1 of the complex are named (B)"},
	} {
		code, _, stderr := runBaseline("complex_sequence", "--complex", path, "--model", writtenPDB(t, test.model), "--chains", test.chains, "--out", filepath.Join(t.TempDir(), "out"))
		if code != exitInvalid || !strings.Contains(stderr, test.why) {
			t.Errorf("%s: exit code %d, %s", test.why, code, stderr)
		}
	}
}
