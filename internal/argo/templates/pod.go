package templates

import (
	"fmt"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

const (
	// mainTemplate is what tasks of pipelines refer to in a step's template.
	mainTemplate = "main"

	home       = "/ligase" // where the worker, private folders and outputs are in a pod
	workerPath = home + "/bin/ligase-worker"
	workerHere = "/ligase-worker" // in the worker's own image

	// nobody is the user and group of every container: the usual number for it
	// in images that are made to run without root.
	nobody = int64(65532)

	// besides is the memory that a pod's main container needs besides what its
	// step does: the worker and Argo's supervisor.
	besides = 128 << 20

	// diskBesides is the disk that a pod needs besides what its step writes. The
	// kubelet holds all of the pod to the one limit, the programs that are
	// brought in as well: Argo's supervisor has 108 MiB, the worker 24 MiB. The
	// rest is for logs, of which the kubelet keeps 50 MiB.
	diskBesides = 256 << 20

	// grace is how much later than the worker, which ends a command that takes
	// too long and says so, Kubernetes ends the pod. Staging and uploading are
	// in it.
	grace = 10 * time.Minute

	gpuResource = corev1.ResourceName("nvidia.com/gpu")
)

// podTemplate is the template `main` of a step: the pod that runs one task.
func podTemplate(c *pipelines.Compiled, o Options) (*wfv1.Template, error) {
	n := &c.Nodes[0]
	step := c.Steps[n.Step]
	impl := step.Implementation(n.Implementation)
	image, err := imageOf(step, impl, o)
	if err != nil {
		return nil, err
	}
	encoded, err := tasks.EncodeStep(step, impl.Name, c.Types)
	if err != nil {
		return nil, err
	}
	env := append([]corev1.EnvVar{
		{Name: "LIGASE_STEP", Value: encoded},
		{Name: "LIGASE_NODE", Value: "{{inputs.parameters.node}}"},
		{Name: "LIGASE_INDEX", Value: "{{inputs.parameters.index}}"},
		{Name: "LIGASE_RETRY", Value: "{{retries}}"},
	}, workerEnv()...)
	need := resourcesOf(impl.Resources)
	deadline := intstr.FromInt32(int32((timeoutOf(impl) + grace).Seconds()))
	t := &wfv1.Template{
		Name:   mainTemplate,
		Inputs: wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: "node"}, {Name: "index"}}},
		Metadata: wfv1.Metadata{
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "ligase",
				LabelStep:                      step.Name,
				LabelImplementation:            impl.Name,
			},
			Annotations: map[string]string{
				AnnotationNode:  "{{inputs.parameters.node}}",
				AnnotationIndex: "{{inputs.parameters.index}}",
			},
		},
		InitContainers: []wfv1.UserContainer{{Container: corev1.Container{
			Name: "ligase-worker", Image: o.WorkerImage, Command: []string{workerHere, "install", workerPath},
			Resources:       small(),
			SecurityContext: restricted(),
			VolumeMounts:    mounts(),
		}}},
		Container: &corev1.Container{
			Image: image, Command: []string{workerPath},
			Env: env, EnvFrom: credentials(),
			Resources:       need,
			SecurityContext: restricted(),
			VolumeMounts:    mounts(),
		},
		RetryStrategy:         retries(impl.Retries, impl.Resources.Disk > 0),
		ActiveDeadlineSeconds: &deadline,
	}
	t.Outputs.Parameters = said(c.Types.WithRecords(step.Outputs))
	confine(t, o, impl.Resources.Disk)
	mountVolumes(t, impl.Volumes, o)
	return t, nil
}

// said are the outputs by which a worker's pod says what came of its task. One
// that must say how many there are is not to be taken for one that said none.
func said(outputs []steps.Port) []wfv1.Parameter {
	out := func(name string) wfv1.Parameter {
		return wfv1.Parameter{Name: name, ValueFrom: &wfv1.ValueFrom{Path: home + "/out/" + name}}
	}
	left := out(LeftOutput)
	left.ValueFrom.Default = wfv1.AnyStringPtr("false")
	list := []wfv1.Parameter{left}
	for i := range outputs {
		if port := &outputs[i]; port.Many {
			list = append(list, out(CountParameter(port.Name)), out(LeftParameter(port.Name)))
		}
	}
	return list
}

// imageOf is the image that an implementation runs in.
func imageOf(step *steps.Step, impl *steps.Implementation, o Options) (string, error) {
	switch {
	case impl.Image != "":
		return impl.Image, nil
	case runsLigase(impl):
		return o.DefaultImage, nil
	}
	return "", fmt.Errorf("the implementation %q of %s names no image, so a cluster cannot run it; give it one that holds %q", impl.Name, step.Name, program(impl))
}

// runsLigase reports whether an implementation's command is this program
// itself, which has an image.
func runsLigase(impl *steps.Implementation) bool { return program(impl) == "ligase" }

func program(impl *steps.Implementation) string {
	if len(impl.Command) == 0 || len(impl.Command[0].Templates) == 0 {
		return ""
	}
	return impl.Command[0].Templates[0]
}

func timeoutOf(impl *steps.Implementation) time.Duration {
	if impl.Timeout > 0 {
		return impl.Timeout
	}
	return steps.DefaultTimeout
}

// workerEnv is what every pod with a worker in it is told, whatever it does.
func workerEnv() []corev1.EnvVar {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	return []corev1.EnvVar{
		{Name: "LIGASE_TASK", Value: "{{workflow.parameters." + TaskParameter + "}}"},
		{Name: "LIGASE_PIPELINE", Value: "{{workflow.parameters." + PipelineParameter + "}}"},
		{Name: "LIGASE_WORKFLOW", Value: "{{workflow.name}}"},
		{Name: "LIGASE_WORKFLOW_UID", Value: "{{workflow.uid}}"},
		field("LIGASE_POD", "metadata.name"),
		field("LIGASE_HOST", "spec.nodeName"),
		{Name: "LIGASE_STORE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: storeName}, Key: "store.json",
		}}},
		{Name: "LIGASE_HOME", Value: home},
	}
}

// storeName is the ConfigMap that says where the store is, and the Secret with
// its credentials, where pods have none of their own.
const storeName = "ligase-store"

func credentials() []corev1.EnvFromSource {
	optional := true
	return []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: storeName}, Optional: &optional,
	}}}
}

// resourcesOf asks for what an implementation needs. Memory is a limit as well:
// the worker keeps to it, and a pod that cannot get it should not start. So is
// disk. Cores are not: a step may use what nobody else wants.
func resourcesOf(r steps.Resources) corev1.ResourceRequirements {
	cpu := r.CPU
	if cpu == 0 {
		cpu = 1
	}
	need := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(int64(cpu*1000), resource.DecimalSI)},
		Limits:   corev1.ResourceList{},
	}
	if r.Memory > 0 {
		memory := *resource.NewQuantity(r.Memory+besides, resource.BinarySI)
		need.Requests[corev1.ResourceMemory], need.Limits[corev1.ResourceMemory] = memory, memory
	}
	if r.GPU > 0 {
		gpus := *resource.NewQuantity(int64(r.GPU), resource.DecimalSI)
		need.Requests[gpuResource], need.Limits[gpuResource] = gpus, gpus
	}
	if r.Disk > 0 {
		disk := *resource.NewQuantity(r.Disk+diskBesides, resource.BinarySI)
		need.Requests[corev1.ResourceEphemeralStorage], need.Limits[corev1.ResourceEphemeralStorage] = disk, disk
	}
	if len(need.Limits) == 0 {
		need.Limits = nil
	}
	return need
}

// small is what a worker needs that runs no command.
func small() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
}

// confine gives a pod the account it reports its end by, folders to write to,
// and nothing else. What runs in it has no token of the cluster. disk is how
// many bytes it may write, 0 for no limit.
func confine(t *wfv1.Template, o Options, disk int64) {
	yes, no, user := true, false, nobody
	t.ServiceAccountName = o.ServiceAccount
	t.AutomountServiceAccountToken = &no
	t.Executor = &wfv1.ExecutorConfig{ServiceAccountName: o.ServiceAccount}
	t.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	for _, name := range []string{"ligase", "tmp"} {
		v := corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		if disk > 0 {
			v.EmptyDir.SizeLimit = resource.NewQuantity(disk+diskBesides, resource.BinarySI)
		}
		t.Volumes = append(t.Volumes, v)
	}
}

func mounts() []corev1.VolumeMount {
	return []corev1.VolumeMount{{Name: "ligase", MountPath: home}, {Name: "tmp", MountPath: "/tmp"}}
}

// restricted is what the Pod Security Standard of that name asks of a
// container, and a root file system that cannot be written.
func restricted() *corev1.SecurityContext {
	yes, no := true, false
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}
