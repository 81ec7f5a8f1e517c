package runs_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/uris"
)

// TestTheSameCallWhenItsInputIsGone repeats a call of a run that has ended,
// and finds that run, whatever has become of the file that it was given.
func TestTheSameCallWhenItsInputIsGone(t *testing.T) {
	for what, change := range map[string]func(*testing.T, *runstest.Lab, uris.URI){
		"gone":    func(t *testing.T, _ *runstest.Lab, u uris.URI) { remove(t, u) },
		"changed": func(_ *testing.T, l *runstest.Lab, _ uris.URI) { l.Put("in.num", "7\n") },
		"of another kind": func(_ *testing.T, l *runstest.Lab, _ uris.URI) {
			l.Put("in.num", "no number\n")
		},
		"too long": func(_ *testing.T, l *runstest.Lab, _ uris.URI) { l.Put("in.num", "1\n2\n3\n4\n") },
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			l := localLab(t, b)
			u, other := l.Put("in.num", "41\n"), l.Put("other.num", "41\n")
			call := func(u uris.URI) runs.SubmitRequest {
				return runs.SubmitRequest{Tenant: "suite", RequestID: "monday", Tool: "number", Inputs: map[string][]runs.InputValue{"in": {{URI: u}}}}
			}
			first := l.Start(call(u))
			if run, _ := l.End(first.ID); run.State != runs.Succeeded {
				t.Fatalf("the run is %s", run.State)
			}
			change(t, l, u)
			for who, s := range map[string]*runs.Service{"the same": l.Service, "a replica": b.service(b.store())} {
				got, err := s.Submit(t.Context(), call(u))
				if err != nil || got.Created || got.Run.ID != first.ID || got.Run.State != runs.Succeeded {
					t.Errorf("%s: %+v, %v", who, got, err)
				}
				_, err = s.Submit(t.Context(), call(other))
				if want := "The input `in` was " + u.String() + ", and is " + other.String() + " now."; !errors.Is(err, problem.ErrConflict) || !strings.Contains(err.Error(), want) {
					t.Errorf("another file, %s: %v, want %q", who, err, want)
				}
				stranger := call(u)
				stranger.Tenant = "stranger"
				if got, err := s.Submit(t.Context(), stranger); err == nil && got.Run.ID == first.ID {
					t.Errorf("%s gives the run to another tenant", who)
				}
				fresh := call(u)
				fresh.RequestID = "tuesday-" + who
				if _, err := s.Submit(t.Context(), fresh); (err == nil) != (what == "changed") {
					t.Errorf("%s, under a new request id: %v", who, err)
				}
			}
		})
	}
}

func remove(t *testing.T, u uris.URI) {
	t.Helper()
	if err := os.Remove(u.Path()); err != nil {
		t.Fatal(err)
	}
}

// TestTheSameCallOfManyFiles: of a call of many values one cannot be read any
// more; the others, those that it was split into, and the parameters still
// tell it from other calls.
func TestTheSameCallOfManyFiles(t *testing.T) {
	b := newBench(t)
	store := b.store()
	one, two, three := ">one\n"+sequence+"\n", ">two\nMKLVEEHHLLKKMMAAGGWW\n", ">three\nMKLVEEHHLLKK\n"
	structure, all, last := b.put("x.pdb", strings.Repeat(atoms, 30)), b.put("all.fasta", one+two), b.put("last.fasta", three)
	call := func(cutoff float64, sequences ...runs.InputValue) runs.SubmitRequest {
		return runs.SubmitRequest{Tenant: "t", RequestID: "monday", Tool: "refold_check", Params: map[string]any{"min_agreement": cutoff},
			Inputs: map[string][]runs.InputValue{"structure": {{URI: structure}}, "sequences": sequences}}
	}
	mine := []runs.InputValue{{URI: all}, {Inline: []byte(three), Name: "mine.fasta"}, {URI: last}, {URI: all}}
	first, err := b.library(store).Submit(t.Context(), call(50, mine...))
	if err != nil {
		t.Fatal(err)
	}
	remove(t, structure)
	b.put("all.fasta", one) // is no file of several any more
	for who, s := range map[string]*runs.Service{"the same": b.library(store), "a replica": b.library(b.store())} {
		if got, err := s.Submit(t.Context(), call(50, mine...)); err != nil || got.Created || got.Run.ID != first.Run.ID {
			t.Errorf("%s: %+v, %v %v", who, got, err, problem.Of(err))
		}
		for name, c := range map[string]struct {
			call runs.SubmitRequest
			says string
		}{
			"another parameter":      {call(51, mine...), "The parameter `min_agreement` was 50.0, and is 51.0 now."},
			"another value":          {call(50, mine[0], runs.InputValue{Inline: []byte(two), Name: "mine.fasta"}, mine[2], mine[3]), "The input `sequences[2]` has another content now."},
			"one fewer":              {call(50, mine[0], mine[1], mine[2]), "The input `sequences` had 6 values, and has 4 now."},
			"in another order":       {call(50, mine[0], mine[2], mine[1], mine[3]), "The input `sequences["},
			"what it was split into": {call(50, runs.InputValue{Inline: []byte(one)}, runs.InputValue{Inline: []byte(two)}, mine[1], mine[2]), "The input `sequences` had 6 values, and has 4 now."},
		} {
			if _, err := s.Submit(t.Context(), c.call); !errors.Is(err, problem.ErrConflict) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v %v, want %q", name, who, err, problem.Of(err), c.says)
			}
		}
	}
	if n := count(t, b.library(store)); n != 1 {
		t.Errorf("there are %d runs", n)
	}
}
