package uris

import (
	"fmt"
)

// Layout names every object of the runs below one root. It is the only place
// that knows the folder's shape:
//
//	{root}/runs/{run_id}/meta.json                              the claim: who, what, arguments, plan
//	{root}/runs/{run_id}/input/{port}.{ext}                     inline inputs ({port}-{i}.{ext} when many)
//	{root}/runs/{run_id}/outputs/{node}[/{index}]/result.json   the commit record
//	{root}/runs/{run_id}/outputs/{node}[/{index}]/…             objects of the first attempt
//	{root}/runs/{run_id}/outputs/{node}[/{index}]/attempt-2/…   objects of a later attempt
//	{root}/runs/{run_id}/logs/{node}[/{index}]/attempt-1.log    what the command printed, capped
//	{root}/runs/{run_id}/logs/{node}[/{index}]/attempt-1.json   why the attempt failed
type Layout struct {
	Root URI
}

// Run is the folder of one run.
func (l Layout) Run(runID string) RunFolder {
	return RunFolder{URI: l.Root.Join("runs", runID), RunID: runID}
}

// RunFolder is one run's part of the store.
type RunFolder struct {
	URI   URI
	RunID string
}

// Meta is the object whose creation claims the run.
func (f RunFolder) Meta() URI { return f.URI.Join("meta.json") }

// Input is where the inline value of an input port is kept. item counts the
// values of a port that takes many; it is -1 for a port that takes one.
func (f RunFolder) Input(port string, item int, ext string) URI {
	if item >= 0 {
		return f.URI.Join("input", fmt.Sprintf("%s-%d.%s", port, item, ext))
	}
	return f.URI.Join("input", port+"."+ext)
}

// Task is the folder into which one task (a node, or one item of a scattered
// node) commits.
func (f RunFolder) Task(node string, index Index) URI {
	if index == "" {
		return f.URI.Join("outputs", node)
	}
	return f.URI.Join("outputs", node, string(index))
}

// Result is a task's commit record.
func (f RunFolder) Result(node string, index Index) URI {
	return f.Task(node, index).Join("result.json")
}

// Object is where an attempt (counted from 1) puts the value of an output
// port. item counts the values of a port that gives many, -1 for one.
// Attempts after the first write beside, never over, the first one's objects.
func (f RunFolder) Object(node string, index Index, attempt int, port string, item int, ext string) URI {
	folder := f.Task(node, index)
	if attempt > 1 {
		folder = folder.Join(fmt.Sprintf("attempt-%d", attempt))
	}
	if item >= 0 {
		return folder.Join(port, fmt.Sprintf("%d.%s", item, ext))
	}
	return folder.Join(port + "." + ext)
}

// Log is what an attempt's command printed.
func (f RunFolder) Log(node string, index Index, attempt int) URI {
	return f.logs(node, index).Join(fmt.Sprintf("attempt-%d.log", attempt))
}

// Failure is the record of why an attempt failed.
func (f RunFolder) Failure(node string, index Index, attempt int) URI {
	return f.logs(node, index).Join(fmt.Sprintf("attempt-%d.json", attempt))
}

func (f RunFolder) logs(node string, index Index) URI {
	if index == "" {
		return f.URI.Join("logs", node)
	}
	return f.URI.Join("logs", node, string(index))
}
