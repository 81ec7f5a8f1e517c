package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
)

func notFound(id runs.ID) error { return fmt.Errorf("run %s: %w", id, problem.ErrNotFound) }

// Create records a run, its plan and the event that it was submitted.
func (s *Store) Create(ctx context.Context, run runs.Run, plan *pipelines.Plan) (runs.Run, bool, error) {
	// What costs time is made ready before the writer is asked.
	args, err := json.Marshal(arguments{plan.Inputs, plan.Params, plan.Makers})
	if err != nil {
		return runs.Run{}, false, err
	}
	labels, err := optionalJSON(run.Labels, len(run.Labels) == 0)
	if err != nil {
		return runs.Run{}, false, err
	}
	var (
		existing runs.Run
		created  bool
		refusal  error
	)
	err = s.write(ctx, true, func(t *tx) error {
		existing, created, refusal = runs.Run{}, false, nil
		compiled, err := t.compiled(plan.Compiled)
		if err != nil {
			return err
		}
		n, err := t.affected(`INSERT INTO runs (id, tenant, request_id, digest, kind, tool, version, workflow, engine, root,
				state, generation, cancel, suspended, suspend_asked, done, total, failed, skipped, running,
				created, started, finished, updated, compiled, waiting, labels, arguments)
			VALUES (?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
			string(run.ID), run.Tenant, run.RequestID, run.Digest, string(run.Tool.Kind), run.Tool.Name, run.Tool.Version,
			run.Workflow, run.Engine, run.Root.String(),
			string(run.State), run.Generation, run.CancelRequested, run.Suspended, nanos(run.SuspendAsked),
			run.Progress.Done, run.Progress.Total, run.Progress.Failed, run.Progress.Skipped, run.Progress.Running,
			nanos(run.CreatedAt), nanos(run.StartedAt), nanos(run.FinishedAt), nanos(run.UpdatedAt),
			compiled, run.Waiting, labels, args)
		if err != nil {
			return err
		}
		if n == 0 {
			existing, refusal, err = t.claimed(run)
			return err
		}
		existing, created = run, true
		var seq int64
		if err := t.row("SELECT last_insert_rowid()").Scan(&seq); err != nil {
			return err
		}
		for k, v := range run.Labels {
			if err := t.exec("INSERT INTO labels (tenant, key, value, run) VALUES (?,?,?,?)", run.Tenant, k, v, seq); err != nil {
				return err
			}
		}
		return t.event(seq, runs.Event{Time: run.CreatedAt, Kind: "submitted"})
	})
	if err = errors.Join(refusal, err); err != nil {
		return runs.Run{}, false, err
	}
	return existing, created, nil
}

// claimed is the run that has the request id, or the id, already.
func (t *tx) claimed(run runs.Run) (existing runs.Run, refusal, err error) {
	_, existing, err = scanRun(t.row("SELECT "+runColumns+" FROM runs WHERE tenant = ? AND request_id = ?", run.Tenant, run.RequestID))
	if errors.Is(err, sql.ErrNoRows) {
		return runs.Run{}, fmt.Errorf("run %s exists already for another request: %w", run.ID, problem.ErrConflict), nil
	}
	if err != nil {
		return runs.Run{}, nil, err
	}
	if existing.Digest != run.Digest {
		return runs.Run{}, runs.RequestConflict(run.RequestID, existing.ID, existing.Digest, run.Digest, ""), nil
	}
	return existing, nil, nil
}

// compiled is the row of the pipeline, which is written once.
func (t *tx) compiled(c *pipelines.Compiled) (int64, error) {
	digest := c.Digest()
	if id, ok := t.w.compiled[digest]; ok {
		return id, nil
	}
	var id int64
	err := t.row("SELECT id FROM compiled WHERE digest = ?", digest).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		body, e := deflated(c)
		if e != nil {
			return 0, e
		}
		id, err = t.insert("INSERT INTO compiled (digest, body) VALUES (?,?)", digest, body)
	}
	if err != nil {
		return 0, err
	}
	t.onCommit = append(t.onCommit, func() { t.w.compiled[digest] = id })
	return id, nil
}

// SetSummary keeps the final summary of a terminal run.
func (s *Store) SetSummary(ctx context.Context, id runs.ID, summary []byte) error {
	var refusal error
	err := s.write(ctx, true, func(t *tx) error {
		refusal = nil
		n, err := t.affected(`UPDATE runs SET summary = ? WHERE id = ? AND state IN ('succeeded', 'failed', 'cancelled')`, summary, string(id))
		if err == nil && n == 0 {
			refusal = fmt.Errorf("run %s has not ended or is not there: %w", id, problem.ErrConflict)
		}
		return err
	})
	return errors.Join(refusal, err)
}

// change runs f on a tenant's run inside of the writer and returns the run as
// it is then.
func (s *Store) change(ctx context.Context, tenant string, id runs.ID, f func(t *tx, seq int64, r *runs.Run) (refusal, err error)) (runs.Run, error) {
	var (
		run     runs.Run
		refusal error
	)
	err := s.write(ctx, true, func(t *tx) error {
		run, refusal = runs.Run{}, nil
		seq, r, err := scanRun(t.row("SELECT "+runColumns+" FROM runs WHERE id = ? AND tenant = ?", string(id), tenant))
		if errors.Is(err, sql.ErrNoRows) {
			refusal = notFound(id)
			return nil
		}
		if err != nil {
			return err
		}
		refusal, err = f(t, seq, &r)
		run = r
		return err
	})
	if err = errors.Join(refusal, err); err != nil {
		return runs.Run{}, err
	}
	return run, nil
}

// RequestCancel records the intent to cancel.
func (s *Store) RequestCancel(ctx context.Context, tenant string, id runs.ID) (runs.Run, error) {
	return s.change(ctx, tenant, id, func(t *tx, seq int64, r *runs.Run) (refusal, err error) {
		if r.State.Terminal() || r.CancelRequested {
			return nil, nil
		}
		now := s.clock().UTC()
		r.CancelRequested, r.UpdatedAt = true, now
		if err := t.exec("UPDATE runs SET cancel = 1, updated = ? WHERE seq = ?", nanos(now), seq); err != nil {
			return nil, err
		}
		return nil, t.event(seq, runs.Event{Time: now, Kind: "cancel_requested"})
	})
}

// RequestSuspend records the intent to hold a run, or to let it go on.
func (s *Store) RequestSuspend(ctx context.Context, tenant string, id runs.ID, suspended bool) (runs.Run, error) {
	return s.change(ctx, tenant, id, func(t *tx, seq int64, r *runs.Run) (refusal, err error) {
		if r.State.Terminal() || r.CancelRequested {
			return nil, nil
		}
		now := s.clock().UTC()
		changed := r.Suspended != suspended
		// What was said before may have come from a process whose clock is ahead.
		r.Hold = runs.Hold{Suspended: suspended, SuspendAsked: latest(now, r.SuspendAsked.Add(1))}
		if changed {
			r.UpdatedAt = now
		}
		if err := t.exec("UPDATE runs SET suspended = ?, suspend_asked = ?, updated = ? WHERE seq = ?",
			suspended, nanos(r.SuspendAsked), nanos(r.UpdatedAt), seq); err != nil || !changed {
			return nil, err
		}
		return nil, t.heldEvent(seq, now, suspended)
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heldEvent tells the run's history that it is held, or goes on.
func (t *tx) heldEvent(seq int64, at time.Time, suspended bool) error {
	kind := "resumed"
	if suspended {
		kind = "suspended"
	}
	return t.event(seq, runs.Event{Time: at, Kind: kind})
}

// Retry starts the next generation. Tasks that committed stay; the others are
// forgotten, so that they can be told of anew.
func (s *Store) Retry(ctx context.Context, tenant string, id runs.ID) (runs.Run, error) {
	return s.change(ctx, tenant, id, func(t *tx, seq int64, r *runs.Run) (refusal, err error) {
		if r.State != runs.Failed && r.State != runs.Cancelled {
			return fmt.Errorf("run %s is %s, and only a failed or cancelled run can be retried: %w", id, r.State, problem.ErrConflict), nil
		}
		if err := t.exec("DELETE FROM tasks WHERE run = ? AND state <> 'succeeded'", seq); err != nil {
			return nil, err
		}
		var committed int
		if err := t.row("SELECT count(*) FROM tasks WHERE run = ?", seq).Scan(&committed); err != nil {
			return nil, err
		}
		now := s.clock().UTC()
		r.State, r.CancelRequested, r.Hold, r.Waiting, r.Failure, r.Summary = runs.Pending, false, runs.Hold{}, "", nil, nil
		r.Generation++
		r.Progress = runs.Progress{Done: committed, Total: max(committed, r.Progress.Total)}
		r.StartedAt, r.FinishedAt, r.UpdatedAt = moment(0), moment(0), now
		if err := t.exec(`UPDATE runs SET state = ?, generation = ?, cancel = 0, suspended = 0, suspend_asked = 0, waiting = '', failure = NULL, summary = NULL,
				done = ?, total = ?, failed = 0, skipped = 0, running = 0, started = 0, finished = 0, updated = ?
			WHERE seq = ?`, string(r.State), r.Generation, r.Progress.Done, r.Progress.Total, nanos(now), seq); err != nil {
			return nil, err
		}
		return nil, t.event(seq, runs.Event{Time: now, Kind: "retried", Message: fmt.Sprintf("generation %d", r.Generation)})
	})
}

func (t *tx) event(seq int64, e runs.Event) error {
	return t.exec("INSERT INTO events (run, time, node, ix, attempt, kind, message) VALUES (?,?,?,?,?,?,?)",
		seq, nanos(e.Time), e.Node, sortable(e.Index), e.Attempt, e.Kind, e.Message)
}
