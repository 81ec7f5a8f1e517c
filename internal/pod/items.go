package pod

import (
	"context"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps/worker"
)

// items writes how many items a node's task gave on a port, and which of them
// were filtered, which a template asks where it scatters by a task that is not in the same lane. One that has
// not committed gave none: it failed and was allowed to, or was skipped.
func (p Program) items(ctx context.Context, node, port string) int {
	e, err := readEnvironment(p.Env)
	if err == nil {
		err = e.lacks("LIGASE_TASK", "LIGASE_PIPELINE", "LIGASE_STORE")
	}
	if err != nil {
		return p.usage("%v", err)
	}
	trustInstalled(e.Home)
	j, f := OpenJob(ctx, e, p.Openers, p.logger())
	if j != nil {
		defer j.Store.Close()
	}
	if f == nil {
		f = j.define(false)
	}
	if f != nil {
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	step := j.Compiled.StepOf(node)
	if step == nil || step.Output(port) == nil || !step.Output(port).Many {
		return p.usage("%s has no %s.%s that gives many", j.Compiled.Tool, node, port)
	}
	if have, want := e.Index.Depth(), len(j.Compiled.Graph().Dims(node)); have != want {
		return p.usage("the index %q is %d deep; the items of %s are %d deep", e.Index, have, node, want)
	}
	result, err := tasks.ReadResult(ctx, j.Store, j.Folder, dag.Task{Node: node, Index: e.Index})
	if err != nil {
		f := j.storage(ctx, "The commit record could not be read", err)
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	if f := writeCount(e.Home, "count", "left", port, result); f != nil {
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	return 0
}
