// Package e2e tests the built program as its users run it.
package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
)

var (
	kills = flag.Int("kills", 6, "TestChaos: how often the engine is killed")
	seed  = flag.Uint64("seed", 0, "TestChaos: what decides when and whom; 0: by the clock")
)

// chaosDefinitions is a pipeline with a nested scatter and a gather, made of
// short commands, one of which leaves a child behind when it is killed.
var chaosDefinitions = map[string]string{
	"split.yaml": `
name: split
version: 1.0.0
title: Make some numbers
description: Part of the chaos test.
params: {n: {type: integer, minimum: 1, maximum: 50}}
outputs: {numbers: {type: chaos.number, format: txt, many: true, count: n}}
implementations:
  sh:
    command: [sh, -c, 'i=0; while [ $i -lt "$1" ]; do echo "number $i" > "$2/$i.txt"; i=$$((i+1)); done', split, $(params.n), $(work)]
    collect: {numbers: "*.txt"}
    timeout: 1m
    retries: {limit: 3, on: [preempted, unknown]}
`,
	"work.yaml": `
name: work
version: 1.0.0
title: Work on a number for a while
description: Part of the chaos test.
inputs: {number: {type: chaos.number, format: txt}}
outputs: {done: {type: chaos.number, format: txt}}
implementations:
  sh:
    command: [sh, -c, 'sleep 0.02 & sleep 0.0$$(( $$ % 9 + 1 )); cp "$1" "$2/done.txt"; wait', work, $(inputs.number), $(work)]
    collect: {done: done.txt}
    timeout: 1m
    retries: {limit: 3, on: [preempted, unknown]}
`,
	"sum.yaml": `
name: sum
version: 1.0.0
title: Put numbers together
description: Part of the chaos test.
inputs: {numbers: {type: chaos.number, format: txt, many: true}}
outputs: {all: {type: chaos.number, format: txt}}
implementations:
  sh:
    command: [sh, -c, 'out=$1; shift; cat "$@" > "$out/all.txt"', sum, $(work), $(inputs.numbers)]
    collect: {all: all.txt}
    timeout: 1m
    retries: {limit: 3, on: [preempted, unknown]}
`,
	"types.yaml": `
types:
  chaos.number:
    title: A number
    formats:
      txt: {media_type: text/plain, extensions: [txt], check: {starts_with: "number "}}
`,
	"chaos.yaml": `
name: chaos
version: 1.0.0
title: Split, split again, work, sum
description: Part of the chaos test.
params: {n: {type: integer, minimum: 1, maximum: 50}}
nodes:
  outer: {step: split, with: {n: $params.n}}
  first: {step: work, each: {number: outer.numbers}}
  second: {step: work, each: {number: first.done}}
  total: {step: sum, with: {numbers: second.done}}
outputs: {all: total.all}
`,
}

// TestChaos kills the engine at random under a load of runs. At the end every
// acknowledged run has ended exactly once, no step was committed twice, and
// no process is left.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: repeat with -seed %d", *seed, *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	c := newChaos(t)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for i := range 2 {
		workers.Go(func() { c.submit(rand.New(rand.NewPCG(*seed, uint64(10+i))), i, stop) })
	}
	workers.Go(func() { c.witness(stop) })
	for n := range *kills {
		pid := c.enginePID()
		for end := time.Now().Add(time.Minute); pid == 0; pid = c.enginePID() {
			if time.Now().After(end) {
				t.Fatal("runs are submitted, and no engine is there to be killed")
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Duration(50+random.IntN(500)) * time.Millisecond) // it may have ended meanwhile, and another begun
		if pid = c.enginePID(); pid == 0 {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		c.killed++
		// Often the next command starts an engine by itself; sometimes one is
		// started at once, so that two race for the lock.
		if n%3 == 0 {
			c.startEngine()
		}
	}
	close(stop)
	workers.Wait()
	t.Logf("killed the engine %d times under %d acknowledged runs; %d calls were killed before they answered", c.killed, len(c.acked), c.unanswered)
	if c.killed < *kills/2 {
		t.Errorf("the engine was there to be killed only %d of %d times", c.killed, *kills)
	}
	if len(c.acked) == 0 {
		t.Fatal("no run was acknowledged: there was no load")
	}
	c.check()
}

type chaos struct {
	t          *testing.T
	ligase     string
	dir        string // of the installation
	env        []string
	killed     int
	mu         sync.Mutex
	acked      map[string]int // run id → n
	requests   map[string]string
	unanswered int
	seen       map[string][32]byte // result.json → content when it was first seen
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	tmp := t.TempDir()
	c := &chaos{
		t: t, dir: filepath.Join(tmp, "data"), ligase: built.Ligase(t),
		acked: map[string]int{}, requests: map[string]string{}, seen: map[string][32]byte{},
	}
	definitions := filepath.Join(tmp, "definitions")
	for name, content := range chaosDefinitions {
		path := filepath.Join(definitions, name)
		if err := os.MkdirAll(definitions, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.env = append(os.Environ(), "LIGASE_DATA="+c.dir, "LIGASE_CATALOG="+definitions, "LIGASE_ENGINE_IDLE=2s")
	check := exec.Command(c.ligase, "validate", definitions)
	check.Env = c.env[:len(c.env)-2]
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("the test's own definitions: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if pid := c.enginePID(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	})
	return c
}

// command runs the program and decodes its JSON.
func (c *chaos) command(into any, args ...string) error {
	cmd := exec.Command(c.ligase, append(args, "--json")...)
	cmd.Env = c.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ligase %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return json.Unmarshal(out, into)
}

// enginePID is the process that runs this installation's engine, or 0.
func (c *chaos) enginePID() int {
	data, err := os.ReadFile(filepath.Join(c.dir, "engine.lock"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	// The file stays when its writer is killed: the process must still be ours.
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.HasPrefix(args, []byte(c.ligase+"\x00")) {
		return 0
	}
	return pid
}

func (c *chaos) startEngine() {
	cmd := exec.Command(c.ligase, "engine", "--idle", "2s")
	cmd.Env = c.env
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	go cmd.Wait() // refused by the lock, killed, or idle: each is fine
}

type status struct {
	RunID    string `json:"run_id"`
	Status   string `json:"status"`
	Progress struct{ Done, Total int }
	Error    json.RawMessage
}

// submit makes calls until stop, some of which are killed before they can
// answer and made again.
func (c *chaos) submit(random *rand.Rand, worker int, stop chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(random.IntN(250)) * time.Millisecond):
		}
		n := 1 + random.IntN(6)
		request := fmt.Sprintf("request-%d-%d", worker, i)
		args := []string{"run", "chaos", "n=" + strconv.Itoa(n), "--request-id", request, "--detach", "--json"}
		if random.IntN(4) == 0 {
			doomed := exec.Command(c.ligase, args...)
			doomed.Env = c.env
			if err := doomed.Start(); err != nil {
				c.t.Error(err)
				return
			}
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			_ = doomed.Process.Kill()
			_ = doomed.Wait()
			c.mu.Lock()
			c.unanswered++
			c.mu.Unlock()
		}
		var s status
		if err := c.command(&s, args[:len(args)-1]...); err != nil {
			c.t.Errorf("a submit was refused under chaos: %v", err)
			continue
		}
		c.mu.Lock()
		c.acked[s.RunID] = n
		c.requests[request] = s.RunID
		c.mu.Unlock()
	}
}

// witness remembers each commit record as it was when it was first seen.
func (c *chaos) witness(stop chan struct{}) {
	for {
		c.records(func(path string, sum [32]byte) {
			if first, known := c.seen[path]; !known {
				c.seen[path] = sum
			} else if first != sum {
				c.t.Errorf("%s was committed twice", path)
			}
		})
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *chaos) records(visit func(path string, sum [32]byte)) {
	err := filepath.WalkDir(filepath.Join(c.dir, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "result.json" {
			return nil // folders come and go while runs do
		}
		data, err := os.ReadFile(path)
		if err == nil {
			visit(path, sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

func (c *chaos) check() {
	t := c.t
	c.startEngine()
	deadline := time.Now().Add(3 * time.Minute)
	for id, n := range c.acked {
		var s status
		for {
			if err := c.command(&s, "status", id); err != nil {
				t.Fatal(err)
			}
			if s.Status != "pending" && s.Status != "running" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is still %s", id, s.Status)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if want := 2 + 2*n; s.Status != "succeeded" || s.Progress.Done != want || s.Progress.Total != want {
			t.Errorf("%s (n=%d) is %s with %d of %d tasks, want succeeded with %d: %s", id, n, s.Status, s.Progress.Done, s.Progress.Total, want, s.Error)
		}
		var history struct {
			Events []struct {
				Kind, Node, Index string
			}
		}
		if err := c.command(&history, "events", id, "--limit", "10000"); err != nil {
			t.Fatal(err)
		}
		ends := 0
		for _, e := range history.Events {
			if e.Kind == "finished" {
				ends++
			}
		}
		if ends != 1 {
			t.Errorf("%s ended %d times", id, ends)
		}
		folder := filepath.Join(c.dir, "store", "runs", id)
		all, err := os.ReadFile(filepath.Join(folder, "outputs", "total", "all.txt"))
		if err != nil {
			// The gather's first attempt may have been killed: then the object
			// lies beside.
			matches, _ := filepath.Glob(filepath.Join(folder, "outputs", "total", "attempt-*", "all.txt"))
			if len(matches) == 0 {
				t.Errorf("%s has no result: %v", id, err)
				continue
			}
			all, _ = os.ReadFile(matches[len(matches)-1])
		}
		var want strings.Builder
		for i := range n {
			fmt.Fprintf(&want, "number %d\n", i)
		}
		if string(all) != want.String() {
			t.Errorf("%s gathered %q, want %q", id, all, want.String())
		}
	}
	c.records(func(path string, sum [32]byte) {
		if first, known := c.seen[path]; known && first != sum {
			t.Errorf("%s was committed twice", path)
		}
	})
	var page struct {
		Runs []status
	}
	if err := c.command(&page, "runs", "--limit", "1000"); err != nil {
		t.Fatal(err)
	}
	if len(page.Runs) != len(c.acked) && len(c.acked) < 1000 {
		t.Errorf("there are %d runs for %d acknowledged calls: a call made twice made two runs", len(page.Runs), len(c.acked))
	}
	c.noProcessLeft()
}

// noProcessLeft waits for the engine to end by itself, and then looks for any
// process that still carries this installation's mark.
func (c *chaos) noProcessLeft() {
	deadline := time.Now().Add(20 * time.Second)
	for {
		var left []string
		environs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environs {
			env, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(env, []byte(c.dir)) {
				continue
			}
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			if len(args) > 0 { // not a zombie
				left = append(left, filepath.Dir(path)+" "+string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("processes are left:\n%s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
