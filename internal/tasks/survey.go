package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Survey is what a run folder says of a run's tasks.
type Survey struct {
	Committed map[dag.Task]*steps.Result
	// Torn are tasks whose commit record is not whole, in order: the machine
	// lost power before it was on the disk, so nobody has been told of it. Only
	// a local store can have them.
	Torn []dag.Task

	// Of tasks that have not committed:
	Attempts map[dag.Task]int   // the highest number that has left a trace
	Failures map[dag.Task][]int // the numbers of those with a failure record, in order
}

// TakeSurvey looks at what a run has done so far: one list of the nodes, one
// of each scattered node's items, and one read for each commit record. A run
// that is new costs two lists. It changes nothing.
//
// A commit record that is of another task is a *steps.Failure.
func TakeSurvey(ctx context.Context, store *uris.Store, f uris.RunFolder) (Survey, error) {
	s := Survey{Committed: map[dag.Task]*steps.Result{}, Attempts: map[dag.Task]int{}, Failures: map[dag.Task][]int{}}
	began, err := tasksBelow(ctx, store, f.URI.Join("outputs"))
	if err != nil {
		return s, err
	}
	var mu sync.Mutex
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(4 * runtime.GOMAXPROCS(0))
	for _, t := range began {
		group.Go(func() error {
			result, err := ReadResult(reading, store, f, t)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrTorn):
				s.Torn = append(s.Torn, t)
			case err != nil:
				return err
			case result != nil:
				s.Committed[t] = result
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return s, err
	}
	slices.SortFunc(s.Torn, func(a, b dag.Task) int { return cmp.Or(cmp.Compare(a.Node, b.Node), a.Index.Compare(b.Index)) })

	logged, err := tasksBelow(ctx, store, f.URI.Join("logs"))
	if err != nil {
		return s, err
	}
	for _, t := range logged {
		if s.Committed[t] != nil {
			continue
		}
		last, failed, err := traces(ctx, store, f, t)
		if err != nil {
			return s, err
		}
		if last > 0 {
			s.Attempts[t] = last
		}
		if len(failed) > 0 {
			s.Failures[t] = failed
		}
	}
	return s, nil
}

// tasksBelow lists the tasks that have a folder below outputs or logs. A
// scattered node, whose items have folders, is listed too.
func tasksBelow(ctx context.Context, store *uris.Store, folder uris.URI) ([]dag.Task, error) {
	var tasks []dag.Task
	for node, err := range store.List(ctx, folder, false) {
		if err != nil {
			return nil, err
		}
		if !node.IsFolder {
			continue
		}
		id := node.URI.Base()
		tasks = append(tasks, dag.Task{Node: id})
		for item, err := range store.List(ctx, node.URI, false) {
			if err != nil {
				return nil, err
			}
			index, err := uris.ParseIndex(item.URI.Base())
			if item.IsFolder && err == nil && index != "" {
				tasks = append(tasks, dag.Task{Node: id, Index: index})
			}
		}
	}
	return tasks, nil
}

// traces are the highest attempt of a task that left anything in the logs of
// the run folder (0: none), and those that left a failure record.
func traces(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) (last int, failed []int, err error) {
	folder := f.URI.Join("logs", t.Node)
	if t.Index != "" {
		folder = folder.Join(string(t.Index))
	}
	for o, err := range store.List(ctx, folder, false) {
		if err != nil {
			return 0, nil, err
		}
		name, ext, _ := strings.Cut(o.URI.Base(), ".")
		n := AttemptNumber(name)
		last = max(last, n)
		if n > 0 && ext == "json" {
			failed = append(failed, n)
		}
	}
	slices.Sort(failed)
	return last, failed, nil
}

// LastAttempt is the highest attempt of a task that left a trace in the logs
// of the run folder; 0: none did.
func LastAttempt(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) (int, error) {
	last, _, err := traces(ctx, store, f, t)
	return last, err
}

// FailedAttempts are the attempts of a task that left a failure record, in
// order.
func FailedAttempts(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) ([]int, error) {
	_, failed, err := traces(ctx, store, f, t)
	return failed, err
}

// AttemptNumber reads "attempt-3"; 0 when it is something else.
func AttemptNumber(name string) int {
	number, ok := strings.CutPrefix(name, "attempt-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return 0
	}
	return n
}

// resultLimit bounds a commit record: 100,000 objects with previews.
const resultLimit = 256 << 20

// ErrTorn says that a commit record is not whole.
var ErrTorn = errors.New("commit record cut off")

// ReadResult reads a task's commit record; nil when it has not committed. One
// that is not whole is [ErrTorn], and one that is another task's a
// *steps.Failure; the former is both.
func ReadResult(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) (*steps.Result, error) {
	u := f.Result(t.Node, t.Index)
	data, err := store.ReadAll(ctx, u, resultLimit)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r steps.Result
	torn := json.Unmarshal(data, &r) != nil
	if !torn && r.Node == t.Node && r.Index == t.Index {
		return &r, nil
	}
	failure := &steps.Failure{
		Code:    steps.FailStorage,
		Message: fmt.Sprintf("The commit record %s is damaged.", u),
		Hint:    "Remove it and retry the run: its task then runs again.",
		Node:    t.Node, Index: t.Index,
	}
	if torn {
		return nil, fmt.Errorf("%w: %w", ErrTorn, failure)
	}
	return nil, failure
}

// failureLimit bounds a failure record: a message and a piece of a log.
const failureLimit = 1 << 20

// ReadFailure reads why an attempt failed; nil when it left no record, or one
// that was cut off by a loss of power.
func ReadFailure(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task, attempt int) (*steps.Failure, error) {
	data, err := store.ReadAll(ctx, f.Failure(t.Node, t.Index, attempt), failureLimit)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	failure := &steps.Failure{}
	if json.Unmarshal(data, failure) != nil || failure.Code == "" {
		return nil, nil
	}
	return failure, nil
}
