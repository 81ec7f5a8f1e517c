package local_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/steps/worker"
)

func TestConformance(t *testing.T) {
	runstest.TestEngine(t, runstest.Harness{
		NewEngine: func(t *testing.T, env runstest.Env) runs.Engine {
			w, err := worker.New(worker.Options{
				Store: env.Blobs, WorkDir: filepath.Join(env.Dir, "work"), Version: "test", Grace: time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			lock, err := local.Lock(env.Dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Release() })
			e, err := local.New(local.Options{
				Worker: w, Blobs: env.Blobs, DataDir: env.Dir,
				Slots: local.Slots{CPU: 4}, Backoff: follow.Backoff{Base: 10 * time.Millisecond},
			})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		OpenStore: func(t *testing.T) runs.Store {
			s, err := sqlite.Open(filepath.Join(t.TempDir(), "ligase.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
	})
}
