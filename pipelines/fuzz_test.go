package pipelines_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// FuzzCompile: whatever a file says, there is either a pipeline that survives
// JSON, or problems.
func FuzzCompile(f *testing.F) {
	for _, glob := range []string{"testdata/problems/*.yaml", "testdata/compiled/*.yaml", "library/*.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	s := testShelf(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := pipelines.Parse("fuzz.yaml", data)
		if (p == nil) == (problems == nil) {
			t.Fatal("a pipeline and problems exclude each other")
		}
		if p == nil {
			if p, _ = pipelines.Decode(definition.Parse("fuzz.yaml", data)); p != nil {
				pipelines.Check(p, s)
			}
			return
		}
		c, err := pipelines.Compile(p, s, nil)
		if err != nil {
			if len(problem.Of(err)) == 0 {
				t.Fatalf("an error without problems: %v", err)
			}
			return
		}
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pipelines.DecodeCompiled(out)
		if err != nil {
			t.Fatalf("what was compiled cannot be read back: %v", err)
		}
		if again.Digest() != c.Digest() {
			t.Fatal("the digest changes on the way through JSON")
		}
	})
}

// FuzzBind: whatever a call gives, there is either a plan that survives JSON,
// or problems.
func FuzzBind(f *testing.F) {
	f.Add([]byte(`{"inputs":{"structure":[{"uri":"file:///x.pdb","type":"protein.structure","format":"pdb"}]},"params":{"hot":2,"by":"ca_rmsd"}}`))
	f.Add([]byte(`{"inputs":{"structure":[]},"params":{"hot":"1e3","by":null,"image":"evil","podSpecPatch":{"a":[[[]]]}}}`))
	f.Add([]byte(`{"inputs":{"structure":[{"uri":"s3://a/b","type":"table.scores"},{"uri":""}]},"params":{"hot":[1,"{{workflow.name}}"]}}`))
	s := testShelf(f)
	c := compile(f, s, "testdata/compiled/nested.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		var call struct {
			Inputs map[string][]struct {
				URI    string `json:"uri"`
				Type   string `json:"type"`
				Format string `json:"format"`
				Origin string `json:"origin"`
			} `json:"inputs"`
			Params map[string]any `json:"params"`
		}
		if json.Unmarshal(data, &call) != nil {
			return
		}
		a := pipelines.Arguments{Inputs: map[string][]pipelines.Input{}, Params: call.Params}
		for name, values := range call.Inputs {
			a.Inputs[name] = []pipelines.Input{}
			for _, v := range values {
				uri, err := uris.Parse(v.URI)
				if err != nil {
					continue
				}
				a.Inputs[name] = append(a.Inputs[name], pipelines.Input{URI: uri, Type: v.Type, Format: v.Format, Origin: v.Origin})
			}
		}
		plan, err := c.Bind(a, s.types)
		if err != nil {
			if len(problem.Of(err)) == 0 {
				t.Fatalf("an error without problems: %v", err)
			}
			return
		}
		out, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pipelines.DecodePlan(out)
		if err != nil {
			t.Fatalf("the plan cannot be read back: %v", err)
		}
		if again.Digest() != plan.Digest() {
			t.Fatal("the digest changes on the way through JSON")
		}
	})
}
