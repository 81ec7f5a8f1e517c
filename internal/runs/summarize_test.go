package runs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

const base = "s3://lab/ligase/runs/run-7k2m9c4x1p0q/outputs/"

func objectsAt(n int, preview []string, format string, args ...any) runs.OutputPage {
	page := runs.OutputPage{Total: n}
	for i := range min(n, runs.SummaryURIs) {
		page.Outputs = append(page.Outputs, runs.OutputRef{Object: steps.Object{URI: uris.MustParse(base + fmt.Sprintf(format, i)), Preview: preview}})
	}
	return page
}

func facts(t *testing.T, tool string, state runs.State) runs.Facts {
	start := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	plan := runstest.Plan(t, runstest.Catalog(t), tool, pipelines.Arguments{})
	f := runs.Facts{Plan: plan, Run: runs.Run{
		ID: "run-7k2m9c4x1p0q", Workflow: tool + "-7k2m9c4x1p0q", Tool: plan.Compiled.Tool, State: state,
		StartedAt: start, Progress: runs.Progress{Done: 2, Total: 2},
	}}
	if state.Terminal() {
		f.Run.FinishedAt = start.Add(42 * time.Second)
	}
	return f
}

func TestSummaries(t *testing.T) {
	single := facts(t, "say", runs.Succeeded)
	single.Outputs = map[string]runs.OutputPage{"out": objectsAt(1, []string{"one", strings.Repeat("wide ", 40)}, "say/out%.0d.txt")}
	single.Metrics = map[string]map[string]float64{"say": {"mean_plddt": 78.5, "length": 5}}
	single.Next = []runs.NextStep{{Tool: "upper", Input: "in", Output: "out"}}

	nested := facts(t, "nested", runs.Succeeded)
	nested.Outputs = map[string]runs.OutputPage{"all": objectsAt(1, nil, "gather/out%.0d.txt"), "each": objectsAt(400, nil, "upper/0.%d/out.txt")}
	nested.Metrics = map[string]map[string]float64{"gather": {"accepted": 3, "score": 1}, "upper": {"score": 2}}

	failed := facts(t, "chain", runs.Failed)
	exit := 7
	failed.Run.Failure = &steps.Failure{Code: steps.FailExit, Message: "The command ended with exit code 7.", Node: "second",
		Index: "3", Attempt: 2, ExitCode: &exit, LogTail: "first line\nlast line\n"}

	waiting := facts(t, "say", runs.Pending)
	waiting.Run.StartedAt, waiting.Run.Progress = time.Time{}, runs.Progress{}
	waiting.Run.Waiting = "waiting: 0/1 nodes have a free nvidia.com/gpu"

	for name, f := range map[string]runs.Facts{"single": single, "nested": nested, "failed": failed, "waiting": waiting} {
		t.Run(name, func(t *testing.T) {
			sum := runs.Summarize(f)
			data, err := json.MarshalIndent(sum, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "summary/"+name+".json", append(data, '\n'))
			var back runs.Summary
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(back, "", "  ")
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("what is read back is not what was written: %s, %v", again, err)
			}
		})
	}
}

// TestSummaryIsSmall gives a summary too much of everything.
func TestSummaryIsSmall(t *testing.T) {
	f := facts(t, "nested", runs.Failed)
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = strings.Repeat("é", 300)
	}
	long := strings.Repeat("x", 700)
	f.Outputs = map[string]runs.OutputPage{"all": objectsAt(1, lines, long+"%d/a.txt"), "each": objectsAt(100_000, lines, long+"%d/b.txt")}
	f.Metrics = map[string]map[string]float64{"gather": {}}
	for i := range 1000 {
		f.Metrics["gather"][fmt.Sprintf("metric_%s_%04d", long[:60], i)] = 1.0 / 3
	}
	f.Run.Waiting = long + long
	f.Run.Failure = &steps.Failure{Code: steps.FailExit, Message: strings.Repeat("🧬", 5000), Hint: long, LogTail: strings.Repeat("log \"line\"\n", 5000)}
	for i := range 50 {
		f.Next = append(f.Next, runs.NextStep{Tool: fmt.Sprint("tool", i), Input: "in", Output: "all"})
	}
	sum := runs.Summarize(f)
	data, err := json.Marshal(sum)
	if err != nil || len(data) > runs.SummaryBytes {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if sum.Error == nil || sum.Error.Message == "" || sum.OutputURIs["each"].Count != 100_000 || sum.ResourceURI == "" {
		t.Errorf("what matters most is gone: %s", data)
	}
}
