package steps_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

func foreignText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/foreign.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTemplateInsteadOfCommand(t *testing.T) {
	s, ps := steps.ParseStep("foreign.yaml", []byte(foreignText(t)))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	want := map[string]*steps.Foreign{
		"theirs": {
			Name: "dock-and-score", Entrypoint: "dock",
			Parameters: []steps.ForeignArgument{
				{Name: "ligand-list", Value: "$(inputs.ligands.uris)"},
				{Name: "mode", Value: "exhaustive"},
				{Name: "n-poses", Value: "$(params.poses)"},
				{Name: "pdb-uri", Value: "$(inputs.structure.uri)"},
				{Name: "title", Value: "poses: $(params.poses), seed: $(params.seed)"},
			},
			Artifacts: []steps.ForeignArtifact{{Name: "ref", Input: "reference"}},
		},
		"by_name": {
			Name: "dock-by-name", Cluster: true, Entrypoint: "main",
			Parameters: []steps.ForeignArgument{{Name: "poses", Value: "$(params.poses)"}, {Name: "seed", Value: "$(params.seed)"}},
			Artifacts:  []steps.ForeignArtifact{{Name: "ligands", Input: "ligands", Sub: "dir"}, {Name: "reference", Input: "reference"}, {Name: "structure", Input: "structure"}},
		},
	}
	for name, template := range want {
		if diff := cmp.Diff(template, s.Implementation(name).Template); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again steps.Step
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	for _, im := range again.Implementations {
		if diff := cmp.Diff(s.Implementation(im.Name).Template, im.Template); diff != "" {
			t.Errorf("%s does not survive JSON:\n%s", im.Name, diff)
		}
	}
	if strings.Contains(string(data), `"command"`) {
		t.Error("an implementation without a command writes one")
	}
}

func TestTemplateProblems(t *testing.T) {
	base := foreignText(t)
	for _, c := range []struct{ old, new, want string }{
		{"      name: dock-and-score", "      nmae: dock-and-score", `implementations.theirs.template.nmae: There is no field "nmae". Did you mean "name"?`},
		{"      name: dock-and-score", "      name: Dock", `implementations.theirs.template.name: "Dock" has another form than is used here. Write the name that the WorkflowTemplate has in the cluster.`},
		{"    metrics: outputs", "    finish: [dock]\n    metrics: outputs", `implementations.theirs.finish: finish is about a command of ligase's own; this implementation is a template. Remove it, or set it in the template itself.`},
		{"    metrics: outputs", "    command: [dock]\n    metrics: outputs", `implementations.theirs.command: command is about a command of ligase's own; this implementation is a template. Remove it, or set it in the template itself.`},
		{"    metrics: outputs", "    timeout: 5m\n    metrics: outputs", `implementations.theirs.timeout: timeout is about a command of ligase's own; this implementation is a template. Remove it, or set it in the template itself.`},
		{"$(params.poses)\n", "$(params.pose)\n", `implementations.theirs.template.arguments.n-poses: There is no parameter "pose". Did you mean "poses"?`},
		{"$(inputs.structure.uri)", "$(inputs.structure)", `implementations.theirs.template.arguments.pdb-uri: "pdb-uri" sounds like a URI and is given the file itself. Write $(inputs.structure.uri), or rename the artifact.`},
		{"$(inputs.structure.uri)", "$(inputs.structure.uris)", `implementations.theirs.template.arguments.pdb-uri: structure carries one file, which .uris is not about. Write $(inputs.structure) for the file, or $(inputs.structure.uri) for where it lies.`},
		{"$(inputs.ligands.uris)", "$(inputs.ligands)", `implementations.theirs.template.arguments.ligand-list: ligands carries many files. Write $(inputs.ligands.dir) for a folder of the files, or $(inputs.ligands.uris) for a JSON list of their URIs.`},
		{"ref: $(inputs.reference)", "ref: $(inputs.reference.uri)", `implementations.theirs.template.arguments.ref: The input reference is optional, and a template's parameter cannot be left out. Give it as a file, $(inputs.reference), to an artifact that is optional too.`},
		{"mode: exhaustive", "mode: 'from $(inputs.structure)'", `implementations.theirs.template.arguments.mode: A file is an artifact of a template, and cannot stand inside a text. Let $(inputs.structure) be an argument of its own.`},
		{"mode: exhaustive", "mode: $(work)/out", `implementations.theirs.template.arguments.mode: $(work) is a folder of ligase's worker, which the template does not see. Let the template use a path of its own.`},
		{"mode: exhaustive", "mode: '{{workflow.name}}'", `implementations.theirs.template.arguments.mode: The text holds {{, which Argo would evaluate in a template that is not ligase's. Leave it out.`},
		{"mode: exhaustive", "m.o: x", `implementations.theirs.template.arguments.m.o: "m.o" names nothing in a template. Write the name of one of its parameters or artifacts.`},
		{"poses: {type: integer, default: 3}", "poses: {type: integer, optional: true}", `implementations.theirs.template.arguments.n-poses: The parameter poses is optional, and a template's argument cannot be left out. Give poses a default.
implementations.theirs.template.arguments.title: The parameter poses is optional, and a template's argument cannot be left out. Give poses a default.
implementations.by_name.template: The parameter poses is optional, and a template's argument cannot be left out. Give poses a default.`},
		{"outputs.uris.best-uri", "out/best.pdb", `implementations.theirs.collect.best: "out/best.pdb" says nothing about where a template leaves an output. Write outputs.artifacts.NAME, outputs.parameters.NAME, outputs.uris.NAME (of a parameter that holds a URI) or outputs.result.`},
		{"outputs.artifacts.poses/*.pdb", "outputs.artifacts.poses", `implementations.theirs.collect.all: all carries many, but "outputs.artifacts.poses" names one file. Let the artifact be a folder, and say which files in it: outputs.artifacts.poses/*.`},
		{"outputs.artifacts.poses/*.pdb", "outputs.artifacts.poses/../*.pdb", `implementations.theirs.collect.all: "../*.pdb" lies outside the work folder. Write a path below $(work), like out/model.pdb.`},
		{"      table: outputs.parameters.table\n", "", `implementations.theirs.collect: The implementation does not say where the output table is. Add table: and outputs.artifacts.NAME, outputs.parameters.NAME, outputs.uris.NAME or outputs.result.`},
		{"    metrics: outputs.artifacts.report/metrics.json", "    metrics: metrics.json", `implementations.theirs.metrics: "metrics.json" says nothing about where a template leaves an output. Write outputs.artifacts.NAME, outputs.parameters.NAME, outputs.uris.NAME (of a parameter that holds a URI) or outputs.result.`},
	} {
		t.Run(c.new, func(t *testing.T) {
			text := strings.Replace(base, c.old, c.new, 1)
			if text == base {
				t.Fatalf("%q is not in the step", c.old)
			}
			_, ps := steps.ParseStep("s.yaml", []byte(text))
			var got []string
			for _, p := range ps {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s: %s %s", p.Path, p.Message, p.Fix)))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestURIInCommand refuses in a command what only templates are given.
func TestURIInCommand(t *testing.T) {
	text := strings.Replace(foreignText(t), "    template: {name: dock-by-name, cluster: true}\n    collect: {best: outputs.artifacts.best, all: outputs.result, table: outputs.artifacts.table}",
		"    command: [dock, $(inputs.structure.uri)]\n    collect: {best: a.pdb, all: all/*.pdb, table: t.csv}", 1)
	_, ps := steps.ParseStep("s.yaml", []byte(text))
	if len(ps) != 1 || !strings.Contains(ps[0].String(), "A command is given files") {
		t.Errorf("problems: %v", ps)
	}
}

// TestForeignValues are values that callers give: those that would not arrive
// literally are refused, all others pass.
func TestForeignValues(t *testing.T) {
	for value, refused := range map[string]bool{
		"{{workflow.name}}": true, "{{=1+1}}": true, "x{{": true, "x{": true, "$$": true, "$(HOME)": true, "$(id)": true, "a$(A.B-c_9)b": true, "\x00": true,
		"": false, "'; id #": false, "a\nb\n": false, `"}],"args":[`: false, "{\"a\": {\"b\": 1}}": false, "$HOME": false, "cost $5 (net)": false,
		"$(id -u)": false, "}}": false, "ü<&>": false, "`id`": false, "$()": false,
	} {
		if err := steps.CheckForeignValue(value); (err != nil) != refused {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, text := range []string{"outputs.result", "outputs.parameters.a-b", "outputs.uris.u", "outputs.artifacts.x", "outputs.artifacts.x/*.pdb"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := steps.ParseSource(text)
		if err == nil && s.String() != text {
			t.Errorf("%q is written as %q", text, s)
		}
	})
}
