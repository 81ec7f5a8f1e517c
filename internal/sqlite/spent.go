package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/ligase-bio/ligase/steps"
)

// spent notes what a task took that committed. It is called once for each: the
// row of a task that has ended stays.
func (t *tx) spent(seq int64, r *steps.Result) error {
	if r.Work == nil {
		return nil
	}
	body, err := json.Marshal(steps.SpentOn(r))
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO spent (step, implementation, run, body) VALUES (?,?,?,?)", r.Step, r.Implementation, seq, body)
}

// Spent gives what the attempts took that committed last.
func (s *Store) Spent(ctx context.Context, step, implementation string, limit int) ([]steps.Spent, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT body FROM spent WHERE step = ? AND implementation = ? ORDER BY seq DESC LIMIT ?",
		step, implementation, pageSize(limit, 100, 10_000))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	found, err := all(rows, func(sc scanner) (x steps.Spent, err error) {
		var body []byte
		if err := sc.Scan(&body); err != nil {
			return x, err
		}
		err = json.Unmarshal(body, &x)
		return x, err
	})
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return found, nil
}

// LongestSpent is the greatest length that an attempt has committed at.
func (s *Store) LongestSpent(ctx context.Context, step, implementation string) (int, error) {
	var longest sql.NullInt64
	// A text: SQLite takes a blob for its own binary form of JSON.
	err := s.reads.QueryRowContext(ctx, "SELECT max(json_extract(CAST(body AS TEXT), '$.length')) FROM spent WHERE step = ? AND implementation = ?",
		step, implementation).Scan(&longest)
	if err != nil {
		return 0, s.failed(ctx, err)
	}
	return int(longest.Int64), nil
}
