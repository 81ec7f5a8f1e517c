package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// TestMain lets the test binary stand in for `ligase engine`, so that tests
// can start, count and kill engines that are processes.
func TestMain(m *testing.M) {
	if len(os.Args) < 3 {
		os.Exit(m.Run())
	}
	var err error
	switch os.Args[1] {
	case "idle-engine":
		err = idleEngine(os.Args[2])
	case "load-engine":
		err = loadEngine(os.Args[2])
	case "broken-engine":
		err = errors.New("the engine's wheels came off")
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// idleEngine holds the lock until the file "busy" goes, and writes a line each
// time it has taken the lock.
func idleEngine(dir string) error {
	return Serve(context.Background(), ServeOptions{
		DataDir: dir, Idle: 40 * time.Millisecond,
		Active: func(context.Context) (bool, error) {
			_, err := os.Stat(filepath.Join(dir, "busy"))
			return err == nil, nil
		},
	}, func(ctx context.Context) error {
		f, err := os.OpenFile(filepath.Join(dir, "drives"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

func TestOneEngineProcessForManyCommands(t *testing.T) {
	l := newLab(t, nil)
	if err := os.WriteFile(l.file("busy"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	remote := func(mode string) *Remote {
		r, err := NewRemote(RemoteOptions{DataDir: l.dir, Blobs: l.blobs, Self: self, Args: []string{mode, l.dir}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	err = remote("broken-engine").Ensure(t.Context())
	if !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "wheels came off") {
		t.Errorf("an engine that does not start: %v", err)
	}

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := remote("idle-engine").Submit(t.Context(), runs.Job{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	held, pid, err := Held(l.dir)
	if !held || err != nil {
		t.Fatalf("after Submit nobody holds the data folder: %v", err)
	}
	// It holds the folder before it drives.
	for end := time.Now().Add(10 * time.Second); len(l.lines("drives")) == 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if got := l.lines("drives"); len(got) != 1 || got[0] != strconv.Itoa(pid) {
		t.Errorf("engines %v drove, want only %d", got, pid)
	}
	sid, err := syscall.Getpgid(pid)
	if err != nil || sid != pid {
		t.Errorf("the engine's group is %d, %v: a Ctrl-C here would reach it", sid, err)
	}
	// With a broken program a running engine is all the same found.
	if err := remote("broken-engine").Cancel(t.Context(), "run-000000000001"); err != nil {
		t.Error(err)
	}

	// Whoever waits has a killed engine replaced.
	waiting, stop := context.WithCancel(t.Context())
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if err := remote("idle-engine").Run(waiting, nil); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	for now := pid; now == pid || now == 0; time.Sleep(5 * time.Millisecond) {
		if _, now, err = Held(l.dir); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	waiter.Wait()

	// It ends by itself when nothing is left, and can be started again.
	if err := os.Remove(l.file("busy")); err != nil {
		t.Fatal(err)
	}
	for held := true; held; time.Sleep(5 * time.Millisecond) {
		if held, _, err = Held(l.dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := remote("idle-engine").Ensure(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is written while an engine is about to end for idleness is not lost.
func TestServeLooksOnceMoreAfterItsRelease(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	drives, active := 0, false
	err := Serve(t.Context(), ServeOptions{
		DataDir: dir, Idle: 10 * time.Millisecond,
		Active: func(context.Context) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if held, _, err := Held(dir); !held && err == nil && drives == 1 {
				active = true // somebody wrote a run, having seen the lock held
			}
			return active, nil
		},
	}, func(ctx context.Context) error {
		mu.Lock()
		if drives++; drives == 2 {
			active = false // and now it is done
		}
		mu.Unlock()
		if held, _, err := Held(dir); !held || err != nil {
			t.Errorf("driving without the lock, %v", err)
		}
		<-ctx.Done()
		return nil
	})
	if err != nil || drives != 2 {
		t.Errorf("drove %d times, %v; want 2", drives, err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := Serve(ctx, ServeOptions{DataDir: dir}, func(ctx context.Context) error {
		if err := Serve(ctx, ServeOptions{DataDir: dir}, nil); !errors.Is(err, problem.ErrLocked) {
			t.Errorf("a second engine: %v", err)
		}
		cancel()
		<-ctx.Done()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

const loadRuns = 15

// loadEngine is an engine under load whose store is a file of observations: a
// run is done with when the file says so.
func loadEngine(dir string) error {
	d, err := loadDefinitions(filepath.Join("testdata", "definitions.yaml"))
	if err != nil {
		return err
	}
	blobs, root, err := openStore(dir)
	if err != nil {
		return err
	}
	defer blobs.Close()
	w, err := newWorker(dir, blobs)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	ended := map[runs.ID]bool{}
	file, err := os.OpenFile(filepath.Join(dir, "observations"), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	active := func(context.Context) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return len(ended) < loadRuns, nil
	}
	return Serve(context.Background(), ServeOptions{DataDir: dir, Idle: 20 * time.Millisecond, Active: active}, func(ctx context.Context) error {
		seen, err := observations(dir)
		if err != nil {
			return err
		}
		mu.Lock()
		for _, o := range seen {
			if o.State.Terminal() {
				ended[o.RunID] = true
			}
		}
		done := maps.Clone(ended)
		mu.Unlock()
		e, err := New(Options{
			Worker: w, Blobs: blobs, DataDir: dir, Sync: true, Slots: Slots{CPU: 3}, Backoff: follow.Backoff{Base: 5 * time.Millisecond},
		})
		if err != nil {
			return err
		}
		for n := range loadRuns {
			plan, err := d.plan(load(n, dir))
			if err != nil {
				return err
			}
			if j := jobOf(n, plan, root); !done[j.ID] {
				if err := e.Submit(ctx, j); err != nil {
					return err
				}
			}
		}
		return e.Run(ctx, func(_ context.Context, batch []runs.Observation) error {
			var b bytes.Buffer
			b.WriteByte('\n') // after a line that was cut off
			for _, o := range batch {
				line, err := json.Marshal(o)
				if err != nil {
					return err
				}
				b.Write(line)
				b.WriteByte('\n')
			}
			if _, err := file.Write(b.Bytes()); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, o := range batch {
				if o.State.Terminal() {
					ended[o.RunID] = true
				}
			}
			return nil
		})
	})
}

// load is what the n-th run does: scatter and gather, retries, and a command
// that leaves a daemon behind in a session of its own.
func load(n int, dir string) (string, map[string]any, map[string][]uris.URI) {
	switch n % 3 {
	case 0:
		return "sieve", map[string]any{"items": 5, "fail": "[3]", "ledger": filepath.Join(dir, fmt.Sprint("ledger-", n))}, nil
	case 1:
		return "twins", map[string]any{
			"left":  "sleep 0.05; exit 1",
			"right": "sleep 0.1; echo r > note.txt",
			"third": "cat \"$1\" > note.txt",
		}, nil
	}
	return "script", map[string]any{"script": "setsid sleep 600 & sleep 0.15; echo done > note.txt"}, nil
}

func observations(dir string) ([]runs.Observation, error) {
	f, err := os.Open(filepath.Join(dir, "observations"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []runs.Observation
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var o runs.Observation
		if json.Unmarshal(lines.Bytes(), &o) == nil {
			all = append(all, o)
		}
	}
	return all, lines.Err()
}

// killMidway kills an engine after a time, but not before a task of a run that
// has not ended is known to have committed: on a slow machine there would be
// nothing to find again.
func killMidway(engine *os.Process, dir string, after time.Duration, over <-chan struct{}) {
	for wait := after; ; wait = 5 * time.Millisecond {
		select {
		case <-over:
			return
		case <-time.After(wait):
		}
		told, err := observations(dir)
		if err != nil {
			continue // it has not begun
		}
		open := map[runs.ID]bool{}
		for _, o := range told {
			switch {
			case o.State.Terminal():
				delete(open, o.RunID)
			case o.Task != nil && o.Task.State == runs.Succeeded:
				open[o.RunID] = true
			}
		}
		if len(open) > 0 {
			_ = engine.Kill()
			return
		}
	}
}

func TestKilledEnginesLoseNothing(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const seed = 20261120
	random := rand.New(rand.NewPCG(seed, 1))
	kills := 0
	for done := false; !done; {
		cmd := exec.Command(self, "load-engine", dir)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// No more than a task may outlive: one that was running each time that
		// an engine was killed would rightly fail.
		if kills < enginesMost {
			over := make(chan struct{})
			go killMidway(cmd.Process, dir, time.Duration(30+random.IntN(400))*time.Millisecond, over)
			err = cmd.Wait()
			close(over)
		} else {
			err = cmd.Wait()
		}
		var exit *exec.ExitError
		switch {
		case err == nil:
			done = true
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			kills++
		default:
			t.Fatalf("after %d kills: %v: %s", kills, err, out.Bytes())
		}
	}
	if kills < 3 {
		t.Fatalf("only %d engines were killed: this tests nothing", kills)
	}

	all, err := observations(dir)
	if err != nil {
		t.Fatal(err)
	}
	ends, failures := map[runs.ID][]runs.State{}, map[runs.ID]*steps.Failure{}
	commits := map[taskKey]time.Time{}
	again := 0
	for _, o := range all {
		if o.State.Terminal() {
			ends[o.RunID] = append(ends[o.RunID], o.State)
			if o.Failure != nil {
				failures[o.RunID] = o.Failure
			}
		}
		if o.Task == nil || o.Task.State != runs.Succeeded {
			continue
		}
		key := taskKey{o.RunID, o.Task.Node, o.Task.Index}
		first, told := commits[key]
		if commits[key] = o.Task.Result.FinishedAt; told {
			again++
			if !first.Equal(o.Task.Result.FinishedAt) {
				t.Errorf("%v committed twice", key)
			}
		}
	}
	for n := range loadRuns {
		id := runs.ID(fmt.Sprintf("run-%012d", n))
		want := []runs.State{runs.Succeeded}
		if n%3 == 1 {
			want = []runs.State{runs.Failed}
		}
		if !slices.Equal(ends[id], want) {
			t.Errorf("%s ended %v, want %v: %v", id, ends[id], want, failures[id])
		}
	}
	if again == 0 {
		t.Error("no task was found committed by a later engine: the kills came too late or too early")
	}
	if runtime.GOOS == "linux" {
		for _, pid := range marked(t, dir) {
			t.Errorf("process %d was left behind", pid)
		}
	}
	t.Logf("%d kills, %d commits, found again %d times", kills, len(commits), again)
}

// marked lists the processes whose environment names an attempt below dir.
func marked(t *testing.T, dir string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && bytes.Contains(text, []byte("LIGASE_ATTEMPT="+dir)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}
