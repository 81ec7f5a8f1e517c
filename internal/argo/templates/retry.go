package templates

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

const (
	firstSignal    = 128
	exitKilled     = 137 // SIGKILL, by which the kernel and the kubelet end what takes too much memory
	exitTerminated = 143 // SIGTERM before the worker could handle it
	exitNone       = -1  // what Argo has for a pod that ended without one: deleted, evicted, its machine gone
	exitDone       = 0   // of a worker that did all it should; the pod failed when Argo could not report that
)

// reports is how often a pod that has done its work, and of which Argo's
// supervisor could not tell the API server so, is started again if its step is
// not to be tried again at all. It finds its own commit record and ends.
const reports = 2

// retries is a step's retries as Argo has them: an expression over how the
// attempt before ended. There always is a strategy: only pods of one are told
// which attempt they are.
// disk says that there is a limit to what its pod may write.
func retries(r steps.Retries, disk bool) *wfv1.RetryStrategy {
	times := r.Limit
	if r.Limit == 0 || len(r.On) == 0 {
		times, r.On = reports, nil
	}
	limit, factor := intstr.FromString(strconv.Itoa(times)), intstr.FromInt32(2)
	s := &wfv1.RetryStrategy{
		Limit: &limit, RetryPolicy: wfv1.RetryPolicyAlways,
		Backoff: &wfv1.Backoff{Duration: "5s", Factor: &factor, Cap: "5m"},
	}
	codes := []int{exitDone}
	unknown := false
	for _, class := range r.On {
		switch class {
		case steps.FailUnknown:
			unknown = true
			continue
		case steps.FailOOM:
			codes = append(codes, exitKilled)
		case steps.FailPreempted:
			codes = append(codes, exitTerminated, exitNone)
		}
		codes = append(codes, worker.ExitCode(class))
	}
	if unknown { // all that stands for no other class
		var others []int
		for exit := 1; exit < firstSignal; exit++ {
			if class := worker.CodeOf(exit); class != steps.FailUnknown && !slices.Contains(r.On, class) {
				others = append(others, exit)
			}
		}
		if !slices.Contains(r.On, steps.FailOOM) {
			others = append(others, exitKilled)
		}
		if !slices.Contains(r.On, steps.FailPreempted) {
			others = append(others, exitTerminated)
		}
		s.Expression = among("not in", others)
	} else {
		s.Expression = among("in", codes)
	}
	// A pod that Kubernetes ended because it took too long has no code of its
	// own, and would take too long again.
	s.Expression += " && !(lastRetry.message contains 'specified deadline')"
	// Nor has one that wrote more than it may, which only one with a limit can.
	if slices.Contains(r.On, steps.FailDisk) {
		s.Expression = "(" + s.Expression + ") || " + overDisk
	} else if disk {
		s.Expression += " && !(" + overDisk + ")"
	}
	return s
}

// overDisk is how the kubelet says that a pod wrote more than its folder, its
// container or all of it may.
const overDisk = "lastRetry.message matches 'EmptyDir volume|storage usage exceeds|ephemeral storage limit'"

func among(operator string, codes []int) string {
	slices.Sort(codes)
	text := make([]string, len(codes))
	for i, c := range codes {
		text[i] = strconv.Itoa(c)
	}
	return fmt.Sprintf("asInt(lastRetry.exitCode) %s [%s]", operator, strings.Join(text, ", "))
}
