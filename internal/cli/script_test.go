package cli

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what commands print into the scripts that compare it")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ligase": func() { os.Exit(OSMain()) },
	})
}

// TestScripts runs the command line as its users do: each script has an empty
// home and data folder of its own. `exits N program args` demands an exit
// code.
func TestScripts(t *testing.T) {
	demo, err := filepath.Abs(filepath.Join("demo", "1ubq.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("LIGASE_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("LIGASE_CATALOG", "")
			e.Setenv("LIGASE_ROOTS", "")
			e.Setenv("LIGASE_ENGINE_IDLE", "300ms")
			// What runs here is to be the same on every machine.
			e.Setenv("CUDA_VISIBLE_DEVICES", "")
			e.Setenv("LIGASE_CONTAINERS", "never")
			e.Setenv("ONLY_LIGASE", filepath.SplitList(e.Getenv("PATH"))[0]) // a PATH with this program and nothing else
			e.Setenv("UBIQUITIN", demo)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var exit *exec.ExitError
					if !errors.As(err, &exit) {
						ts.Fatalf("%v", err)
					}
					got = exit.ExitCode()
				}
				if got != want {
					ts.Fatalf("exit code %d, want %d", got, want)
				}
			},
		},
	})
}
