package follow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// book is an account with all that it told.
type book struct {
	*follow.Account
	t     *testing.T
	job   runs.Job
	told  []string // "node/index state: words"
	last  map[dag.Task]runs.TaskStatus
	ready []dag.Task
}

func open(t *testing.T, tool string, params map[string]any) *book {
	t.Helper()
	plan := runstest.Plan(t, runstest.Catalog(t), tool, pipelines.Arguments{Params: params})
	b := &book{t: t, job: runs.Job{ID: "run-000000000001", Generation: 1, Plan: plan}, last: map[dag.Task]runs.TaskStatus{}}
	b.Account, b.ready = follow.Open(b.job, time.Now, func(o runs.Observation) {
		b.last[dag.Task{Node: o.Task.Node, Index: o.Task.Index}] = *o.Task
		text := o.Task.Message
		if o.Task.Failure != nil {
			text = o.Task.Failure.Error()
		}
		b.told = append(b.told, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", dag.Task{Node: o.Task.Node, Index: o.Task.Index}, o.Task.State, text), ": "))
	})
	return b
}

// next takes a task that must be ready.
func (b *book) next(node, index string) dag.Task {
	b.t.Helper()
	want := dag.Task{Node: node, Index: uris.Index(index)}
	at := slices.Index(b.ready, want)
	if at < 0 {
		b.t.Fatalf("%s is not ready: %v", want, b.ready)
	}
	b.ready = slices.Delete(b.ready, at, at+1)
	return want
}

func (b *book) commits(node, index string, items int) {
	b.t.Helper()
	t := b.next(node, index)
	result := &steps.Result{Node: t.Node, Index: t.Index, Attempt: 1, Outputs: map[string][]steps.Object{}}
	for _, port := range b.job.Plan.Compiled.StepOf(node).Outputs {
		n := 1
		if port.Many {
			n = items
		}
		result.Outputs[port.Name] = make([]steps.Object, n)
	}
	b.ready = append(b.ready, b.Succeed(t, result)...)
}

func (b *book) fails(node, index string, f steps.Failure) {
	b.t.Helper()
	b.ready = append(b.ready, b.Fail(b.next(node, index), &f, time.Time{}, time.Time{})...)
}

func (b *book) end() string {
	if !b.Done() && !b.Aborted() {
		return "goes on"
	}
	state, f := b.End()
	if f == nil {
		return string(state)
	}
	return fmt.Sprintf("%s at %s %s: %s", state, f.Node, f.Index, f.Message)
}

func TestAnItemThatFailsIsPassedOver(t *testing.T) {
	b := open(t, "tolerant", nil)
	b.commits("split", "", 2)
	b.commits("picky", "0", 0)
	b.fails("picky", "1", steps.Failure{Code: steps.FailExit, Message: "No."})
	b.commits("upper", "0", 0)
	if got := b.end(); got != "goes on" {
		t.Errorf("before the gather it %s", got)
	}
	b.commits("gather", "", 0)
	want := []string{
		"split succeeded", "picky/0 succeeded", "picky/1 failed: exit: No.", "upper/1 skipped: What it needs failed at picky: No.",
		"upper/0 succeeded", "gather succeeded",
	}
	if diff := cmp.Diff(want, b.told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if b.end() != "succeeded" || b.Progress(0) != (runs.Progress{Done: 6, Total: 6, Failed: 1, Skipped: 1}) {
		t.Errorf("it %s, %+v", b.end(), b.Progress(0))
	}
}

func TestAGatherOfNothingBlamesTheFirstItemThatFailed(t *testing.T) {
	b := open(t, "tolerant", nil)
	exit := 7
	b.commits("split", "", 2)
	b.fails("picky", "1", steps.Failure{Code: steps.FailExit, Message: "No.", ExitCode: &exit, LogTail: "found it", Attempt: 1})
	b.fails("picky", "0", steps.Failure{Code: steps.FailExit, Message: "Nor this.", ExitCode: &exit, LogTail: "here too", Attempt: 1})
	state, f := b.End()
	if !b.Aborted() || state != runs.Failed || f.Code != steps.FailUpstream || f.Node != "picky" || f.LogTail == "" || *f.ExitCode != 7 {
		t.Errorf("%s %+v", state, f)
	}
	if !strings.Contains(f.Message, "of the 2 items for its input items, 2 failed") {
		t.Error(f.Message)
	}
}

// A loss of power may take the items back that a gather had begun with.
func TestAGatherThatHadBegunStarvesInThatAttempt(t *testing.T) {
	b := open(t, "tolerant", nil)
	b.Recall(map[dag.Task]int{{Node: "gather"}: 3})
	b.commits("split", "", 2)
	b.fails("picky", "0", steps.Failure{Code: steps.FailExit, Message: "No.", Attempt: 1})
	b.fails("picky", "1", steps.Failure{Code: steps.FailExit, Message: "No.", Attempt: 1})
	if s := b.last[dag.Task{Node: "gather"}]; s.State != runs.Failed || s.Attempt != 3 || s.Failure.Attempt != 3 {
		t.Errorf("%+v", s)
	}
}

func TestTheFirstFailureThatWasNotAllowedDecides(t *testing.T) {
	b := open(t, "scatter", nil)
	b.commits("split", "", 3)
	b.fails("upper", "2", steps.Failure{Code: steps.FailExit, Message: "Third."})
	b.Doom(&steps.Failure{Message: "Something else."})
	b.fails("upper", "0", steps.Failure{Code: steps.FailExit, Message: "First."})
	b.commits("upper", "1", 0)
	if got := b.end(); got != "failed at upper 2: Third." {
		t.Error(got)
	}
}

func TestWhatCannotHaveHappenedEndsTheRun(t *testing.T) {
	b := open(t, "say", nil)
	say := b.next("say", "")
	result := &steps.Result{Node: "say", Outputs: map[string][]steps.Object{"out": {{}}}}
	b.Succeed(say, result)
	b.Succeed(say, result)
	if got := b.end(); !strings.Contains(got, "The engine lost track of the run") {
		t.Error(got)
	}
}
