package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

func newRun(t testing.TB, c *catalog.Catalog, request string) (runs.Run, *pipelines.Plan) {
	plan := runstest.Plan(t, c, "say", pipelines.Arguments{})
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	return runs.Run{
		ID: runs.IDOf("t", request), Tenant: "t", RequestID: request, Digest: plan.Digest(), Tool: plan.Compiled.Tool,
		Workflow: "say-shell", Engine: "local", State: runs.Pending, Generation: 1, CreatedAt: now, UpdatedAt: now,
	}, plan
}

func create(t testing.TB, s *sqlite.Store, c *catalog.Catalog, request string) (runs.ID, error) {
	run, plan := newRun(t, c, request)
	_, _, err := s.Create(context.Background(), run, plan)
	return run.ID, err
}

// childPath makes the test binary the process that is killed.
const childPath = "LIGASE_TEST_KILLED_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	t := &testing.T{}
	c := runstest.Catalog(t)
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for caller := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id, err := create(t, s, c, fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, i))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(id) // unbuffered: acknowledged
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKilledWriter kills a process in the midst of submits, with a second one
// looking on: whatever it had acknowledged is there.
func TestKilledWriter(t *testing.T) {
	c := runstest.Catalog(t)
	path := filepath.Join(t.TempDir(), "ligase.db")
	onlooker := open(t, path)
	before, err := onlooker.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var acked []runs.ID
	for _, after := range []int{1, 40, 250} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			acked = append(acked, runs.ID(lines.Text()))
		}
		_ = cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatal(stderr.String())
		}
	}
	if len(acked) < 291 {
		t.Fatalf("only %d were acknowledged", len(acked))
	}
	again := open(t, path)
	for _, s := range []*sqlite.Store{onlooker, again} {
		for _, id := range acked {
			if _, err := s.Get(t.Context(), "t", id); err != nil {
				t.Fatalf("acknowledged, and lost: %v", err)
			}
		}
	}
	if v, err := onlooker.Version(t.Context()); err != nil || v == before {
		t.Errorf("the other process's writes do not show: version %d, %v", v, err)
	}
	if _, err := create(t, again, c, "after"); err != nil {
		t.Error(err)
	}
}

func TestOpenedByManyAtOnce(t *testing.T) {
	c := runstest.Catalog(t)
	path := filepath.Join(t.TempDir(), "ligase.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s, err := sqlite.Open(path, sqlite.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := create(t, s, c, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	page, err := open(t, path).List(t.Context(), runs.RunFilter{Tenant: "t"})
	if err != nil || len(page.Runs) != 8 {
		t.Errorf("%d runs, %v", len(page.Runs), err)
	}
}

func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	tests := []struct {
		name  string
		make  func(t *testing.T, path string)
		words []string
	}{
		{"a newer schema", func(t *testing.T, path string) {
			s, err := sqlite.Open(path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			raw(t, path, "PRAGMA user_version = 99")
		}, []string{"schema 99", "up to 5", "newer ligase", "Install"}},
		{"a version that cannot be", func(t *testing.T, path string) {
			s, err := sqlite.Open(path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			raw(t, path, "PRAGMA user_version = -3")
		}, []string{"version -3", "another data folder"}},
		{"another program's", func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE songs (name TEXT)")
		}, []string{"another program's", "another data folder"}},
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("no database. ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"not a database", "ligase reindex"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ligase.db")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = sqlite.Open(path, sqlite.Options{})
			if !errors.Is(err, problem.ErrRefused) {
				t.Fatalf("error %v, want %v", err, problem.ErrRefused)
			}
			for _, w := range append(tt.words, path) {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was changed, %v", err)
			}
		})
	}
}

// unavailable checks that writing is refused for a while, with a reason, and
// that reading goes on.
func unavailable(t *testing.T, s *sqlite.Store, c *catalog.Catalog, known runs.ID, reason string) {
	t.Helper()
	_, err := create(t, s, c, "refused")
	if !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), reason) {
		t.Errorf("error %v, want %v that says %q", err, problem.ErrUnavailable, reason)
	}
	if _, err := s.Get(t.Context(), "t", known); err != nil {
		t.Errorf("reading: %v", err)
	}
	if _, err := s.ByRequest(t.Context(), "t", "refused"); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	c := runstest.Catalog(t)
	s := open(t, filepath.Join(t.TempDir(), "ligase.db"))
	known, err := create(t, s, c, "known")
	if err != nil {
		t.Fatal(err)
	}
	// SQLite's own limit fails as a full disk does.
	if err := s.Exec(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil; i++ {
		if i > 10_000 {
			t.Fatal("it does not fill")
		}
		_, err = create(t, s, c, fmt.Sprint("filling", i))
	}
	unavailable(t, s, c, known, "is full")
	if err := s.Exec(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t, s, c, "refused"); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

func TestBusy(t *testing.T) {
	c := runstest.Catalog(t)
	path := filepath.Join(t.TempDir(), "ligase.db")
	s, err := sqlite.Open(path, sqlite.Options{Busy: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	known, err := create(t, s, c, "known")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	unavailable(t, s, c, known, "another process")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t, s, c, "refused"); err != nil {
		t.Errorf("once the other has let go: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	c := runstest.Catalog(t)
	dir := t.TempDir()
	freeze := func() error { return os.Chmod(dir, 0o500) }
	if os.Geteuid() == 0 { // whom permissions do not stop
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
			t.Skipf("NOT TESTED: the superuser can only be kept from writing by a mount, and this machine allows none: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		freeze = func() error { return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "") }
	} else {
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	path := filepath.Join(dir, "ligase.db")
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	known, err := create(t, s, c, "known")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := freeze(); err != nil {
		t.Fatal(err)
	}
	unavailable(t, open(t, path), c, known, "reading only")
}

func TestManyTasks(t *testing.T) {
	c := runstest.Catalog(t)
	s := open(t, filepath.Join(t.TempDir(), "ligase.db"))
	id, err := create(t, s, c, "wide")
	if err != nil {
		t.Fatal(err)
	}
	const tasks = 10_000
	batch := make([]runs.Observation, tasks)
	for i := range batch {
		batch[i] = runs.Observation{RunID: id, Generation: 1, Task: &runs.TaskStatus{
			Node: "wide", Index: uris.Index("").Child(i), Attempt: 1, State: runs.Running}}
	}
	if err := s.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	page, err := s.Tasks(t.Context(), id, runs.TaskFilter{Limit: tasks})
	if err != nil || len(page.Tasks) != tasks || page.Tasks[tasks-1].Index != "9999" {
		t.Errorf("%d tasks, %v", len(page.Tasks), err)
	}
	nodes, err := s.Nodes(t.Context(), id)
	if err != nil || len(nodes) != 1 || nodes[0].Running != tasks {
		t.Errorf("%+v, %v", nodes, err)
	}
}

func TestIndexesSortAsText(t *testing.T) {
	ordered := []uris.Index{"", "0", "0.0", "0.9", "0.10", "1", "2", "2.0.0", "9", "10", "10.3", "99", "100", "2147483647"}
	for i, ix := range ordered {
		if got := sqlite.IndexOf(sqlite.Sortable(ix)); got != ix {
			t.Errorf("%q came back as %q", ix, got)
		}
		if i > 0 && sqlite.Sortable(ordered[i-1]) >= sqlite.Sortable(ix) {
			t.Errorf("%q does not sort before %q", ordered[i-1], ix)
		}
	}
}

func TestClosed(t *testing.T) {
	c := runstest.Catalog(t)
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "ligase.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t, s, c, "late"); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, problem.ErrUnavailable)
	}
}
