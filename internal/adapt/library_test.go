package adapt_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/adapt"
	"github.com/ligase-bio/ligase/internal/baseline"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// TestMain makes the test program what `ligase` means to a worker, and the
// tools of others that a stand-in takes the place of.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "adapt":
			os.Exit(adapt.Run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
		case "baseline":
			os.Exit(baseline.Run(context.Background(), os.Args[2:], nil, os.Stdout, os.Stderr))
		case "standin":
			os.Exit(standIn(os.Args[2], os.Args[3], os.Args[4:]))
		}
	}
	os.Exit(m.Run())
}

// A lab runs implementations of the library by a real worker, with stand-ins
// on PATH for the tools that are not here.
type lab struct {
	*testing.T
	dir   string
	store *uris.Store
	root  uris.URI
	path  string // PATH for commands
	types *steps.Types
	runs  int
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t, dir: t.TempDir()}
	var err error
	if l.root, err = uris.FromPath(filepath.Join(l.dir, "store")); err != nil {
		t.Fatal(err)
	}
	if l.store, err = uris.NewStore(uris.Options{Roots: []uris.Root{{URI: l.root, Write: true}}, Retries: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.store.Close() })
	data, err := fs.ReadFile(steps.Library(), "types.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, problems := steps.ParseTypes("types.yaml", data)
	types, more := steps.NewTypes(list)
	if err := append(problems, more...).Err(); err != nil {
		t.Fatal(err)
	}
	l.types, l.path = types, os.Getenv("PATH")
	return l
}

// standIn puts a program of that name first on PATH, which does what the tool
// of that name is documented to do, in one of its moods.
func (l *lab) standIn(program, tool, mood string) {
	l.Helper()
	self, err := os.Executable()
	if err != nil {
		l.Fatal(err)
	}
	bin := filepath.Join(l.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		l.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' standin '%s' '%s' \"$@\"\n", self, tool, mood)
	if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
		l.Fatal(err)
	}
	if !strings.HasPrefix(l.path, bin+":") {
		l.path = bin + ":" + l.path
	}
}

// step reads a step of the library.
func (l *lab) step(name string) *steps.Step {
	l.Helper()
	data, err := fs.ReadFile(steps.Library(), name+".yaml")
	if err != nil {
		l.Fatal(err)
	}
	s, problems := steps.ParseStep(name+".yaml", data)
	if err := problems.Err(); err != nil {
		l.Fatal(err)
	}
	return s
}

// given is what a call gives: the content of inputs, and parameters. The name
// of an input's file ends as its format does.
type given struct {
	inputs map[string][]string // by port; several of a port that takes many
	params map[string]any
	format map[string]string // by port, where it is not the first
}

// A result is what an attempt committed.
type result struct {
	*steps.Result
	lab *lab
}

// text is the content of the n-th object of a port.
func (r *result) text(port string, n int) string {
	r.lab.Helper()
	if n >= len(r.Outputs[port]) {
		r.lab.Fatalf("there is no %s %d", port, n)
	}
	data, err := r.lab.store.ReadAll(r.lab.Context(), r.Outputs[port][n].URI, 64<<20)
	if err != nil {
		r.lab.Fatal(err)
	}
	return string(data)
}

// execute runs an implementation as its definition stands.
func (l *lab) execute(step, implementation string, g given) (*result, *steps.Failure) {
	l.Helper()
	s := l.step(step)
	impl := s.Implementation(implementation)
	if impl == nil {
		l.Fatalf("%s has no implementation %s", step, implementation)
	}
	one := *impl
	one.Volumes = nil // stand-ins have no weights
	if own, ok := one.Env["PATH"]; ok {
		// That of its image: the stand-ins come before it.
		one.Env = maps.Clone(one.Env)
		one.Env["PATH"] = l.path + ":" + own
	}
	l.runs++
	task := worker.Task{
		RunID: fmt.Sprintf("run-%012d", l.runs), Node: step, Attempt: 1, Root: l.root, Types: l.types,
		Step: s.Name, Version: s.Version, Implementation: one, Outputs: s.Outputs, Params: map[string]steps.Value{},
	}
	for i := range s.Params {
		p := &s.Params[i]
		if raw, ok := g.params[p.Name]; ok {
			v, err := one.Narrow(p).Check(raw, false)
			if err != nil {
				l.Fatalf("%s: %v", p.Name, err)
			}
			task.Params[p.Name] = v
		} else if p.Default != nil {
			task.Params[p.Name] = *p.Default
		}
	}
	for i := range s.Inputs {
		port := s.Inputs[i]
		texts, ok := g.inputs[port.Name]
		if !ok {
			continue
		}
		format := port.Formats[0]
		if f := g.format[port.Name]; f != "" {
			format = f
		}
		in := worker.Input{Port: port}
		for n, text := range texts {
			u := l.root.Join("given", task.RunID, fmt.Sprintf("%s-%d.%s", port.Name, n, format))
			stored, err := l.store.Put(l.Context(), u, strings.NewReader(text))
			if err != nil {
				l.Fatal(err)
			}
			item := worker.Item{URI: u, Size: stored.Size, SHA256: stored.SHA256, Format: format}
			if port.Many {
				item.Index = uris.Index(fmt.Sprint(n))
			}
			in.Items = append(in.Items, item)
		}
		task.Inputs = append(task.Inputs, in)
	}
	self, err := os.Executable()
	if err != nil {
		l.Fatal(err)
	}
	w, err := worker.New(worker.Options{
		Store: l.store, WorkDir: filepath.Join(l.dir, "work"), Self: self, Path: l.path, Version: "test", Grace: time.Second,
	})
	if err != nil {
		l.Fatal(err)
	}
	r, f := w.Execute(l.Context(), task, nil)
	if f != nil {
		return nil, f
	}
	res := &result{r, l}
	l.checkMetrics(s, impl.Name, res)
	return res, nil
}

// must executes and wants success.
func (l *lab) must(step, implementation string, g given) *result {
	l.Helper()
	r, f := l.execute(step, implementation, g)
	if f != nil {
		l.Fatalf("%s/%s failed: %s (%s)\n%s", step, implementation, f.Message, f.Code, f.LogTail)
	}
	return r
}

// fails executes and wants a failure of that class with that in its message.
func (l *lab) fails(step, implementation string, g given, code steps.FailureCode, message string) {
	l.Helper()
	r, f := l.execute(step, implementation, g)
	if f == nil {
		l.Fatalf("%s/%s committed %+v, wanted %s", step, implementation, r.Result, code)
	}
	if f.Code != code || !strings.Contains(f.Message, message) {
		l.Errorf("%s/%s failed with %s: %s\nwanted %s: …%s…\n%s", step, implementation, f.Code, f.Message, code, message, f.LogTail)
	}
}

// checkMetrics wants every number to be one that the step says of this
// implementation, within its range.
func (l *lab) checkMetrics(s *steps.Step, implementation string, r *result) {
	l.Helper()
	check := func(where string, metrics map[string]float64) {
		for _, name := range slices.Sorted(maps.Keys(metrics)) {
			at := slices.IndexFunc(s.Metrics, func(m steps.Metric) bool { return m.Name == name })
			if at < 0 {
				l.Errorf("%s/%s: %s measures %s, which the step does not know", s.Name, implementation, where, name)
				continue
			}
			m, x := &s.Metrics[at], metrics[name]
			if len(m.By) > 0 && !slices.Contains(m.By, implementation) {
				l.Errorf("%s/%s: %s measures %s, which is said to be by %v", s.Name, implementation, where, name, m.By)
			}
			if m.Minimum != nil && x < *m.Minimum || m.Maximum != nil && x > *m.Maximum {
				l.Errorf("%s/%s: %s has %s %g, outside of %s", s.Name, implementation, where, name, x, m.Range())
			}
		}
	}
	check("the step", r.Metrics)
	for port, objects := range r.Outputs {
		for i := range objects {
			check(fmt.Sprintf("%s %d", port, i), objects[i].Metrics)
		}
	}
}

// same compares metrics.
func (l *lab) same(what string, got, want map[string]float64) {
	l.Helper()
	if !maps.Equal(got, want) {
		l.Errorf("%s: metrics %v, want %v", what, got, want)
	}
}

// Every metric says who measures it where not all do, and what a number on a
// scale means has its range: numbers of two predictors are never one metric.
func TestMetricsOfTheLibraryAreTold(t *testing.T) {
	l := newLab(t)
	names, err := fs.Glob(steps.Library(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		if file == "types.yaml" {
			continue
		}
		s := l.step(strings.TrimSuffix(file, ".yaml"))
		for i := range s.Metrics {
			m := &s.Metrics[i]
			if m.Description == "" {
				t.Errorf("%s.%s is not described", s.Name, m.Name)
			}
			for _, word := range []string{"plddt", "ptm", "pae", "confidence"} {
				// esmfold_hf is esmfold's network with its weights.
				if strings.Contains(m.Name, word) && len(m.By) != 1 && !slices.Equal(m.By, []string{"esmfold", "esmfold_hf"}) {
					t.Errorf("%s.%s is of one predictor, and said to be by %v", s.Name, m.Name, m.By)
				}
			}
			if strings.HasSuffix(m.Name, "plddt") && m.Range() != "0–100" {
				t.Errorf("%s.%s has the range %q", s.Name, m.Name, m.Range())
			}
		}
		for i := range s.Implementations {
			impl := &s.Implementations[i]
			for what, text := range map[string]string{"title": impl.Title, "description": impl.Description, "license": impl.License} {
				if text == "" {
					t.Errorf("%s/%s has no %s", s.Name, impl.Name, what)
				}
			}
			if impl.Timeout == 0 || impl.Retries.Limit == 0 || impl.Resources.Memory == 0 || impl.Metrics == "" {
				t.Errorf("%s/%s lacks a timeout, retries, memory or metrics", s.Name, impl.Name)
			}
			if impl.Resources.GPU > 0 && !slices.ContainsFunc(impl.Failures, func(p steps.LogPattern) bool { return p.Code == steps.FailGPUOOM }) {
				t.Errorf("%s/%s does not say how its log tells that GPU memory ran out", s.Name, impl.Name)
			}
			if impl.Name != "baseline" && (impl.Image == "" || impl.Citation == "") {
				t.Errorf("%s/%s lacks an image or a citation", s.Name, impl.Name)
			}
		}
	}
}

// Whatever runs on any machine is what a step does when nobody says otherwise.
func TestBaselinesAreTheDefault(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"backbone", "design", "fold", "score", "rank"} {
		if first := l.step(name).Implementation("").Name; first != "baseline" {
			t.Errorf("%s runs %s by default", name, first)
		}
	}
}

// No implementation of the library asks a server for alignments.
func TestNoAlignmentServer(t *testing.T) {
	l := newLab(t)
	s := l.step("fold")
	for i := range s.Implementations {
		var words []string
		for _, command := range s.Implementations[i].Commands() {
			for _, arg := range command {
				words = append(words, arg.Templates...)
			}
		}
		line := strings.Join(words, " ")
		// With an alignment colabfold's server is the file: there is none.
		line = strings.Replace(line, " --msa-mode mmseqs2_uniref_env --host-url $(inputs.alignment) ", " ", 1)
		if strings.Contains(line, "mmseqs2") || strings.Contains(line, "use_msa_server") || strings.Contains(line, "host-url") || strings.Contains(line, "--templates") {
			t.Errorf("%s asks a server: %s", s.Implementations[i].Name, line)
		}
		if words[0] == "colabfold_batch" || slices.Contains(words, "colabfold_batch") {
			if at := slices.Index(words, "--msa-mode"); at < 0 || words[at+1] != "single_sequence" {
				t.Errorf("colabfold would ask the public server: %s", line)
			}
		}
	}
}
