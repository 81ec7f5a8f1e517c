package argo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/argo/drift"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// shelf knows which WorkflowTemplates the cluster has. What it found it
// believes for a while, as long as that lets runs start; what it did not find,
// or found to be another, it looks for each time.
type shelf struct {
	client    versioned.Interface
	namespace string

	mu     sync.Mutex
	found  map[string]copyOf    // by name
	theirs map[string]time.Time // templates of others that were as counted on: by the name of ours, when
}

// copyOf is what is kept of a template.
type copyOf struct {
	version, digest string
	image           string // of what its task runs in; empty when that is no container of ours
	at              time.Time
}

// believed is how long a template is taken to be as it was.
const believed = 15 * time.Second

func newShelf(client versioned.Interface, namespace string) *shelf {
	return &shelf{client: client, namespace: namespace, found: map[string]copyOf{}, theirs: map[string]time.Time{}}
}

// need is a template that a run cannot do without.
type need struct {
	name    string // of the template
	tool    string
	version string
	digest  string                // of what it is rendered from; empty: each pod compares that itself
	step    *steps.Step           // nil: it is a pipeline's
	impl    *steps.Implementation // of the step
}

// needs are the templates that a run of a tool takes: its own first, which must
// have been rendered from what the plan was compiled from, then those of a
// pipeline's steps in the order of the plan.
func needs(c *pipelines.Compiled) ([]need, error) {
	name, err := templates.NameOf(c)
	if err != nil {
		return nil, err
	}
	own := need{name: name, tool: c.Tool.Name, version: c.Tool.Version, digest: c.Digest()}
	if c.Tool.Kind == pipelines.KindStep {
		own.step = c.StepOf(c.Nodes[0].ID)
		own.impl = own.step.Implementation(c.Nodes[0].Implementation)
		return []need{own}, nil
	}
	all := []need{own}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		step := c.StepOf(n.ID)
		name, err := templates.Name(step.Name, n.Implementation)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(other need) bool { return other.name == name }) {
			all = append(all, need{name: name, tool: step.Name, version: step.Version, step: step, impl: step.Implementation(n.Implementation)})
		}
	}
	return all, nil
}

// drift is what a template that was found is, when it is not the one that is
// needed; "" when it is.
func (n *need) drift(found copyOf) string {
	switch {
	case found.digest == "" && found.version == "":
		return "was rendered from nothing that ligase knows: it has no " + templates.AnnotationDigest
	case found.version != n.version:
		return fmt.Sprintf("was rendered from version %s of %s, and this run is of %s", cmp.Or(found.version, "(none)"), n.tool, n.version)
	case n.digest != "" && found.digest != n.digest:
		return fmt.Sprintf("was rendered from another definition of %s %s", n.tool, n.version)
	case n.impl != nil && n.impl.Image != "" && !drift.SameImage(n.impl.Image, found.image):
		return fmt.Sprintf("runs the image %s, and the definition of %s %s says %s", cmp.Or(found.image, "(none)"), n.tool, n.version, n.impl.Image)
	}
	return ""
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
	wft, err := s.client.ArgoprojV1alpha1().WorkflowTemplates(s.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return copyOf{}, errAbsent
	}
	if err != nil {
		return copyOf{}, unavailable("looking for the WorkflowTemplate "+name, err)
	}
	c = copyOf{version: wft.Annotations[templates.AnnotationVersion], digest: wft.Annotations[templates.AnnotationDigest], at: time.Now()}
	for i := range wft.Spec.Templates {
		if t := &wft.Spec.Templates[i]; t.Name == podTemplate && t.Container != nil {
			c.image = t.Container.Image
		}
	}
	s.mu.Lock()
	s.found[name] = c
	s.mu.Unlock()
	return c, nil
}

// check says why a tool cannot be run with the templates that the cluster has;
// nil when it can.
func (s *shelf) check(ctx context.Context, c *pipelines.Compiled, o Options) (*steps.Failure, error) {
	ctx, cancel := context.WithTimeout(ctx, o.CallTimeout)
	defer cancel()
	all, err := needs(c)
	if err != nil {
		return failure(steps.FailUnknown, nil, "Rename it, and render and apply its template.", false, "%s has no template: %v.", c.Tool.Name, err), nil
	}
	reasons := make([]*steps.Failure, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range all {
		group.Go(func() (err error) {
			reasons[i], err = s.missing(ctx, &all[i], o.AllowDrift)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, f := range reasons {
		if f != nil {
			return f, nil
		}
	}
	return nil, nil
}

// missing says what is wrong with one template; nil when nothing is.
func (s *shelf) missing(ctx context.Context, n *need, allowDrift bool) (*steps.Failure, error) {
	good := func(c copyOf) bool { return allowDrift || n.drift(c) == "" }
	found, err := s.look(ctx, n.name, good)
	switch {
	case errors.Is(err, errAbsent):
		return failure(steps.FailImage, nil, s.howTo(n.tool), true,
			"The cluster has no WorkflowTemplate %s in the namespace %s, by which %s runs.", n.name, s.namespace, n.tool), nil
	case err != nil:
		return nil, err
	case !good(found):
		return failure(steps.FailImage, nil, s.howTo(n.tool)+" `ligase catalog check` says what differs; `allow_drift` in the configuration has it run all the same.", true,
			"The WorkflowTemplate %s in the namespace %s %s. It was not used.", n.name, s.namespace, n.drift(found)), nil
	case n.impl == nil || n.impl.Template == nil || allowDrift:
		return nil, nil
	}
	return s.checkTheirs(ctx, n)
}

// checkTheirs looks at the template of others that an implementation uses. One
// in the whole cluster may not be for ligase to read; Argo then says what is
// wrong with it.
func (s *shelf) checkTheirs(ctx context.Context, n *need) (*steps.Failure, error) {
	s.mu.Lock()
	at, known := s.theirs[n.name]
	s.mu.Unlock()
	if known && time.Since(at) < believed {
		return nil, nil
	}
	name := n.impl.Template.Name
	spec, err := drift.TheirSpec(ctx, s.client, s.namespace, n.impl.Template)
	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case apierrors.IsNotFound(err):
		return failure(steps.FailImage, nil, "Ask its keeper to put it back, or change the definition of "+n.tool+"; then retry the run.", true,
			"The cluster has no template %s, which %s runs.", name, n.tool), nil
	case err != nil:
		return nil, unavailable("looking for the template "+name, err)
	}
	if found := drift.CompareForeign(n.step, n.impl, spec); len(found) > 0 {
		return failure(steps.FailImage, nil, "Import it again (`ligase import`), or mend the definition of "+n.tool+", and apply its template; `allow_drift` in the configuration has it run all the same.", true,
			"The template %s is no longer as %s counts on it (%s). It was not used.", name, n.tool, found[0]), nil
	}
	s.mu.Lock()
	s.theirs[n.name] = time.Now()
	s.mu.Unlock()
	return nil, nil
}

// howTo is how a template gets into the cluster.
func (s *shelf) howTo(tool string) string {
	return fmt.Sprintf("Apply it: `ligase render %s | kubectl apply -n %s -f -`; then retry the run.", strings.ToLower(tool), s.namespace)
}
