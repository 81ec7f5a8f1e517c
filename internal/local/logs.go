package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// logs reads the logs of attempts. It works from the folders alone, so a
// process that does not run the engine reads them just as well.
type logs struct {
	worker  *worker.Worker
	store   *uris.Store
	dataDir string
}

// followEvery is how often a log that is followed is looked at.
const followEvery = 100 * time.Millisecond

func (l logs) open(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	t := dag.Task{Node: q.Node, Index: q.Index}
	last, err := l.last(ctx, q.Folder, t)
	if err != nil {
		return nil, err
	}
	attempt := q.Attempt
	switch {
	case last == 0:
		return nil, fmt.Errorf("%s of %s has no log yet, because it has not started: %w", t, q.Folder.RunID, problem.ErrNotFound)
	case attempt > last:
		return nil, fmt.Errorf("%s of %s has no attempt %d; the latest is %d: %w", t, q.Folder.RunID, attempt, last, problem.ErrNotFound)
	case attempt <= 0:
		attempt = last
	}
	r, err := l.worker.LogOf(ctx, q.Folder, q.Node, q.Index, attempt)
	if errors.Is(err, problem.ErrNotFound) {
		switch _, gone := os.Stat(l.worker.Folder(q.Folder.RunID, q.Node, q.Index, attempt)); {
		case gone == nil && q.Follow:
			// It is getting its inputs.
			return &followed{logs: l, ctx: ctx, query: q, attempt: attempt, from: silence()}, nil
		case gone == nil || l.printedNothing(ctx, q.Folder, t, attempt):
			return silence(), nil
		}
		return nil, fmt.Errorf("the log of attempt %d of %s of %s is no longer available: it was not kept, or the engine was killed while it ran: %w",
			attempt, t, q.Folder.RunID, problem.ErrNotFound)
	}
	if err != nil || !q.Follow {
		return r, err
	}
	return &followed{logs: l, ctx: ctx, query: q, attempt: attempt, from: r, live: true}, nil
}

// printedNothing reports whether an attempt without a log is known to have
// ended: then it printed nothing. Else its log was lost.
func (l logs) printedNothing(ctx context.Context, f uris.RunFolder, t dag.Task, attempt int) bool {
	if _, err := l.store.Stat(ctx, f.Failure(t.Node, t.Index, attempt)); err == nil {
		return true
	}
	result, err := tasks.ReadResult(ctx, l.store, f, t)
	return err == nil && result != nil && result.Attempt == attempt
}

// silence is a log of nothing.
func silence() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// last is the highest attempt of a task that is known of; 0: none.
func (l logs) last(ctx context.Context, f uris.RunFolder, t dag.Task) (int, error) {
	last, err := tasks.LastAttempt(ctx, l.store, f, t)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(filepath.Dir(l.worker.Folder(f.RunID, t.Node, t.Index, 1)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	for _, entry := range entries {
		last = max(last, tasks.AttemptNumber(entry.Name()))
	}
	if last == 0 {
		// An attempt that printed nothing leaves its commit record only.
		result, err := tasks.ReadResult(ctx, l.store, f, t)
		if err != nil {
			return 0, err
		}
		if result != nil {
			last = result.Attempt
		}
	}
	return last, nil
}

// over reports whether an attempt has ended: its private folder is gone, or
// kept with a record of the failure, or nobody is there who could run it.
func (l logs) over(ctx context.Context, f uris.RunFolder, t dag.Task, attempt int) bool {
	if _, err := os.Stat(l.worker.Folder(f.RunID, t.Node, t.Index, attempt)); err != nil {
		return true
	}
	if _, err := l.store.Stat(ctx, f.Failure(t.Node, t.Index, attempt)); err == nil {
		return true
	}
	held, _, err := Held(l.dataDir)
	return err == nil && !held
}

// followed reads a log as it grows, until the attempt has ended. Its Reads
// wait; ending the context, or Close, lets them return.
type followed struct {
	logs    logs
	ctx     context.Context
	query   runs.LogQuery
	attempt int
	from    io.ReadCloser
	live    bool  // from is the attempt's log
	given   int64 // bytes
	ended   bool
	kept    bool // from is the log as it was kept in the end
}

func (f *followed) Read(p []byte) (int, error) {
	for {
		n, err := f.from.Read(p)
		f.given += int64(n)
		if n > 0 || err == nil {
			return n, nil
		}
		if !errors.Is(err, io.EOF) || f.kept {
			return 0, err
		}
		if f.ended {
			// What came between the last look and the end is in the log that
			// was kept, after what has been given already.
			if !f.reopen() {
				return 0, io.EOF
			}
			continue
		}
		if err := f.ctx.Err(); err != nil {
			return 0, err
		}
		// First ask, then read to the end once more: nothing is missed.
		if f.logs.over(f.ctx, f.query.Folder, dag.Task{Node: f.query.Node, Index: f.query.Index}, f.attempt) {
			f.ended = true
			continue
		}
		select {
		case <-f.ctx.Done():
			return 0, f.ctx.Err()
		case <-time.After(followEvery):
		}
		if !f.live {
			q := f.query
			if r, err := f.logs.worker.LogOf(f.ctx, q.Folder, q.Node, q.Index, f.attempt); err == nil {
				f.from, f.live = r, true
			}
		}
	}
}

// reopen goes on in the log that was kept; false when there is no more of it.
func (f *followed) reopen() bool {
	q := f.query
	r, err := f.logs.worker.LogOf(f.ctx, q.Folder, q.Node, q.Index, f.attempt)
	if err != nil {
		return false
	}
	f.from.Close()
	f.from, f.kept = r, true
	skipped, err := io.CopyN(io.Discard, r, f.given)
	return err == nil && skipped == f.given
}

func (f *followed) Close() error { return f.from.Close() }

// Logs implements runs.Engine.
func (e *Engine) Logs(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	return e.logs.open(ctx, q)
}
