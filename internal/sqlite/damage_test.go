package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
)

// TestDamageIsFoundAndSetAside damages a file in several ways. What is set
// aside is all there, and a new one can be made in its place.
func TestDamageIsFoundAndSetAside(t *testing.T) {
	c := runstest.Catalog(t)
	whole := filepath.Join(t.TempDir(), "ligase.db")
	s, err := sqlite.Open(whole, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"a", "b", "c"} {
		if _, err := create(t, s, c, request); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for name, tt := range map[string]struct {
		change  func(data []byte) []byte
		damaged bool
	}{
		"nothing":         {func(b []byte) []byte { return b }, false},
		"its first bytes": {func(b []byte) []byte { copy(b, "no database"); return b }, true},
		"pages":           {func(b []byte) []byte { clear(b[2*page : 12*page]); return b }, true},
		"its end":         {func(b []byte) []byte { return b[:len(b)/2] }, true},
		"all":             {func(b []byte) []byte { return []byte(strings.Repeat("x", len(b))) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ligase.db")
			broken := tt.change([]byte(string(content)))
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			err := sqlite.Check(t.Context(), path)
			if errors.Is(err, sqlite.ErrDamaged) != tt.damaged || (err != nil) != tt.damaged {
				t.Fatalf("error %v, damaged %v", err, tt.damaged)
			}
			if !tt.damaged {
				return
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "ligase reindex") {
				t.Errorf("the error does not say where and what to do: %v", err)
			}
			now := time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
			names := map[string]bool{}
			for range 2 {
				aside, err := sqlite.SetAside(path, now)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(aside); err != nil || string(got) != string(broken) {
					t.Errorf("what was set aside is not what was there: %v", err)
				}
				names[aside] = true
				if err := os.WriteFile(path, broken, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if len(names) != 2 {
				t.Errorf("one has taken the other's place: %v", names)
			}
			if _, err := sqlite.SetAside(path, now); err != nil {
				t.Fatal(err)
			}
			if _, err := create(t, open(t, path), c, "new"); err != nil {
				t.Error(err)
			}
		})
	}
	if err := sqlite.Check(t.Context(), filepath.Join(t.TempDir(), "none.db")); err != nil {
		t.Errorf("where there is none: %v", err)
	}
}
