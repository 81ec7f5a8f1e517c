//go:build cluster

package argo

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// volume goes the way of somebody whose step needs weights: the claim is not
// there; it is there, and cannot be mounted; it is empty; the Job that fills it
// is at work, and interrupted; it is filled. The run is one, and retried.
func (s *site) volume(t *testing.T) {
	if !s.cluster.Ours {
		t.Skip("a volume is made of a folder of this machine: its node must be the one of `make cluster-up`")
	}
	const claim = "esmfold-hf-weights"
	r := s.replica(t, nil, uris.URI{}, func(o *argo.Options) { o.ImageWait = 5 * time.Second })
	id := r.submit(t, runs.SubmitRequest{Tool: "recall"}).ID
	again := func() { must(r.Retry(t.Context(), tenant, id))(t) }
	waits := func(why string) {
		t.Helper()
		r.until(t, id, time.Minute, why, func(run runs.Run) bool { return strings.HasPrefix(run.Waiting, "waiting: "+why) })
	}
	fails := func(code steps.FailureCode, message, hint string) {
		t.Helper()
		run, _ := r.end(t, id, 2*time.Minute)
		is(t, run, runs.Failed, code)
		if f := run.Failure; !strings.Contains(f.Message, message) || !strings.Contains(f.Hint, hint) {
			t.Errorf("%+v, want it to say %q and %q", f, message, hint)
		}
	}
	waits("there is no PersistentVolumeClaim " + claim)
	fails(steps.FailUnschedulable, "there is no PersistentVolumeClaim "+claim+". Kubernetes says: ", "--claim")

	folder := filepath.Join(t.TempDir(), claim)
	pvc, job := s.filling(t, claim)
	s.bind(t, pvc, folder)
	again()
	waits("a volume of the pod cannot be mounted (MountVolume.SetUp failed for volume ")
	s.folder(t, folder)
	const lacks, where = "The folder /weights/esmfold_hf, which is the volume esmfold-hf-weights, has no config.json.", "a Job of deploy/volumes"
	fails(steps.FailImage, lacks, where)

	from := s.weights(t)
	s.fill(t, job, from.address)
	select { // the Job has half of them, and waits
	case <-from.half:
	case <-time.After(time.Minute):
		t.Fatal("the Job downloads nothing")
	}
	again()
	fails(steps.FailImage, lacks, where)
	close(from.cut)
	s.kubectl("wait", "--for=condition=complete", "--timeout=50s", "job/"+job.Name)
	if n := from.resumed.Load(); n != 1 {
		t.Errorf("the weights were asked for again from where they had stopped %d times, want once", n)
	}

	again()
	run, sum := r.end(t, id, 2*time.Minute)
	is(t, run, runs.Succeeded, "")
	want := string(from.model) + from.config + "Read-only file system\nconfig.json\npytorch_model.bin\n"
	if got := r.output(t, sum, "out"); got != want {
		t.Errorf("the step found %d bytes in its volume that end in %q, want %d", len(got), got[max(0, len(got)-80):], len(want))
	}
}

// weights is a place that weights are downloaded from.
type weights struct {
	address string
	model   []byte
	config  string
	half    chan struct{} // closed when half of the model has been given
	cut     chan struct{} // to be closed: then the connection is
	resumed atomic.Int32  // how often the rest was asked for
}

// weights serves them where pods see it. The first time the model is asked for
// the connection breaks in the middle.
func (s *site) weights(t *testing.T) *weights {
	t.Helper()
	w := &weights{model: bytes.Repeat([]byte("tensor\n"), 100_000), config: "{}\n", half: make(chan struct{}), cut: make(chan struct{})}
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/config.json"):
			fmt.Fprint(out, w.config)
		case asked.Add(1) == 1:
			out.Header().Set("Content-Length", fmt.Sprint(len(w.model)))
			_, _ = out.Write(w.model[:len(w.model)/2])
			_ = http.NewResponseController(out).Flush()
			close(w.half)
			select {
			case <-w.cut:
			case <-t.Context().Done():
			}
			panic(http.ErrAbortHandler)
		default:
			if req.Header.Get("Range") != "" {
				w.resumed.Add(1)
			}
			http.ServeContent(out, req, "", time.Time{}, bytes.NewReader(w.model))
		}
	}))
	host := must(url.Parse(s.cluster.S3.PodEndpoint))(t).Hostname()
	_ = server.Listener.Close()
	server.Listener = must(net.Listen("tcp", net.JoinHostPort(host, "0")))(t)
	server.Start()
	t.Cleanup(server.Close)
	w.address = server.URL
	return w
}

// filling are the claim of a volume and the Job that fills it, as deploy/volumes
// has them.
func (s *site) filling(t *testing.T, claim string) (*corev1.PersistentVolumeClaim, *batchv1.Job) {
	t.Helper()
	text := must(os.ReadFile(filepath.Join("..", "..", "deploy", "volumes", claim+".yaml")))(t)
	first, second, _ := bytes.Cut(text, []byte("\n---\n"))
	var pvc corev1.PersistentVolumeClaim
	var job batchv1.Job
	for data, into := range map[*[]byte]any{&first: &pvc, &second: &job} {
		if err := yaml.UnmarshalStrict(*data, into); err != nil {
			t.Fatal(err)
		}
	}
	return &pvc, &job
}

// bind makes a claim whose volume is a folder of this machine, which need not be
// there yet.
func (s *site) bind(t *testing.T, pvc *corev1.PersistentVolumeClaim, folder string) {
	t.Helper()
	here, name := corev1.HostPathDirectory, s.namespace+"-"+pvc.Name
	must(s.kube.CoreV1().PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: pvc.Spec.Resources.Requests, AccessModes: pvc.Spec.AccessModes, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:               &corev1.ObjectReference{Namespace: s.namespace, Name: pvc.Name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder, Type: &here}},
		},
	}, metav1.CreateOptions{}))(t)
	t.Cleanup(func() { s.kubectl("delete", "persistentvolume", name, "--wait=false") })
	must(s.kube.CoreV1().PersistentVolumeClaims(s.namespace).Create(t.Context(), pvc, metav1.CreateOptions{}))(t)
}

// folder makes one that the pods' user may write to, as the storage of a cluster
// is made: of a folder of its machine the kubelet leaves that to whoever made it.
func (s *site) folder(t *testing.T, folder string) {
	t.Helper()
	const nonroot = 65532
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, nonroot, nonroot); err != nil {
		t.Fatal(err)
	}
	for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// fill starts a Job of deploy/volumes with its own script, in an image that is
// here, from another address.
func (s *site) fill(t *testing.T, job *batchv1.Job, from string) {
	t.Helper()
	// The image that is here has no curl.
	must(s.kube.CoreV1().ConfigMaps(s.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "curl"},
		Data:       map[string]string{"curl": "#!/bin/sh\nwhile [ $# -gt 1 ]; do test \"$1\" = --output && to=$2; shift; done\nexec wget -c -O \"$to\" \"$1\"\n"},
	}, metav1.CreateOptions{}))(t)
	executable := int32(0o555)
	pod := &job.Spec.Template.Spec
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "curl", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "curl"}, DefaultMode: &executable},
	}})
	c := &pod.Containers[0]
	c.Image, c.Env = "busybox:1.37", append(c.Env, corev1.EnvVar{Name: "PATH", Value: "/curl:/bin"})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "curl", MountPath: "/curl"})
	before := c.Args[0]
	if c.Args[0] = strings.ReplaceAll(before, "https://huggingface.co", from); c.Args[0] == before {
		t.Fatalf("the Job does not download from where it is thought to:\n%s", before)
	}
	must(s.kube.BatchV1().Jobs(s.namespace).Create(t.Context(), job, metav1.CreateOptions{}))(t)
}

// TestVolumesOfTheLibrary applies deploy/volumes to a namespace that enforces
// the restricted standard, without leaving anything there, and the library's
// templates with a claim of another name.
func TestVolumesOfTheLibrary(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin()...)
	list := must(filepath.Glob(filepath.Join("..", "..", "deploy", "volumes", "*-*.yaml")))(t)
	if len(list) < 3 {
		t.Errorf("%q", list)
	}
	for _, file := range list {
		s.kubectl("apply", "--dry-run=server", "-f", file)
		// Of its pods a Job is only warned.
		_, job := s.filling(t, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		_, err := s.kube.CoreV1().Pods(s.namespace).Create(t.Context(),
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: job.Name}, Spec: job.Spec.Template.Spec}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			t.Errorf("the pod of %s is not let in: %v", job.Name, err)
		}
	}

	u := s.user(t)
	images := []string{"--image", s.cluster.Image("ligase"), "--worker-image", s.cluster.Image("ligase-worker")}
	rendered := filepath.Join(u.home, "rendered")
	if out, err := u.ligase(t, append([]string{"render", "--namespace", s.namespace, "--claim", "esmfold-weights=models", "--out", rendered}, images...)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.kubectl("apply", "--server-side", "--force-conflicts", "-f", rendered)
	check := func() (string, error) {
		return u.ligase(t, append([]string{"catalog", "check", "--config", u.config}, images...)...)
	}
	if out, err := check(); err != nil || !strings.Contains(out, "fold-esmfold ") {
		t.Errorf("what was just applied: %v\n%s", err, out)
	}
	workflowTemplates := s.argo.ArgoprojV1alpha1().WorkflowTemplates(s.namespace)
	live := must(workflowTemplates.Get(t.Context(), "fold-esmfold", metav1.GetOptions{}))(t)
	for i := range live.Spec.Templates {
		if v := live.Spec.Templates[i].Volumes; len(v) > 0 {
			last := v[len(v)-1].PersistentVolumeClaim
			if last == nil || last.ClaimName != "models" {
				t.Fatalf("the volume is %+v, want the claim models", v[len(v)-1])
			}
			mounts := live.Spec.Templates[i].Container.VolumeMounts
			mounts[len(mounts)-1].MountPath = "/elsewhere"
		}
	}
	must(workflowTemplates.Update(t.Context(), live, metav1.UpdateOptions{}))(t)
	if out, err := check(); err == nil || !strings.Contains(out, "volume-esmfold-weights.mountPath: /elsewhere → /weights/esmfold\n") {
		t.Errorf("of a volume that is mounted elsewhere: %v\n%s", err, out)
	}
}
