package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

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
		n := tasks.AttemptNumber(entry.Name())
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
		var found past
		if failure == nil {
			found, failure = e.surveyed(d, r, nodes)
		}
		var account *follow.Account
		var first []dag.Task
		// The account is opened without the lock: of a large graph that takes a
		// while. What it tells by then waits in early.
		var early []runs.Observation
		say := func(o runs.Observation) { early = append(early, o) }
		if failure == nil {
			account, first = follow.Open(r.job, e.options.Now, func(o runs.Observation) { say(o) })
			account.Recall(found.attempts)
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
		r.nodes, r.past, r.account = nodes, r.pastOf(root, account), account
		r.attempts, r.spent, r.outgrown = found.attempts, found.spent, found.outgrown
		if n, left := len(found.Committed), len(r.attempts); n > 0 || left > 0 || len(found.Torn) > 0 {
			message := fmt.Sprintf("%s had committed; the run goes on from there.", follow.Count(n, "task"))
			if len(found.Torn) > 0 {
				message += fmt.Sprintf(" A loss of power had cut off %s, set aside.", follow.Count(len(found.Torn), "commit record"))
			}
			e.event(r, runs.Event{Kind: "recovered", Message: message})
		}
		say = func(o runs.Observation) { e.tell(r, o, follow.Soon) }
		for _, o := range early {
			say(o)
		}
		e.advance(r, first, found.Committed)
		e.settle(r)
		e.dispatch()
	})
}

// past is what engines before this one have left of a run.
type past struct {
	tasks.Survey
	attempts map[dag.Task]int // highest number, also of those that left a private folder only
	spent    map[dag.Task]spent
	outgrown map[dag.Task]bool
}

// look finds out a run's past. Commit records that were cut off are moved
// away, so that their tasks can commit again.
func (d *drive) look(store *uris.Store, job runs.Job, nodes map[string]*node) (found past, err error) {
	ctx := d.ctx
	if found.Survey, err = tasks.TakeSurvey(ctx, store, job.Folder); err != nil {
		return found, err
	}
	for _, t := range found.Torn {
		record := job.Folder.Result(t.Node, t.Index)
		if record.Path() == "" || os.Rename(record.Path(), record.Path()+".damaged") != nil {
			_, err := tasks.ReadResult(ctx, store, job.Folder, t)
			return found, err
		}
	}
	found.attempts = found.Attempts
	for key, n := range d.attempts {
		t := dag.Task{Node: key.node, Index: key.index}
		if key.run == job.ID && found.Committed[t] == nil {
			found.attempts[t] = max(found.attempts[t], n)
		}
	}
	if found.spent, err = spentBefore(ctx, store, job, found.Survey, found.attempts); err != nil {
		return found, err
	}
	found.outgrown, err = outgrownBefore(ctx, store, job, found.Survey, nodes)
	return found, err
}

// surveyed looks at a run's past, again and again while the store is away.
// A failure that is not for waiting comes back.
func (e *Engine) surveyed(d *drive, r *run, nodes map[string]*node) (past, *steps.Failure) {
	backoff := follow.Backoff{Base: 100 * time.Millisecond, Max: 5 * time.Second}
	for failures := 1; ; failures++ {
		found, err := d.look(e.options.Blobs, r.job, nodes)
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
		wait := backoff.Wait(failures)
		why := fmt.Sprintf("waiting for the store: %v", err)
		e.mu.Lock()
		cancelled := r.cancelled
		if e.drive == d && why != r.waiting {
			r.waiting = why
			e.tell(r, runs.Observation{Waiting: &why}, follow.Soon)
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
