package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
)

const mistakes = `name: mistakes
version: 1.0.0
title: Mistakes of each stage
description: Each line of nodes has one.
inputs: {structure: {type: protein.structure}}
params: {n: {type: integer, default: 4, minimum: 1, maximum: 50}}
nodes:
  design: {step: desing, with: {structure: $inputs.structure}}
  fold: {step: fold, each: {sequence: desgin.sequences}}
  score: {step: score, each: {model: fold.structure}, with: {reference: $inputs.strcture}}
  rank: {step: rank, with: {scores: score.scores, models: score.scores}}
  again: {step: design, with: {structure: $inputs.structure, num_sequences: 5000}}
  refold: {step: fold, with: {sequence: again.sequences}}
  left: {step: design, with: {structure: right.structure, num_sequences: $params.n}}
  right: {step: fold, each: {sequence: left.sequences}, colour: blue}
outputs: {table: rank.table, models: refold.structure, others: right.structure}
`

// TestFixesWorkWhenFollowed mends the mistakes of reading, naming and wiring
// one after the other, each as its problem says: one problem goes, none comes.
func TestFixesWorkWhenFollowed(t *testing.T) {
	text := mistakes
	load := func() (*catalog.Catalog, problem.Problems) {
		return catalog.Load(append(catalog.Builtin(), source(map[string]string{"m.yaml": text}))...)
	}
	c, ps := load()
	for left, edit := range []struct {
		line          int
		path          string
		code          problem.Code
		fix, old, new string
	}{
		{8, "nodes.design.step", problem.UnknownName, `Did you mean "design"?`, "desing", "design"},
		{9, "nodes.fold.each.sequence", problem.UnknownName, `Did you mean "design"?`, "desgin", "design"},
		{10, "nodes.score.with.reference", problem.UnknownName, `Did you mean "structure"?`, "strcture", "structure"},
		{11, "nodes.rank.with.models", problem.TypeMismatch, "`score.superposed`, `fold.structure` and ", "models: score.scores", "models: fold.structure"},
		{12, "nodes.again.with.num_sequences", problem.OutOfRange, "from 1 to 1000", "5000", "1000"},
		{13, "nodes.refold.with.sequence", problem.Cardinality, "with each: {sequence: again.sequences}", "with:", "each:"},
		{14, "nodes.left.with.structure", problem.Cycle, "something other than `right.structure`", "right.structure", "$inputs.structure"},
		{15, "nodes.right.colour", problem.UnknownField, "There are: step, ", ", colour: blue", ""},
	} {
		if c.Pipeline("mistakes") != nil {
			t.Fatal("it is in the catalog although it has problems")
		}
		if len(ps) != 8-left {
			t.Fatalf("after %d of 8 fixes there are %d problems:\n%v", left, len(ps), ps)
		}
		p := ps[0]
		if p.Pos.Line != edit.line || p.Pos.Column == 0 || p.Path != edit.path || p.Code != edit.code || !strings.Contains(p.Fix, edit.fix) {
			t.Fatalf("the next problem is %s (%s)\nwant one in line %d at %s whose fix says %s", p, p.Code, edit.line, edit.path, edit.fix)
		}
		lines := strings.Split(text, "\n")
		lines[edit.line-1] = strings.Replace(lines[edit.line-1], edit.old, edit.new, 1)
		text = strings.Join(lines, "\n")
		c, ps = load()
	}
	if len(ps) > 0 || c.Pipeline("mistakes") == nil {
		t.Errorf("all fixes were followed, and still:\n%v", ps)
	}
}

const user = `name: %s
version: 1.0.0
title: A user
description: Uses what may be broken.
inputs: {table: {type: table.scores}}
nodes: {d: {%s, with: {table: $inputs.table%s}}}
outputs: {table2: d.table2}
`

// TestUsersOfBrokenDefinitions: what has mistakes is known to those that use
// it, and they are left out with one sentence that says why.
func TestUsersOfBrokenDefinitions(t *testing.T) {
	step := fmt.Sprintf(double, "1.0.0")
	pipeline := func(name, uses, more string) string { return fmt.Sprintf(user, name, uses, more) }
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
		sound []string
	}{
		{"a step with an unknown field", map[string]string{
			"a.yaml": strings.Replace(step, "title: Double a table", "title: Double\ncolour: blue", 1),
			"b.yaml": pipeline("one", "step: double", ""),
			"c.yaml": pipeline("two", "pipeline: one", ""),
			"d.yaml": pipeline("three", "step: double", ", factor: 3"),
			"e.yaml": strings.Replace(step, "double", "other", 1),
		}, []string{
			`mine/a.yaml:5: colour: There is no field "colour". There are: name, version, title, description, duration, inputs, params, outputs, metrics, implementations.`,
			`mine/b.yaml:6: nodes.d.step: The step "double" has problems itself. Mend mine/a.yaml first.`,
			`mine/c.yaml:6: nodes.d.pipeline: The pipeline "one" has problems itself. Mend mine/b.yaml first.`,
			`mine/d.yaml:6: nodes.d.with.factor: ` + "`double` takes no \"factor\". There are: table.",
		}, []string{"other"}},
		{"a step whose ports could not be read", map[string]string{
			"a.yaml": strings.Replace(step, "inputs:", "inptus:", 1),
			"b.yaml": pipeline("one", "step: double", ", factor: 3"),
		}, []string{
			`mine/a.yaml:6: inptus: There is no field "inptus". Did you mean "inputs"?`,
			`mine/b.yaml:6: nodes.d.step: The step "double" has problems itself. Mend mine/a.yaml first.`,
		}, nil},
		{"a step with a type that is not there", map[string]string{
			"a.yaml": strings.Replace(step, "table2: {type: table.scores", "table2: {type: table.score", 1),
			"b.yaml": pipeline("one", "step: double", ""),
		}, []string{
			`mine/a.yaml:7: outputs.table2.type: There is no type "table.score". Did you mean "table.scores"?`,
			`mine/b.yaml:6: nodes.d.step: The step "double" has problems itself. Mend mine/a.yaml first.`,
		}, nil},
		{"a step without its implementations", map[string]string{
			"a.yaml": strings.Replace(step, "implementations:", "implementatons:", 1),
			"b.yaml": strings.Replace(pipeline("one", "step: double", ", factor: 3"), "{step:", "{implementation: sh, step:", 1),
		}, []string{
			`mine/a.yaml:8: implementatons: There is no field "implementatons". Did you mean "implementations"?`,
			`mine/b.yaml:6: nodes.d.with.factor: ` + "`double` takes no \"factor\". There are: table.",
		}, nil},
		{"a pipeline with a mistake in its wires", map[string]string{
			"a.yaml": step,
			"b.yaml": pipeline("one", "step: double", ", factor: 3"),
			"c.yaml": pipeline("two", "pipeline: one", ", nonsense: 3"),
		}, []string{
			`mine/b.yaml:6: nodes.d.with.factor: ` + "`double` takes no \"factor\". There are: table.",
			`mine/c.yaml:6: nodes.d.pipeline: The pipeline "one" has problems itself. Mend mine/b.yaml first.`,
		}, []string{"double"}},
		{"a pipeline with an unknown field", map[string]string{
			"a.yaml": step,
			"b.yaml": pipeline("one", "step: double", "") + "colour: blue\n",
			"c.yaml": pipeline("two", "pipeline: one", ", factor: 3"),
		}, []string{
			`mine/b.yaml:8: colour: There is no field "colour". There are: name, version, title, description, duration, inputs, params, nodes, outputs.`,
			`mine/c.yaml:6: nodes.d.with.factor: ` + "`one` takes no \"factor\". There are: table.",
		}, []string{"double"}},
		{"types with problems", map[string]string{
			"a.yaml": "types:\n  thing: {title: Thing, edam: \"14\", formats: {x: {}}}\n  kind: {title: Kind, is: thing}\n  fine: {title: Fine, formats: {y: {}}}\n",
			"b.yaml": strings.ReplaceAll(step, "table.scores, format: csv", "thing, format: x"),
			"c.yaml": strings.Replace(pipeline("one", "step: double", ""), "table.scores", "kind", 1),
			"d.yaml": strings.ReplaceAll(strings.Replace(step, "double", "other", 1), "table.scores, format: csv", "fine, format: y"),
		}, []string{
			`mine/a.yaml:2: types.thing.edam: "14" has another form than is used here. Write it like data_1460.`,
			`mine/b.yaml:6: inputs.table.type: The type thing has problems itself. Mend mine/a.yaml first.`,
			`mine/c.yaml:5: inputs.table.type: The type kind has problems itself. Mend mine/a.yaml first.`,
		}, []string{"other"}},
		{"pipelines that use each other", map[string]string{
			"a.yaml": pipeline("one", "pipeline: two", ""),
			"b.yaml": pipeline("two", "pipeline: one", ""),
		}, []string{
			`mine/a.yaml:6: nodes.d.pipeline: two → one → two is a cycle of pipelines. A pipeline cannot use itself; use another one here.`,
			`mine/b.yaml:6: nodes.d.pipeline: one → two → one is a cycle of pipelines. A pipeline cannot use itself; use another one here.`,
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat, ps := catalog.Load(append(catalog.Builtin(), source(c.files))...)
			var got []string
			for _, p := range ps {
				got = append(got, p.String())
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			sound := map[string]bool{}
			for _, name := range c.sound {
				sound[name] = true
			}
			for _, name := range []string{"one", "two", "three", "double", "other"} {
				if _, err := cat.Tool(name); (err == nil) != sound[name] {
					t.Errorf("%s: %v; sound: %v", name, err, sound[name])
				}
			}
		})
	}
}
