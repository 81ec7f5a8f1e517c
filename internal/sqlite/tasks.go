package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// taskKey is where a task, or an output of one, stands in the order of its
// run.
type taskKey struct {
	Node  string `json:"n"`
	Index string `json:"x"`
	Port  string `json:"p,omitempty"`
	Item  int    `json:"i"`
}

// Tasks returns a page of a run's tasks, in order of node and index.
func (s *Store) Tasks(ctx context.Context, id runs.ID, f runs.TaskFilter) (runs.TaskPage, error) {
	var after taskKey
	if err := readCursor(f.Cursor, "tasks", string(id), &after); err != nil {
		return runs.TaskPage{}, err
	}
	seq, err := s.seqOf(ctx, id)
	if err != nil {
		return runs.TaskPage{}, err
	}
	where, args := []string{"run = ?", "(node, ix) > (?, ?)"}, []any{seq, after.Node, after.Index}
	if f.Node != "" {
		where, args = append(where, "node = ?"), append(args, f.Node)
	}
	if len(f.States) > 0 {
		where = append(where, "state IN ("+strings.TrimSuffix(strings.Repeat("?,", len(f.States)), ",")+")")
		for _, st := range f.States {
			args = append(args, string(st))
		}
	}
	limit := pageSize(f.Limit, 100, 10_000)
	rows, err := s.reads.QueryContext(ctx, "SELECT node, ix, body FROM tasks WHERE "+strings.Join(where, " AND ")+
		" ORDER BY node, ix LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return runs.TaskPage{}, s.failed(ctx, err)
	}
	type keyed struct {
		key  taskKey
		task runs.TaskStatus
	}
	found, err := all(rows, func(sc scanner) (k keyed, err error) {
		var body []byte
		if err := sc.Scan(&k.key.Node, &k.key.Index, &body); err != nil {
			return k, err
		}
		if err := json.Unmarshal(body, &k.task); err != nil {
			return k, fmt.Errorf("task %s of run %s: %w", k.key.Node, id, err)
		}
		k.task.Node, k.task.Index = k.key.Node, indexOf(k.key.Index)
		return k, nil
	})
	if err != nil {
		return runs.TaskPage{}, s.failed(ctx, err)
	}
	var page runs.TaskPage
	if len(found) > limit {
		if page.Next, err = cursor("tasks", string(id), found[limit-1].key); err != nil {
			return runs.TaskPage{}, err
		}
		found = found[:limit]
	}
	at := make(map[taskKey]*runs.TaskStatus, len(found))
	page.Tasks = make([]runs.TaskStatus, len(found))
	for i, k := range found {
		page.Tasks[i] = k.task
		at[k.key] = &page.Tasks[i]
	}
	if len(found) > 0 {
		if err := s.joinOutputs(ctx, seq, found[0].key, found[len(found)-1].key, at); err != nil {
			return runs.TaskPage{}, err
		}
	}
	return page, nil
}

// Nodes counts a run's tasks by node.
func (s *Store) Nodes(ctx context.Context, id runs.ID) ([]runs.NodeStatus, error) {
	seq, err := s.seqOf(ctx, id)
	if err != nil {
		return nil, err
	}
	// What is settled is only counted; of what is not, the bodies tell more,
	// and never are there many that run.
	rows, err := s.reads.QueryContext(ctx, `SELECT node, count(*), sum(settled = 2), sum(state = 'failed'), sum(state = 'skipped'), sum(state = 'running')
		FROM tasks WHERE run = ? GROUP BY node ORDER BY node`, seq)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	nodes, err := all(rows, func(sc scanner) (n runs.NodeStatus, err error) {
		err = sc.Scan(&n.Node, &n.Total, &n.Done, &n.Failed, &n.Skipped, &n.Running)
		return n, err
	})
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	for i := range nodes {
		if n := &nodes[i]; n.Running > 0 || n.Done < n.Total {
			if err := s.describeNode(ctx, seq, n); err != nil {
				return nil, err
			}
		}
	}
	return nodes, nil
}

// describeNode adds what the unsettled tasks of a node say.
func (s *Store) describeNode(ctx context.Context, seq int64, n *runs.NodeStatus) error {
	state := runs.Running
	if n.Running == 0 {
		state = runs.Pending
	}
	rows, err := s.reads.QueryContext(ctx, "SELECT body FROM tasks WHERE run = ? AND node = ? AND state = ? ORDER BY ix LIMIT 64",
		seq, n.Node, string(state))
	if err != nil {
		return s.failed(ctx, err)
	}
	tasks, err := all(rows, func(sc scanner) (t runs.TaskStatus, err error) {
		var body []byte
		if err := sc.Scan(&body); err != nil {
			return t, err
		}
		err = json.Unmarshal(body, &t)
		return t, err
	})
	if err != nil {
		return s.failed(ctx, err)
	}
	for _, t := range tasks {
		n.Fraction += t.Fraction / float64(len(tasks))
		if n.Message == "" {
			n.Message = t.Message
		}
	}
	return nil
}

// joinOutputs gives the results of the tasks from first to last their outputs
// back.
func (s *Store) joinOutputs(ctx context.Context, seq int64, first, last taskKey, at map[taskKey]*runs.TaskStatus) error {
	rows, err := s.reads.QueryContext(ctx, `SELECT node, ix, port, object FROM outputs
		WHERE run = ? AND (node, ix) >= (?, ?) AND (node, ix) <= (?, ?) ORDER BY node, ix, port, item`,
		seq, first.Node, first.Index, last.Node, last.Index)
	if err != nil {
		return s.failed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var key taskKey
		var port string
		var data []byte
		if err := rows.Scan(&key.Node, &key.Index, &port, &data); err != nil {
			return s.failed(ctx, err)
		}
		task := at[key]
		if task == nil || task.Result == nil {
			continue
		}
		object, err := readObject(data)
		if err != nil {
			return err
		}
		if task.Result.Outputs == nil {
			task.Result.Outputs = map[string][]steps.Object{}
		}
		task.Result.Outputs[port] = append(task.Result.Outputs[port], object)
	}
	if err := rows.Err(); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

// Outputs lists the objects that a run committed and no filter left out, or
// those that one did.
func (s *Store) Outputs(ctx context.Context, id runs.ID, f runs.OutputFilter) (runs.OutputPage, error) {
	after := taskKey{Item: -1}
	if err := readCursor(f.Cursor, "outputs", string(id), &after); err != nil {
		return runs.OutputPage{}, err
	}
	seq, err := s.seqOf(ctx, id)
	if err != nil {
		return runs.OutputPage{}, err
	}
	where, args := "run = ? AND filtered = ?", []any{seq, f.Filtered}
	if f.Node != "" {
		where, args = where+" AND node = ?", append(args, f.Node)
	}
	if f.Port != "" {
		where, args = where+" AND port = ?", append(args, f.Port)
	}
	var page runs.OutputPage
	limit := pageSize(f.Limit, 100, 10_000)
	rows, err := s.reads.QueryContext(ctx, "SELECT node, ix, port, item, object FROM outputs WHERE "+where+
		" AND (node, ix, port, item) > (?, ?, ?, ?) ORDER BY node, ix, port, item LIMIT ?",
		append(args, after.Node, after.Index, after.Port, after.Item, limit+1)...)
	if err != nil {
		return runs.OutputPage{}, s.failed(ctx, err)
	}
	page.Outputs, err = all(rows, func(sc scanner) (o runs.OutputRef, err error) {
		var ix string
		var data []byte
		if err := sc.Scan(&o.Node, &ix, &o.Port, &o.Item, &data); err != nil {
			return o, err
		}
		o.RunID, o.Index = id, indexOf(ix)
		o.Object, err = readObject(data)
		return o, err
	})
	if err != nil {
		return runs.OutputPage{}, s.failed(ctx, err)
	}
	page.Total = len(page.Outputs)
	if f.Cursor != "" || len(page.Outputs) > limit { // else this page is all there is
		if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM outputs WHERE "+where, args...).Scan(&page.Total); err != nil {
			return runs.OutputPage{}, s.failed(ctx, err)
		}
	}
	if len(page.Outputs) > limit {
		page.Outputs = page.Outputs[:limit]
		last := page.Outputs[limit-1]
		if page.Next, err = cursor("outputs", string(id), taskKey{last.Node, sortable(last.Index), last.Port, last.Item}); err != nil {
			return runs.OutputPage{}, err
		}
	}
	return page, nil
}

// Output looks up an object by its URI.
func (s *Store) Output(ctx context.Context, tenant string, uri uris.URI) (runs.OutputRef, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT r.id, o.node, o.ix, o.port, o.item, o.object
		FROM outputs o JOIN runs r ON r.seq = o.run WHERE o.hash = ? AND r.tenant = ? ORDER BY o.run`, hashOf(uri), tenant)
	if err != nil {
		return runs.OutputRef{}, s.failed(ctx, err)
	}
	found, err := all(rows, func(sc scanner) (o runs.OutputRef, err error) {
		var ix string
		var data []byte
		if err := sc.Scan(&o.RunID, &o.Node, &ix, &o.Port, &o.Item, &data); err != nil {
			return o, err
		}
		o.Index = indexOf(ix)
		o.Object, err = readObject(data)
		return o, err
	})
	if err != nil {
		return runs.OutputRef{}, s.failed(ctx, err)
	}
	for _, o := range found {
		if o.Object.URI == uri {
			return o, nil
		}
	}
	return runs.OutputRef{}, fmt.Errorf("%s: %w", uri, problem.ErrNotFound)
}
