package runs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// TestConflictsNameWhatDiffers uses a request id again for other calls: found
// out by the row, and, by another replica, by the claim.
func TestConflictsNameWhatDiffers(t *testing.T) {
	inline := func(texts ...string) (values []runs.InputValue) {
		for _, text := range texts {
			values = append(values, runs.InputValue{Inline: []byte(text), Name: "x.txt"})
		}
		return values
	}
	first := runs.SubmitRequest{Tool: "picky", Params: map[string]any{"word": "no"}, Inputs: map[string][]runs.InputValue{"in": inline("a\n")}}
	many := runs.SubmitRequest{Tool: "gather", Inputs: map[string][]runs.InputValue{"items": inline("a\n", "b\n")}}
	for _, tt := range []struct {
		name       string
		first, now runs.SubmitRequest
		want       string
	}{
		{"another tool", first, runs.SubmitRequest{Tool: "upper", Inputs: first.Inputs}, "It was a call of picky, and is one of upper now."},
		{"an input", first, runs.SubmitRequest{Tool: "picky", Params: map[string]any{"word": "yes"}, Inputs: map[string][]runs.InputValue{"in": inline("b\n")}},
			"The input `in` has another content now."},
		{"a parameter", first, runs.SubmitRequest{Tool: "picky", Params: map[string]any{"word": "yes"}, Inputs: first.Inputs},
			"The parameter `word` was \"no\", and is \"yes\" now."},
		{"one left out", first, runs.SubmitRequest{Tool: "picky", Inputs: first.Inputs}, "The parameter `word` was \"no\", and is \"item 2\" now."},
		{"an implementation", runs.SubmitRequest{Tool: "slow"}, runs.SubmitRequest{Tool: "slow", Implementations: map[string]string{"slow": "hasty"}},
			"slow was to run with the implementation patient, and is with hasty now."},
		{"fewer values", many, runs.SubmitRequest{Tool: "gather", Inputs: map[string][]runs.InputValue{"items": inline("a\n")}}, "The input `items` had 2 values, and has 1 now."},
		{"one of many", many, runs.SubmitRequest{Tool: "gather", Inputs: map[string][]runs.InputValue{"items": inline("a\n", "c\n")}}, "The input `items[1]` has another content now."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			s := b.service(b.store())
			tt.first.Tenant, tt.first.RequestID, tt.now.Tenant, tt.now.RequestID = "t", "k", "t", "k"
			if _, err := s.Submit(t.Context(), tt.first); err != nil {
				t.Fatal(err, problem.Of(err))
			}
			for who, s := range map[string]*runs.Service{"the same": s, "a replica": b.service(b.store())} {
				_, err := s.Submit(t.Context(), tt.now)
				if !errors.Is(err, problem.ErrConflict) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s says %v %v, want %q", who, err, problem.Of(err), tt.want)
				}
			}
		})
	}
}
