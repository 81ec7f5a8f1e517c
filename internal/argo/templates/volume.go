package templates

import (
	"cmp"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/ligase-bio/ligase/steps"
)

// mountVolumes gives a step's container the volumes that it needs: the
// PersistentVolumeClaim of each one's name, or the one that the options map it
// to. The source is read-only as well as the mount: many pods on many machines
// may have it then, where the storage can do that, and the kubelet does not
// make every file of it the group's of the pod (fsGroup) before it starts.
func mountVolumes(t *wfv1.Template, volumes []steps.Volume, o Options) {
	for _, v := range volumes {
		name := "volume-" + v.Name
		t.Volumes = append(t.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: cmp.Or(o.Claims[v.Name], v.Name), ReadOnly: true},
		}})
		t.Container.VolumeMounts = append(t.Container.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: v.At, ReadOnly: true})
	}
}
