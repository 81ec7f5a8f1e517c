package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/runs"
)

func submitCases() []benchCase {
	var list []benchCase
	for _, l := range []load{
		{callers: 1, calls: 200},
		{callers: 16, calls: 1600, p50: atMost(value{1.5e-3, seconds})},
		{callers: 64, calls: 6400, rate: atLeast(value{2000, perSecond})},
	} {
		list = append(list, benchCase{fmt.Sprintf("submit/%d", l.callers), l.measure})
	}
	return list
}

// load is how hard the service is pressed.
type load struct {
	callers   int
	calls     int // of all callers, in a round
	p50, rate goal
}

// paces are what the calls of one round took.
type paces struct{ p50, p99, rate float64 }

// press makes calls from several callers at once.
func press(ctx context.Context, callers, calls int, call func(ctx context.Context, i int) error) (paces, error) {
	took := make([]float64, calls)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for range callers {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= calls {
					return nil
				}
				start := time.Now()
				if err := call(ctx, i); err != nil {
					return err
				}
				took[i] = time.Since(start).Seconds()
			}
		})
	}
	err := group.Wait()
	total := time.Since(begin).Seconds()
	return paces{quantile(took, 0.5), quantile(took, 0.99), float64(calls) / total}, err
}

// middle takes the median of each pace over the rounds.
func middle(list []paces) paces {
	of := func(get func(paces) float64) float64 {
		var all []float64
		for _, p := range list {
			all = append(all, get(p))
		}
		return median(all)
	}
	return paces{
		of(func(p paces) float64 { return p.p50 }),
		of(func(p paces) float64 { return p.p99 }),
		of(func(p paces) float64 { return p.rate }),
	}
}

// measure submits small calls, and between the rounds has the disk flush 4 KB
// and SQLite insert a row, both as barely as can be.
func (l load) measure(ctx context.Context, b *bench) (_ []row, err error) {
	c, err := definitions("")
	if err != nil {
		return nil, err
	}
	h, err := open(filepath.Join(b.dir, "data"), c, withNothing)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	disk, err := newFlusher(filepath.Join(b.dir, "flushed"))
	if err != nil {
		return nil, err
	}
	defer disk.close()
	bare, err := newInserter(filepath.Join(b.dir, "bare.db"))
	if err != nil {
		return nil, err
	}
	defer bare.close()

	calls, floorCalls := b.full(l.calls, l.callers*8), b.full(400, 40)
	var ours, flushes, inserts []paces
	for round := -1; round < rounds; round++ {
		var p [3]paces
		if p[0], err = press(ctx, l.callers, calls, func(ctx context.Context, i int) error {
			_, err := h.service.Submit(ctx, runs.SubmitRequest{
				Tenant: tenant, RequestID: fmt.Sprintf("%d-%d", round, i), Tool: "call",
				Params: map[string]any{"num_sequences": 16, "temperature": 0.2, "seed": i},
			})
			return err
		}); err != nil {
			return nil, err
		}
		if p[1], err = press(ctx, 1, floorCalls, disk.flush); err != nil {
			return nil, err
		}
		if p[2], err = press(ctx, 1, floorCalls, bare.insert); err != nil {
			return nil, err
		}
		if round >= 0 { // the first is to warm up
			ours, flushes, inserts = append(ours, p[0]), append(flushes, p[1]), append(inserts, p[2])
		}
	}
	us, flush, insert := middle(ours), middle(flushes), middle(inserts)
	b.say("p50 %s, p99 %s, %s", value{us.p50, seconds}, value{us.p99, seconds}, value{us.rate, perSecond})
	who := fmt.Sprintf("submit, %d callers", l.callers)
	if l.callers == 1 {
		who = "submit, 1 caller"
	}
	return []row{
		{what: who + ": p50", ours: value{us.p50, seconds}, peer: "fdatasync of 4 KB", theirs: value{flush.p50, seconds}, goal: l.p50},
		{what: who + ": p99", ours: value{us.p99, seconds}, peer: "fdatasync of 4 KB", theirs: value{flush.p99, seconds}},
		{what: who + ": in all", ours: value{us.rate, perSecond}, peer: "bare SQLite inserts, one after the other", theirs: value{insert.rate, perSecond}, goal: l.rate},
	}, nil
}

// flusher is the least that durable writing takes: 4 KB over what is there
// already, so that no file grows, and a flush.
type flusher struct {
	file  *os.File
	block []byte
}

const (
	flushedBlock  = 4 << 10
	flushedBlocks = 256
)

func newFlusher(path string) (*flusher, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(slices.Repeat([]byte{1}, flushedBlock*flushedBlocks)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &flusher{f, slices.Repeat([]byte{2}, flushedBlock)}, nil
}

func (f *flusher) flush(_ context.Context, i int) error {
	if _, err := f.file.WriteAt(f.block, int64(i%flushedBlocks)*flushedBlock); err != nil {
		return err
	}
	return flushData(f.file)
}

func (f *flusher) close() { _ = f.file.Close() }

// inserter puts rows of about a submit's size into SQLite, each in a durable
// transaction of its own.
type inserter struct {
	db   *sql.DB
	stmt *sql.Stmt
	text string
}

func newInserter(path string) (_ *inserter, err error) {
	// The driver is there because internal/sqlite is.
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	stmt, err := db.Prepare("INSERT INTO t (name, body) VALUES (hex(randomblob(16)), ?)")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &inserter{db, stmt, strings.Repeat("x", 1000)}, nil
}

func (i *inserter) insert(ctx context.Context, _ int) error {
	_, err := i.stmt.ExecContext(ctx, i.text)
	return err
}

func (i *inserter) close() { _ = errors.Join(i.stmt.Close(), i.db.Close()) }
