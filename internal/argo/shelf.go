package argo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	wfclient "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/typed/workflow/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// shelf knows which WorkflowTemplates the cluster has. What it found it
// believes for a while, as long as that lets runs start; what it did not find,
// or found to be of another version, it looks for each time.
type shelf struct {
	client    wfclient.WorkflowTemplateInterface
	namespace string

	mu    sync.Mutex
	found map[string]copyOf
}

// copyOf is what is kept of a template.
type copyOf struct {
	version, digest string
	at              time.Time
}

// believed is how long a template is taken to be as it was.
const believed = 15 * time.Second

func newShelf(client wfclient.WorkflowTemplateInterface, namespace string) *shelf {
	return &shelf{client: client, namespace: namespace, found: map[string]copyOf{}}
}

// errAbsent is of a template that the cluster does not have.
var errAbsent = errors.New("absent")

// look finds a template. good says whether one that is remembered will do.
func (s *shelf) look(ctx context.Context, name string, good func(copyOf) bool) (copyOf, error) {
	s.mu.Lock()
	c, known := s.found[name]
	s.mu.Unlock()
	if known && time.Since(c.at) < believed && good(c) {
		return c, nil
	}
	wft, err := s.client.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return copyOf{}, errAbsent
	}
	if err != nil {
		return copyOf{}, unavailable("looking for the WorkflowTemplate "+name, err)
	}
	c = copyOf{wft.Annotations[templates.AnnotationVersion], wft.Annotations[templates.AnnotationDigest], time.Now()}
	s.mu.Lock()
	s.found[name] = c
	s.mu.Unlock()
	return c, nil
}

// check says why a tool cannot be run with the templates that the cluster has;
// nil when it can. The tool's own template must have been rendered from what
// the plan was compiled from; those of a pipeline's steps must be of the
// steps' versions (each pod compares the rest itself).
func (s *shelf) check(ctx context.Context, c *pipelines.Compiled, o Options) (*steps.Failure, error) {
	ctx, cancel := context.WithTimeout(ctx, o.CallTimeout)
	defer cancel()
	name, err := templates.NameOf(c)
	if err != nil {
		return failure(steps.FailUnknown, nil, "Rename it, and render and apply its template.", false, "%s has no template: %v.", c.Tool.Name, err), nil
	}
	digest := c.Digest()
	same := func(t copyOf) bool { return o.AllowDrift || t.digest == digest }
	var (
		mu      sync.Mutex
		reasons = map[string]*steps.Failure{}
	)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	look := func(name, tool, version string, good func(copyOf) bool) {
		group.Go(func() error {
			found, err := s.look(ctx, name, good)
			var f *steps.Failure
			switch {
			case errors.Is(err, errAbsent):
				f = s.absent(name, tool)
			case err != nil:
				return err
			case !good(found):
				f = s.drifted(name, tool, version, found)
			default:
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			reasons[name] = f
			return nil
		})
	}
	look(name, c.Tool.Name, c.Tool.Version, same)
	names := []string{name}
	if c.Tool.Kind != pipelines.KindStep {
		asked := map[string]bool{name: true}
		for i := range c.Nodes {
			n := &c.Nodes[i]
			step := c.StepOf(n.ID)
			name, err := templates.Name(step.Name, n.Implementation)
			if err != nil || asked[name] {
				continue
			}
			asked[name] = true
			names = append(names, name)
			look(name, step.Name, step.Version, func(t copyOf) bool { return o.AllowDrift || t.version == step.Version })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, name := range names { // the tool's own first, then in the order of the plan
		if f := reasons[name]; f != nil {
			return f, nil
		}
	}
	return nil, nil
}

func (s *shelf) absent(name, tool string) *steps.Failure {
	return failure(steps.FailImage, nil, s.howTo(tool), true,
		"The cluster has no WorkflowTemplate %s in the namespace %s, by which %s runs.", name, s.namespace, tool)
}

func (s *shelf) drifted(name, tool, version string, found copyOf) *steps.Failure {
	what := fmt.Sprintf("another definition of %s %s", tool, version)
	if found.version != version {
		what = fmt.Sprintf("version %s of %s, and this run is of %s", orNone(found.version), tool, version)
	}
	if found.digest == "" && found.version == "" {
		what = "nothing that ligase knows: it has no " + templates.AnnotationDigest
	}
	return failure(steps.FailImage, nil, s.howTo(tool)+" `ligase catalog check` says what differs.", true,
		"The WorkflowTemplate %s in the namespace %s was rendered from %s. It was not used.", name, s.namespace, what)
}

func orNone(version string) string {
	if version == "" {
		return "(none)"
	}
	return version
}

// howTo is how a template gets into the cluster.
func (s *shelf) howTo(tool string) string {
	return fmt.Sprintf("Apply it: `ligase render %s | kubectl apply -n %s -f -`; then retry the run.", strings.ToLower(tool), s.namespace)
}
