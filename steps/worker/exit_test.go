package worker

import (
	"slices"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

func TestNaturalOrder(t *testing.T) {
	want := []string{"a", "a01", "a1", "a2", "a10", "a10b2", "a10b10", "b/2.pdb", "b/10.pdb", "b10/1.pdb", "model_2.pdb", "model_10.pdb", "model_99999999999999999999999.pdb"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestExitCodes(t *testing.T) {
	seen := map[int]bool{}
	for _, c := range classes {
		if CodeOf(ExitCode(c.code)) != c.code || seen[c.exit] || c.exit < 20 || c.exit > 63 {
			t.Errorf("%s has exit code %d", c.code, c.exit)
		}
		seen[c.exit] = true
	}
	for exit, want := range map[int]steps.FailureCode{0: "", 1: steps.FailUnknown, 137: steps.FailUnknown, 143: steps.FailPreempted, 20: steps.FailOOM, 32: steps.FailUnknown} {
		if got := CodeOf(exit); got != want {
			t.Errorf("CodeOf(%d) = %q, want %q", exit, got, want)
		}
	}
	if ExitCode("of tomorrow") != ExitCode(steps.FailUnknown) {
		t.Error("a class that is not in the table is not unknown")
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add([]byte(`{"metrics":{"a":1.5},"items":{"o":[{"b":2}]}}`))
	f.Add([]byte(`{"metrics":{"a":1e999}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMetrics(b)
		if err == nil && m == nil {
			t.Error("nothing")
		}
	})
}
