//go:build cluster

// Package argo has the tests that need a real cluster with real Argo: they run
// on the one that `make cluster-up` brought up, or that KUBECONFIG names.
package argo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// site is a namespace of a test's own, set up as deploy/ sets one up: the
// service accounts with their roles, the strictest Pod Security Standard, the
// store, and the templates of a catalog.
type site struct {
	testing.TB
	cluster   kube.Cluster
	namespace string
	root      uris.URI // where the runs of this site go; pods may write below it
	catalog   *catalog.Catalog

	// As the administrator. What ligase does, it does as the gateway.
	kube    kubernetes.Interface
	argo    versioned.Interface
	gateway *rest.Config

	stores atomic.Int32
}

// newSite makes a namespace with the templates of the conformance suite, or of
// what folders of definitions hold besides.
func newSite(t testing.TB, definitions ...fs.FS) *site {
	t.Helper()
	c, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{TB: t, cluster: c, namespace: fmt.Sprintf("e2e-argo-%d", time.Now().UnixNano()%1e12), catalog: runstest.Catalog(t)}
	if len(definitions) > 0 {
		s.catalog = load(t, definitions)
	}
	s.root = uris.MustParse(fmt.Sprintf("s3://%s/%s", c.S3.Bucket, s.namespace))
	admin, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	admin.QPS, admin.Burst = 100, 200
	s.kube = must(kubernetes.NewForConfig(admin))(t)
	s.argo = must(versioned.NewForConfig(admin))(t)

	ctx := t.Context()
	must(s.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: s.namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{}))(t)
	t.Cleanup(func() {
		if t.Failed() {
			s.show()
		}
		if err := s.kube.CoreV1().Namespaces().Delete(context.Background(), s.namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	deploy := filepath.Join("..", "..", "deploy", "base")
	s.kubectl("apply", "-f", filepath.Join(deploy, "step.yaml"), "-f", filepath.Join(deploy, "gateway.yaml"))
	s.describeStore()
	s.applyTemplates()

	s.gateway = rest.AnonymousClientConfig(admin)
	s.gateway.BearerToken = strings.TrimSpace(s.kubectl("create", "token", "ligase-gateway", "--duration=2h"))
	return s
}

func load(t testing.TB, definitions []fs.FS) *catalog.Catalog {
	t.Helper()
	var sources []catalog.Source
	for i, dir := range definitions {
		sources = append(sources, catalog.Source{Name: fmt.Sprintf("definitions-%d", i), FS: dir})
	}
	c, problems := catalog.Load(sources...)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// must takes what a call returned, or ends the test.
func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// kubectl runs kubectl as the administrator in the namespace.
func (s *site) kubectl(args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.cluster.Program("kubectl"), append([]string{"--namespace", s.namespace}, args...)...)
	cmd.Env = append(os.Environ(), s.cluster.Env()...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// describeStore tells the pods of the site where their store is.
func (s *site) describeStore() {
	s.Helper()
	store := map[string]any{
		"roots": []any{map[string]any{"uri": s.root.String(), "write": true}},
		"buckets": map[string]any{"s3://": map[string]any{
			"endpoint": s.cluster.S3.PodEndpoint, "region": s.cluster.S3.Region, "use_path_style": true, "disable_https": true,
		}},
	}
	data := must(json.Marshal(store))(s)
	must(s.kube.CoreV1().ConfigMaps(s.namespace).Create(s.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "ligase-store"}, Data: map[string]string{"store.json": string(data)},
	}, metav1.CreateOptions{}))(s)
	must(s.kube.CoreV1().Secrets(s.namespace).Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "ligase-store"},
		StringData: map[string]string{"AWS_ACCESS_KEY_ID": s.cluster.S3.AccessKey, "AWS_SECRET_ACCESS_KEY": s.cluster.S3.SecretKey},
	}, metav1.CreateOptions{}))(s)
}

// someCPU is what pods reserve at most: a node of two cores would run them two
// at a time, and they do next to nothing.
var someCPU = resource.MustParse("150m")

// applyTemplates renders the site's catalog and puts it into the cluster.
func (s *site) applyTemplates() {
	s.Helper()
	list, err := templates.All(s.catalog, templates.Options{
		WorkerImage: s.cluster.Image("ligase-worker"), DefaultImage: s.cluster.Image("ligase"), Namespace: s.namespace,
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, t := range list {
		for i := range t.Spec.Templates {
			if c := t.Spec.Templates[i].Container; c != nil && c.Resources.Requests.Cpu().Cmp(someCPU) > 0 {
				c.Resources.Requests[corev1.ResourceCPU] = someCPU
			}
		}
		s.apply(t)
	}
}

// apply puts one template into the cluster, over what is there.
func (s *site) apply(t *wfv1.WorkflowTemplate) {
	s.Helper()
	client := s.argo.ArgoprojV1alpha1().WorkflowTemplates(s.namespace)
	if there, err := client.Get(s.Context(), t.Name, metav1.GetOptions{}); err == nil {
		t.ResourceVersion = there.ResourceVersion
		must(client.Update(s.Context(), t, metav1.UpdateOptions{}))(s)
		return
	}
	must(client.Create(s.Context(), t, metav1.CreateOptions{}))(s)
}

// store opens the cluster's S3, with a root of its own below the site's.
func (s *site) store(t testing.TB) (*uris.Store, uris.URI) {
	t.Helper()
	// The drivers take credentials from where the services' own tools do.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s.cluster.S3.AccessKey, "AWS_SECRET_ACCESS_KEY": s.cluster.S3.SecretKey} {
		if err := os.Setenv(name, value); err != nil {
			t.Fatal(err)
		}
	}
	root := s.root.Join(fmt.Sprintf("store-%d", s.stores.Add(1)))
	blobs, err := uris.NewStore(uris.Options{
		Roots:   []uris.Root{{URI: root, Write: true}},
		ReadAny: true,
		Openers: drivers.All(),
		Buckets: map[string]uris.BucketConfig{"s3://": {
			Endpoint: s.cluster.S3.Endpoint, Region: s.cluster.S3.Region, UsePathStyle: true, DisableHTTPS: true,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return blobs, root
}

// engine makes an engine that may do what the gateway may; change may be nil.
func (s *site) engine(t testing.TB, blobs *uris.Store, change func(*argo.Options)) *argo.Engine {
	t.Helper()
	o := argo.Options{
		Namespace: s.namespace, RESTConfig: s.gateway, Blobs: blobs, Version: "e2e",
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if change != nil {
		change(&o)
	}
	return must(argo.New(o))(t)
}

// index opens a run store of its own, as each replica has one.
func (s *site) index(t testing.TB) runs.Store {
	t.Helper()
	store := must(sqlite.Open(filepath.Join(t.TempDir(), "ligase.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// harness is how the conformance suite gets what it tests.
func (s *site) harness(patience time.Duration) runstest.Harness {
	return runstest.Harness{
		NewEngine: func(t *testing.T, env runstest.Env) runs.Engine { return s.engine(t, env.Blobs, nil) },
		OpenStore: func(t *testing.T) runs.Store { return s.index(t) },
		Blobs:     func(t *testing.T) (*uris.Store, uris.URI) { return s.store(t) },
		Patience:  patience,
		Parallel:  true,
	}
}

// replica is a service with its engine and index on the site, as one process
// has them.
type replica struct {
	*runs.Service
	engine *argo.Engine
	blobs  *uris.Store
	root   uris.URI
	stop   func() // ends it and waits; it can be called twice
}

// replica starts a service over a store; blobs and root are those of another
// one to share its runs, or nil and zero for a root of its own.
func (s *site) replica(t testing.TB, blobs *uris.Store, root uris.URI, change func(*argo.Options)) *replica {
	t.Helper()
	if blobs == nil {
		blobs, root = s.store(t)
	}
	e := s.engine(t, blobs, change)
	service := must(runs.NewService(runs.Options{Store: s.index(t), Engine: e, Blobs: blobs, Root: root, Catalog: s.catalog}))(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Reconcile(ctx) }()
	r := &replica{Service: service, engine: e, blobs: blobs, root: root}
	var stopped atomic.Bool
	r.stop = func() {
		if !stopped.CompareAndSwap(false, true) {
			return
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Reconcile: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// tenant is whose the runs of these tests are.
const tenant = "e2e"

// submit starts a call and returns its run.
func (r *replica) submit(t testing.TB, req runs.SubmitRequest) runs.Run {
	t.Helper()
	req.Tenant = tenant
	return must(r.Submit(t.Context(), req))(t).Run
}

// end waits for a run's end.
func (r *replica) end(t testing.TB, id runs.ID, patience time.Duration) (runs.Run, runs.Summary) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	run, err := r.Wait(ctx, tenant, id)
	if err != nil {
		now, _ := r.Get(t.Context(), tenant, id)
		t.Fatalf("waiting for %s: %v; it is %s %q", id, err, now.State, now.Waiting)
	}
	return run, must(r.Summary(t.Context(), tenant, id))(t)
}

// until waits until a run is as wanted, and returns it.
func (r *replica) until(t testing.TB, id runs.ID, patience time.Duration, what string, so func(runs.Run) bool) runs.Run {
	t.Helper()
	var run runs.Run
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		run = must(r.Get(t.Context(), tenant, id))(t)
		if so(run) {
			return run
		}
	}
	t.Fatalf("%s: %s not within %s; it is %s %q %+v", id, what, patience, run.State, run.Waiting, run.Failure)
	return run
}

// workflows are the names of the Workflows that the site has for a run.
func (s *site) workflows(id runs.ID) []string {
	s.Helper()
	list := must(s.argo.ArgoprojV1alpha1().Workflows(s.namespace).List(context.Background(), metav1.ListOptions{LabelSelector: "ligase.dev/run-id=" + string(id)}))(s)
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

// show prints what the cluster has of the site, for a test that failed.
func (s *site) show() {
	for _, args := range [][]string{
		{"get", "workflows", "-o", "wide"}, {"get", "pods", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp", "--field-selector", "type!=Normal"},
	} {
		cmd := exec.Command(s.cluster.Program("kubectl"), append([]string{"--namespace", s.namespace}, args...)...)
		cmd.Env = append(os.Environ(), s.cluster.Env()...)
		out, _ := cmd.CombinedOutput()
		if len(out) > 12<<10 {
			out = out[len(out)-12<<10:]
		}
		s.Logf("kubectl %s\n%s", strings.Join(args, " "), out)
	}
}

// testWriter writes into a test's log.
type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}
