//go:build linux

package gpu

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The CUDA program of the tests on a GPU compiles everywhere, and where there
// is no CUDA it says so.
func TestOccupyCompilesAndSaysThatThereIsNoCUDA(t *testing.T) {
	program := filepath.Join(t.TempDir(), "occupy")
	if out, err := compile(program); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		args string
		exit int
		want string
	}{
		{"--library libcuda-of-nowhere.so.1 --probe", 3, "there is no GPU that CUDA can use here: libcuda-of-nowhere.so.1"},
		{"--library libm.so.6 --probe", 3, "there is no GPU that CUDA can use here: cuInit"},
		{"--mebibytes 1 --seconds 1", 2, "usage: "},
		{"--mebibytes 1x --seconds 1 --report r", 2, "usage: "},
	} {
		cmd := exec.CommandContext(t.Context(), program, strings.Fields(c.args)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if exit := cmd.ProcessState.ExitCode(); exit != c.exit || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", c.args, exit, c.exit, c.want, out)
		}
	}
}
