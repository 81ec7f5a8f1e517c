package local

import (
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

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
