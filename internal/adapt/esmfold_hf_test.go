package adapt_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

func TestESMFoldHF(t *testing.T) {
	l := newLab(t)
	l.standIn("python3", "esmfold_hf", "")
	r := l.must("fold", "esmfold_hf", sequence(">../../etc/passwd|a b:c/d\n"+ubiquitinSequence+"\n", map[string]any{"recycles": 2, "seed": 7}))
	s := l.model(r, ubiquitinSequence)
	want := 0.0
	for k := range 76 {
		want += float64(60+k%20) / 76
	}
	if got := r.Metrics["esmfold_plddt"]; !near(got, want) || !near(meanB(s), want) || r.Metrics["esmfold_ptm"] != 0.8765 {
		t.Errorf("%v, B-factors %g, want a pLDDT of %g", r.Metrics, meanB(s), want)
	}
	r = l.must("fold", "esmfold_hf", sequence(">a\nMKVLAWYHQE/GSTNDRKPFI\n", nil))
	l.model(r, "MKVLAWYHQE", "GSTNDRKPFI")
	l.fails("fold", "esmfold_hf", sequence(">a\nMKVXA\n", nil), steps.FailInput, "has X, of which ESMFold places no atoms")

	l.standIn("python3", "esmfold_hf", "memory")
	l.fails("fold", "esmfold_hf", sequence(">a\n"+ubiquitinSequence+"\n", nil), steps.FailGPUOOM, "GPU memory ran out")
	// What was made to measure is never committed for a prediction.
	l.standIn("python3", "esmfold_hf", "random")
	l.fails("fold", "esmfold_hf", sequence(">a\n"+ubiquitinSequence+"\n", nil), steps.FailOutputContract, "random weights")
}

func TestESMFoldHFScores(t *testing.T) {
	b := newBench(t)
	b.write("a.fasta", ">a\nMKVLA\n")
	b.write("raw/model.pdb", pdb(t, &mol.Structure{Chains: []mol.Chain{chainOf("A", "MKVLA", 1, func(int) float64 { return 0.5 })}}))
	for scores, want := range map[string]string{
		`{"ptm": 0.5}`:                              "do not say with which weights",
		`{"weights": "/w"}`:                         "have no ptm",
		`{"weights": "/w", "ptm": 1.5}`:             "1.5 is no pTM",
		`{"weights": "random, seed 3", "ptm": 0.1}`: "this is no prediction",
		``: "is not the JSON that the tool writes",
	} {
		b.write("raw/scores.json", scores)
		b.refuses("esmfold_hf finish --sequence @/a.fasta --from @/raw --out @/out", want)
	}
	b.write("raw/scores.json", `{"weights": "/w", "ptm": 0.5}`)
	b.must("esmfold_hf finish --sequence @/a.fasta --from @/raw --out @/out")
	if m := b.metrics().Metrics; m["esmfold_plddt"] != 50 || m["esmfold_ptm"] != 0.5 {
		t.Errorf("%v", m)
	}
}

// python runs the program that prepare writes, or a script beside it, with the
// modules that are given besides Python's own.
func (b *bench) python(modules map[string]string, args ...string) (code int, said string) {
	b.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		b.Skip("There is no python3 here to run the program.")
	}
	for name, text := range modules {
		b.write("modules/"+name+".py", text)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "@", b.dir)
	}
	cmd := exec.CommandContext(b.Context(), path, append([]string{"-B"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + filepath.Join(b.dir, "modules") + ":" + filepath.Join(b.dir, "in"), "PYTHONNOUSERSITE=1"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		b.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// The program refuses what it cannot work on before it loads anything.
func TestESMFoldHFProgramRefuses(t *testing.T) {
	b := newBench(t)
	b.write("given.fasta", ">a\nMKVLA\n")
	b.must("esmfold_hf prepare --sequence @/given.fasta --out @/in")
	b.write("weights/config.json", "{}")
	b.write("two.fasta", ">a\nMKV\n>b\nMKV\n")
	b.write("odd.fasta", ">a\nMKB*\n")
	b.write("gap.fasta", ">a\nMK::V\n")
	b.write("many.fasta", ">a\n"+strings.Repeat("MK:", 26)+"MK\n")
	none := map[string]string{"torch": "raise ImportError('no torch here')"}
	for _, c := range []struct{ args, want string }{
		{"--fasta @/in/query.fasta --out @/raw", "There are no weights in /weights/esmfold_hf: mount a folder"},
		{"--fasta @/in/query.fasta --out @/raw --weights @/in", "mount a folder there that has config.json"},
		{"--fasta @/two.fasta --out @/raw --weights @/weights", "has 2 sequences; give one"},
		{"--fasta @/odd.fasta --out @/raw --weights @/weights", "has * B; ESMFold places the atoms of"},
		{"--fasta @/gap.fasta --out @/raw --weights @/weights", "a chain without residues"},
		{"--fasta @/many.fasta --out @/raw --weights @/weights", "27 chains; 26 can be told apart"},
		{"--fasta @/in/query.fasta --out @/raw --weights @/weights --max-length 4", "has 5 residues, more than the 4 of --max-length"},
		{"--fasta @/in/query.fasta --out @/raw --weights @/weights", "It takes Python with torch and transformers: no torch here."},
		{"--fasta @/in/query.fasta", "give --fasta and --out, or --measure"},
		{"--measure", "--measure takes --random-weights SEED"},
		{"--fasta @/in/query.fasta --out @/raw --random 3", "unrecognized arguments"}, // nothing is abbreviated
	} {
		code, said := b.python(none, append([]string{"@/in/esmfold_hf.py"}, strings.Fields(c.args)...)...)
		if code != 2 || !strings.Contains(said, c.want) || strings.Contains(said, "Traceback") {
			t.Errorf("%s: exit code %d\n%s\nwant 2 and %q", c.args, code, said, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(b.dir, "raw")); err == nil {
		t.Error("it has written something")
	}
}

// What does not need the network: how chains are given to it, and taken apart.
func TestESMFoldHFProgramChains(t *testing.T) {
	b := newBench(t)
	b.write("given.fasta", ">a\nMKV/GA/W\n")
	b.must("esmfold_hf prepare --sequence @/given.fasta --out @/in")
	code, said := b.python(nil, "-c", `
import esmfold_hf as e
chains = e.read_chains("@/in/query.fasta", 6)
assert chains == ["MKV", "GA", "W"], chains
types, positions, places = e.encode(chains)
assert len(types) == 6 + 2 * 25
assert [e.ALPHABET[t] for t in types] == list("MKV" + 25 * "G" + "GA" + 25 * "G" + "W")
# As encode_sequence of ESMFold's authors: 512 more from chain to chain.
assert positions[:3] == [0, 1, 2] and positions[28:30] == [28 + 512, 29 + 512] and positions[55] == 55 + 1024, positions
assert [p for p in places if p] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)]

def atoms(residues):
    return "".join(f"ATOM  {n:>5}  {name:<3} GLY A{n:>4}    {n:8.3f}{0:8.3f}{0:8.3f}  1.00 51.00           C  \n"
                   for n in residues for name in ("N", "CA", "C"))
pdb = e.split_chains("PARENT N/A\n" + atoms(range(1, 57)) + "TER\nEND\n", places, ["A REMARK"])
e.check(pdb, chains)
lines = pdb.splitlines()
assert lines[0] == "REMARK   1 A REMARK"
ca = [l for l in lines if l[12:16] == " CA "]
assert [(l[21], int(l[22:26]), float(l[30:38])) for l in ca] == [("A", 1, 1), ("A", 2, 2), ("A", 3, 3), ("B", 1, 29), ("B", 2, 30), ("C", 1, 56)], ca
assert [l[:6] for l in lines].count("TER   ") == 3 and lines[-1] == "END"
assert [int(l[6:11]) for l in lines[1:-1]] == list(range(1, 22)), lines
for bad in (pdb.replace(" 51.00 ", "151.00 "), pdb.replace(" CA  GLY C", " CB  GLY C"), pdb.replace("  56.000", "     nan")):
    try:
        e.check(bad, chains)
    except ValueError:
        continue
    raise AssertionError("a bad model passes")
`)
	if code != 0 {
		t.Error(said)
	}
}

// outOfMemory are modules in which the network has no room.
func outOfMemory(where string) map[string]string {
	return map[string]string{
		"torch": `
import contextlib
__version__ = "0"
float32 = None
class OutOfMemoryError(RuntimeError): pass
class cuda:
    OutOfMemoryError = OutOfMemoryError
    is_available = staticmethod(lambda: True)
    synchronize = reset_peak_memory_stats = empty_cache = staticmethod(lambda: None)
    max_memory_allocated = max_memory_reserved = staticmethod(lambda: 42)
    get_device_name = staticmethod(lambda n: "NVIDIA T4")
    class get_device_properties:
        name, total_memory = "NVIDIA T4", 16 << 30
        def __init__(self, n): pass
manual_seed = lambda n: None
no_grad = contextlib.nullcontext
tensor = lambda x, device: x
ones_like = lambda x: x
`,
		"transformers": fmt.Sprintf(`
import torch
__version__ = "0"
class logging:
    set_verbosity_error = staticmethod(lambda: None)
class EsmConfig:
    def __init__(self, **k): pass
class EsmForProteinFolding:
    def __init__(self, config): self.esm, self.trunk = self, self
    def float(self): return self
    half = eval = float
    def set_chunk_size(self, n): assert n == 128
    def to(self, device): return self.full("load")
    def __call__(self, ids, **k): return self.full("fold")
    def full(self, where):
        if where == %q: raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self
`, where),
	}
}

func TestESMFoldHFProgramOutOfMemory(t *testing.T) {
	for where, want := range map[string]string{
		"fold": "esmfold_hf: CUDA out of memory: 5 residues do not fit NVIDIA T4 with --chunk-size 128.",
		"load": "esmfold_hf: CUDA out of memory as the weights were loaded. (CUDA out of memory. Tried",
	} {
		b := newBench(t)
		b.write("given.fasta", ">a\nMKVLA\n")
		b.must("esmfold_hf prepare --sequence @/given.fasta --out @/in")
		code, said := b.python(outOfMemory(where), "@/in/esmfold_hf.py", "--fasta", "@/in/query.fasta", "--out", "@/raw", "--random-weights", "1")
		if code != 1 || !strings.Contains(said, want) || strings.Contains(said, "Traceback") {
			t.Errorf("%s: exit code %d\n%s\nwant 1 and %q", where, code, said, want)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "raw", "model.pdb")); err == nil {
			t.Errorf("%s: there is a model", where)
		}
	}
}
