package pipelines_test

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/pipelines"
)

// narrowStep takes sequences of 2000 and lengths of 600, but by its baseline.
const narrowStep = `
name: narrow
version: 1.0.0
title: A step
description: Of two implementations.
inputs: {sequence: {type: protein.sequence, format: fasta, max_length: 2000}}
params: {length: {type: integer, default: 80, minimum: 20, maximum: 600}}
outputs: {structure: {type: protein.structure, format: pdb}}
implementations:
  baseline:
    command: [tool, $(inputs.sequence), $(params.length)]
    collect: {structure: out.pdb}
    limits: {sequence: 400, length: 200}
  gpu:
    command: [tool, $(inputs.sequence), $(params.length)]
    collect: {structure: out.pdb}
`

// Where an implementation takes less than its step, a call that chooses it is
// told before anything runs, and one that chooses another is not.
func TestLimitsOfImplementations(t *testing.T) {
	s := testShelf(t).with(t, narrowStep)
	narrow := s.steps["narrow"]
	pipeline := func(params, length string) (*pipelines.Pipeline, error) {
		p, problems := pipelines.Parse("p.yaml", []byte(`
name: p
version: 1.0.0
title: A pipeline
description: Of one node.
inputs: {given: {type: protein.sequence}}
`+params+`
nodes: {n: {step: narrow, with: {sequence: $inputs.given, length: `+length+`}}}
outputs: {out: n.structure}
`))
		return p, problems.Err()
	}
	for _, c := range []struct {
		implementation string
		longest        int
		refused        bool
	}{{"baseline", 400, true}, {"gpu", 2000, false}} {
		options := &pipelines.CompileOptions{Implementations: map[string]string{"narrow": c.implementation}}
		p, err := pipeline("params: {residues: {type: integer, default: 80}}", "$params.residues")
		if err != nil {
			t.Fatal(err)
		}
		for what, compile := range map[string]func() (*pipelines.Compiled, error){
			"pipeline": func() (*pipelines.Compiled, error) { return pipelines.Compile(p, s, options) },
			"step":     func() (*pipelines.Compiled, error) { return pipelines.CompileStep(narrow, s, options) },
		} {
			compiled, err := compile()
			if err != nil {
				t.Fatal(err)
			}
			if got := compiled.Inputs[0].MaxLength; got != c.longest {
				t.Errorf("%s, %s: the input takes %d, want %d", what, c.implementation, got, c.longest)
			}
			// What is read back checks the same.
			again, err := pipelines.DecodeCompiled([]byte(indented(t, compiled)))
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range []*pipelines.Compiled{compiled, again} {
				a := pipelines.Arguments{
					Inputs: map[string][]pipelines.Input{one.Inputs[0].Name: {{Type: "protein.sequence", Format: "fasta"}}},
					Params: map[string]any{one.Params[0].Name: 201},
				}
				_, err := one.Bind(a, one.Types)
				if refused := err != nil && strings.Contains(err.Error(), "from 20 to 200, not 201"); refused != c.refused {
					t.Errorf("%s, %s: a length of 201 gives %v", what, c.implementation, err)
				}
			}
		}
		p, err = pipeline("", "300")
		if err != nil {
			t.Fatal(err)
		}
		_, err = pipelines.Compile(p, s, options)
		if refused := err != nil && strings.Contains(err.Error(), "The implementation baseline of `n` does not take the length 300."); refused != c.refused {
			t.Errorf("%s: a literal of 300 gives %v", c.implementation, err)
		}
	}
	if narrow.Inputs[0].MaxLength != 2000 || *narrow.Params[0].Maximum != 600 {
		t.Error("the step itself was narrowed")
	}
}
