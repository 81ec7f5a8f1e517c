package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/uris"
)

// settled is longer than a file must have been left alone for the store to
// trust that its times tell whether it has changed.
const settled = 2500 * time.Millisecond

// flat is how many bytes of memory count as none: a few blocks, and what the
// runtime and the kernel keep for themselves.
const flat = 16e6

// growth is how far this process's resident memory has risen, time after time.
type growth struct {
	before int64
	grown  []float64 // bytes
}

func (g *growth) begin() (err error) {
	if !memoryIsRead {
		return nil
	}
	if err := forgetPeak(); err != nil {
		return err
	}
	g.before, err = resident()
	return err
}

func (g *growth) end() error {
	if !memoryIsRead {
		return nil
	}
	peak, err := residentPeak()
	g.grown = append(g.grown, float64(peak-g.before))
	return err
}

// measureStage copies one large file out of a store, and with cp, from the disk
// and from the page cache. What the one before wrote is on the disk before the
// next one begins, so that nobody pays for somebody else.
func measureStage(ctx context.Context, b *bench) ([]row, error) {
	size := int64(b.full(1_000_000_000, 50_000_000))
	root, err := uris.FromPath(b.dir)
	if err != nil {
		return nil, err
	}
	source, object := filepath.Join(b.dir, "source.bin"), root.Join("source.bin")
	if err := writeRandom(ctx, source, size); err != nil {
		return nil, err
	}
	time.Sleep(settled)

	newStore := func() (*uris.Store, error) {
		return uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root}}})
	}
	known, err := newStore()
	if err != nil {
		return nil, err
	}
	defer known.Close()
	copied := filepath.Join(b.dir, "copy.bin")
	stage := func(ctx context.Context, s *uris.Store) error {
		_, err := s.Stage(ctx, object, copied, nil)
		return err
	}
	cold := func(prepare func() error) func() error {
		return func() error { return errors.Join(prepare(), forgetCached(source)) }
	}
	ready := func() error {
		err := os.Remove(copied)
		syscall.Sync()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	var memory growth
	var fresh *uris.Store
	first := way{name: "stage", prepare: func() (err error) {
		if err := ready(); err != nil {
			return err
		}
		debug.FreeOSMemory()
		fresh, err = newStore()
		return errors.Join(err, memory.begin())
	}, run: func(ctx context.Context) error {
		defer fresh.Close()
		return errors.Join(stage(ctx, fresh), memory.end())
	}}
	cp := way{name: "cp", prepare: ready, run: func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, "cp", source, copied)
		cmd.SysProcAttr = dyingWithUs()
		return cmd.Run()
	}}
	took, err := b.contest(ctx, rounds,
		way{name: "stage from the disk", prepare: cold(first.prepare), run: first.run},
		way{name: "cp from the disk", prepare: cold(cp.prepare), run: cp.run},
		first, cp,
		way{name: "stage again", prepare: ready, run: func(ctx context.Context) error { return stage(ctx, known) }},
		way{name: "SHA-256", run: func(context.Context) error { return hash(source) }},
	)
	if err != nil {
		return nil, err
	}
	rate := func(took float64) value { return value{float64(size) / took, bytesPerSecond} }
	what := "stage a file of " + value{float64(size), byteCount}.String()
	grown := row{what: what + ": resident memory, growth", peer: "not measured: it is read on Linux only"}
	if len(memory.grown) > 0 {
		grown = row{what: grown.what, ours: value{median(memory.grown), byteCount}, peer: "—", goal: atMost(value{flat, byteCount})}
	}
	return []row{
		{what: what + " from the disk", ours: rate(took[0]), peer: "cp", theirs: rate(took[1]), goal: ratioAtLeast(0.9)},
		{what: what + " from the page cache", ours: rate(took[2]), peer: "cp", theirs: rate(took[3]), goal: ratioAtLeast(0.9)},
		{what: what + " from the page cache", ours: rate(took[2]), peer: "SHA-256 on one core", theirs: rate(took[5])},
		{what: what + " from the page cache, seen before", ours: rate(took[4]), peer: "cp", theirs: rate(took[3]), goal: ratioAtLeast(0.9)},
		grown,
	}, nil
}

// writeRandom makes a file that nothing can shorten.
func writeRandom(ctx context.Context, path string, size int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	random := rand.NewChaCha8([32]byte{})
	block := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(block)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if left < int64(len(block)) {
			block = block[:left]
		}
		_, _ = random.Read(block) // it never fails
		if _, err := f.Write(block); err != nil {
			return fmt.Errorf("there must be room for two files of this size: %w", err)
		}
	}
	return f.Sync()
}

// hash reads a file through SHA-256: the floor of whoever must know the digest
// and has one core for it.
func hash(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{sha256.New()}, f, make([]byte, 256<<10))
	return err
}
