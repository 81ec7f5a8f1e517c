package sqlite

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// runColumns are what scanRun reads, in its order.
const runColumns = `seq, id, tenant, request_id, digest, kind, tool, version, workflow, engine, root,
	state, generation, cancel, suspended, suspend_asked, done, total, failed, skipped, running,
	created, started, finished, updated, waiting, labels, failure, summary`

type scanner interface{ Scan(...any) error }

func scanRun(row scanner) (seq int64, r runs.Run, err error) {
	var root string
	var asked, created, started, finished, updated int64
	var labels, failure []byte
	err = row.Scan(&seq, &r.ID, &r.Tenant, &r.RequestID, &r.Digest, &r.Tool.Kind, &r.Tool.Name, &r.Tool.Version,
		&r.Workflow, &r.Engine, &root, &r.State, &r.Generation, &r.CancelRequested, &r.Suspended, &asked,
		&r.Progress.Done, &r.Progress.Total, &r.Progress.Failed, &r.Progress.Skipped, &r.Progress.Running,
		&created, &started, &finished, &updated, &r.Waiting, &labels, &failure, &r.Summary)
	if err != nil {
		return 0, runs.Run{}, err
	}
	if root != "" {
		if r.Root, err = uris.Parse(root); err != nil {
			return 0, runs.Run{}, fmt.Errorf("run %s: %w", r.ID, err)
		}
	}
	if labels != nil {
		if err := json.Unmarshal(labels, &r.Labels); err != nil {
			return 0, runs.Run{}, fmt.Errorf("labels of run %s: %w", r.ID, err)
		}
	}
	if failure != nil {
		r.Failure = new(steps.Failure)
		if err := json.Unmarshal(failure, r.Failure); err != nil {
			return 0, runs.Run{}, fmt.Errorf("failure of run %s: %w", r.ID, err)
		}
	}
	r.SuspendAsked = moment(asked)
	r.CreatedAt, r.StartedAt, r.FinishedAt, r.UpdatedAt = moment(created), moment(started), moment(finished), moment(updated)
	return seq, r, nil
}

// nanos and moment carry times as integers; 0 is the zero time.

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// optionalJSON is NULL for what is nil or empty.
func optionalJSON(v any, absent bool) (any, error) {
	if absent {
		return nil, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return string(data), nil
}

// sortable writes an index so that the order of texts is that of the numbers:
// each number behind a letter that says how many digits it has.
func sortable(ix uris.Index) string {
	if ix == "" {
		return ""
	}
	var b strings.Builder
	for part := range strings.SplitSeq(string(ix), ".") {
		b.WriteByte('a' + byte(len(part)-1))
		b.WriteString(part)
	}
	return b.String()
}

// indexOf reads what sortable wrote.
func indexOf(s string) uris.Index {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] < 'a' {
			b.WriteByte(s[i])
		} else if i > 0 {
			b.WriteByte('.')
		}
	}
	return uris.Index(b.String())
}

// hashOf is the key by which an object is found.
func hashOf(u uris.URI) int64 {
	sum := sha256.Sum256([]byte(u.String()))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// arguments are what a run's plan has beyond its compiled pipeline.
type arguments struct {
	Inputs map[string][]pipelines.Input `json:"inputs,omitempty"`
	Params map[string]steps.Value       `json:"params,omitempty"`
	Makers map[string]*steps.Maker      `json:"makers,omitempty"`
}

func deflated(v any) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func inflated(data []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(bytes.NewReader(data)))
}

// taskBody is the JSON of a task without what has a column or a table of its
// own.
func taskBody(t runs.TaskStatus) ([]byte, error) {
	t.Node, t.Index = "", ""
	if t.Result != nil {
		r := *t.Result
		r.Outputs = nil
		t.Result = &r
	}
	return json.Marshal(t)
}

// settled orders the states of a life: it only ever grows.
func settled(s runs.State) int {
	switch {
	case s.Terminal():
		return 2
	case s == runs.Running:
		return 1
	}
	return 0
}

// all scans every row.
func all[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
