package runstest

import (
	"slices"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// testSpent: the newest come first, of whoever's runs, once for each task.
func testSpent(t *testing.T, s *storeTest) {
	a, b := s.create(t, "a", "1"), s.create(t, "b", "1")
	took := func(run runs.Run, node, implementation string, length int) runs.Observation {
		r := &steps.Result{Step: "fold", Implementation: implementation, Timings: steps.Timings{Run: float64(length)}, Usage: steps.Usage{PeakMemory: 5}}
		if length > 0 {
			r.Work = &steps.Work{Length: length, Times: 2}
		}
		return runs.Observation{RunID: run.ID, Generation: 1, Task: &runs.TaskStatus{Node: node, State: runs.Succeeded, Attempt: 1, Result: r}}
	}
	s.apply(t, took(a, "n1", "main", 10), took(a, "n2", "other", 20), took(b, "n1", "main", 30), took(b, "n2", "main", 0))
	s.apply(t, took(a, "n1", "main", 10), took(a, "n3", "main", 40)) // the first is no news
	for implementation, want := range map[string]int{"main": 40, "other": 20, "none": 0} {
		if longest, err := s.LongestSpent(t.Context(), "fold", implementation); err != nil || longest != want {
			t.Errorf("the longest of %s: %d %v, want %d", implementation, longest, err, want)
		}
	}
	for _, c := range []struct {
		implementation string
		limit          int
		want           []int
	}{{"main", 0, []int{40, 30, 10}}, {"main", 2, []int{40, 30}}, {"other", 0, []int{20}}, {"none", 0, nil}} {
		found, err := s.Spent(t.Context(), "fold", c.implementation, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, f := range found {
			got = append(got, f.Length)
			if f.Seconds != float64(f.Length) || f.Times != 2 || f.Memory != 5 {
				t.Errorf("%+v", f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s, at most %d: %v, want %v", c.implementation, c.limit, got, c.want)
		}
	}
}
