package templates

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/argoproj/argo-workflows/v3/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v3/util/expr/env"

	"github.com/ligase-bio/ligase/steps"
)

// triedAgain evaluates a retry expression as Argo does.
func triedAgain(t *testing.T, r steps.Retries, exit int, message string) bool {
	t.Helper()
	ok, err := argoexpr.EvalBool(retries(r).Expression, env.GetFuncMap(map[string]any{
		"retries": "0", "lastRetry.exitCode": strconv.Itoa(exit), "lastRetry.status": "Failed", "lastRetry.message": message,
	}))
	if err != nil {
		t.Fatalf("%s: %v", retries(r).Expression, err)
	}
	return ok
}

// Which ends of a pod are tried again follows from the classes alone; one whose
// worker did all it should, and whose end Argo could not report, always is.
func TestRetriesByClass(t *testing.T) {
	ends := []int{-1, 0, 1, 2, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 126, 137, 139, 143}
	for _, c := range []struct {
		on   []steps.FailureCode
		want []int
	}{
		{nil, []int{0}},
		{[]steps.FailureCode{steps.FailOOM}, []int{0, 20, 137}},
		{[]steps.FailureCode{steps.FailPreempted}, []int{-1, 0, 22, 143}},
		{[]steps.FailureCode{steps.FailGPUOOM, steps.FailStorage, steps.FailExit}, []int{0, 21, 28, 29}},
		{[]steps.FailureCode{steps.FailUnknown}, []int{-1, 0, 1, 2, 32, 126, 139}},
		{[]steps.FailureCode{steps.FailOOM, steps.FailPreempted, steps.FailUnknown}, []int{-1, 0, 1, 2, 20, 22, 32, 126, 137, 139, 143}},
		{[]steps.FailureCode{steps.FailDeadline, steps.FailUnknown}, []int{-1, 0, 1, 2, 25, 32, 126, 139}},
	} {
		t.Run(fmt.Sprint(c.on), func(t *testing.T) {
			r := steps.Retries{Limit: 2, On: c.on}
			var got []int
			for _, exit := range ends {
				if triedAgain(t, r, exit, "") {
					got = append(got, exit)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("tried again after %v, want %v\n%s", got, c.want, retries(r).Expression)
			}
		})
	}
}

func TestNoRetryOfWhatTookTooLong(t *testing.T) {
	r := steps.Retries{Limit: 2, On: []steps.FailureCode{steps.FailOOM, steps.FailPreempted, steps.FailUnknown}}
	const kubelet = "Pod was active on the node longer than the specified deadline"
	for _, exit := range []int{-1, 137, 143} {
		if triedAgain(t, r, exit, kubelet) {
			t.Errorf("a pod that Kubernetes ended for its deadline, with %d, would take as long again", exit)
		}
		if !triedAgain(t, r, exit, "The node was low on resource: memory.") {
			t.Errorf("an evicted pod, with %d, is to be tried again", exit)
		}
	}
}

// Even what is never tried again has a strategy: only pods of one know which
// attempt they are, and a pod may have done its work without Argo's being able
// to say so.
func TestLimit(t *testing.T) {
	for limit, want := range map[int]string{0: "2", 1: "1", 3: "3"} {
		if got := retries(steps.Retries{Limit: limit, On: []steps.FailureCode{steps.FailOOM}}).Limit.String(); got != want {
			t.Errorf("of a step with %d retries the limit is %s, want %s", limit, got, want)
		}
	}
}
