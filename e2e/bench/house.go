package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

const tenant = "default"

//go:embed definitions
var embedded embed.FS

// ownDefinitions are the steps of this program.
func ownDefinitions() (catalog.Source, error) {
	own, err := fs.Sub(embedded, "definitions")
	return catalog.Source{Name: "bench", FS: own}, err
}

// definitions reads the steps of this program, and what more lies in a folder
// if one is given.
func definitions(more string) (*catalog.Catalog, error) {
	own, err := ownDefinitions()
	if err != nil {
		return nil, err
	}
	sources := []catalog.Source{own}
	if more != "" {
		dir, err := catalog.Dir(more)
		if err != nil {
			return nil, err
		}
		sources = append(sources, dir)
	}
	c, problems := catalog.Load(sources...)
	return c, problems.Err()
}

// house is a data folder with everything on it, wired as the command line does
// it, flushes included.
type house struct {
	dir     string
	blobs   *uris.Store
	loose   *uris.Store // as blobs, without flushes: for what is made durable together, by others
	store   *sqlite.Store
	service *runs.Service
	ends    ends
	stop    func() error // ends the engine, if one was started
}

// ends is the run store, and tells of each run whose end it has recorded.
type ends struct {
	runs.Store
	told chan runs.Observation
}

func (e ends) Apply(ctx context.Context, batch []runs.Observation) error {
	if err := e.Store.Apply(ctx, batch); err != nil {
		return err
	}
	for _, o := range batch {
		if o.State.Terminal() {
			e.told <- o
		}
	}
	return nil
}

// open opens a data folder with an engine.
func open(dir string, c *catalog.Catalog, newEngine func(h *house) (runs.Engine, error)) (_ *house, err error) {
	h := &house{dir: dir, stop: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := os.MkdirAll(filepath.Join(dir, "store"), 0o700); err != nil {
		return nil, err
	}
	root, err := uris.FromPath(filepath.Join(dir, "store"))
	if err != nil {
		return nil, err
	}
	o := uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Openers: drivers.All(), Sync: true}
	if h.blobs, err = uris.NewStore(o); err != nil {
		return nil, err
	}
	o.Sync = false
	if h.loose, err = uris.NewStore(o); err != nil {
		return nil, err
	}
	if h.store, err = sqlite.Open(filepath.Join(dir, "ligase.db"), sqlite.Options{}); err != nil {
		return nil, err
	}
	engine, err := newEngine(h)
	if err != nil {
		return nil, err
	}
	h.ends = ends{h.store, make(chan runs.Observation, 1)}
	h.service, err = runs.NewService(runs.Options{
		Store: h.ends, Engine: engine, Blobs: h.blobs, Claims: h.loose, Root: root, Catalog: c,
	})
	return h, err
}

func (h *house) close() error {
	err := h.stop()
	if h.store != nil {
		err = errors.Join(err, h.store.Close())
	}
	for _, s := range []*uris.Store{h.blobs, h.loose} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// withProcesses makes the real engine, with that many tasks at a time.
func withProcesses(c *catalog.Catalog, jobs int) func(h *house) (runs.Engine, error) {
	return func(h *house) (runs.Engine, error) {
		w, err := worker.New(worker.Options{Store: h.loose, WorkDir: filepath.Join(h.dir, "work"), Version: "bench"})
		if err != nil {
			return nil, err
		}
		return local.New(local.Options{
			Worker: w, Blobs: h.blobs, DataDir: h.dir, Sync: true, Jobs: jobs, Slots: local.Slots{CPU: float64(jobs)},
		})
	}
}

// serve drives the engine until close, as `ligase engine` does.
func (h *house) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- local.Serve(ctx, local.ServeOptions{DataDir: h.dir, Active: h.service.Busy}, h.service.Reconcile)
	}()
	h.stop = func() error {
		cancel()
		return <-ended
	}
}

// withNothing makes an engine that takes runs and leaves them: for what is
// measured before or after a run.
func withNothing(*house) (runs.Engine, error) { return idle{}, nil }

type idle struct{}

func (idle) Name() string                           { return "idle" }
func (idle) Submit(context.Context, runs.Job) error { return nil }
func (idle) Cancel(context.Context, runs.ID) error  { return nil }

func (idle) Run(ctx context.Context, _ runs.Sink) error {
	<-ctx.Done()
	return nil
}

func (idle) Logs(context.Context, runs.LogQuery) (io.ReadCloser, error) {
	return nil, fmt.Errorf("nothing runs here, so nothing has a log: %w", problem.ErrNotFound)
}
