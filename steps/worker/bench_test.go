package worker

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// BenchmarkExecuteTrue is what an attempt costs beside its command: /bin/true
// without inputs and outputs, against the barest loops that start it. The
// store keeps its commit records in memory, or in files as the local engine
// does.
func BenchmarkExecuteTrue(b *testing.B) {
	b.Run("floor=forkexec", func(b *testing.B) {
		for b.Loop() {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor=os/exec", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, kind := range []string{"mem", "file", "file+sync"} {
		b.Run("execute="+kind, func(b *testing.B) {
			root, err := uris.Parse("mem://bench")
			if kind != "mem" {
				root, err = uris.Parse("file://" + b.TempDir())
			}
			if err != nil {
				b.Fatal(err)
			}
			store, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Sync: kind == "file+sync"})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			w, err := New(Options{Store: store, WorkDir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			task := Task{RunID: "run-0123456789ab", Node: "true", Attempt: 1, Root: root, Step: "true", Version: "1.0.0",
				Implementation: steps.Implementation{Name: "host", Command: []steps.Arg{{Templates: []string{"/bin/true"}}}}}
			n := 0
			for b.Loop() {
				task.Index = uris.Index(strconv.Itoa(n))
				n++
				if _, f := w.Execute(context.Background(), task, nil); f != nil {
					b.Fatal(fmt.Sprint(f))
				}
			}
		})
	}
}
