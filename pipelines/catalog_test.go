package pipelines_test

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", file, diff)
	}
}

// shelf is a small catalog.
type shelf struct {
	types     *steps.Types
	steps     map[string]*steps.Step
	pipelines map[string]*pipelines.Pipeline
}

func (s *shelf) Types() *steps.Types { return s.types }

func (s *shelf) Step(name string) *steps.Step { return s.steps[name] }

func (s *shelf) Pipeline(name string) *pipelines.Pipeline { return s.pipelines[name] }

func (s *shelf) Names(k pipelines.Kind) []string {
	var names []string
	if k == pipelines.KindStep {
		names = slices.Collect(maps.Keys(s.steps))
	} else {
		names = slices.Collect(maps.Keys(s.pipelines))
	}
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains([]byte(n), '@') })
	slices.Sort(names)
	return names
}

func load(t testing.TB, folders ...fs.FS) *shelf {
	t.Helper()
	s := &shelf{steps: map[string]*steps.Step{}, pipelines: map[string]*pipelines.Pipeline{}}
	var types [][]steps.Type
	for _, folder := range folders {
		files, err := fs.Glob(folder, "*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatal("no definitions", err)
		}
		for _, file := range files {
			data, err := fs.ReadFile(folder, file)
			if err != nil {
				t.Fatal(err)
			}
			doc := definition.Parse(path.Base(file), data)
			switch doc.Kind() {
			case definition.KindTypes:
				list, problems := steps.DecodeTypes(doc)
				if problems != nil {
					t.Fatal(problems)
				}
				types = append(types, list)
			case definition.KindStep:
				step, problems := steps.DecodeStep(doc)
				if problems != nil {
					t.Fatal(problems)
				}
				s.steps[step.Name], s.steps[step.Name+"@"+step.Version] = step, step
			default:
				p, problems := pipelines.Decode(doc)
				if problems != nil {
					t.Fatal(problems)
				}
				s.pipelines[p.Name], s.pipelines[p.Name+"@"+p.Version] = p, p
			}
		}
	}
	var problems error
	lattice, ps := steps.NewTypes(types...)
	if problems = ps.Err(); problems != nil {
		t.Fatal(problems)
	}
	s.types = lattice
	return s
}

func testShelf(t testing.TB) *shelf { return load(t, os.DirFS("testdata/catalog")) }

// with adds a step to the shelf.
func (s *shelf) with(t testing.TB, definition string) *shelf {
	t.Helper()
	step, problems := steps.ParseStep("step.yaml", []byte(definition))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	s.steps[step.Name] = step
	return s
}

// parsed reads a pipeline.
func parsed(t testing.TB, definition string) *pipelines.Pipeline {
	t.Helper()
	p, problems := pipelines.Parse("pipeline.yaml", []byte(definition))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}
