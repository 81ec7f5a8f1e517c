package pod_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps/worker"
)

// localLab is the embedded engine, to compare with.
func localLab(t *testing.T) *runstest.Lab {
	return runstest.NewLab(t, runstest.Harness{
		NewEngine: func(t *testing.T, env runstest.Env) runs.Engine {
			w, err := worker.New(worker.Options{Store: env.Blobs, WorkDir: filepath.Join(env.Dir, "work"), Grace: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			lock, err := local.Lock(env.Dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Release() })
			e, err := local.New(local.Options{Worker: w, Blobs: env.Blobs, DataDir: env.Dir, Slots: local.Slots{CPU: 4}})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		OpenStore: func(t *testing.T) runs.Store {
			s, err := sqlite.Open(filepath.Join(t.TempDir(), "ligase.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
	})
}

// Pods alone, with no ligase process anywhere, bring a run to what the
// embedded engine brings it to.
func TestPodsAreAnEngine(t *testing.T) {
	lab, k := localLab(t), suite(t)
	for _, test := range []struct {
		name, tool      string
		implementations map[string]string
		files           map[string]string
		params          map[string]any
	}{
		{name: "single step", tool: "say"},
		{name: "an input", tool: "upper", files: map[string]string{"in": "a\nb\n"}},
		{name: "chain", tool: "chain", params: map[string]any{"text": "abc"}},
		{name: "scatter", tool: "scatter"},
		{name: "scatter of none", tool: "scatter", params: map[string]any{"count": 0}},
		{name: "zip", tool: "zip"},
		{name: "gather", tool: "collect"},
		{name: "nested scatter", tool: "nested"},
		{name: "an item may fail", tool: "tolerant"},
		{name: "every item fails", tool: "tolerant", params: map[string]any{"word": "item"}},
		{name: "exit code", tool: "picky", params: map[string]any{"word": "no"}, files: map[string]string{"in": "no\n"}},
		{name: "stops at a gate", tool: "gated", files: map[string]string{"gate": "closed\n"}},
		{name: "no output", tool: "silent"},
		{name: "timeout", tool: "slow", implementations: map[string]string{"slow": "hasty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inputs, values := map[string][]pipelines.Input{}, map[string][]runs.InputValue{}
			for port, text := range test.files {
				inputs[port] = []pipelines.Input{k.put(port+".txt", text)}
				values[port] = []runs.InputValue{{URI: lab.Put(port+".txt", text)}}
			}
			k := *k
			k.t = t
			got := k.workflow(test.tool, test.implementations, pipelines.Arguments{Inputs: inputs, Params: test.params}).follow()

			id := lab.Start(runs.SubmitRequest{Tool: test.tool, Implementations: test.implementations, Inputs: values, Params: test.params}).ID
			run, sum := lab.End(id)
			want := came{State: string(run.State), Tasks: lab.Ends(id), Exit: -1}
			for port := range sum.OutputURIs {
				if want.Outputs == nil {
					want.Outputs = map[string][]string{}
				}
				want.Outputs[port] = lab.Texts(id, port)
			}
			if f := run.Failure; f != nil {
				want.Code, want.Node, want.Log = f.Code, f.Node, f.LogTail
				if f.ExitCode != nil {
					want.Exit = *f.ExitCode
				}
			}
			slices.Sort(want.Tasks)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-local +pods:\n%s", diff)
			}
		})
	}
}
