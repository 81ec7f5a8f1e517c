package runstest_test

import (
	"path/filepath"
	"testing"

	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// TestLocal holds the engine of processes to the suite, with the store that it
// is used with.
func TestLocal(t *testing.T) {
	runstest.TestEngine(t, runstest.Harness{
		OpenStore: func(t *testing.T, types *steps.Types) runs.Store {
			s, err := sqlite.Open(filepath.Join(t.TempDir(), "ligase.db"), sqlite.Options{Types: types})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
		NewEngine: func(t *testing.T, env runstest.Env) runs.Engine {
			w, err := worker.New(worker.Options{
				Store: env.Blobs, Types: env.Types, WorkDir: filepath.Join(env.Dir, "work"), Self: "/bin/false",
			})
			if err != nil {
				t.Fatal(err)
			}
			e, err := local.New(local.Options{Worker: w, Blobs: env.Blobs, DataDir: env.Dir, WorkDir: filepath.Join(env.Dir, "work")})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	})
}
