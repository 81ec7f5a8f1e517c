package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
)

// firstSchema makes a file as the first release left it, with the rows of a
// new one.
func firstSchema(t *testing.T, path, rowsOf string) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("migrations", "0001_runs.sql"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string) {
		t.Helper()
		if _, err := db.Exec(query); err != nil {
			t.Fatalf("%v\n%s", err, query)
		}
	}
	exec(string(script) + "; PRAGMA user_version = 1; PRAGMA application_id = 0x6c696761;")
	exec("ATTACH '" + rowsOf + "' AS new")
	for _, table := range []string{"compiled", "runs", "labels", "tasks", "outputs", "events"} {
		rows, err := db.Query("SELECT name FROM pragma_table_info('" + table + "')") // of the old one
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			columns = append(columns, name)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		list := strings.Join(columns, ", ")
		exec(fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %s FROM new.%s", table, list, list, table))
	}
}

// TestFirstSchema opens a file of the first release: everything is there, and
// what has come since works.
func TestFirstSchema(t *testing.T) {
	c := runstest.Catalog(t)
	dir := t.TempDir()
	now, old := filepath.Join(dir, "new.db"), filepath.Join(dir, "old.db")
	s, err := sqlite.Open(now, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := create(t, s, c, "one")
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Get(t.Context(), "t", id)
	if err != nil {
		t.Fatal(err)
	}
	wantPlan, err := s.Plan(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	firstSchema(t, old, now)

	s = open(t, old)
	got, err := s.Get(t.Context(), "t", id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
		t.Errorf("the run: -want +got\n%s", diff)
	}
	if plan, err := s.Plan(t.Context(), id); err != nil || plan.Digest() != wantPlan.Digest() {
		t.Errorf("the plan: %v", err)
	}
	if got, err = s.RequestSuspend(t.Context(), "t", id, true); err != nil || !got.Suspended {
		t.Errorf("suspending: %+v, %v", got, err)
	}
	again := open(t, old) // once more, by another process
	if got, err = again.Get(t.Context(), "t", id); err != nil || !got.Suspended || got.State != runs.Pending {
		t.Errorf("seen by another: %+v, %v", got, err)
	}
}
