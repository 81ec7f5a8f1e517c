package uris

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	resultName   = "result.json" // of the commit record
	attemptStart = "attempt-"    // of the folder of a later attempt's objects
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
//	{root}/runs/{run_id}/logs/{node}[/{index}]/attempt-1.started.json   who claimed the attempt's number, in a cluster
//	{root}/runs/{run_id}/call.json                              the arguments, where they are too large for a Workflow's
//	{root}/runs/{run_id}/final-1.json                           how the first generation of the run ended
//	{root}/runs/{run_id}/generation-2.json                      a retry has begun the second generation
//
// An object is {port}.{ext}, or {port}/{item}.{ext} when the port gives many.
// The names cannot be taken for each other: nodes and ports begin with a
// letter and indexes with a digit, and no port holds a "-" or a ".".
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

// Call is what the run was given, where that is too large for a Workflow's
// arguments.
func (f RunFolder) Call() URI { return f.URI.Join("call.json") }

// Final is how a generation of the run (counted from 1) ended.
func (f RunFolder) Final(generation int) URI {
	return f.URI.Join(fmt.Sprintf("final-%d.json", generation))
}

// Input is where the inline value of an input port is kept. item counts the
// values of a port that takes many; it is -1 for a port that takes one.
func (f RunFolder) Input(port string, item int, ext string) URI {
	if item >= 0 {
		return f.URI.Join("input", fileName(fmt.Sprintf("%s-%d", port, item), ext))
	}
	return f.URI.Join("input", fileName(port, ext))
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
	return f.Task(node, index).Join(resultName)
}

// Object is where an attempt (counted from 1) puts the value of an output
// port. item counts the values of a port that gives many, -1 for one.
// Attempts after the first write beside, never over, the first one's objects.
func (f RunFolder) Object(node string, index Index, attempt int, port string, item int, ext string) URI {
	folder := f.Task(node, index)
	name := fileName(port, ext)
	if attempt > 1 || item < 0 && name == resultName {
		// A port may well be called result and be JSON; the place beside the
		// first attempt's objects belongs to the commit record.
		folder = folder.Join(attemptStart + strconv.Itoa(attempt))
	}
	if item >= 0 {
		return folder.Join(port, fileName(strconv.Itoa(item), ext))
	}
	return folder.Join(name)
}

// Log is what an attempt's command printed.
func (f RunFolder) Log(node string, index Index, attempt int) URI {
	return f.Logs(node, index).Join(fmt.Sprintf(attemptStart+"%d.log", attempt))
}

// Failure is the record of why an attempt failed.
func (f RunFolder) Failure(node string, index Index, attempt int) URI {
	return f.Logs(node, index).Join(fmt.Sprintf(attemptStart+"%d.json", attempt))
}

// Generation says that a retry has begun a generation of the run (counted from
// 1, so this is 2 or more).
func (f RunFolder) Generation(generation int) URI {
	return f.URI.Join(fmt.Sprintf("generation-%d.json", generation))
}

// Started claims the number of an attempt (counted from 1): of several pods of
// one task, the one that creates it has the number.
func (f RunFolder) Started(node string, index Index, attempt int) URI {
	return f.Logs(node, index).Join(fmt.Sprintf(attemptStart+"%d.started.json", attempt))
}

// Logs is the folder of what the attempts of one task left: logs, failure
// records, claims.
func (f RunFolder) Logs(node string, index Index) URI {
	if index == "" {
		return f.URI.Join("logs", node)
	}
	return f.URI.Join("logs", node, string(index))
}

// fileName is name.ext, or name where there is no extension.
func fileName(name, ext string) string {
	if ext == "" {
		return name
	}
	return name + "." + ext
}

// ObjectRef says which task made an object, and as what.
type ObjectRef struct {
	RunID   string
	Node    string
	Index   Index
	Attempt int // from 1
	Port    string
	Item    int // -1 for a port that gives one
	Ext     string
}

// Object finds back from the URI of a task's output to the task: the reverse
// of [RunFolder.Object]. It reports false for any URI that method cannot have
// made for this root, commit records among them. That the object was
// committed is for the commit record to say: l.Run(ref.RunID).Result(ref.Node,
// ref.Index).
func (l Layout) Object(u URI) (ObjectRef, bool) {
	rel, ok := l.Root.Rel(u)
	parts := strings.Split(rel, "/")
	if !ok || len(parts) < 5 || parts[0] != "runs" || parts[2] != "outputs" {
		return ObjectRef{}, false
	}
	ref := ObjectRef{RunID: parts[1], Node: parts[3], Attempt: 1, Item: -1}
	rest := parts[4:]
	if ix, err := ParseIndex(rest[0]); err == nil {
		ref.Index, rest = ix, rest[1:]
	}
	if len(rest) > 0 {
		if n, found := strings.CutPrefix(rest[0], attemptStart); found {
			ref.Attempt, _ = strconv.Atoi(n)
			rest = rest[1:]
		}
	}
	switch len(rest) {
	case 1:
		ref.Port, ref.Ext, _ = strings.Cut(rest[0], ".")
	case 2:
		var item string
		item, ref.Ext, _ = strings.Cut(rest[1], ".")
		ref.Port = rest[0]
		ref.Item, _ = strconv.Atoi(item)
	default:
		return ObjectRef{}, false
	}
	if !startsName(ref.Node) || !startsName(ref.Port) || ref.Attempt < 1 || ref.Item < -1 {
		return ObjectRef{}, false
	}
	// What was read loosely (leading zeros, a sign, the commit record's place)
	// shows when it is written again.
	again := l.Run(ref.RunID).Object(ref.Node, ref.Index, ref.Attempt, ref.Port, ref.Item, ref.Ext)
	return ref, again == u
}

// startsName reports whether s can be the name of a node or a port, by its
// first letter.
func startsName(s string) bool { return s != "" && 'a' <= s[0] && s[0] <= 'z' }
