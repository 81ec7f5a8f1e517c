// Package sqlite keeps runs in one SQLite file.
//
//	store, err := sqlite.Open("ligase.db", sqlite.Options{Types: types})
//	if err != nil { … }
//	defer store.Close()
//
// The file is in WAL mode: reads never wait for writes, and several processes
// may have it open. Within a process all writes go through one goroutine that
// takes whatever is waiting into a single transaction, so that callers who
// come at the same time share one flush to the disk. What was acknowledged is
// on the disk; progress and task rows, which the run folders can rebuild, ride
// along with the next flush.
package sqlite

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
)

// Options configure a Store.
type Options struct {
	Clock func() time.Time // nil: time.Now
	// Busy is how long a write waits for another process's; 0: 5 s.
	Busy time.Duration
	Log  *slog.Logger // nil discards
}

// Store is a [runs.Store]. It is safe for concurrent use.
type Store struct {
	path     string
	clock    func() time.Time
	readOnly bool

	reads  *sql.DB
	writer *writer

	watching sync.Mutex
	watch    *sql.Conn // its data_version counts what all others commit

	plans planCache
}

var _ runs.Store = (*Store)(nil)

const (
	readers        = 4
	readerCacheKiB = 2 << 10
	writerCacheKiB = 8 << 10
)

// Open opens the file, making it if it is not there, and brings its schema up
// to date.
//
// A file that a newer ligase has written, or that is not ligase's, is refused
// with an error that wraps problem.ErrRefused and says what to do. A file that
// cannot be written is opened for reading: every write is then
// problem.ErrUnavailable.
func Open(path string, o Options) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Busy == 0 {
		o.Busy = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{path: abs, clock: o.Clock, plans: planCache{items: map[string]*list.Element{}}}
	if err := s.open(o); err != nil {
		s.closeConns()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	ctx := context.Background()
	mode := "rwc"
	writing := sql.OpenDB(connector{dsn: dsn(s.path, "rwc", o.Busy, writerCacheKiB)})
	writing.SetMaxOpenConns(1)
	conn, err := writing.Conn(ctx)
	if err == nil {
		err = prepare(ctx, conn, s.path, o.Busy)
	}
	switch {
	case err == nil:
		s.writer = newWriter(s, writing, conn, o.Log)
	case cannotWrite(err) && exists(s.path):
		_ = writing.Close()
		s.readOnly, mode = true, "ro"
		o.Log.Warn("the run store cannot be written; it is open for reading only", "path", s.path, "reason", err)
	default:
		_ = writing.Close()
		return fault(s.path, err)
	}

	s.reads = sql.OpenDB(connector{dsn: dsn(s.path, mode, o.Busy, readerCacheKiB) + "&_query_only=1"})
	s.reads.SetMaxOpenConns(readers + 1) // one is kept for watching
	s.reads.SetMaxIdleConns(readers + 1)
	if s.readOnly {
		if err := s.checkReadOnly(ctx, o.Busy); err != nil {
			return fault(s.path, err)
		}
	}
	if s.watch, err = s.reads.Conn(ctx); err != nil {
		return fault(s.path, err)
	}
	return nil
}

// checkReadOnly looks at a file that cannot be written. Reading a WAL needs a
// shared-memory file beside it; where that can not be made either, a file
// without a WAL is complete and can be read as it is.
func (s *Store) checkReadOnly(ctx context.Context, busy time.Duration) error {
	check := func() error {
		conn, err := s.reads.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return checkSchema(ctx, conn, s.path)
	}
	err := check()
	if err != nil && cannotWrite(err) && !exists(s.path+"-wal") {
		_ = s.reads.Close()
		s.reads = sql.OpenDB(connector{dsn: dsn(s.path, "ro", busy, readerCacheKiB) + "&immutable=1&_query_only=1"})
		s.reads.SetMaxOpenConns(readers + 1)
		s.reads.SetMaxIdleConns(readers + 1)
		err = check()
	}
	return err
}

// Close ends the writer once everything that waits is written, and closes the
// file.
func (s *Store) Close() error {
	if s.writer != nil {
		s.writer.stop()
	}
	return s.closeConns()
}

func (s *Store) closeConns() error {
	var errs []error
	if s.watch != nil {
		errs = append(errs, s.watch.Close())
	}
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(errs...)
}

// Version changes whenever this or another process has written.
func (s *Store) Version(ctx context.Context) (int64, error) {
	s.watching.Lock()
	defer s.watching.Unlock()
	var v int64
	if err := s.watch.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v); err != nil {
		return 0, s.failed(ctx, err)
	}
	return v, nil
}

// failed is the error of a call: the caller's own end as it is, else what is
// wrong with the file.
func (s *Store) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault(s.path, err)
}

// connector opens connections without registering a driver by name.
type connector struct{ dsn string }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }

func (c connector) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		// A truncated file under a memory map is a signal, not an error.
		_, err := conn.Exec("PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;", nil)
		return err
	}}
}

func dsn(path, mode string, busy time.Duration, cacheKiB int) string {
	u := url.URL{Scheme: "file", Path: path}
	return fmt.Sprintf("%s?mode=%s&_busy_timeout=%d&_cache_size=-%d&_stmt_cache_size=48&_foreign_keys=0",
		u.String(), mode, busy.Milliseconds(), cacheKiB)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// planCache keeps the compiled pipelines that were read last.
type planCache struct {
	mu    sync.Mutex
	order list.List
	items map[string]*list.Element
}

const plansKept = 16

type cachedPlan struct {
	digest   string
	compiled *pipelines.Compiled
}

func (c *planCache) get(digest string) *pipelines.Compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.items[digest]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(cachedPlan).compiled
}

func (c *planCache) put(digest string, compiled *pipelines.Compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[digest] != nil {
		return
	}
	c.items[digest] = c.order.PushFront(cachedPlan{digest, compiled})
	if c.order.Len() > plansKept {
		last := c.order.Back()
		delete(c.items, c.order.Remove(last).(cachedPlan).digest)
	}
}
