package pod_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

const foreignStep = `
name: dock
version: 1.0.0
title: Dock
description: Somebody else's template.
inputs:
  receptor: {type: file, format: text}
  ligands: {type: file, format: text, many: true}
  hints: {type: file, format: text, optional: true}
  reference: {type: file, format: text}
params:
  poses: {type: integer, default: 2}
  note: {type: string, default: none}
outputs:
  best: {type: file, format: text}
  all: {type: file, format: text, many: true, min_items: 2}
  table: {type: table, format: csv, columns: [score]}
  log: {type: file, format: text}
  tags: {type: file, format: text, optional: true}
implementations:
  argo:
    template:
      name: dock-and-score
      entrypoint: dock
      arguments:
        n-poses: $(params.poses)
        title: "note: $(params.note)"
        reference-uri: $(inputs.reference.uri)
    collect:
      best: outputs.artifacts.best
      all: outputs.artifacts.poses/*.pdb
      table: outputs.parameters.table
      log: outputs.uris.log-uri
      tags: outputs.artifacts.tags
    metrics: outputs.result
    retries: {limit: 1, on: [exit, output_contract]}
`

func foreignCluster(t *testing.T) *cluster {
	t.Helper()
	c, ps := catalog.Load(append(catalog.Builtin(), catalog.Source{Name: "test", FS: fstest.MapFS{"dock.yaml": {Data: []byte(foreignStep)}}})...)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return newCluster(t, c)
}

func (k *cluster) dock(note string) *workflow {
	return k.workflow("dock", nil, pipelines.Arguments{
		Inputs: map[string][]pipelines.Input{
			"receptor": {k.put("receptor.text", "receptor\n")}, "reference": {k.put("reference.text", "reference\n")},
			"ligands": {k.put("l0.text", "ligand 0\n"), k.put("l1.text", "ligand 1\n")},
		},
		Params: map[string]any{"note": note},
	})
}

// stage runs the pod before the template.
func (w *workflow) stage() *process {
	p := w.pod(dag.Task{Node: "dock"})
	p.Args = append(p.Args, "stage")
	return p
}

// collect prepares the pod after the template, which ended so and left that.
func (w *workflow) collect(attempt, more, outcome string, artifacts map[string]string) *process {
	w.t.Helper()
	p := w.pod(dag.Task{Node: "dock"}, "LIGASE_ATTEMPT="+attempt, "LIGASE_MORE="+more)
	p.Args = append(p.Args, "collect")
	artifacts["../in/outcome"] = base64.StdEncoding.EncodeToString([]byte(outcome))
	for name, content := range artifacts {
		file := filepath.Join(p.home, "theirs", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return p
}

// left are the files below a folder of a pod's.
func (p *process) left(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join(p.home, folder)
	err := filepath.WalkDir(root, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		name, _ := filepath.Rel(root, file)
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *workflow) succeeded() string {
	log := w.put("theirs.log", "docked\n").URI
	return fmt.Sprintf(`{"status":"Succeeded","exitCode":"0","id":"node-1","startedAt":"2024-01-01T10:00:00Z","finishedAt":"2024-01-01T10:00:05Z",
		"outputs":{"parameters":{"table":"name,score\na,1\n","log-uri":%q},"result":"{\"metrics\": {\"energy\": -7.5}}"}}`, log)
}

func artifacts() map[string]string {
	return map[string]string{"best": "best\n", "poses/p_2.pdb": "two\n", "poses/p_10.pdb": "ten\n", "poses/notes.md": "x"}
}

// TestTemplateOfOthers stages for a template and commits what it made, as the
// pods around it do.
func TestTemplateOfOthers(t *testing.T) {
	w := foreignCluster(t).dock("it's \"literal\"\n; {x} <&> $HOME")
	stage := w.stage()
	stage.wants(t, 0, "")
	want := map[string]string{
		"go": "run", "task-attempt": "1",
		// Argo takes the newline at the end off again.
		"arguments/n-poses":       "2\n",
		"arguments/title":         "note: it's \"literal\"\n; {x} <&> $HOME\n",
		"arguments/reference-uri": w.root.Join("files", "reference.text").String() + "\n",
		"staged/receptor":         "receptor\n",
		"staged/ligands/0.text":   "ligand 0\n",
		"staged/ligands/1.text":   "ligand 1\n",
	}
	if diff := cmp.Diff(want, stage.left(t, "out")); diff != "" {
		t.Fatalf("what is handed to the template (-want +got):\n%s", diff)
	}
	if s := w.started(dag.Task{Node: "dock"}, 1); s.Pod == "" {
		t.Error("the attempt is not claimed by the pod that stages")
	}

	collect := w.collect("1", "true", w.succeeded(), artifacts())
	collect.wants(t, 0, "")
	if diff := cmp.Diff(map[string]int{"all": 2}, collect.counts(t)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if again := collect.left(t, "out")["again"]; again != "false" {
		t.Errorf("again: %s", again)
	}
	r := w.result(dag.Task{Node: "dock"})
	got := map[string][]string{}
	for port, objects := range r.Outputs {
		for _, o := range objects {
			got[port] = append(got[port], w.read(o.URI))
		}
	}
	if diff := cmp.Diff(map[string][]string{
		"best": {"best\n"}, "all": {"two\n", "ten\n"}, "table": {"name,score\na,1\n"}, "log": {"docked\n"},
	}, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if r.Metrics["energy"] != -7.5 || r.Timings.Run != 5 || r.Implementation != "argo" || r.Attempt != 1 {
		t.Errorf("commit record: %+v", r)
	}

	// A second time there is nothing to run, and the counts are the same.
	stage = w.stage()
	stage.wants(t, 0, "committed already")
	if diff := cmp.Diff(map[string]string{"go": "done", "task-attempt": "0"}, stage.left(t, "out")); diff != "" {
		t.Errorf("staged again (-want +got):\n%s", diff)
	}
	collect = w.collect("0", "false", `{"status":"Skipped"}`, map[string]string{})
	collect.wants(t, 0, "")
	if diff := cmp.Diff(map[string]int{"all": 2}, collect.counts(t)); diff != "" {
		t.Errorf("counts of the second time (-want +got):\n%s", diff)
	}
}

// TestTemplateFailed tells why a template failed, and whether it is to be run
// again.
func TestTemplateFailed(t *testing.T) {
	for _, c := range []struct {
		name, outcome, more string
		artifacts           map[string]string
		exit                int
		again               string
		code                steps.FailureCode
		message             string
	}{
		{"exit, another attempt", `{"status":"Failed","exitCode":"3"}`, "true", nil, 0, "true", steps.FailExit, "The template dock of dock-and-score ended with exit code 3."},
		{"exit, the last attempt", `{"status":"Failed","exitCode":"3"}`, "false", nil, 28, "false", steps.FailExit, "exit code 3"},
		{"killed", `{"status":"Failed","exitCode":"137"}`, "true", nil, 20, "false", steps.FailOOM, "memory"},
		{"pod gone", `{"status":"Error"}`, "true", nil, 22, "false", steps.FailPreempted, "without an exit code"},
		{"no pod of its own", `{"status":"Failed"}`, "false", nil, 28, "false", steps.FailExit, "dock-and-score failed."},
		{"no table", `{"status":"Succeeded","exitCode":"0","outputs":{"parameters":{"log-uri":"x"}}}`, "false", artifacts(), 26, "false", steps.FailOutputContract, "gave nothing as outputs.parameters.table"},
		{"log nowhere", `{"status":"Succeeded","outputs":{"parameters":{"table":"score\n1\n","log-uri":"file:///etc/passwd"}}}`, "false", artifacts(), 26, "false", steps.FailOutputContract, "file:///etc/passwd"},
		{"too few poses", "", "true", map[string]string{"best": "b", "poses/p_1.pdb": "x"}, 0, "true", steps.FailOutputContract, "`all` (poses/*.pdb) has 1 file of at least 2."},
		{"another table", "", "false", nil, 26, "false", steps.FailOutputContract, "The template ended well, but `table` (outputs.parameters.table) is not what it should be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := foreignCluster(t).dock("x")
			w.stage().wants(t, 0, "")
			outcome := c.outcome
			if outcome == "" {
				outcome = w.succeeded()
			}
			if c.name == "another table" {
				outcome = strings.Replace(outcome, "name,score", "name,points", 1)
				c.artifacts = artifacts()
			}
			if c.artifacts == nil {
				c.artifacts = map[string]string{}
			}
			p := w.collect("1", c.more, outcome, c.artifacts)
			p.wants(t, c.exit, c.message)
			if again := p.left(t, "out")["again"]; again != c.again {
				t.Errorf("again is %q, want %q", again, c.again)
			}
			f := w.failure(dag.Task{Node: "dock"}, 1)
			if f.Code != c.code || !strings.Contains(f.Message, c.message) || f.Node != "dock" || f.Attempt != 1 || f.Hint == "" {
				t.Errorf("failure record: %+v", f)
			}
			if c.again == "true" {
				stage := w.stage()
				stage.wants(t, 0, "")
				if n := stage.left(t, "out")["task-attempt"]; n != "2" {
					t.Errorf("the next attempt is %s", n)
				}
			}
		})
	}
}

// TestTemplateArgumentsRefused keeps from a template that is not ours what it
// would evaluate.
func TestTemplateArgumentsRefused(t *testing.T) {
	for _, note := range []string{"{{workflow.name}}", "{{=1+1}}", "x{", "$(AWS_SECRET_ACCESS_KEY)", "$$", strings.Repeat("x", 60<<10)} {
		w := foreignCluster(t).dock(note)
		stage := w.stage()
		if len(note) > 1000 { // large, and nothing is wrong with it
			stage.wants(t, 0, "")
			continue
		}
		stage.wants(t, 27, "cannot be given")
		if f := w.failure(dag.Task{Node: "dock"}, 1); f.Code != steps.FailInput || !strings.Contains(f.Message, "would evaluate") {
			t.Errorf("%q: %+v", note, f)
		}
		if _, staged := stage.left(t, "out")["arguments/title"]; staged {
			t.Errorf("%q is handed on all the same", note)
		}
	}
}

// TestTemplateInput checks what a template is given as what a command is given.
func TestTemplateInput(t *testing.T) {
	k := foreignCluster(t)
	w := k.dock("x")
	gone := w.root.Join("files", "receptor.text")
	if err := os.Remove(strings.TrimPrefix(gone.String(), "file://")); err != nil {
		t.Fatal(err)
	}
	stage := w.stage()
	stage.wants(t, 27, "is not there any more")
	if verdict := stage.left(t, "out")["go"]; verdict != "done" {
		t.Errorf("the template is to be %s", verdict)
	}
	if f := w.failure(dag.Task{Node: "dock"}, 1); f.Code != steps.FailInput {
		t.Errorf("failure record: %+v", f)
	}
}
