package pipelines_test

import (
	"encoding/json"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

const sifting = `
name: sifting
version: 1.0.0
title: Sift
description: For tests.
inputs: {structure: {type: protein.structure}}
params:
  least: {type: integer, default: 50}
  most: {type: number, optional: true}
nodes:
  design:
    step: design
    with: {structure: $inputs.structure}
    keep: {sequences.energy: {max: $params.most}, recovery: {min: 0.25}}
  fold: {step: fold, each: {sequence: design.sequences}, keep: {agreement: {min: $params.least}}}
outputs: {models: fold.structure}
`

const around = `
name: around
version: 1.0.0
title: Sift inside
description: For tests.
inputs: {structure: {type: protein.structure}}
params: {least: {type: integer, default: 70}, most: {type: number, optional: true}}
nodes:
  set: {pipeline: sifting, with: {structure: $inputs.structure, least: $params.least, most: $params.most}}
  unset: {pipeline: sifting, with: {structure: $inputs.structure}}
outputs: {a: set.models, b: unset.models}
`

func sift(t *testing.T, text string) *pipelines.Compiled {
	t.Helper()
	s := testShelf(t)
	for _, text := range []string{sifting, around} {
		p, problems := pipelines.Parse("test.yaml", []byte(text))
		if problems != nil {
			t.Fatal(problems)
		}
		s.pipelines[p.Name] = p
	}
	p, problems := pipelines.Parse("test.yaml", []byte(text))
	if problems != nil {
		t.Fatal(problems)
	}
	c, err := pipelines.Compile(p, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func plan(t *testing.T, c *pipelines.Compiled, params map[string]any) (*pipelines.Plan, error) {
	t.Helper()
	u, err := uris.Parse("file:///x/a.pdb")
	if err != nil {
		t.Fatal(err)
	}
	return c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"structure": {{URI: u}}}, Params: params}, testShelf(t).Types())
}

func least(port, metric string, x float64) steps.Threshold {
	return steps.Threshold{Port: port, Metric: metric, Min: &x}
}

func most(port, metric string, x float64) steps.Threshold {
	return steps.Threshold{Port: port, Metric: metric, Max: &x}
}

// Bounds are numbers, a call's parameters or those of pipelines around; one
// that nothing sets is none.
func TestKeep(t *testing.T) {
	inner, outer := sift(t, sifting), sift(t, around)
	for _, c := range []struct {
		name     string
		compiled *pipelines.Compiled
		params   map[string]any
		want     map[string][]steps.Threshold
	}{
		{"as it is", inner, nil, map[string][]steps.Threshold{
			"design": {least("", "recovery", 0.25)}, "fold": {least("", "agreement", 50)},
		}},
		{"by the call", inner, map[string]any{"least": 10, "most": -1.5}, map[string][]steps.Threshold{
			"design": {least("", "recovery", 0.25), most("sequences", "energy", -1.5)}, "fold": {least("", "agreement", 10)},
		}},
		{"by the pipeline around", outer, map[string]any{"most": 3}, map[string][]steps.Threshold{
			"set.design": {least("", "recovery", 0.25), most("sequences", "energy", 3)}, "set.fold": {least("", "agreement", 70)},
			"unset.design": {least("", "recovery", 0.25)}, "unset.fold": {least("", "agreement", 50)},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := plan(t, c.compiled, c.params)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			back, err := pipelines.DecodePlan(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []*pipelines.Plan{p, back} {
				got := map[string][]steps.Threshold{}
				for _, n := range p.Compiled.Nodes {
					got[n.ID] = p.NodeKeep(n.ID)
				}
				if diff := gocmp.Diff(c.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			if p.Digest() != back.Digest() {
				t.Error("the plan that is read back is another")
			}
		})
	}
	if inner.Digest() == sift(t, strings.Replace(sifting, "0.25", "0.5", 1)).Digest() {
		t.Error("another threshold is the same pipeline")
	}
}

// Bounds that leave nothing are a slip of the pen, not a filter.
func TestKeepNothing(t *testing.T) {
	c := sift(t, strings.Replace(sifting, "{min: $params.least}", "{min: $params.least, max: $params.most}", 1))
	if _, err := plan(t, c, map[string]any{"most": 50}); err != nil {
		t.Errorf("50 to 50: %v", err)
	}
	_, err := plan(t, c, map[string]any{"most": 49})
	if ps := problem.Of(err); len(ps) != 1 || ps[0].Code != problem.OutOfRange || ps[0].Path != "params.least" || !strings.Contains(ps[0].Message, "at least 50 and at most 49") {
		t.Errorf("50 to 49: %v", err)
	}
}

// A bound on what the chosen implementation does not measure is refused before
// its tasks fail of it, one after another.
func TestKeepUnmeasured(t *testing.T) {
	s := testShelf(t).with(t, `
name: two
version: 1.0.0
title: Two predictors
description: Of two scales.
inputs: {structure: {type: protein.structure}}
outputs: {out: {type: protein.structure, format: pdb}}
metrics: {ours: {by: first}, theirs: {by: second}, size: {}}
implementations:
  first: {command: [tool, $(inputs.structure)], collect: {out: out.pdb}}
  second: {command: [tool, $(inputs.structure)], collect: {out: out.pdb}}
`)
	p := parsed(t, `
name: p
version: 1.0.0
title: A pipeline
description: Of one node.
inputs: {structure: {type: protein.structure}}
params: {ours: {type: number, optional: true}, theirs: {type: number, optional: true}}
nodes: {n: {step: two, with: {structure: $inputs.structure}, keep: {ours: {min: $params.ours}, theirs: {max: $params.theirs}, size: {min: 1}}}}
outputs: {out: n.out}
`)
	for _, c := range []struct {
		implementation string
		params         map[string]any
		path           string
	}{
		{"first", map[string]any{"ours": 1}, ""},
		{"second", map[string]any{"theirs": 1}, ""},
		{"first", nil, ""},
		{"second", map[string]any{"ours": 1}, "params.ours"},
		{"first", map[string]any{"theirs": 1}, "params.theirs"},
	} {
		compiled, err := pipelines.Compile(p, s, &pipelines.CompileOptions{Implementations: map[string]string{"two": c.implementation}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = plan(t, compiled, c.params)
		ps := problem.Of(err)
		if c.path == "" {
			if err != nil {
				t.Errorf("%s %v: %v", c.implementation, c.params, err)
			}
		} else if len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, "which its implementation "+c.implementation+" does not measure") ||
			!strings.HasPrefix(ps[0].Fix, "Leave it out, or choose what measures it: ") {
			t.Errorf("%s %v: %v", c.implementation, c.params, err)
		}
	}
}

// What was read back must not filter by what is not there.
func TestDecodedKeepIsChecked(t *testing.T) {
	data, err := json.Marshal(sift(t, sifting))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"port":"sequences","metric"`, `"port":"nothing","metric"`},
		{`"max":{"from":"most"}`, `"max":{"from":"nothing"}`},
		{`"max":{"from":"most"}`, `"max":{}`},
	} {
		changed := strings.Replace(string(data), change[0], change[1], 1)
		if changed == string(data) {
			t.Fatalf("there is no %s", change[0])
		}
		if _, err := pipelines.DecodeCompiled([]byte(changed)); err == nil {
			t.Errorf("%s is taken", change[1])
		}
	}
}
