package argo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Hints of the classes that only a cluster has, or has other words for.
const (
	hintRetry    = "Nothing is wrong with the step: retry the run. What has committed stays done."
	hintImage    = "Check the image's name, that the cluster's machines may pull it, and its credentials; then render and apply the template again and retry the run."
	hintMemory   = "Ask for more memory (resources.memory of the implementation) and render and apply its template again, or give it less to do at once."
	hintClaim    = "Make it in the namespace of the run and fill it, or have the template name the one that holds the same (ligase render --claim); then retry the run."
	hintDisk     = "Ask for more disk (resources.disk of the implementation) and render and apply its template again, or give it less to do at once."
	hintNoDisk   = "Say how much it writes (resources.disk of the implementation) and render and apply its template again: then its pods go where there is as much. Or free some space on the cluster's machines. Then retry the run."
	hintDeadline = "Raise the implementation's timeout and render and apply its template again, or give it less to do."
	hintUnknown  = "Retry the run; if it fails again, look at `ligase events --cluster` and the log."
)

// classify says why a pod failed, from what Argo says of it, when the worker
// in it could not.
func classify(step string, p *seenPod) *steps.Failure {
	message := strings.ToLower(p.message)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(message, w) {
				return true
			}
		}
		return false
	}
	said := sentence(p.message)
	switch {
	case strings.Contains(p.message, "OOMKilled"):
		return failure(steps.FailOOM, p.exit, hintMemory, false, "%s used more memory than its pod may have and was ended by the kernel.%s", step, said)
	case has("longer than the specified deadline", "deadlineexceeded", "exceeded its deadline", "execution deadline"):
		return failure(steps.FailDeadline, nil, hintDeadline, false, "%s took longer than its pod may.%s", step, said)
	case has("usage of emptydir volume", "ephemeral local storage usage exceeds", "local ephemeral storage limit"):
		return failure(steps.FailDisk, nil, hintDisk, false, "%s wrote more than its pod may and was ended.%s", step, said)
	case has("low on resource: ephemeral-storage"):
		return failure(steps.FailDisk, nil, hintNoDisk, true, "The pod of %s was ended because the disk of its machine was full.%s", step, said)
	case p.exit != nil && *p.exit == 137 && !has("pod deleted", "evicted", "shutdown"):
		return failure(steps.FailOOM, p.exit, hintMemory, false, "%s used more memory than its pod may have and was ended by the kernel.%s", step, said)
	case has("shutdown with strategy", "stopped with strategy"):
		return failure(steps.FailCanceled, nil, "Retry the run to go on where it was.", true, "%s was ended with its Workflow.", step)
	case p.exit == nil && has("is forbidden:"):
		return failure(steps.FailImage, nil, "A platform engineer must allow it, or change the template; then retry the run.", true,
			"The cluster does not let the pod of %s be made.%s", step, said)
	case imageProblem(p.message):
		return failure(steps.FailImage, nil, hintImage, false, "The container of %s could not be started.%s", step, said)
	case has("pod deleted", "evicted", "preempt", "low on resource", "node shutdown", "node lost", "nodelost", "was rejected", "node is", "terminated in response", "taint"):
		return failure(steps.FailPreempted, nil, hintRetry, true, "The pod of %s went away while it ran.%s", step, said)
	case p.foreign && p.exit != nil && *p.exit != 0:
		return failure(steps.FailExit, p.exit, "Read the log: the tool says there what it did not like.", false, "%s ended with exit code %d.%s", step, *p.exit, said)
	case p.exit != nil && *p.exit != 0 && worker.CodeOf(*p.exit) != steps.FailUnknown:
		code := worker.CodeOf(*p.exit)
		return failure(code, nil, hintUnknown, retryable(code),
			"%s failed, and left no record of why (its worker ended with exit code %d).%s", step, *p.exit, said)
	case p.exit == nil && p.phase == wfv1.NodeError && !has("exit code"):
		return failure(steps.FailPreempted, nil, hintRetry, true, "The pod of %s was lost.%s", step, said)
	case p.exit != nil:
		return failure(steps.FailUnknown, p.exit, hintUnknown, true, "The pod of %s failed without saying why (exit code %d).%s", step, *p.exit, said)
	}
	return failure(steps.FailUnknown, nil, hintUnknown, true, "The pod of %s failed.%s", step, said)
}

// retryable reports whether the same call can succeed unchanged after a
// failure of that class.
func retryable(code steps.FailureCode) bool {
	switch code {
	case steps.FailPreempted, steps.FailUnschedulable, steps.FailStorage, steps.FailCanceled, steps.FailUnknown:
		return true
	}
	return false
}

func failure(code steps.FailureCode, exit *int, hint string, again bool, format string, args ...any) *steps.Failure {
	return &steps.Failure{Code: code, Message: fmt.Sprintf(format, args...), ExitCode: exit, Hint: hint, Retryable: again}
}

// sentence is what Kubernetes or Argo said, to follow a sentence of ours.
func sentence(said string) string {
	said = strings.TrimSpace(said)
	if said == "" {
		return ""
	}
	return " Kubernetes says: " + strings.TrimRight(said, ".") + "."
}

// imageProblems are the reasons for which a container waits that no time
// mends.
var imageProblems = []string{
	"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "CreateContainerError", "RunContainerError",
}

// imageProblem reports whether a pod waits for an image that does not come.
func imageProblem(message string) bool {
	for _, reason := range imageProblems {
		if strings.HasPrefix(message, reason) || strings.Contains(message, " due to "+reason) {
			return true
		}
	}
	return false
}

var quotedImage = regexp.MustCompile(`image \\?"([^"\\]+)\\?"|image: ([^\s:,"]+[^\s,"]*)`)

// imageIn finds the image's name in what the kubelet says; else it is the one
// that the implementation names.
func imageIn(message, named string) string {
	if m := quotedImage.FindStringSubmatch(message); m != nil {
		if m[1] != "" {
			return m[1]
		}
		return strings.TrimRight(m[2], ":")
	}
	return named
}

var (
	noNodes      = regexp.MustCompile(`(\d+)/(\d+) nodes are available`)
	insufficient = regexp.MustCompile(`(\d+) Insufficient ([A-Za-z0-9./-]+)`)
)

// schedulingProblem is what the scheduler says, in words: "0/1 nodes have a
// free nvidia.com/gpu".
func schedulingProblem(message string) (string, bool) {
	said, ok := strings.CutPrefix(message, "Unschedulable: ")
	if !ok {
		return "", false
	}
	// What came of looking for something to preempt where there is nothing.
	said = strings.TrimSuffix(said, ". not found")
	m := noNodes.FindStringSubmatch(said)
	if m == nil {
		return said, true
	}
	all, err := strconv.Atoi(m[2])
	if err != nil {
		return said, true
	}
	short := insufficient.FindAllStringSubmatch(said, -1)
	if len(short) == 1 && short[0][1] == m[2] {
		what := strings.TrimRight(short[0][2], ".") // the sentence's
		switch what {
		case "cpu", "memory", "ephemeral-storage":
			return fmt.Sprintf("%s/%d nodes have enough free %s", m[1], all, strings.ReplaceAll(what, "-", " ")), true
		case "pods":
			return fmt.Sprintf("%s/%d nodes have room for another pod", m[1], all), true
		}
		return fmt.Sprintf("%s/%d nodes have a free %s", m[1], all, what), true
	}
	// Several reasons: as the scheduler has it, without what it thought of
	// preemption.
	said, _, _ = strings.Cut(said, " preemption:")
	return strings.TrimRight(said, ". "), true
}

// missingClaim is how the scheduler says that a volume is nowhere.
var missingClaim = regexp.MustCompile(`persistentvolumeclaim "([^"]+)" not found`)

// claimProblem is the PersistentVolumeClaim that a pod waits for in vain; ""
// for none.
func claimProblem(message string) string {
	if m := missingClaim.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// pendingProblem is why a pod does not start, when it is for a reason worth
// telling: not the usual steps of starting.
func pendingProblem(message, image string) string {
	switch {
	case message == "", message == "PodInitializing", message == "ContainerCreating", strings.HasPrefix(message, "PodInitializing:"), strings.HasPrefix(message, "ContainerCreating:"):
		return ""
	case imageProblem(message):
		return fmt.Sprintf("the image %s cannot be pulled (%s)", imageIn(message, image), reasonOf(message))
	case slices.Contains(mountProblems, reasonOf(message)):
		_, said, _ := strings.Cut(message, ": ")
		return "a volume of the pod cannot be mounted (" + said + ")"
	case strings.Contains(message, "unbound immediate PersistentVolumeClaims"):
		return "a PersistentVolumeClaim of the pod has no volume yet (kubectl describe pvc says why)"
	case claimProblem(message) != "":
		return fmt.Sprintf("there is no PersistentVolumeClaim %s; make it in the namespace of the run and fill it, or have the template name the one that holds the same (ligase render --claim)", claimProblem(message))
	}
	if why, ok := schedulingProblem(message); ok {
		return why
	}
	return message
}

// reasonOf is the one word with which the kubelet begins.
func reasonOf(message string) string {
	reason, _, _ := strings.Cut(message, ":")
	return reason
}
