package argo

import (
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/steps"
)

// TestClassify has the messages of real pods, as Argo 3.7 and Kubernetes 1.34
// write them.
func TestClassify(t *testing.T) {
	code := func(n int) *int { return &n }
	tests := []struct {
		name string
		pod  seenPod
		want steps.FailureCode
	}{
		{"the kernel ended it", seenPod{phase: wfv1.NodeFailed, message: "main: OOMKilled (exit code 137)", exit: code(137)}, steps.FailOOM},
		{"killed, without saying so", seenPod{phase: wfv1.NodeFailed, message: "main: Error (exit code 137)", exit: code(137)}, steps.FailOOM},
		{"deleted", seenPod{phase: wfv1.NodeError, message: "pod deleted"}, steps.FailPreempted},
		{"deleted, and killed", seenPod{phase: wfv1.NodeError, message: "pod deleted", exit: code(137)}, steps.FailPreempted},
		{"evicted", seenPod{phase: wfv1.NodeFailed, message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. "}, steps.FailPreempted},
		{"evicted, the disk was full", seenPod{phase: wfv1.NodeFailed, message: "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. Container main was using 9Gi, request is 0, has larger consumption of ephemeral-storage. "}, steps.FailDisk},
		{"over its disk", seenPod{phase: wfv1.NodeFailed, message: "Pod ephemeral local storage usage exceeds the total limit of containers 20Gi. "}, steps.FailDisk},
		{"over its disk, and killed", seenPod{phase: wfv1.NodeFailed, message: "Container main exceeded its local ephemeral storage limit \"20Gi\". ", exit: code(137)}, steps.FailDisk},
		{"over its folder", seenPod{phase: wfv1.NodeFailed, message: "Usage of EmptyDir volume \"ligase\" exceeds the limit \"20608Mi\". "}, steps.FailDisk},
		{"node shut down", seenPod{phase: wfv1.NodeFailed, message: "Pod was terminated in response to imminent node shutdown."}, steps.FailPreempted},
		{"no room after all", seenPod{phase: wfv1.NodeFailed, message: "Pod was rejected: Node didn't have enough resource: nvidia.com/gpu, requested: 1, used: 2, capacity: 2"}, steps.FailPreempted},
		{"no exit code", seenPod{phase: wfv1.NodeError, message: ""}, steps.FailPreempted},
		{"SIGTERM", seenPod{phase: wfv1.NodeFailed, message: "main: Error (exit code 143)", exit: code(143)}, steps.FailPreempted},
		{"the worker's table", seenPod{phase: wfv1.NodeFailed, message: "main: Error (exit code 29)", exit: code(29)}, steps.FailStorage},
		{"the worker crashed", seenPod{phase: wfv1.NodeFailed, message: "main: Error (exit code 2)", exit: code(2)}, steps.FailUnknown},
		{"too long", seenPod{phase: wfv1.NodeFailed, message: "Pod was active on the node longer than the specified deadline"}, steps.FailDeadline},
		{"stopped", seenPod{phase: wfv1.NodeFailed, message: "workflow shutdown with strategy:  Terminate"}, steps.FailCanceled},
		{"no image", seenPod{phase: wfv1.NodeError, message: `Pod failed before main container starts due to ErrImagePull: not found`}, steps.FailImage},
		{"init failed", seenPod{phase: wfv1.NodeError, message: "init: Error (exit code 1)"}, steps.FailUnknown},
		{"not allowed", seenPod{phase: wfv1.NodeError, message: `pods "x" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities`}, steps.FailImage},
		{"somebody else's", seenPod{phase: wfv1.NodeFailed, message: "main: Error (exit code 22)", exit: code(22), foreign: true}, steps.FailExit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := classify("fold", &tt.pod)
			if f.Code != tt.want {
				t.Errorf("it is %s, want %s", f.Code, tt.want)
			}
			if !strings.HasPrefix(f.Message, "The ") && !strings.HasPrefix(f.Message, "fold") || f.Hint == "" {
				t.Errorf("%+v", f)
			}
			if tt.pod.message != "" && f.Code != steps.FailCanceled && !strings.Contains(f.Message, strings.TrimRight(tt.pod.message, ". ")) {
				t.Errorf("what Kubernetes said is lost: %s", f.Message)
			}
		})
	}
}

func TestPendingProblemSaysWhatThePodWaitsFor(t *testing.T) {
	for message, want := range map[string]string{
		"":                  "",
		"PodInitializing":   "",
		"ContainerCreating": "",
		"Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.": "0/1 nodes have a free nvidia.com/gpu",
		"Unschedulable: 0/3 nodes are available: 3 Insufficient memory.":                                                                                              "0/3 nodes have enough free memory",
		"Unschedulable: 0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available.":       "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector",
		`ImagePullBackOff: Back-off pulling image "ghcr.io/a/b:1": ErrImagePull: no such host`:                                                                        "the image ghcr.io/a/b:1 cannot be pulled (ImagePullBackOff)",
		"InvalidImageName: Failed to apply default image tag \"a b\": couldn't parse image name":                                                                      "the image declared/image:2 cannot be pulled (InvalidImageName)",
		`Unschedulable: 0/1 nodes are available: persistentvolumeclaim "esmfold-weights" not found. not found`:                                                        "there is no PersistentVolumeClaim esmfold-weights; make it in the namespace of the run and fill it, or have the template name the one that holds the same (ligase render --claim)",
		"Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found":                                                         "a PersistentVolumeClaim of the pod has no volume yet (kubectl describe pvc says why)",
		"Unschedulable: 0/1 nodes are available: 1 node(s) had volume node affinity conflict. not found":                                                              "0/1 nodes are available: 1 node(s) had volume node affinity conflict",
		`FailedMount: MountVolume.SetUp failed for volume "weights" : mount failed: exit status 32`:                                                                   `a volume of the pod cannot be mounted (MountVolume.SetUp failed for volume "weights" : mount failed: exit status 32)`,
		`CreateContainerConfigError: configmap "ligase-store" not found`:                                                                                              `CreateContainerConfigError: configmap "ligase-store" not found`,
	} {
		if got := pendingProblem(message, "declared/image:2"); got != want {
			t.Errorf("%q\n got %q\nwant %q", message, got, want)
		}
	}
}
