package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// site is a namespace of a real cluster, set up as deploy/base does it.
type site struct {
	Namespace string
	Root      uris.URI
	cluster   kube.Cluster
	config    *rest.Config
	argo      versioned.Interface
	catalog   *catalog.Catalog
}

// siteCatalog is the built-in library and this program's own steps.
func siteCatalog() (*catalog.Catalog, error) {
	own, err := ownDefinitions()
	if err != nil {
		return nil, err
	}
	c, problems := catalog.Load(append(catalog.Builtin(), own)...)
	return c, problems.Err()
}

// attach finds a site that is there.
func attach(namespace string) (*site, error) {
	c, err := kube.Load()
	if err != nil {
		return nil, err
	}
	s := &site{Namespace: namespace, cluster: c, Root: uris.MustParse("s3://" + c.S3.Bucket + "/" + namespace)}
	if s.catalog, err = siteCatalog(); err != nil {
		return nil, err
	}
	if s.config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return nil, err
	}
	// As the engine's own: who is slow should not be so by a limit of the client's.
	s.config.QPS, s.config.Burst = 200, 400
	if s.argo, err = versioned.NewForConfig(s.config); err != nil {
		return nil, err
	}
	// The drivers take credentials from where the services' own tools do.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY": c.S3.SecretKey} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// newSite makes a namespace with everything in it.
func newSite(ctx context.Context) (*site, error) {
	s, err := attach("bench-" + strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return nil, err
	}
	store, err := json.Marshal(map[string]any{
		"roots":   []any{map[string]any{"uri": s.Root, "write": true}},
		"buckets": map[string]any{"s3://": s.bucket(s.cluster.S3.PodEndpoint)},
	})
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"create", "namespace", s.Namespace},
		{"apply", "-n", s.Namespace, "-f", "deploy/base/step.yaml"},
		{"create", "-n", s.Namespace, "configmap", "ligase-store", "--from-literal=store.json=" + string(store)},
	} {
		if _, err := s.program(ctx, "kubectl", args...); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	if err := s.giveKeys(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	var list []*templates.Template
	for _, tool := range []string{"nothing", "design_and_fold"} {
		more, err := templates.For(s.catalog, tool, nil, templates.Options{WorkerImage: s.cluster.Image("ligase-worker"), DefaultImage: s.cluster.Image("ligase")})
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		list = append(list, more...)
	}
	for _, t := range list {
		for i := range t.Spec.Templates {
			if c := t.Spec.Templates[i].Container; c != nil {
				c.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("50m") // they do next to nothing
			}
		}
		if _, err := s.argo.ArgoprojV1alpha1().WorkflowTemplates(s.Namespace).Create(ctx, t, metav1.CreateOptions{}); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// giveKeys gives the pods the keys of the store, on no command line.
func (s *site) giveKeys(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.cluster.Program("kubectl"), "apply", "-f", "-")
	cmd.Env = append(os.Environ(), s.cluster.Env()...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: ligase-store, namespace: %s}\nstringData: {AWS_ACCESS_KEY_ID: %q, AWS_SECRET_ACCESS_KEY: %q}\n",
		s.Namespace, s.cluster.S3.AccessKey, s.cluster.S3.SecretKey))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w: %.300s", err, out)
	}
	return nil
}

func (s *site) bucket(endpoint string) map[string]any {
	return map[string]any{"endpoint": endpoint, "region": s.cluster.S3.Region, "use_path_style": true, "disable_https": true}
}

func (s *site) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := s.program(ctx, "kubectl", "delete", "namespace", s.Namespace, "--ignore-not-found", "--wait=false")
	return err
}

// program runs kubectl or argo.
func (s *site) program(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.cluster.Program(name), args...)
	cmd.Env = append(os.Environ(), s.cluster.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %.500s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// component stops or starts a component of a cluster of our own.
func (s *site) component(ctx context.Context, do, name string) error {
	out, err := exec.CommandContext(ctx, "go", "run", "./e2e/cluster", do, name).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cluster %s %s: %w: %.300s", do, name, err, out)
	}
	return nil
}

// deleteWorkflows removes all Workflows, so that the next measurement finds
// the controller at rest.
func (s *site) deleteWorkflows(ctx context.Context) error {
	return s.argo.ArgoprojV1alpha1().Workflows(s.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

// workflow is what ligase would create for a call of a tool, for creating it
// without ligase.
func (s *site) workflow(template, task string) *wfv1.Workflow {
	return &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{GenerateName: template + "-", Namespace: s.Namespace},
		Spec: wfv1.WorkflowSpec{
			WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: template},
			Arguments:           wfv1.Arguments{Parameters: []wfv1.Parameter{{Name: "task", Value: wfv1.AnyStringPtr(task)}}},
		},
	}
}

// gateway is a service on a site, as one process of a gateway has it.
type gateway struct {
	*runs.Service
	blobs *uris.Store
	store *sqlite.Store
	stop  func() error
}

// gateway starts a service; dir is for its index.
func (s *site) gateway(dir string) (_ *gateway, err error) {
	g := &gateway{stop: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	g.blobs, err = uris.NewStore(uris.Options{
		Roots: []uris.Root{{URI: s.Root, Write: true}}, Openers: drivers.All(),
		Buckets: map[string]uris.BucketConfig{"s3://": {
			Endpoint: s.cluster.S3.Endpoint, Region: s.cluster.S3.Region, UsePathStyle: true, DisableHTTPS: true,
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if g.store, err = sqlite.Open(filepath.Join(dir, "ligase.db"), sqlite.Options{}); err != nil {
		return nil, err
	}
	engine, err := argo.New(argo.Options{Namespace: s.Namespace, RESTConfig: s.config, Blobs: g.blobs, Version: "bench"})
	if err != nil {
		return nil, err
	}
	g.Service, err = runs.NewService(runs.Options{Store: g.store, Engine: engine, Blobs: g.blobs, Root: s.Root, Catalog: s.catalog})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Reconcile(ctx) }()
	g.stop = func() error {
		cancel()
		return <-ended
	}
	return g, nil
}

func (g *gateway) close() error {
	err := g.stop()
	if g.store != nil {
		err = errors.Join(err, g.store.Close())
	}
	if g.blobs != nil {
		err = errors.Join(err, g.blobs.Close())
	}
	return err
}
