package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"

	"github.com/ligase-bio/ligase/internal/problem"
)

// writer is the one goroutine that writes: it takes whatever waits into one
// transaction. While that one is being flushed the next callers gather, so
// batches grow by themselves with the load and a lone caller waits for nobody.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	log   *slog.Logger
	store *Store

	queue   chan *write
	quit    chan struct{}
	stopped chan struct{}
	once    sync.Once

	full     bool             // what PRAGMA synchronous is set to
	compiled map[string]int64 // digests that are known to be in the table
}

// write is one caller's part of a transaction.
type write struct {
	// do writes. Its error rolls back the whole transaction, so what is merely
	// refused is kept by the closure. It may be called again.
	do      func(*tx) error
	durable bool
	err     error
	done    chan struct{}
}

// tx is an open transaction.
type tx struct {
	w        *writer
	onCommit []func()
}

const (
	queued   = 1024
	maxBatch = 256
)

func newWriter(s *Store, db *sql.DB, conn *sql.Conn, log *slog.Logger) *writer {
	w := &writer{
		db: db, conn: conn, log: log, store: s,
		queue: make(chan *write, queued), quit: make(chan struct{}), stopped: make(chan struct{}),
		full: true, compiled: map[string]int64{},
	}
	go w.run()
	return w
}

// write hands do to the writer and waits until it is committed; durable ones
// are on the disk then. A caller who gives up leaves the write to its fate.
func (s *Store) write(ctx context.Context, durable bool, do func(*tx) error) error {
	if s.readOnly {
		return fmt.Errorf("%s is open for reading only, because it cannot be written: %w. Make the file and its folder writable and start again", s.path, problem.ErrUnavailable)
	}
	w := s.writer
	job := &write{do: do, durable: durable, done: make(chan struct{})}
	select {
	case <-w.quit:
		return fmt.Errorf("%s is closed: %w", s.path, problem.ErrUnavailable)
	default:
	}
	select {
	case w.queue <- job:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return fmt.Errorf("%s is closed: %w", s.path, problem.ErrUnavailable)
	}
	select {
	case <-job.done:
		if job.err != nil {
			return fault(s.path, job.err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stopped:
		select {
		case <-job.done:
			return fault(s.path, job.err)
		default:
			return fmt.Errorf("%s is closed: %w", s.path, problem.ErrUnavailable)
		}
	}
}

func (w *writer) run() {
	defer close(w.stopped)
	var batch []*write
	for {
		batch = batch[:0]
		select {
		case job := <-w.queue:
			batch = append(batch, job)
		case <-w.quit:
			select { // what was queued before the end is still written
			case job := <-w.queue:
				batch = append(batch, job)
			default:
				return
			}
		}
	gather:
		for len(batch) < maxBatch {
			select {
			case job := <-w.queue:
				batch = append(batch, job)
			default:
				break gather
			}
		}
		w.commitAll(batch)
	}
}

func (w *writer) commitAll(batch []*write) {
	err := w.commit(batch)
	if err != nil && len(batch) > 1 {
		// One may have spoilt it for the others.
		for _, job := range batch {
			job.err = w.commit([]*write{job})
			close(job.done)
		}
		return
	}
	for _, job := range batch {
		job.err = err
		close(job.done)
	}
}

// commit runs the batch in one transaction.
func (w *writer) commit(batch []*write) (err error) {
	durable := false
	for _, job := range batch {
		durable = durable || job.durable
	}
	t := &tx{w: w}
	if durable != w.full {
		// FULL flushes the log at commit, NORMAL leaves it to the next one that
		// does: the log is written in order, so a flush covers all before it.
		level := "PRAGMA synchronous = NORMAL"
		if durable {
			level = "PRAGMA synchronous = FULL"
		}
		if err := t.exec(level); err != nil {
			return err
		}
		w.full = durable
	}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// After some faults SQLite has rolled back by itself.
			_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
		}
	}()
	for _, job := range batch {
		if err := job.do(t); err != nil {
			return err
		}
	}
	if err := t.exec("COMMIT"); err != nil {
		return err
	}
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

// The writer's statements take no caller's context: a commit must not be
// interrupted half way, and several callers share it.

func (t *tx) exec(query string, args ...any) error {
	_, err := t.w.conn.ExecContext(context.Background(), query, args...)
	return err
}

func (t *tx) affected(query string, args ...any) (int64, error) {
	res, err := t.w.conn.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) insert(query string, args ...any) (int64, error) {
	res, err := t.w.conn.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.w.conn.QueryRowContext(context.Background(), query, args...)
}

// stop ends the goroutine after what is queued.
func (w *writer) stop() {
	w.once.Do(func() { close(w.quit) })
	<-w.stopped
}

func (w *writer) close() error {
	err := w.conn.Close()
	if e := w.db.Close(); err == nil {
		err = e
	}
	return err
}
