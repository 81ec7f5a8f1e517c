package worker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

// A command that is a process finds a volume where the implementation says,
// or does not run at all.
func TestVolumeOfAProcess(t *testing.T) {
	l := newLab(t, nil)
	at := filepath.Join(t.TempDir(), "[weights]")
	task := l.task(`cat "$1/sub/model.pt" >o.txt`, at)
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	task.Implementation.Volumes = []steps.Volume{{Name: "w", At: at, Files: []string{"sub/*.pt|*.safetensors", "*.json"}, Get: "make them"}}

	f := l.wants(task, steps.FailImage, "finds w at "+at+", and its image comes without it. There is no folder")
	if !strings.Contains(f.Hint, "(make them)") || f.LogTail != "" || !f.Retryable {
		t.Errorf("%+v", f)
	}
	if err := os.MkdirAll(filepath.Join(at, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(at, name), []byte("numbers"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("config.json")
	write("sub/model.pt.part")
	l.wants(task, steps.FailImage, "has no sub/*.pt and no *.safetensors.")
	write("sub/model.pt")
	task.Attempt = 2
	if r := l.must(task, nil); l.read(r.Outputs["o"][0].URI) != "numbers" {
		t.Error("it did not read the volume")
	}

	// What is ligase's own needs no volume.
	task = l.task("")
	task.Node = "own"
	task.Implementation.Command = []steps.Arg{{Templates: []string{"ligase"}}}
	task.Implementation.Volumes = []steps.Volume{{Name: "w", At: "/no/such/folder"}}
	l.must(task, nil)
}
