package sqlite_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
)

// idle is an engine that takes jobs and does nothing with them.
type idle struct{}

func (idle) Name() string                           { return "idle" }
func (idle) Submit(context.Context, runs.Job) error { return nil }
func (idle) Cancel(context.Context, runs.ID) error  { return nil }
func (idle) Run(ctx context.Context, _ runs.Sink) error {
	<-ctx.Done()
	return nil
}
func (idle) Logs(context.Context, runs.LogQuery) (io.ReadCloser, error) {
	return nil, problem.ErrNotFound
}

// BenchmarkSubmit measures a durable submit through the service, as one
// machine does it: a claim in a file, and a row that is flushed to the disk.
func BenchmarkSubmit(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkSubmit(b, callers, false) })
	}
}

// BenchmarkSubmitFlushedClaim flushes the claim by itself too.
func BenchmarkSubmitFlushedClaim(b *testing.B) { benchmarkSubmit(b, 16, true) }

func benchmarkSubmit(b *testing.B, callers int, flush bool) {
	c := runstest.Catalog(b)
	dir := b.TempDir()
	root, err := uris.FromPath(filepath.Join(dir, "store"))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(root.Path(), 0o700); err != nil {
		b.Fatal(err)
	}
	blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Sync: flush})
	if err != nil {
		b.Fatal(err)
	}
	defer blobs.Close()
	store := open(b, filepath.Join(dir, "ligase.db"))
	service, err := runs.NewService(runs.Options{Store: store, Engine: idle{}, Blobs: blobs, Root: root, Catalog: c})
	if err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				start := time.Now()
				if _, err := service.Submit(context.Background(), runs.SubmitRequest{Tenant: "t", RequestID: fmt.Sprint(i), Tool: "say"}); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	total := time.Since(begin)
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(b.N)/total.Seconds(), "submits/s")
}

const many = 100_000

// filled makes a store with 100,000 runs, most of which have ended.
func filled(b *testing.B) (*sqlite.Store, []runs.ID) {
	c := runstest.Catalog(b)
	s := open(b, filepath.Join(b.TempDir(), "ligase.db"))
	template, plan := newRun(b, c, "x")
	ids := make([]runs.ID, many)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < many; i += 64 {
				run := template
				run.RequestID = fmt.Sprint("request-", i)
				run.ID = runs.IDOf("t", run.RequestID)
				run.CreatedAt = run.CreatedAt.Add(time.Duration(i) * time.Second)
				if i%10 == 0 {
					run.State = runs.Failed
				}
				if _, _, err := s.Create(context.Background(), run, plan); err != nil {
					b.Error(err)
				}
				ids[i] = run.ID
			}
		})
	}
	wg.Wait()
	debug.FreeOSMemory()
	return s, ids
}

func BenchmarkWith100kRuns(b *testing.B) {
	s, ids := filled(b)
	ctx := context.Background()
	b.Run("status", func(b *testing.B) {
		for i := range b.N {
			if _, err := s.Get(ctx, "t", ids[(i*7919)%many]); err != nil {
				b.Fatal(err)
			}
		}
	})
	lists := map[string]runs.RunFilter{
		"first page":     {},
		"failed":         {States: []runs.State{runs.Failed}},
		"none cancelled": {States: []runs.State{runs.Cancelled}},
		"tool":           {Tool: "say"},
		"oldest hour":    {Until: time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)},
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range lists {
			if !yield(k) {
				return
			}
		}
	}) {
		f := lists[name]
		f.Tenant = "t"
		b.Run("list/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(ctx, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Version(ctx); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(resident(b))/(1<<20), "RSS-MiB")
	})
}

// resident is the process's resident memory in bytes.
func resident(b *testing.B) int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skipf("NOT MEASURED: %v", err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
