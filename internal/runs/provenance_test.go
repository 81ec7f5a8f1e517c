package runs_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// What runs have measured of their outputs, and what they are, goes with the
// URIs to a step that takes many of them: who chains steps by hand has the
// numbers that a pipeline has. It is part of the plan, and of no digest.
func TestProvenance(t *testing.T) {
	b := newBench(t)
	store := b.store()
	s := b.library(store)
	var models, tables []runs.InputValue
	for i, implementation := range []string{"baseline", "baseline", "baseline"} {
		req := folding("fold"+strconv.Itoa(i), implementation, 50)
		req.Params = map[string]any{"seed": i}
		sub, err := s.Submit(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		at := uris.Layout{Root: b.root}.Run(string(sub.Run.ID)).Object("fold", "", 1, "structure", -1, "pdb")
		if _, err := b.blobs.Put(t.Context(), at, strings.NewReader(atoms)); err != nil {
			t.Fatal(err)
		}
		result := &steps.Result{Step: "fold", Version: "1.0.0", Implementation: implementation, Metrics: map[string]float64{"agreement": float64(70 + i)},
			Outputs: map[string][]steps.Object{"structure": {{URI: at, Type: "protein.structure", Format: "pdb", Size: int64(len(atoms))}}}}
		if err := store.Apply(t.Context(), []runs.Observation{{RunID: sub.Run.ID, Generation: 1,
			Task: &runs.TaskStatus{Node: "fold", State: runs.Succeeded, Attempt: 1, Result: result}}}); err != nil {
			t.Fatal(err)
		}
		models = append(models, runs.InputValue{URI: at})
		tables = append(tables, runs.InputValue{Inline: []byte(scores), Name: "scores.csv"})
	}
	p, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "rank", Inputs: map[string][]runs.InputValue{"models": models, "scores": tables}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Makers) != 3 { // their seeds differ
		t.Errorf("%d makers", len(p.Makers))
	}
	for i, in := range p.Inputs["models"] {
		if m := p.Makers[in.MadeBy]; in.Metrics["agreement"] != float64(70+i) || m == nil || m.Node != "fold" || m.Implementation != "baseline" || len(m.Metrics) == 0 {
			t.Errorf("model %d: %+v, made by %+v", i, in, m)
		}
	}
	if in := p.Inputs["scores"][0]; in.MadeBy != "" || in.Metrics != nil {
		t.Errorf("what a call brings along comes from nowhere: %+v", in)
	}
	digest := p.Digest()
	p.Inputs["models"][0].Metrics, p.Makers = nil, nil
	if p.Digest() != digest {
		t.Error("what is known of an input is part of what the plan does")
	}

	// Pods are given the same.
	p, err = s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "rank", Inputs: map[string][]runs.InputValue{"models": models, "scores": tables}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := tasks.CallOf(p, "run-0123456789ab", b.root).Encode()
	if err != nil {
		t.Fatal(err)
	}
	call, err := tasks.DecodeCall(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(call.Makers, p.Makers) || !reflect.DeepEqual(call.Inputs["models"][1].Metrics, p.Inputs["models"][1].Metrics) {
		t.Errorf("a pod is given %+v", call)
	}
}
