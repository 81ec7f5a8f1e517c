package runs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// TestNextStepsWithWhatIsAtHand asks what can follow: a tool of two inputs is
// complete when the run was given a value for the second.
func TestNextStepsWithWhatIsAtHand(t *testing.T) {
	b := newBench(t)
	l := localLab(t, b)
	pair := func(id runs.ID) (found []runs.NextStep) {
		_, sum := l.End(id)
		for _, n := range sum.Next {
			if n.Tool == "pair" {
				found = append(found, n)
			}
		}
		return found
	}
	given := l.Put("given.txt", "abc\n")
	upper := l.Start(runs.SubmitRequest{Tool: "upper", Inputs: map[string][]runs.InputValue{"in": {{URI: given}}}})
	want := []runs.NextStep{{Tool: "pair", Input: "a", Output: "out", With: map[string]uris.URI{"b": given}}}
	if diff := cmp.Diff(want, pair(upper.ID), cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
		t.Errorf("after upper: -want +got\n%s", diff)
	}
	said := l.Start(runs.SubmitRequest{Tool: "say"})
	for _, n := range pair(said.ID) {
		if len(n.With) > 0 {
			t.Errorf("after say, which was given nothing: %+v", n)
		}
	}
}
