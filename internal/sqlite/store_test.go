package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	runstest.TestStore(t, func(t *testing.T) runs.Store {
		// A folder whose name means something in a URI.
		return open(t, filepath.Join(t.TempDir(), "50% of a?b#c.db"))
	})
}
