package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
)

// A shape is a graph of tasks that do nothing, as a pipeline and as a list of
// targets with what they need.
type shape struct {
	name    string
	targets [][]int // by target: what it needs
}

// chain, fan and diamond are the graphs of `make bench`: a hundred in a row; a
// thousand side by side; ten layers of ten, each task after all of the layer
// before.
func shapes() []shape {
	chain, fan, diamond := shape{name: "chain100"}, shape{name: "fan1000"}, shape{name: "diamond10x10"}
	for i := range 100 {
		if i == 0 {
			chain.add()
		} else {
			chain.add(i - 1)
		}
	}
	for range 1000 {
		fan.add()
	}
	for layer := range 10 {
		for range 10 {
			var before []int
			for i := range 10 {
				if layer > 0 {
					before = append(before, (layer-1)*10+i)
				}
			}
			diamond.add(before...)
		}
	}
	return []shape{chain, fan, diamond}
}

func (s *shape) add(needs ...int) { s.targets = append(s.targets, needs) }

// pipeline writes the shape as a definition. A port that takes one takes one
// wire, so a task that needs several says so by several inputs.
func (s *shape) pipeline() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nversion: 1.0.0\ntitle: Bench\ndescription: Tasks that do nothing.\nnodes:\n", s.name)
	for i, needs := range s.targets {
		fmt.Fprintf(&b, "  n%d: {step: nothing", i)
		for k, n := range needs {
			if k == 0 {
				b.WriteString(", with: {")
			} else {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "before%d: n%d.note", k, n)
		}
		if len(needs) > 0 {
			b.WriteString("}")
		}
		b.WriteString("}\n")
	}
	b.WriteString("outputs:\n")
	for i := range s.targets {
		if !slices.ContainsFunc(s.targets, func(needs []int) bool { return slices.Contains(needs, i) }) {
			fmt.Fprintf(&b, "  o%d: n%d.note\n", i, i)
		}
	}
	return b.String()
}

// makefile writes the shape for make, and ninja for ninja.
func (s *shape) makefile() string {
	var b strings.Builder
	var all strings.Builder
	for i, needs := range s.targets {
		fmt.Fprintf(&all, " n%d", i)
		fmt.Fprintf(&b, "n%d:", i)
		for _, n := range needs {
			fmt.Fprintf(&b, " n%d", n)
		}
		b.WriteString("\n\t@/bin/true\n")
	}
	return ".PHONY: all" + all.String() + "\nall:" + all.String() + "\n" + b.String()
}

func (s *shape) ninja() string {
	var b strings.Builder
	b.WriteString("rule nothing\n  command = /bin/true\n")
	for i, needs := range s.targets {
		fmt.Fprintf(&b, "build n%d: nothing", i)
		for _, n := range needs {
			fmt.Fprintf(&b, " n%d", n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// forkExec is the floor: two loops that start the command and wait for it, in
// an order that the shape allows.
func (s *shape) forkExec() error {
	jobs := 2
	if s.name == "chain100" {
		jobs = 1
	}
	var group sync.WaitGroup
	errs := make([]error, jobs)
	for k := range jobs {
		group.Go(func() {
			for i := k; i < len(s.targets); i += jobs {
				pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
				if err == nil {
					_, err = syscall.Wait4(pid, nil, 0, nil)
				}
				if err != nil {
					errs[k] = err
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkGraphs runs graphs of /bin/true at two jobs: here, with make, with
// ninja, and as bare fork and exec. Run it with -count=5 and compare medians.
func BenchmarkGraphs(b *testing.B) {
	for _, s := range shapes() {
		b.Run(s.name+"/ligase", func(b *testing.B) { benchEngine(b, &s) })
		for _, tool := range []struct {
			name, file, text string
			argv             []string
		}{
			{"make", "Makefile", s.makefile(), []string{"make", "-j2", "all"}},
			{"ninja", "build.ninja", s.ninja(), []string{"ninja", "-j2", "--quiet"}},
		} {
			b.Run(s.name+"/"+tool.name, func(b *testing.B) {
				if _, err := exec.LookPath(tool.argv[0]); err != nil {
					b.Skipf("%s is not installed: this column is missing (Debian: apt install %s)", tool.argv[0],
						map[string]string{"make": "make", "ninja": "ninja-build"}[tool.name])
				}
				dir := b.TempDir()
				if err := os.WriteFile(filepath.Join(dir, tool.file), []byte(tool.text), 0o600); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					os.Remove(filepath.Join(dir, ".ninja_log"))
					cmd := exec.Command(tool.argv[0], tool.argv[1:]...)
					cmd.Dir = dir
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
				perTask(b, &s)
			})
		}
		b.Run(s.name+"/forkexec", func(b *testing.B) {
			for b.Loop() {
				if err := s.forkExec(); err != nil {
					b.Fatal(err)
				}
			}
			perTask(b, &s)
		})
	}
}

func benchEngine(b *testing.B, s *shape) {
	l := newLab(b, func(o *Options) { o.Slots.CPU = 2 })
	plan := l.shape(s)
	ended := make(chan runs.Observation, 1)
	l.runInto(endsOnly(ended))
	for n := 0; b.Loop(); n++ {
		l.submit(jobOf(n, plan, l.root))
		if o := <-ended; o.State != runs.Succeeded {
			b.Fatal(o.Failure)
		}
	}
	perTask(b, s)
}

// endsOnly is a sink that hears of nothing but the ends of runs.
func endsOnly(ended chan<- runs.Observation) runs.Sink {
	return func(_ context.Context, batch []runs.Observation) error {
		for _, o := range batch {
			if o.State.Terminal() {
				ended <- o
			}
		}
		return nil
	}
}

// shape plans a shape.
func (l *lab) shape(s *shape) *pipelines.Plan {
	l.Helper()
	p, problems := pipelines.Parse(s.name, []byte(s.pipeline()))
	if err := problems.Err(); err != nil {
		l.Fatal(err)
	}
	l.pipelines[p.Name] = p
	plan, err := l.plan(p.Name, nil, nil)
	if err != nil {
		l.Fatal(err)
	}
	return plan
}

func perTask(b *testing.B, s *shape) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(s.targets)), "µs/task")
}

// BenchmarkRecover is what it takes to find 10,000 committed tasks again, to
// replay them and to tell them to the store.
func BenchmarkRecover(b *testing.B) {
	const items = 5000
	l := newLab(b, nil)
	ended := make(chan runs.Observation, 1)
	l.runInto(endsOnly(ended))
	j := l.submit(l.job(1, "sieve", map[string]any{"items": items, "fail": "x"}))
	<-ended
	for b.Loop() {
		l.stop()
		l.open(nil)
		l.runInto(endsOnly(ended))
		l.submit(j)
		if o := <-ended; o.State != runs.Succeeded {
			b.Fatal(o.Failure)
		}
	}
	b.ReportMetric(2*items+2, "tasks")
}
