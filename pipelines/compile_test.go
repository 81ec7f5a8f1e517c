package pipelines_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

func read(t testing.TB, file string) *pipelines.Pipeline {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, problems := pipelines.Parse(filepath.Base(file), data)
	if problems != nil {
		t.Fatal(problems)
	}
	return p
}

func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	s := testShelf(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, problems := pipelines.Decode(definition.Parse(filepath.Base(file), data))
			if p != nil {
				problems = append(problems, pipelines.Check(p, s)...).Sorted()
			}
			if problems == nil {
				t.Fatal("no problems")
			}
			var out strings.Builder
			for _, p := range problems {
				if p.Pos.Line == 0 || p.Path == "" && p.Pos.Line > 1 || p.Code == "" || p.Fix == "" {
					t.Errorf("place, path and code are needed: %+v", p)
				}
				out.WriteString(string(p.Code) + " " + p.String() + "\n")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", out.String())
		})
	}
}

// indented is JSON for golden files.
func indented(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// same compares what JSON has of two compiled pipelines, and their graphs.
func same(t *testing.T, a, b *pipelines.Compiled) {
	t.Helper()
	options := []gocmp.Option{cmpopts.IgnoreUnexported(pipelines.Compiled{}),
		gocmp.Comparer(func(a, b steps.Value) bool { return a.Equal(b) }),
		gocmp.Comparer(func(a, b *steps.Types) bool { return indented(t, a) == indented(t, b) })}
	if diff := gocmp.Diff(a, b, options...); diff != "" {
		t.Errorf("not equal:\n%s", diff)
	}
	if a.Graph().Mermaid() != b.Graph().Mermaid() {
		t.Error("the graphs differ")
	}
	if a.Digest() != b.Digest() {
		t.Error("the digests differ")
	}
}

// readBack wants a pipeline that was written down and read again to be the same.
func readBack(t *testing.T, c *pipelines.Compiled) {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pipelines.DecodeCompiled(data)
	if err != nil {
		t.Fatal(err)
	}
	same(t, c, again)
}

func TestCompiled(t *testing.T) {
	s := testShelf(t)
	c, err := pipelines.Compile(read(t, "testdata/compiled/nested.yaml"), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/compiled/nested.json", indented(t, c))
	golden(t, "testdata/compiled/nested.mmd", c.Graph().Mermaid())
	readBack(t, c)

	// The zip of two pipelines' outputs follows the scatter below both.
	if diff := gocmp.Diff([]dag.Endpoint{{Node: "design", Port: "sequences"}}, c.Graph().Dims("again")); diff != "" {
		t.Error(diff)
	}
	// The node of the inner pipeline that nobody needs here is left out.
	if c.Node("all.refine.score") != nil {
		t.Error("a node that leads to no output was kept")
	}
	if n := c.Node("all.refine.fold"); n == nil || n.Params["seed"].Value.String() != "3" || !n.ContinueOnFailure {
		t.Errorf("the inlined node is %+v", n)
	}
	if n := c.Node("one.fold"); n.Params["seed"].Value.String() != "7" || len(n.Within) != 1 || n.ContinueOnFailure {
		t.Errorf("the inlined node is %+v", n)
	}
}

func TestCompileStep(t *testing.T) {
	s := testShelf(t)
	c, err := pipelines.CompileStep(s.steps["rank"], s, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/compiled/step.json", indented(t, c))
	_, err = pipelines.CompileStep(s.steps["design"], s, &pipelines.CompileOptions{Implementations: map[string]string{"design": "baslin", "foo": "bar"}})
	want := `implementations.design: The step "design" has no implementation "baslin". Did you mean "baseline"?` + "\n" +
		`implementations.foo: No node and no step here is named "foo". There are: design.`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestImplementations(t *testing.T) {
	s := testShelf(t)
	p := read(t, "testdata/compiled/nested.yaml")
	for _, c := range []struct {
		choose map[string]string
		want   string
	}{
		{nil, "mpnn"},
		{map[string]string{"design": "baseline"}, "baseline"},
	} {
		out, err := pipelines.Compile(p, s, &pipelines.CompileOptions{Implementations: c.choose})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Node("design").Implementation; got != c.want {
			t.Errorf("%v gives %s, want %s", c.choose, got, c.want)
		}
		if got := out.StepOf("design").Implementations; len(got) != 1 || got[0].Name != c.want {
			t.Errorf("the snapshot holds %v", got)
		}
	}
	a, _ := pipelines.Compile(p, s, nil)
	b, _ := pipelines.Compile(p, s, &pipelines.CompileOptions{Implementations: map[string]string{"design": "baseline"}})
	if a.Digest() == b.Digest() {
		t.Error("the digest does not depend on the implementation")
	}
}

// Pipelines that use pipelines that use pipelines grow without end; the cap
// answers before anything is inlined.
func TestTooManyNodes(t *testing.T) {
	s := testShelf(t)
	inner := "refine"
	for range 12 {
		p := &pipelines.Pipeline{
			Name: inner + "x", Version: "1.0.0",
			Inputs: []steps.Port{{Name: "sequence", Type: "protein.sequence"}, {Name: "reference", Type: "protein.structure"}},
		}
		for i := range 10 {
			name := "n" + string(rune('a'+i))
			p.Nodes = append(p.Nodes, pipelines.Node{Name: name, Uses: inner, Kind: pipelines.KindPipeline, With: []pipelines.Argument{
				{Name: "sequence", From: &dag.Endpoint{Port: "sequence"}}, {Name: "reference", From: &dag.Endpoint{Port: "reference"}},
			}})
			p.Outputs = append(p.Outputs, pipelines.Output{Name: name, From: dag.Endpoint{Node: name, Port: "scores"}})
			if i == 0 {
				p.Outputs = append(p.Outputs, pipelines.Output{Name: "scores", From: dag.Endpoint{Node: name, Port: "scores"}})
			}
		}
		s.pipelines[p.Name] = p
		inner = p.Name
	}
	_, err := pipelines.Compile(s.pipelines[inner], s, &pipelines.CompileOptions{MaxNodes: 1000})
	ps := problem.Of(err)
	if len(ps) != 2 || ps[0].Code != problem.TooLarge || ps[1].Path != "nodes.na.pipeline" {
		t.Errorf("got %v", err)
	}
}
