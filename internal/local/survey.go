package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// survey is what a run folder says of a run.
type survey struct {
	committed map[dag.Task]*steps.Result
	torn      int              // records that were cut off, and have been set aside
	attempts  map[dag.Task]int // the highest number that has left a trace
}

// resultLimit bounds a commit record: 100,000 objects with previews.
const resultLimit = 256 << 20

// takeSurvey looks at what a run has done so far: one list of the nodes, one
// of each scattered node's items, and one read for each commit record. A run
// that is new costs two lists.
func takeSurvey(ctx context.Context, store *uris.Store, f uris.RunFolder) (survey, error) {
	s := survey{committed: map[dag.Task]*steps.Result{}, attempts: map[dag.Task]int{}}
	began, err := tasksBelow(ctx, store, f.URI.Join("outputs"))
	if err != nil {
		return s, err
	}
	var mu sync.Mutex
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(4 * runtime.GOMAXPROCS(0))
	for _, t := range began {
		group.Go(func() error {
			result, err := readResult(reading, store, f, t)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, errTorn) && setAside(f.Result(t.Node, t.Index)) == nil:
				s.torn++
			case err != nil:
				return err
			case result != nil:
				s.committed[t] = result
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return s, err
	}

	logs := f.URI.Join("logs")
	logged, err := tasksBelow(ctx, store, logs)
	if err != nil {
		return s, err
	}
	for _, t := range logged {
		if s.committed[t] != nil {
			continue
		}
		last, err := lastLogged(ctx, store, f, t)
		if err != nil {
			return s, err
		}
		if last > 0 {
			s.attempts[t] = last
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

// readResult reads a task's commit record; nil when it has not committed.
func readResult(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) (*steps.Result, error) {
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
		return nil, fmt.Errorf("%w: %w", errTorn, failure)
	}
	return nil, failure
}

// errTorn says that a commit record is not whole: the machine lost power
// before it was on the disk (see quay), so nobody has been told of it.
var errTorn = errors.New("commit record cut off")

// setAside moves a commit record away, so that its task can commit again.
// Only a local one can be torn.
func setAside(u uris.URI) error {
	if u.Path() == "" {
		return problem.ErrRefused
	}
	return os.Rename(u.Path(), u.Path()+".damaged")
}

// lastLogged is the highest attempt of a task that left a log or a failure
// record in the run folder; 0: none.
func lastLogged(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task) (int, error) {
	folder := f.URI.Join("logs", t.Node)
	if t.Index != "" {
		folder = folder.Join(string(t.Index))
	}
	last := 0
	for o, err := range store.List(ctx, folder, false) {
		if err != nil {
			return 0, err
		}
		name, _, _ := strings.Cut(o.URI.Base(), ".")
		last = max(last, attemptNumber(name))
	}
	return last, nil
}

// attemptNumber reads "attempt-3"; 0 when it is something else.
func attemptNumber(name string) int {
	number, ok := strings.CutPrefix(name, "attempt-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return 0
	}
	return n
}

// leftAttempts lists the private folders of attempts that an engine which was
// killed left behind, by the highest attempt of each task.
func leftAttempts(workDir string) (map[taskKey]int, error) {
	found := map[taskKey]int{}
	err := filepath.WalkDir(workDir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(workDir, path)
		if err != nil || rel == "." || !entry.IsDir() {
			return err
		}
		if strings.HasPrefix(rel, ".") {
			return fs.SkipDir // the worker's own
		}
		parts := strings.Split(rel, string(os.PathSeparator))
		n := attemptNumber(entry.Name())
		if n == 0 || len(parts) < 3 {
			if len(parts) > 3 {
				return fs.SkipDir
			}
			return nil
		}
		key := taskKey{run: runs.ID(parts[0]), node: parts[1]}
		if len(parts) == 4 {
			key.index = uris.Index(parts[2])
		}
		found[key] = max(found[key], n)
		return fs.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return found, nil
}

// begin looks at a run's folder and then starts what is left of it.
func (e *Engine) begin(r *run) {
	d, slots := e.drive, e.slots
	d.working.Go(func() {
		d.surveys <- struct{}{}
		defer func() { <-d.surveys }()
		nodes, root, failure := prepare(r.job, slots)
		var found survey
		if failure == nil {
			found, failure = e.surveyed(d, r)
		}
		var frontier *dag.Frontier
		var first dag.Change
		if failure == nil {
			items := make(map[string]int, len(r.job.Plan.Compiled.Inputs))
			for _, port := range r.job.Plan.Compiled.Inputs {
				items[port.Name] = len(r.job.Plan.Inputs[port.Name])
			}
			frontier, first = r.job.Plan.Compiled.Graph().NewFrontier(items)
		}

		e.mu.Lock()
		defer e.mu.Unlock()
		if e.drive != d || d.stopping || r.over {
			return
		}
		if failure != nil {
			e.broken(r, failure)
			return
		}
		r.nodes, r.root, r.attempts, r.frontier = nodes, root, found.attempts, frontier
		for key, n := range d.attempts {
			if key.run == r.job.ID {
				t := dag.Task{Node: key.node, Index: key.index}
				r.attempts[t] = max(r.attempts[t], n)
			}
		}
		if n, left := len(found.committed), len(r.attempts); n > 0 || left > 0 || found.torn > 0 {
			message := fmt.Sprintf("%s had committed; the run goes on from there.", count(n, "task"))
			if found.torn > 0 {
				message += fmt.Sprintf(" A loss of power had cut off %s, set aside.", count(found.torn, "commit record"))
			}
			e.event(r, runs.Event{Kind: "recovered", Message: message})
		}
		e.advance(r, event{Change: first}, found.committed)
		e.settle(r)
		e.dispatch()
	})
}

// surveyed takes the survey of a run, again and again while the store is away.
// A failure that is not for waiting comes back.
func (e *Engine) surveyed(d *drive, r *run) (survey, *steps.Failure) {
	backoff := Backoff{Base: 100 * time.Millisecond, Max: 5 * time.Second}
	for failures := 1; ; failures++ {
		found, err := takeSurvey(d.ctx, e.options.Blobs, r.job.Folder)
		var failure *steps.Failure
		switch {
		case err == nil:
			return found, nil
		case d.ctx.Err() != nil:
			return found, &steps.Failure{Code: steps.FailCanceled, Message: "The engine stopped."}
		case errors.As(err, &failure):
			return found, failure
		case errors.Is(err, problem.ErrRefused):
			return found, &steps.Failure{
				Code:    steps.FailStorage,
				Message: fmt.Sprintf("The run's folder may not be used: %v.", err),
				Hint:    "Add its root to the folders that this installation may write to, and retry the run.",
			}
		}
		wait := backoff.wait(failures, e.options.Rand())
		why := fmt.Sprintf("waiting for the store: %v", err)
		e.mu.Lock()
		cancelled := r.cancelled
		if e.drive == d && why != r.waiting {
			r.waiting = why
			e.tell(r, runs.Observation{Waiting: &why}, soon)
		}
		e.mu.Unlock()
		if cancelled {
			return found, &steps.Failure{Code: steps.FailCanceled, Message: "The run was cancelled."}
		}
		select {
		case <-d.ctx.Done():
		case <-time.After(wait):
		}
	}
}

// broken ends a run that cannot be started at all.
func (e *Engine) broken(r *run, failure *steps.Failure) {
	state := runs.Failed
	if r.cancelled {
		state, failure = runs.Cancelled, nil
	}
	e.end(r, runs.Observation{State: state, Failure: failure})
}
