package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
)

// Get returns a tenant's run.
func (s *Store) Get(ctx context.Context, tenant string, id runs.ID) (runs.Run, error) {
	_, r, err := scanRun(s.reads.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE id = ? AND tenant = ?", string(id), tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return runs.Run{}, notFound(id)
	}
	if err != nil {
		return runs.Run{}, s.failed(ctx, err)
	}
	return r, nil
}

// Has reports whether the run is there, whoever's it is.
func (s *Store) Has(ctx context.Context, id runs.ID) (bool, error) {
	_, err := s.seqOf(ctx, id)
	if errors.Is(err, problem.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ByRequest returns the run that a request id was used for.
func (s *Store) ByRequest(ctx context.Context, tenant, requestID string) (runs.Run, error) {
	_, r, err := scanRun(s.reads.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE tenant = ? AND request_id = ?", tenant, requestID))
	if errors.Is(err, sql.ErrNoRows) {
		return runs.Run{}, fmt.Errorf("a run with the request id %q: %w", requestID, problem.ErrNotFound)
	}
	if err != nil {
		return runs.Run{}, s.failed(ctx, err)
	}
	return r, nil
}

// Plan returns what the run was created with. Runs of one pipeline share its
// compiled form.
func (s *Store) Plan(ctx context.Context, id runs.ID) (*pipelines.Plan, error) {
	var digest string
	var compiledID int64
	var args []byte
	err := s.reads.QueryRowContext(ctx, `SELECT c.id, c.digest, r.arguments FROM runs r JOIN compiled c ON c.id = r.compiled WHERE r.id = ?`, string(id)).
		Scan(&compiledID, &digest, &args)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound(id)
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	compiled := s.plans.get(digest)
	if compiled == nil {
		if compiled, err = s.readCompiled(ctx, compiledID); err != nil {
			return nil, fmt.Errorf("the plan of run %s: %w", id, err)
		}
		s.plans.put(digest, compiled)
	}
	var a arguments
	if err := json.Unmarshal(args, &a); err != nil {
		return nil, fmt.Errorf("the arguments of run %s: %w", id, err)
	}
	return &pipelines.Plan{Compiled: compiled, Inputs: a.Inputs, Params: a.Params, Makers: a.Makers}, nil
}

func (s *Store) readCompiled(ctx context.Context, id int64) (*pipelines.Compiled, error) {
	var body []byte
	if err := s.reads.QueryRowContext(ctx, "SELECT body FROM compiled WHERE id = ?", id).Scan(&body); err != nil {
		return nil, s.failed(ctx, err)
	}
	data, err := inflated(body)
	if err != nil {
		return nil, err
	}
	return pipelines.DecodeCompiled(data)
}

// row is a run with its place in the order of creation.
type row struct {
	seq int64
	run runs.Run
}

func scanRow(sc scanner) (row, error) {
	seq, r, err := scanRun(sc)
	return row{seq, r}, err
}

// List returns a page of runs, newest first.
func (s *Store) List(ctx context.Context, f runs.RunFilter) (runs.RunPage, error) {
	last := int64(1) << 62
	if err := readCursor(f.Cursor, "runs", f.Tenant, &last); err != nil {
		return runs.RunPage{}, err
	}
	limit := pageSize(f.Limit, 50, 1000)

	states := slices.Clone(f.States)
	if len(states) == 0 && f.Tool != "" { // the index by tool is ordered within a state
		states = []runs.State{runs.Pending, runs.Running, runs.Succeeded, runs.Failed, runs.Cancelled}
	}
	var found []row
	if len(states) == 0 {
		states = []runs.State{""}
	}
	slices.Sort(states)
	for _, state := range slices.Compact(states) {
		rows, err := s.listState(ctx, f, state, last, limit+1)
		if err != nil {
			return runs.RunPage{}, s.failed(ctx, err)
		}
		found = append(found, rows...)
	}
	slices.SortFunc(found, func(a, b row) int { return cmp.Compare(b.seq, a.seq) })

	var page runs.RunPage
	for i, r := range found {
		if i == limit {
			next, err := cursor("runs", f.Tenant, found[i-1].seq)
			if err != nil {
				return runs.RunPage{}, err
			}
			page.Next = next
			break
		}
		page.Runs = append(page.Runs, r.run)
	}
	return page, nil
}

// listState lists the runs of one state (all for ""), each read being a walk
// down one index.
func (s *Store) listState(ctx context.Context, f runs.RunFilter, state runs.State, before int64, limit int) ([]row, error) {
	index, where, args := "runs_by_tenant", []string{"tenant = ?"}, []any{f.Tenant}
	add := func(cond string, values ...any) {
		where, args = append(where, cond), append(args, values...)
	}
	if state != "" {
		index = "runs_by_state"
		add("state = ?", string(state))
	}
	if f.Tool != "" {
		index = "runs_by_tool"
		add("tool = ?", f.Tool)
	}
	add("seq < ?", before)
	if !f.Since.IsZero() {
		add("created >= ?", nanos(f.Since))
	}
	if !f.Until.IsZero() {
		add("created < ?", nanos(f.Until))
	}
	for _, key := range slices.Sorted(maps.Keys(f.Label)) {
		add("seq IN (SELECT run FROM labels WHERE tenant = ? AND key = ? AND value = ?)", f.Tenant, key, f.Label[key])
	}
	from := "runs INDEXED BY " + index
	if len(f.Label) > 0 {
		from = "runs" // few runs have a label: it may drive the search
	}
	rows, err := s.reads.QueryContext(ctx, "SELECT "+runColumns+" FROM "+from+" WHERE "+strings.Join(where, " AND ")+
		" ORDER BY seq DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, err
	}
	return all(rows, scanRow)
}

// Active lists what a reconciler looks after.
func (s *Store) Active(ctx context.Context) ([]runs.Run, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT "+runColumns+" FROM runs INDEXED BY runs_active WHERE summary IS NULL ORDER BY seq")
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	active, err := all(rows, func(sc scanner) (runs.Run, error) {
		_, r, err := scanRun(sc)
		return r, err
	})
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return active, nil
}

// seqOf is the row of a run.
func (s *Store) seqOf(ctx context.Context, id runs.ID) (int64, error) {
	var seq int64
	err := s.reads.QueryRowContext(ctx, "SELECT seq FROM runs WHERE id = ?", string(id)).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, notFound(id)
	}
	if err != nil {
		return 0, s.failed(ctx, err)
	}
	return seq, nil
}

// Events returns what happened to a run after an event.
func (s *Store) Events(ctx context.Context, id runs.ID, after int64, limit int) ([]runs.Event, error) {
	seq, err := s.seqOf(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT seq, time, node, ix, attempt, kind, message FROM events
		WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?`, seq, after, pageSize(limit, 1000, 10_000))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	events, err := all(rows, func(sc scanner) (e runs.Event, err error) {
		var at int64
		var ix string
		err = sc.Scan(&e.Seq, &at, &e.Node, &ix, &e.Attempt, &e.Kind, &e.Message)
		e.Time, e.Index = moment(at), indexOf(ix)
		return e, err
	})
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return events, nil
}
