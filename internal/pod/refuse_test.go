package pod_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// with replaces variables of a pod's environment; one without a value goes.
func (p *process) with(vars ...string) *process {
	for _, v := range vars {
		name, _, given := strings.Cut(v, "=")
		kept := p.Env[:0]
		for _, have := range p.Env {
			if !strings.HasPrefix(have, name+"=") {
				kept = append(kept, have)
			}
		}
		if p.Env = kept; given {
			p.Env = append(p.Env, v)
		}
	}
	return p
}

// What is wrong before anything can run is told in words, has its exit code,
// and leaves a failure record as soon as it is known where.
func TestRefused(t *testing.T) {
	k := suite(t)
	newer := *k.catalog.Step("say")
	newer.Version = "1.1.0"
	newerStep, err := tasks.EncodeStep(&newer, "", k.catalog.Types())
	if err != nil {
		t.Fatal(err)
	}
	changed := *k.catalog.Step("say")
	changed.Params = append([]steps.Param(nil), changed.Params...)
	changed.Params[0].MaxLength = 3
	changedStep, err := tasks.EncodeStep(&changed, "", k.catalog.Types())
	if err != nil {
		t.Fatal(err)
	}
	renamed := *k.catalog.Step("say")
	renamed.Implementations = append([]steps.Implementation(nil), renamed.Implementations...)
	renamed.Implementations[0].Name = "other"
	renamedStep, err := tasks.EncodeStep(&renamed, "", k.catalog.Types())
	if err != nil {
		t.Fatal(err)
	}
	call := func(w *workflow, params string) string {
		return fmt.Sprintf(`LIGASE_TASK={"run_id":%q,"root":%q,"params":%s}`, w.folder.RunID, w.root, params)
	}
	for _, test := range []struct {
		name   string
		change func(w *workflow) []string
		exit   int
		says   string
		record steps.FailureCode // empty: none
	}{
		{"no call", func(*workflow) []string { return []string{"LIGASE_TASK"} }, 2, "LIGASE_TASK is not set", ""},
		{"no pipeline", func(*workflow) []string { return []string{"LIGASE_PIPELINE"} }, 2, "LIGASE_PIPELINE is not set", ""},
		{"no step", func(*workflow) []string { return []string{"LIGASE_STEP="} }, 2, "LIGASE_STEP is not set", ""},
		{"no node", func(*workflow) []string { return []string{"LIGASE_NODE"} }, 2, "LIGASE_NODE is not set", ""},
		{"no store", func(*workflow) []string { return []string{"LIGASE_STORE"} }, 2, "LIGASE_STORE is not set", ""},
		{"index", func(*workflow) []string { return []string{"LIGASE_INDEX=1.x"} }, 2, "is not numbers joined by dots", ""},
		{"retries", func(*workflow) []string { return []string{"LIGASE_RETRY=-1"} }, 2, "not a number of retries", ""},
		{"home", func(*workflow) []string { return []string{"LIGASE_HOME=here"} }, 2, "not an absolute path", ""},
		{"a store that is none", func(*workflow) []string { return []string{"LIGASE_STORE={}"} }, 29, "has no roots", ""},
		{"credentials in the store", func(*workflow) []string { return []string{`LIGASE_STORE={"secret":"x"}`} }, 29, `unknown field "secret"`, ""},
		{"a store without a driver", func(*workflow) []string {
			return []string{`LIGASE_STORE={"roots":[{"uri":"gs://lab","write":true}]}`}
		}, 29, "without the driver for gs", ""},
		{"a root that is not ours", func(w *workflow) []string {
			return []string{`LIGASE_TASK={"root":"file:///elsewhere"}`}
		}, 29, "add it to the roots in the ConfigMap ligase-store", ""},
		{"a call that is none", func(*workflow) []string { return []string{`LIGASE_TASK={"image":"evil"}`} }, 27, `A call has no "image"`, ""},
		{"a run of nobody", func(*workflow) []string { return []string{`LIGASE_TASK={}`, "LIGASE_WORKFLOW_UID"} }, 27, "no run_id", ""},
		{"a pipeline that is none", func(*workflow) []string { return []string{"LIGASE_PIPELINE=x"} }, 23, "LIGASE_PIPELINE: ", steps.FailImage},
		{"a step that is none", func(*workflow) []string { return []string{"LIGASE_STEP={}"} }, 23, "LIGASE_STEP: ", steps.FailImage},
		{"a node of another", func(*workflow) []string { return []string{"LIGASE_NODE=fold"} }, 23, `has no node "fold"`, steps.FailImage},
		{"a node that is a path", func(*workflow) []string { return []string{"LIGASE_NODE=../../x"} }, 23, "has no node", ""},
		{"too deep", func(*workflow) []string { return []string{"LIGASE_INDEX=0.1"} }, 23, "2 deep", steps.FailImage},
		{"another version", func(*workflow) []string { return []string{"LIGASE_STEP=" + newerStep} }, 23,
			"of say@1.1.0; say@1.0.0 was rendered for say@1.0.0. (image) Render and apply the templates of both again.", steps.FailImage},
		{"another interface", func(*workflow) []string { return []string{"LIGASE_STEP=" + changedStep} }, 23, "without a new version", steps.FailImage},
		{"another implementation", func(*workflow) []string { return []string{"LIGASE_STEP=" + renamedStep} }, 23, "was rendered for shell", steps.FailImage},
		{"unknown parameter", func(w *workflow) []string { return []string{call(w, `{"txt":"x","text":"y"}`)} }, 27, `Did you mean "text"?`, steps.FailInput},
		{"pod spec", func(w *workflow) []string {
			return []string{call(w, `{"podSpecPatch":"{}","serviceAccountName":"x","volumes":"y"}`)}
		}, 27, `say has no parameter "podSpecPatch"`, steps.FailInput},
		{"a wrong value", func(w *workflow) []string { return []string{call(w, `{"text":[1]}`)} }, 27, "does not take this value", steps.FailInput},
		{"a home that cannot be written", func(w *workflow) []string { return []string{"LIGASE_HOME=/proc/ligase"} }, 29, "private folder", steps.FailStorage},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := k.workflow("say", nil, pipelines.Arguments{})
			say := dag.Task{Node: "say"}
			p := w.pod(say).with(test.change(w)...)
			p.wants(t, test.exit, test.says)
			if p.stdout.Len() > 0 {
				t.Errorf("on standard output: %q", &p.stdout)
			}
			var f *steps.Failure
			for name, content := range w.objects() {
				if strings.Contains(name, "outputs/") || strings.Contains(name, "..") {
					t.Errorf("it wrote %s", name)
				}
				if strings.HasSuffix(name, "/attempt-1.json") {
					f = w.failure(dag.Task{Node: strings.Split(name, "/")[1], Index: indexOf(name)}, 1)
					if f == nil {
						t.Errorf("%s: %s", name, content)
					}
				}
			}
			switch {
			case test.record == "" && f != nil:
				t.Errorf("there is a record: %+v", f)
			case test.record != "" && (f == nil || f.Code != test.record || f.Node == "" || f.Attempt != 1 || f.Hint == ""):
				t.Errorf("the record is %+v", f)
			}
		})
	}
}

func indexOf(name string) uris.Index {
	if parts := strings.Split(name, "/"); len(parts) == 4 {
		return uris.Index(parts[2])
	}
	return ""
}

// Records that are damaged are named; nothing is made of half of one.
func TestDamagedRecords(t *testing.T) {
	w := suite(t).workflow("chain", nil, pipelines.Arguments{})
	put := func(u uris.URI, text string) {
		t.Helper()
		if _, err := w.store.Put(t.Context(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	put(w.folder.Result("first", ""), `{"format":`)
	w.pod(dag.Task{Node: "first"}).wants(t, 29, "is damaged")
	w.pod(dag.Task{Node: "second"}).wants(t, 29, "first/result.json is damaged")
	put(w.folder.Result("first", ""), encode(t, steps.Result{Format: steps.ResultFormat, Node: "second"}))
	w.pod(dag.Task{Node: "second"}).wants(t, 29, "is damaged")
}

func TestUsage(t *testing.T) {
	w := suite(t).workflow("say", nil, pipelines.Arguments{})
	for _, test := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"fold"}, 2, `"fold" is not known. See ligase-worker --help.`},
		{[]string{"--task", "x"}, 2, "See ligase-worker --help."},
		{[]string{"install"}, 2, "install takes other arguments"},
		{[]string{"items", "x"}, 2, "items takes other arguments"},
	} {
		w.program(test.args...).wants(t, test.exit, test.says)
	}
	p := w.program("--version")
	if p.wants(t, 0, ""); p.stdout.String() != "ligase-worker test\n" {
		t.Errorf("%q", &p.stdout)
	}
	p = w.program("--help")
	p.wants(t, 0, "")
	for _, word := range []string{"LIGASE_TASK ", "LIGASE_PIPELINE ", "LIGASE_STEP ", "LIGASE_NODE ", "LIGASE_INDEX ", "LIGASE_RETRY ", "LIGASE_WORKFLOW,", "LIGASE_STORE ",
		"LIGASE_HOME ", "ARGO_PROGRESS_FILE ", "install PATH", "items NODE PORT", "20  oom", "22  preempted", "30  upstream", "32  unknown"} {
		if !strings.Contains(p.stdout.String(), word) {
			t.Errorf("--help does not speak of %q", word)
		}
	}
}

// install is what an init container does.
func TestInstall(t *testing.T) {
	w := suite(t).workflow("say", nil, pipelines.Arguments{})
	to := filepath.Join(t.TempDir(), "bin", "ligase-worker")
	for range 2 { // an init container may run again
		w.program("install", to).wants(t, 0, "")
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Fatalf("%v %v", info, err)
	}
	entries, _ := os.ReadDir(filepath.Dir(to))
	for _, e := range entries {
		if e.Name() != "ligase-worker" && e.Name() != "ca-certificates.crt" {
			t.Errorf("it left %s", e.Name())
		}
	}
	w.worker = to
	if got := w.follow(); got.State != "succeeded" {
		t.Errorf("what was installed does not work: %+v", got)
	}
	w.program("install", "/proc/ligase-worker").wants(t, 1, "It could not be installed")
}

func TestItems(t *testing.T) {
	w := suite(t).workflow("nested", nil, pipelines.Arguments{})
	w.pod(dag.Task{Node: "outer"}).wants(t, 0, "")
	w.pod(dag.Task{Node: "inner", Index: "1"}).wants(t, 0, "")
	for _, test := range []struct {
		node, port, index string
		exit              int
		says, count       string
	}{
		{"outer", "items", "", 0, "", "2"},
		{"inner", "items", "1", 0, "", "2"},
		{"inner", "items", "0", 0, "", "0"}, // it failed, and was allowed to, or was skipped
		{"inner", "items", "", 2, "0 deep; the items of inner are 1 deep", ""},
		{"upper", "out", "0.0", 2, "has no upper.out that gives many", ""},
		{"nobody", "items", "", 2, "has no nobody.items", ""},
	} {
		p := w.program("items", test.node, test.port).with("LIGASE_INDEX="+test.index, "LIGASE_STEP", "LIGASE_NODE")
		p.wants(t, test.exit, test.says)
		if got, _ := os.ReadFile(filepath.Join(p.home, "out", "count")); string(got) != test.count {
			t.Errorf("%s.%s of %q: %q, want %q", test.node, test.port, test.index, got, test.count)
		}
	}
	w.program("items", "outer", "items").with("LIGASE_STORE={}").wants(t, 29, "has no roots")
	w.program("items", "outer", "items").with("LIGASE_PIPELINE").wants(t, 2, "LIGASE_PIPELINE is not set")
}
