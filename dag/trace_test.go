package dag_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// records are what a run leaves behind: what Trace is told.
type records struct {
	t         *testing.T
	ends      map[dag.Task]dag.Outcome
	asked     map[dag.Task]int
	questions int
}

func (r *records) look(tasks []dag.Task) ([]dag.Outcome, error) {
	r.questions++
	out := make([]dag.Outcome, len(tasks))
	for i, t := range tasks {
		r.asked[t]++
		out[i] = r.ends[t]
	}
	return out, nil
}

// A task that looks back through Trace starts from exactly what the frontier,
// which followed the run, has it start from.
func TestTraceAgainstFrontier(t *testing.T) {
	const graphs = 3000
	var traced, skipped, starved, filtered, items, silent, gathered int
	for seed := uint64(1); seed <= graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 11))
		spec, given := randomSpec(r)
		for i := range spec.Nodes {
			spec.Nodes[i].ContinueOnFailure = true // a run that is aborted starts nothing more
		}
		g, problems := dag.Build(spec, lattice(t))
		if problems != nil {
			t.Fatal(problems)
		}
		f, change := g.NewFrontier(given)
		left := map[dag.Task]dag.Outcome{}
		state := map[dag.Task]string{}
		for ready := change.Ready; ; {
			for _, task := range change.Skipped {
				state[task] = "skipped"
			}
			for _, task := range change.Starved {
				state[task], left[task] = "starved", dag.Outcome{End: dag.Failed}
			}
			if len(ready) == 0 {
				break
			}
			i := r.IntN(len(ready))
			task := ready[i]
			ready = slices.Delete(ready, i, i+1)
			var err error
			end := world(seed, g.Node(task.Node), task)
			if state[task] = "ran"; end.failed {
				change, err = f.Fail(task)
				left[task] = dag.Outcome{End: dag.Failed}
				if r.IntN(3) == 0 { // it was killed before it could say so
					delete(left, task)
					silent++
				}
			} else {
				if end.left.All {
					state[task] = "filtered"
				}
				change, err = f.SucceedBut(task, end.counts, end.left)
				left[task] = dag.Outcome{End: dag.Committed, Counts: end.counts, Left: end.left}
			}
			if err != nil {
				t.Fatal(err)
			}
			ready = append(ready, change.Ready...)
		}
		for task, want := range state {
			rec := &records{t: t, ends: left, asked: map[dag.Task]int{}}
			trail, err := g.Trace(task, given, rec.look)
			if err != nil {
				t.Fatalf("graph %d: %s: %v", seed, task, err)
			}
			traced++
			for asked, times := range rec.asked {
				if times > 1 || asked == task || state[asked] == "" {
					t.Fatalf("graph %d: %s asks %d times for %s, which is %q", seed, task, times, asked, state[asked])
				}
			}
			got := "ran"
			switch {
			case trail.Skipped:
				got = "skipped"
			case trail.Starved:
				got = "starved"
			}
			if got == "ran" && want == "filtered" {
				got, filtered = want, filtered+1 // it learns that only when it has run
			}
			if got != want {
				t.Fatalf("graph %d: %s: trace says %s, and it was %s", seed, task, got, want)
			}
			failed := func(cause dag.Cause) bool {
				is := state[cause.Task]
				if is == "ran" {
					is = map[bool]string{true: "succeeded", false: "failed"}[left[cause.Task].End == dag.Committed]
				}
				if cause.Port != "" {
					items++
				}
				return blamed(is, left[cause.Task].Left, cause)
			}
			if trail.Skipped {
				skipped++
				if !failed(trail.Cause) {
					t.Fatalf("graph %d: %s was skipped for %s, which is %s", seed, task, trail.Cause, state[trail.Cause.Task])
				}
				continue
			}
			if trail.Starved {
				starved++
			}
			for w := range g.Wires(task.Node) {
				want, got := f.Sources(task, w.To.Port), trail.Sources[w.To.Port]
				for i := range got {
					if got[i].Failed {
						if !failed(got[i].Cause) {
							t.Fatalf("graph %d: %s: %v names a cause that is %s", seed, task, got[i], state[got[i].Cause.Task])
						}
						got[i].Cause = dag.Cause{}
					}
				}
				want = slices.Clone(want)
				for i := range want {
					want[i].Cause = dag.Cause{} // which of several failures is named depends on the order of events
				}
				if len(want) > 1 {
					gathered++
				}
				if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
					t.Fatalf("graph %d: sources of %s.%s (-frontier +trace):\n%s", seed, task, w.To.Port, diff)
				}
			}
		}
	}
	t.Logf("%d graphs, %d tasks, %d skipped, %d starved, %d filtered, %d times an item that was, %d gathers, %d failed in silence", graphs, traced, skipped, starved, filtered, items, gathered, silent)
	if traced < 10_000 || skipped < 1000 || starved < 100 || filtered < 500 || items < 500 || gathered < 500 || silent < 500 {
		t.Error("the random graphs miss what they should try")
	}
}

var equateEmpty = gocmp.FilterValues(func(a, b []dag.Source) bool { return len(a) == 0 && len(b) == 0 }, gocmp.Ignore())

// a gather of a scatter: split → work (each) → join, and after (each of work).
func gatherGraph(t *testing.T, allowed bool) *dag.Graph {
	t.Helper()
	one := func(name string) steps.Port { return steps.Port{Name: name, Type: "t", Formats: []string{"f"}} }
	many := steps.Port{Name: "many", Type: "t", Formats: []string{"f"}, Many: true, MinItems: 1}
	wire := func(from, fromPort, to, toPort string, mode dag.Mode) dag.Wire {
		return dag.Wire{From: dag.Endpoint{Node: from, Port: fromPort}, To: dag.Endpoint{Node: to, Port: toPort}, Mode: mode}
	}
	g, problems := dag.Build(dag.Spec{
		Nodes: []dag.Node{
			{ID: "split", Outputs: []steps.Port{many}},
			{ID: "work", Inputs: []steps.Port{one("in")}, Outputs: []steps.Port{one("out")}, ContinueOnFailure: allowed},
			{ID: "after", Inputs: []steps.Port{one("in")}, Outputs: []steps.Port{one("out")}, ContinueOnFailure: allowed},
			{ID: "join", Inputs: []steps.Port{many}, Outputs: []steps.Port{one("out")}},
		},
		Wires: []dag.Wire{
			wire("split", "many", "work", "in", dag.Each), wire("work", "out", "after", "in", dag.Each), wire("after", "out", "join", "many", dag.With),
		},
		Outputs: []dag.Output{{Name: "out", From: dag.Endpoint{Node: "join", Port: "out"}}},
	}, lattice(t))
	if problems != nil {
		t.Fatal(problems)
	}
	return g
}

// A gather of a thousand costs a thousand and one looks, in two questions.
func TestTraceAsksLittle(t *testing.T) {
	g := gatherGraph(t, true)
	left := map[dag.Task]dag.Outcome{{Node: "split"}: {End: dag.Committed, Counts: map[string]int{"many": 1000}}}
	for i := range 1000 {
		left[dag.Task{Node: "work", Index: uris.Index(fmt.Sprint(i))}] = dag.Outcome{End: dag.Committed}
		left[dag.Task{Node: "after", Index: uris.Index(fmt.Sprint(i))}] = dag.Outcome{End: dag.Committed}
	}
	ask := func(task dag.Task) (dag.Trail, *records) {
		t.Helper()
		rec := &records{t: t, ends: left, asked: map[dag.Task]int{}}
		trail, err := g.Trace(task, nil, rec.look)
		if err != nil {
			t.Fatal(err)
		}
		return trail, rec
	}
	if trail, rec := ask(dag.Task{Node: "join"}); len(trail.Sources["many"]) != 1000 || len(rec.asked) != 1001 || rec.questions != 2 {
		t.Errorf("a gather: %d sources, %d looks, %d questions", len(trail.Sources["many"]), len(rec.asked), rec.questions)
	}
	if trail, rec := ask(dag.Task{Node: "after", Index: "7"}); len(trail.Sources["in"]) != 1 || len(rec.asked) != 1 {
		t.Errorf("an item: %+v, %d looks", trail, len(rec.asked))
	}
	if trail, rec := ask(dag.Task{Node: "work", Index: "7"}); len(trail.Sources["in"]) != 1 || len(rec.asked) != 0 {
		t.Errorf("an item of the scatter: %+v, %d looks", trail, len(rec.asked))
	}
	// Half of them failed: those after them left no trace, and are asked about
	// together.
	for i := range 500 {
		left[dag.Task{Node: "work", Index: uris.Index(fmt.Sprint(i))}] = dag.Outcome{End: dag.Failed}
		delete(left, dag.Task{Node: "after", Index: uris.Index(fmt.Sprint(i))})
	}
	trail, rec := ask(dag.Task{Node: "join"})
	if len(rec.asked) != 1501 || rec.questions != 3 || trail.Starved {
		t.Errorf("half failed: %d looks, %d questions, starved %v", len(rec.asked), rec.questions, trail.Starved)
	}
	if s := trail.Sources["many"][7]; !s.Failed || s.Cause.Task != (dag.Task{Node: "work", Index: "7"}) {
		t.Errorf("%+v", s)
	}
}

// A task that should not have started is told so, and never taken for skipped.
func TestTraceOfWhatHasNotEnded(t *testing.T) {
	g := gatherGraph(t, false)
	left := map[dag.Task]dag.Outcome{{Node: "split"}: {End: dag.Committed, Counts: map[string]int{"many": 2}}, {Node: "after", Index: "0"}: {End: dag.Committed}}
	rec := &records{t: t, ends: left, asked: map[dag.Task]int{}}
	_, err := g.Trace(dag.Task{Node: "join"}, nil, rec.look)
	var unended *dag.UnendedError
	if !errors.As(err, &unended) || unended.Failed {
		t.Errorf("nothing is known of work/1: %v", err)
	}
	left[dag.Task{Node: "work", Index: "1"}] = dag.Outcome{End: dag.Failed}
	if _, err := g.Trace(dag.Task{Node: "after", Index: "1"}, nil, rec.look); !errors.As(err, &unended) || !unended.Failed {
		t.Errorf("work/1 failed: %v", err)
	}
	away := errors.New("the store is away")
	if _, err := g.Trace(dag.Task{Node: "join"}, nil, func([]dag.Task) ([]dag.Outcome, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("%v", err)
	}
	left[dag.Task{Node: "split"}] = dag.Outcome{End: dag.Committed}
	if _, err := g.Trace(dag.Task{Node: "join"}, nil, rec.look); err == nil {
		t.Error("a commit that does not say how many was taken for one")
	}
	for _, task := range []dag.Task{{Node: "nobody"}, {Node: "join", Index: "0"}, {Node: "work"}, {Node: "work", Index: "0.0"}} {
		if _, err := g.Trace(task, nil, rec.look); err == nil {
			t.Errorf("there is a %s", task)
		}
	}
}
