package runs_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// folding is a call to fold so many residues.
func folding(request, implementation string, residues int) runs.SubmitRequest {
	return runs.SubmitRequest{
		Tenant: "t", RequestID: request, Tool: "fold", Implementations: map[string]string{"fold": implementation},
		Inputs: map[string][]runs.InputValue{"sequence": {{Inline: []byte(strings.Repeat("MKLVE", residues/5))}}},
	}
}

// What no GPU here has the memory for is refused, with the longest that one
// has, and what else would do; unless as much has finished here.
func TestFits(t *testing.T) {
	b := newBench(t)
	c, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	store := b.store()
	gpus := []steps.GPU{{Name: "NVIDIA L4", Memory: 23 << 30}, {Name: "NVIDIA V100", Memory: 32 << 30}}
	s := b.service(store, func(o *runs.Options) {
		o.Catalog = c
		o.GPUs = func(context.Context) []steps.GPU { return gpus }
	})
	plan := func(implementation string, residues int) error {
		_, err := s.Plan(t.Context(), folding("r", implementation, residues))
		return err
	}

	ps := problem.Of(plan("esmfold", 1000))
	if len(ps) != 1 || ps[0].Path != "nodes.fold" || ps[0].Code != problem.TooLarge ||
		ps[0].Message != "fold (esmfold) would work on a sequence of 1000, for which it needs about 34.3 GiB of GPU memory; the largest GPU here, NVIDIA V100, has 32 GiB." ||
		ps[0].Fix != "Keep sequence at 870 or less, or choose an implementation that takes it: --impl fold=colabfold (in a tool call, implementation=colabfold, or implementations={\"fold\": \"colabfold\"} of a pipeline); there is also boltz." {
		t.Errorf("%+v", ps)
	}
	if _, err := s.Submit(t.Context(), folding("s", "esmfold", 1000)); problem.Of(err) == nil || count(t, s) != 0 {
		t.Errorf("submit: %v, and %d runs are there", err, count(t, s))
	}
	for implementation, residues := range map[string]int{"esmfold": 870, "colabfold": 1000, "boltz": 1000, "baseline": 400} {
		if err := plan(implementation, residues); err != nil {
			t.Errorf("%s of %d residues: %v", implementation, residues, err)
		}
	}
	if ps := problem.Of(plan("boltz", 1990)); len(ps) != 1 || !strings.Contains(ps[0].Message, "needs at least 35.2 GiB") || !strings.Contains(ps[0].Fix, "1808 or less") {
		t.Errorf("beyond a table of one length: %+v", ps)
	}

	// Of a pipeline, the length of what does not exist yet follows from the call.
	_, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "campaign",
		Implementations: map[string]string{"fold": "esmfold", "backbone": "rfdiffusion"}, Params: map[string]any{"length": 600}})
	if err != nil {
		t.Errorf("a campaign of 600 residues: %v", err)
	}
	gpus = gpus[:1]
	_, err = s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "campaign",
		Implementations: map[string]string{"fold": "esmfold", "backbone": "rfdiffusion"}, Params: map[string]any{"length": 600}})
	if err != nil {
		t.Errorf("600 residues need at most what 765 do, which is not to say more than this GPU has: %v", err)
	}
	gpus = append(gpus, steps.GPU{Name: "something else"})
	if err := plan("esmfold", 1000); err != nil {
		t.Errorf("there is a GPU of which the memory is not known: %v", err)
	}
	gpus = gpus[:1]
	if err := plan("esmfold", 1000); problem.Of(err) == nil {
		t.Errorf("%v, want that it does not fit", err)
	}

	first, err := s.Submit(t.Context(), folding("first", "baseline", 50))
	if err != nil {
		t.Fatal(err)
	}
	result := &steps.Result{Step: "fold", Implementation: "esmfold", Work: &steps.Work{Length: 1000}, Timings: steps.Timings{Run: 90}}
	if err := store.Apply(t.Context(), []runs.Observation{{RunID: first.Run.ID, Generation: 1,
		Task: &runs.TaskStatus{Node: "fold", State: runs.Succeeded, Attempt: 1, Result: result}}}); err != nil {
		t.Fatal(err)
	}
	if err := plan("esmfold", 1000); err != nil {
		t.Errorf("1000 residues have finished here: %v", err)
	}
	var shorter []runs.Observation
	for i := range 300 {
		shorter = append(shorter, runs.Observation{RunID: first.Run.ID, Generation: 1, Task: &runs.TaskStatus{Node: "many", Index: uris.Index(strconv.Itoa(i)), State: runs.Succeeded, Attempt: 1,
			Result: &steps.Result{Step: "fold", Implementation: "esmfold", Work: &steps.Work{Length: 100}, Timings: steps.Timings{Run: 9}}}})
	}
	if err := store.Apply(t.Context(), shorter); err != nil {
		t.Fatal(err)
	}
	if err := plan("esmfold", 1000); err != nil {
		t.Errorf("1000 residues have finished here, however many shorter ones since: %v", err)
	}
	if ps := problem.Of(plan("esmfold", 1100)); len(ps) != 1 || !strings.Contains(ps[0].Fix, "1000 or less") {
		t.Errorf("%+v", ps)
	}
}

// Chains that are chosen are shorter than the whole: how long they are is not
// known before they are designed, so that nothing is refused for it.
func TestFitsChosenChains(t *testing.T) {
	b := newBench(t)
	c, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s := b.service(b.store(), func(o *runs.Options) {
		o.Catalog = c
		o.GPUs = func(context.Context) []steps.GPU { return []steps.GPU{{Name: "NVIDIA V100", Memory: 32 << 30}} }
	})
	complexes := runs.InputValue{URI: b.put("complex.pdb", strings.Repeat(atoms, 950)+strings.Repeat(strings.ReplaceAll(atoms, "MET A", "MET B"), 60))}
	p, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "binder_screen", Implementations: map[string]string{"fold": "esmfold"},
		Inputs: map[string][]runs.InputValue{"complexes": {complexes}}, Params: map[string]any{"binder_chains": "B"}})
	if err != nil {
		t.Fatal(err)
	}
	expected, err := s.Predict(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range expected {
		if x.Node == "fold" && x.Length != 0 {
			t.Errorf("%s", x)
		}
	}
}

// Predictions go by the lengths of what a call gives, through the nodes, and by
// what finished tasks took.
func TestPredict(t *testing.T) {
	b := newBench(t)
	store := b.store()
	s := b.library(store)
	p, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "design_and_fold", Params: map[string]any{"num_sequences": 4},
		Inputs: map[string][]runs.InputValue{"structure": {{URI: b.put("backbone.pdb", strings.Repeat(atoms, 80))}}}})
	if err != nil {
		t.Fatal(err)
	}
	expected, err := s.Predict(t.Context(), p)
	if err != nil || len(expected) != 1 {
		t.Fatalf("%+v %v", expected, err)
	}
	x := expected[0]
	if x.Node != "fold" || x.Tasks != 4 || x.Length != 80 || x.Times != 5 || x.Seconds.Value != 2.5 || x.Total != 10 || x.Runs != 0 {
		t.Errorf("%+v", x)
	}
	first, err := s.Submit(t.Context(), folding("first", "baseline", 50))
	if err != nil {
		t.Fatal(err)
	}
	var batch []runs.Observation
	for i := range 3 {
		batch = append(batch, runs.Observation{RunID: first.Run.ID, Generation: 1, Task: &runs.TaskStatus{
			Node: "fold", Index: uris.Index(strconv.Itoa(i)), State: runs.Succeeded, Attempt: 1,
			Result: &steps.Result{Step: "fold", Implementation: "baseline", Work: &steps.Work{Length: 160, Times: 1}, Timings: steps.Timings{Run: 4.5}},
		}})
	}
	if err := store.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if expected, err = s.Predict(t.Context(), p); err != nil || expected[0].Seconds.Value != 7.5 || expected[0].Runs != 3 {
		t.Errorf("of a site three times as slow: %+v %v", expected, err)
	}
	if got, want := expected[0].String(), "fold (baseline): 4 tasks, each at most 7.5 s and about 103 MiB of memory; sequence is 80, times 5 models; figures: measured on one core of an AMD EPYC, corrected by 3 tasks that finished here"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
