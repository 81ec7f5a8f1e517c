package uris_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/uris"
)

// record is as large as a commit record commonly is.
const record = 1500

func fileStore(b testing.TB, sync bool) (*uris.Store, uris.URI) {
	root, err := uris.FromPath(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return storeAt(b, root, sync), root
}

func storeAt(b testing.TB, root uris.URI, sync bool) *uris.Store {
	s, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Sync: sync})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkStage1GB stages one gigabyte from a file and has cp copy the same
// file, turn about. x-cp is cp's median over ours: 1 is as fast, although we
// give a digest too. "first" is by a store that has not seen the file, so the
// floor is the speed of SHA-256; "again" is by one that has.
func BenchmarkStage1GB(b *testing.B) {
	b.Run("first", func(b *testing.B) { benchmarkStage(b, 1_000_000_000, false) })
	b.Run("again", func(b *testing.B) { benchmarkStage(b, 1_000_000_000, true) })
}

func BenchmarkStage100KB(b *testing.B) { benchmarkStage(b, 100_000, false) }

func benchmarkStage(b *testing.B, size int, seen bool) {
	_, root := fileStore(b, false)
	src := filepath.Join(root.Path(), "source")
	f, err := os.Create(src)
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	for written := 0; written < size; written += len(block) {
		random.Read(block)
		if _, err := f.Write(block[:min(len(block), size-written)]); err != nil {
			b.Fatal(err)
		}
	}
	f.Close()
	dst := filepath.Join(b.TempDir(), "copy")
	timed := func(f func() error) time.Duration {
		os.Remove(dst)
		if size > 1<<20 {
			syscall.Sync() // so that none pays for writing back what another left
		}
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	staging := func(s *uris.Store) func() error {
		return func() error {
			_, err := s.Stage(context.Background(), root.Join("source"), dst, nil)
			return err
		}
	}
	s := storeAt(b, root, false)
	if seen {
		time.Sleep(2100 * time.Millisecond) // a file just written is not trusted to stay
		timed(staging(s))
	}
	var ours, cp []time.Duration
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if !seen {
			s = storeAt(b, root, false)
		}
		ours = append(ours, timed(staging(s)))
		b.StopTimer()
		cp = append(cp, timed(func() error { return exec.Command("cp", src, dst).Run() }))
		b.StartTimer()
	}
	b.ReportMetric(float64(median(cp))/float64(median(ours)), "x-cp")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func BenchmarkPut(b *testing.B) {
	s, root := fileStore(b, false)
	local := filepath.Join(b.TempDir(), "local")
	if err := os.WriteFile(local, make([]byte, record), 0o666); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		u := uris.Layout{Root: root}.Run("run-0").Object("fold", uris.Index(fmt.Sprint(i)), 1, "structure", -1, "pdb")
		if _, err := s.PutFile(context.Background(), u, local); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkCreate(b *testing.B, sync bool) {
	s, root := fileStore(b, sync)
	content := make([]byte, record)
	for i := 0; b.Loop(); i++ {
		u := uris.Layout{Root: root}.Run("run-0").Result("fold", uris.Index(fmt.Sprint(i)))
		if err := s.PutIfAbsent(context.Background(), u, content); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutIfAbsent creates a commit record, each in a new folder of its
// own as tasks do.
func BenchmarkPutIfAbsent(b *testing.B) { benchmarkCreate(b, false) }

// BenchmarkPutIfAbsentSync does so durably.
func BenchmarkPutIfAbsentSync(b *testing.B) { benchmarkCreate(b, true) }

func BenchmarkParse(b *testing.B) {
	const text = "s3://lab-data/campaign/runs/run-7k2m9c4xq0wd/outputs/refine.fold/3.5/structure.pdb"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := uris.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
