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
	ok, err := argoexpr.EvalBool(retries(r, true).Expression, env.GetFuncMap(map[string]any{
		"retries": "0", "lastRetry.exitCode": strconv.Itoa(exit), "lastRetry.status": "Failed", "lastRetry.message": message,
	}))
	if err != nil {
		t.Fatalf("%s: %v", retries(r, true).Expression, err)
	}
	return ok
}

// Which ends of a pod are tried again follows from the classes alone; one whose
// worker did all it should, and whose end Argo could not report, always is.
func TestRetriesByClass(t *testing.T) {
	ends := []int{-1, 0, 1, 2, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 126, 137, 139, 143}
	for _, c := range []struct {
		on   []steps.FailureCode
		want []int
	}{
		{nil, []int{0}},
		{[]steps.FailureCode{steps.FailOOM}, []int{0, 20, 137}},
		{[]steps.FailureCode{steps.FailPreempted}, []int{-1, 0, 22, 143}},
		{[]steps.FailureCode{steps.FailGPUOOM, steps.FailStorage, steps.FailExit}, []int{0, 21, 28, 29}},
		{[]steps.FailureCode{steps.FailDisk}, []int{0, 33}},
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
				t.Errorf("tried again after %v, want %v\n%s", got, c.want, retries(r, true).Expression)
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

// What wrote more than it may is tried again only if the step says so.
func TestRetryOfWhatWroteTooMuch(t *testing.T) {
	for _, kubelet := range []string{
		"Usage of EmptyDir volume \"ligase\" exceeds the limit \"1Gi\". ", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
		"Container main exceeded its local ephemeral storage limit \"1Gi\". ",
	} {
		for _, exit := range []int{-1, 137, 143} {
			on := []steps.FailureCode{steps.FailOOM, steps.FailPreempted, steps.FailUnknown}
			if triedAgain(t, steps.Retries{Limit: 2, On: on}, exit, kubelet) {
				t.Errorf("%q with %d is tried again", kubelet, exit)
			}
			if !triedAgain(t, steps.Retries{Limit: 2, On: []steps.FailureCode{steps.FailDisk}}, exit, kubelet) {
				t.Errorf("%q with %d is not tried again, and should be", kubelet, exit)
			}
		}
	}
	if !triedAgain(t, steps.Retries{Limit: 2, On: []steps.FailureCode{steps.FailPreempted}}, -1, "The node was low on resource: ephemeral-storage. ") {
		t.Error("what its machine had no room for is to be tried on another")
	}
}

// Even what is never tried again has a strategy: only pods of one know which
// attempt they are, and a pod may have done its work without Argo's being able
// to say so.
func TestLimit(t *testing.T) {
	for limit, want := range map[int]string{0: "2", 1: "1", 3: "3"} {
		if got := retries(steps.Retries{Limit: limit, On: []steps.FailureCode{steps.FailOOM}}, false).Limit.String(); got != want {
			t.Errorf("of a step with %d retries the limit is %s, want %s", limit, got, want)
		}
	}
}
