package local

import (
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
)

func TestBackoffGrowsToItsCap(t *testing.T) {
	b := Backoff{Base: time.Second, Max: 10 * time.Second}
	for _, c := range []struct {
		failures int
		random   float64
		want     time.Duration
	}{
		{1, 0, 500 * time.Millisecond},
		{1, 0.5, 750 * time.Millisecond},
		{2, 0, time.Second},
		{3, 0, 2 * time.Second},
		{4, 0, 4 * time.Second},
		{5, 0, 5 * time.Second},
		{1000, 0.5, 7500 * time.Millisecond},
	} {
		if got := b.wait(c.failures, c.random); got != c.want {
			t.Errorf("after %d failures %v, want %v", c.failures, got, c.want)
		}
	}
}

func TestTriesAgain(t *testing.T) {
	r := steps.Retries{Limit: 2, On: []steps.FailureCode{steps.FailOOM, steps.FailUnknown, steps.FailUnschedulable}}
	for _, c := range []struct {
		code     steps.FailureCode
		failures int
		want     bool
	}{
		{steps.FailOOM, 1, true},
		{steps.FailOOM, 2, true},
		{steps.FailOOM, 3, false},
		{steps.FailExit, 1, false},
		{steps.FailUnschedulable, 1, false},
	} {
		if got := triesAgain(r, c.code, c.failures); got != c.want {
			t.Errorf("%s, failure %d: %v, want %v", c.code, c.failures, got, c.want)
		}
	}
	if triesAgain(steps.Retries{On: r.On}, steps.FailOOM, 1) {
		t.Error("tried again with a limit of 0")
	}
}
