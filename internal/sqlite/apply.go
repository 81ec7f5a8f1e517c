package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// applyChunk bounds how long one Apply keeps submits waiting.
const applyChunk = 512

// Apply records observations in order.
func (s *Store) Apply(ctx context.Context, batch []runs.Observation) error {
	for chunk := range slices.Chunk(batch, applyChunk) {
		bodies := make([][]byte, len(chunk))
		durable := false
		for i, o := range chunk {
			durable = durable || o.State.Terminal()
			if o.Task != nil {
				var err error
				if bodies[i], err = taskBody(*o.Task); err != nil {
					return err
				}
			}
		}
		if err := s.write(ctx, durable, func(t *tx) error { return t.apply(chunk, bodies) }); err != nil {
			return err
		}
	}
	return nil
}

// applying is a run while a batch is folded into it.
type applying struct {
	seq     int64
	run     runs.Run
	changed bool
}

func (t *tx) apply(batch []runs.Observation, bodies [][]byte) error {
	loaded := map[runs.ID]*applying{}
	var order []*applying
	for i := range batch {
		o := &batch[i]
		a, known := loaded[o.RunID]
		if !known {
			seq, run, err := scanRun(t.row("SELECT "+runColumns+" FROM runs WHERE id = ?", string(o.RunID)))
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err == nil {
				a = &applying{seq: seq, run: run}
				order = append(order, a)
			}
			loaded[o.RunID] = a
		}
		if a == nil || o.Generation != a.run.Generation {
			continue
		}
		ended, held := a.run.State.Terminal(), a.run.Suspended
		a.changed = observe(&a.run, o) || a.changed
		if a.run.State.Terminal() && !ended {
			// The one place where a run ends, whoever saw it: so the history
			// has its end exactly once.
			if err := t.event(a.seq, runs.Event{Time: o.Time, Kind: "finished", Message: endOf(&a.run)}); err != nil {
				return err
			}
		}
		if a.run.Suspended != held {
			if err := t.heldEvent(a.seq, a.run.SuspendAsked, a.run.Suspended); err != nil {
				return err
			}
		}
		if o.Task != nil {
			if err := t.task(a.seq, o.Task, bodies[i]); err != nil {
				return err
			}
		}
		if o.Event != nil {
			e := *o.Event
			if e.Time.IsZero() {
				e.Time = o.Time
			}
			if err := t.event(a.seq, e); err != nil {
				return err
			}
		}
	}
	for _, a := range order {
		if a.changed {
			if err := t.saveRun(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// endOf says how a run ended.
func endOf(r *runs.Run) string {
	if r.Failure == nil {
		return string(r.State)
	}
	return fmt.Sprintf("%s: %s", r.State, r.Failure.Message)
}

// observe folds what was seen into the run, never backward, and reports
// whether anything changed.
func observe(r *runs.Run, o *runs.Observation) bool {
	if r.State.Terminal() {
		return false
	}
	changed := false
	if o.Progress != nil && *o.Progress != r.Progress {
		r.Progress, changed = *o.Progress, true
	}
	if o.Waiting != nil && *o.Waiting != r.Waiting {
		r.Waiting, changed = *o.Waiting, true
	}
	if o.Hold != nil && !r.CancelRequested && o.Hold.Later(r.Hold) {
		r.Hold, changed = *o.Hold, true
	}
	if o.State != "" && settled(o.State) > settled(r.State) {
		r.State, changed = o.State, true
		if o.State == runs.Running {
			r.StartedAt = o.Time.UTC()
		} else {
			r.FinishedAt, r.Waiting, r.Failure, r.Summary = o.Time.UTC(), "", o.Failure, o.Summary
		}
	}
	if changed && o.Time.After(r.UpdatedAt) {
		r.UpdatedAt = o.Time.UTC()
	}
	return changed
}

func (t *tx) saveRun(a *applying) error {
	r := &a.run
	failure, err := optionalJSON(r.Failure, r.Failure == nil)
	if err != nil {
		return err
	}
	var summary any // a nil []byte would be kept as an empty blob, not as NULL
	if r.Summary != nil {
		summary = r.Summary
	}
	return t.exec(`UPDATE runs SET state = ?, done = ?, total = ?, failed = ?, skipped = ?, running = ?,
			suspended = ?, suspend_asked = ?, started = ?, finished = ?, updated = ?, waiting = ?, failure = ?, summary = ? WHERE seq = ?`,
		string(r.State), r.Progress.Done, r.Progress.Total, r.Progress.Failed, r.Progress.Skipped, r.Progress.Running,
		r.Suspended, nanos(r.SuspendAsked), nanos(r.StartedAt), nanos(r.FinishedAt), nanos(r.UpdatedAt), r.Waiting, failure, summary, a.seq)
}

// task records a task, unless the row is already further on: an end stays, and
// a later attempt is not undone by news of an earlier one.
func (t *tx) task(seq int64, task *runs.TaskStatus, body []byte) error {
	n, err := t.affected(`INSERT INTO tasks (run, node, ix, attempt, state, settled, body) VALUES (?,?,?,?,?,?,?)
		ON CONFLICT (run, node, ix) DO UPDATE SET
			attempt = excluded.attempt, state = excluded.state, settled = excluded.settled, body = excluded.body
		WHERE tasks.settled < 2 AND (excluded.settled = 2 OR excluded.attempt > tasks.attempt
			OR (excluded.attempt = tasks.attempt AND excluded.settled >= tasks.settled))`,
		seq, task.Node, sortable(task.Index), task.Attempt, string(task.State), settled(task.State), body)
	if err != nil || n == 0 || task.Result == nil {
		return err
	}
	if err := t.spent(seq, task.Result); err != nil {
		return err
	}
	return t.outputs(seq, task)
}

func (t *tx) outputs(seq int64, task *runs.TaskStatus) error {
	ix := sortable(task.Index)
	for port, objects := range task.Result.Outputs {
		for item, object := range objects {
			data, err := json.Marshal(object)
			if err != nil {
				return err
			}
			filtered := object.Filtered != nil || task.Result.Filtered != nil
			if err := t.exec("INSERT OR REPLACE INTO outputs (run, node, ix, port, item, hash, object, filtered) VALUES (?,?,?,?,?,?,?,?)",
				seq, task.Node, ix, port, item, hashOf(object.URI), data, filtered); err != nil {
				return err
			}
		}
	}
	return nil
}

// readObject reads what outputs wrote.
func readObject(data []byte) (o steps.Object, err error) {
	err = json.Unmarshal(data, &o)
	return o, err
}
