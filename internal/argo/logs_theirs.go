package argo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
)

// openTheirLog opens what the template of others printed in an attempt that a
// pod of ours has claimed. Nobody keeps that in the store: it lasts as long as
// their pods do. What several pods printed comes one behind the other, each
// under its name; following, it is the latest pod's.
func (e *Engine) openTheirLog(ctx context.Context, q runs.LogQuery, c *tasks.Started) (io.ReadCloser, error) {
	t := dag.Task{Node: c.Node, Index: c.Index}
	call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	defer cancel()
	wf, err := e.workflows().Get(call, c.Workflow, metav1.GetOptions{})
	gone := fmt.Errorf("the log of attempt %d of %s of %s is no longer available: the template %s printed it, and the Workflow %s is gone, or its pods are: %w",
		c.Attempt, t, c.RunID, c.Template, c.Workflow, problem.ErrNotFound)
	switch {
	case apierrors.IsNotFound(err):
		return nil, gone
	case err != nil:
		return nil, unavailable("looking for the Workflow "+c.Workflow, err)
	}
	if err := packer.DecompressWorkflow(wf); err != nil {
		return nil, fmt.Errorf("the nodes of Workflow %s cannot be read: %w", wf.Name, err)
	}
	pods := theirPods(wf, t, c.Pod)
	if len(pods) == 0 {
		return nil, fmt.Errorf("%s of %s has no log yet: the template %s has not started: %w", t, c.RunID, c.Template, problem.ErrNotFound)
	}
	if q.Follow {
		pods = pods[len(pods)-1:]
	}
	var logs []io.Reader
	var opened []io.Closer
	for _, pod := range pods {
		l := &podLog{engine: e, ctx: ctx, pod: pod, follow: q.Follow}
		err := l.open()
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			_ = closers(opened).Close()
			return nil, unavailable("reading the log of the pod "+pod, err)
		}
		if len(pods) > 1 {
			logs = append(logs, strings.NewReader("==> "+pod+" <==\n"))
		}
		logs, opened = append(logs, l), append(opened, l)
	}
	if len(opened) == 0 {
		return nil, gone
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(logs...), closers(opened)}, nil
}

// theirPods are the pods of the template that a stage pod of ours staged for,
// in the order in which they began.
func theirPods(wf *wfv1.Workflow, t dag.Task, stage string) []string {
	for _, whole := range wf.Status.Nodes {
		if of, ours := taskOf(&whole); !ours || of != t || whole.Type != wfv1.NodeTypeDAG {
			continue
		}
		for _, n := range wf.Status.Nodes {
			rest, ok := strings.CutPrefix(n.DisplayName, "stage-")
			if n.Type != wfv1.NodeTypePod || !ok || !partOf(&n, &whole) || podName(wf.Name, n.Name, templateOf(&n)) != stage {
				continue
			}
			attempt, _, _ := strings.Cut(rest, "(") // a try of it
			theirs := wfv1.NodeStatus{Name: whole.Name + "." + foreignPrefix + attempt}
			var found []wfv1.NodeStatus
			for _, n := range wf.Status.Nodes {
				if n.Type == wfv1.NodeTypePod && partOf(&n, &theirs) {
					found = append(found, n)
				}
			}
			slices.SortFunc(found, func(a, b wfv1.NodeStatus) int {
				return cmp.Or(a.StartedAt.Compare(b.StartedAt.Time), strings.Compare(a.ID, b.ID))
			})
			names := make([]string, len(found))
			for i := range found {
				names[i] = podName(wf.Name, found[i].Name, templateOf(&found[i]))
			}
			return names
		}
	}
	return nil
}

// closers closes all of what was opened.
type closers []io.Closer

func (c closers) Close() error {
	for _, one := range c {
		_ = one.Close() // what was read has been read
	}
	return nil
}
