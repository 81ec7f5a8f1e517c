package adapt_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/steps"
)

// nvidiaSMI prints what the driver's prints where there are four GPUs, so that
// tasks need not wait for each other.
const nvidiaSMI = `#!/bin/sh
for n in 0 1 2 3; do
	case "$1" in
	-L) echo "GPU $n: NVIDIA L40S (UUID: GPU-$n)" ;;
	*) echo "$n, GPU-$n, Disabled, 3, 0, 46068, NVIDIA L40S" ;;
	esac
done
`

// TestPipelinesOfTools runs the library's pipelines by the built program with
// the tools of others in place of the baselines, each of which a stand-in takes
// the place of: what one gives is what the next one takes, chain by chain.
func TestPipelinesOfTools(t *testing.T) {
	l := newLab(t)
	l.standIn("python3.9", "rfdiffusion", "")
	l.standIn("boltz", "boltz", "")
	l.standIn("colabfold_batch", "colabfold", "")
	ligase := filepath.Join(l.dir, "ligase")
	if out, err := exec.Command("go", "build", "-o", ligase, "../../cmd/ligase").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bin := filepath.Join(l.dir, "bin")
	if err := os.WriteFile(filepath.Join(bin, "nvidia-smi"), []byte(nvidiaSMI), 0o755); err != nil {
		t.Fatal(err)
	}
	// As the library has them, but for how much of a machine they ask for, where
	// the images have their programs, and ColabFold's weights.
	catalog := filepath.Join(l.dir, "definitions")
	for _, step := range []string{"backbone", "design", "fold"} {
		data, err := fs.ReadFile(steps.Library(), step+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)^version: .*$`).ReplaceAllString(string(data), "version: 99.0.0")
		text = regexp.MustCompile(`resources: \{cpu: \d, memory: \d+Gi`).ReplaceAllString(text, "resources: {cpu: 1, memory: 512Mi")
		text = strings.ReplaceAll(text, `PATH: "`, `PATH: "`+l.path+":")
		text = regexp.MustCompile(`(?s)    volumes:\n      colabfold-weights:.*?\n    prepare:`).ReplaceAllString(text, "    prepare:")
		if err := writeLines(filepath.Join(catalog, step+".yaml"), text); err != nil {
			t.Fatal(err)
		}
	}
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command(ligase, args...)
		cmd.Env = append(os.Environ(), "PATH="+l.path, "HOME="+l.dir, "LIGASE_DATA="+filepath.Join(l.dir, "data"), "LIGASE_CATALOG="+catalog,
			"LIGASE_CONTAINERS=never", "LIGASE_ENGINE_IDLE=300ms", "CUDA_VISIBLE_DEVICES=GPU-0,GPU-1,GPU-2,GPU-3")
		return cmd
	}
	t.Cleanup(func() { // there is one engine at a time: when one can start, that of the runs has ended
		for range 100 {
			if program("engine", "--idle", "1ms").Run() == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error("the engine goes on")
	})
	run := func(tool string, args ...string) (numbers map[string]float64, all []map[string]string) {
		t.Helper()
		for _, command := range [][]string{append([]string{"run", "--json", tool}, args...), {"outputs", "latest", "all", "--to", t.TempDir()}} {
			cmd := program(command...)
			var said strings.Builder
			cmd.Stderr = &said
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s%s", tool, err, out, said.String())
			}
			if command[0] == "run" {
				var summary struct {
					Metrics map[string]float64 `json:"metrics"`
				}
				if err := json.Unmarshal(out, &summary); err != nil {
					t.Fatalf("%v in %s", err, out)
				}
				numbers = summary.Metrics
				continue
			}
			data, err := os.ReadFile(filepath.Join(command[len(command)-1], "all.csv"))
			if err != nil {
				t.Fatal(err)
			}
			all = table(t, string(data))
		}
		return numbers, all
	}
	complexes := filepath.Join(l.dir, "complex.pdb")
	// The target is B and C, on either side of the binder in the file.
	s := &mol.Structure{Chains: []mol.Chain{chainOf("B", "MKVLAWYHQE", 11, flat(0)), chainOf("A", strings.Repeat("G", 12), 1, flat(0)), chainOf("C", "GSTNDRKPFI", 1, flat(0))}}
	if err := writeStructure(complexes, s); err != nil {
		t.Fatal(err)
	}
	for _, designer := range []string{"proteinmpnn", "ligandmpnn"} {
		l.standIn("python", designer, "")
		by := func(nodes ...string) (args []string) {
			for _, node := range nodes {
				tool := map[string]string{"backbone": "rfdiffusion", "design": designer}[node]
				if tool == "" {
					tool = "boltz"
				}
				args = append(args, "--impl", node+"="+tool)
			}
			return args
		}
		if designer == "proteinmpnn" {
			if numbers, all := run("campaign", append(by("backbone", "design", "fold"), "length=40", "num_backbones=2", "num_sequences=2", "min_boltz_plddt=1")...); numbers["accepted"] != 4 || len(all[0]["sequence"]) != 40 {
				t.Errorf("campaign by %s: %v, %v", designer, numbers, all)
			}
			numbers, all := run("binder_screen", append(by("design", "fold"), "complexes=@"+complexes, "binder_chains=A", "num_sequences=2")...)
			if numbers["accepted"] != 2 || len(all[0]["sequence"]) != 12 || all[0]["fold.boltz.n_residues"] != "12" || all[0]["score.baseline.coverage"] != "1" {
				t.Errorf("binder_screen by %s: %v, %v", designer, numbers, all)
			}
		}
		numbers, all := run("binder_cofold", append(by("design", "fold", "cofold"), "complexes=@"+complexes, "binder_chains=A", "num_sequences=2", "min_boltz_iptm=0.01", "max_binder_ca_rmsd=50")...)
		if numbers["accepted"] != 2 || len(all[0]["sequence"]) != 12 {
			t.Fatalf("binder_cofold by %s: %v, %v", designer, numbers, all)
		}
		for column, want := range map[string]string{
			"fold.boltz.n_chains": "1", "cofold.boltz.n_chains": "3", "cofold.boltz.n_residues": "32", "interface.baseline.coverage": "1",
			"interface.baseline.n_residues": "32", "interface.baseline.correspondence": "positions",
			// All of the target and of the binder as they were designed.
			"interface.baseline.sequence_identity": fmt.Sprint(20 / 32.0),
		} {
			if all[0][column] != want {
				t.Errorf("binder_cofold by %s: %s is %q, want %q", designer, column, all[0][column], want)
			}
		}
	}
	// The target has an alignment, of which the binder beside it has none.
	alignment := filepath.Join(l.dir, "target.a3m")
	if err := writeLines(alignment, ">target", "MKVLAWYHQE", ">a", "MKVLAWYHQD", ">b", "MRV--WYHQE"); err != nil {
		t.Fatal(err)
	}
	var ptm [2]string
	for i, more := range [][]string{nil, {"target_alignment=@" + alignment}} {
		_, all := run("binder_cofold", append(more, "--impl", "design=ligandmpnn", "--impl", "fold=boltz", "--impl", "cofold=colabfold",
			"complexes=@"+complexes, "binder_chains=A", "num_sequences=1", "max_alphafold_interface_pae=100")...)
		ptm[i] = all[0]["cofold.colabfold.alphafold_ptm"]
	}
	if ptm[0] != "0.81" || ptm[1] != "0.83" { // the stand-in gives 0.01 for each row besides the query
		t.Errorf("alphafold_ptm is %s without an alignment and %s with one", ptm[0], ptm[1])
	}
}
