package local

import (
	"context"
	"math"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// What a task is predicted to need of a GPU may be too little. One that ran out
// of a GPU's memory gets the largest from then on, also when the run is
// retried: where there are several sizes, the smallest that it is predicted to
// fit would be the same one again.

// outgrownBefore are the tasks that ran out of a GPU's memory under engines
// before this one, of nodes whose tasks are given GPUs by size.
func outgrownBefore(ctx context.Context, store *uris.Store, job runs.Job, found tasks.Survey, nodes map[string]*node) (map[dag.Task]bool, error) {
	all := map[dag.Task]bool{}
	for t, numbers := range found.Failures {
		if n := nodes[t.Node]; n == nil || n.gpu == nil || found.Committed[t] != nil {
			continue
		}
		for _, number := range numbers {
			failure, err := tasks.ReadFailure(ctx, store, job.Folder, t, number)
			if err != nil {
				return nil, err
			}
			if failure != nil && failure.Code == steps.FailGPUOOM {
				all[t] = true
				break
			}
		}
	}
	return all, nil
}

// outgrow has a task get the largest of GPUs of several sizes.
func (e *Engine) outgrow(t *task) {
	if t.node.gpu != nil {
		t.device = e.slots.deviceFor(t.node.need.gpus, math.Inf(1))
	}
}
