package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// crowdVariable makes this program the process that is asked about a store
// with many runs: its folder, and how many.
const crowdVariable = "LIGASE_BENCH_CROWD"

// asked is what one such process took.
type asked struct {
	Status   float64 // seconds, the median of its questions
	List     float64
	Filtered float64
	Resident int64 // bytes, at its end
}

// measureCrowd fills a store and then asks it from processes of their own,
// each of which finds it as a command or a gateway that has just started does.
func measureCrowd(ctx context.Context, b *bench) ([]row, error) {
	many := b.full(100_000, 5000)
	if err := fill(ctx, b, many); err != nil {
		return nil, fmt.Errorf("filling the store: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var status, list, filtered, memory []float64
	for range rounds {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), crowdVariable+"="+strconv.Itoa(many)+":"+b.dir)
		cmd.SysProcAttr = dyingWithUs()
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("the process that asks: %w: %.500s", err, stderr.String())
		}
		var a asked
		if err := json.Unmarshal(out, &a); err != nil {
			return nil, err
		}
		status, list, filtered = append(status, a.Status), append(list, a.List), append(filtered, a.Filtered)
		memory = append(memory, float64(a.Resident))
	}
	with := fmt.Sprintf("%s runs in the store: ", thousands(many))
	rows := []row{
		{what: with + "status", ours: value{median(status), seconds}, peer: "—", goal: atMost(value{1e-3, seconds})},
		{what: with + "page of 50", ours: value{median(list), seconds}, peer: "—", goal: atMost(value{5e-3, seconds})},
		{what: with + "page of 50 that failed", ours: value{median(filtered), seconds}, peer: "—", goal: atMost(value{5e-3, seconds})},
	}
	if m := median(memory); m > 0 {
		rows = append(rows, row{what: with + "resident memory", ours: value{m, byteCount}, peer: "—", goal: atMost(value{120e6, byteCount})})
	} else {
		rows = append(rows, row{what: with + "resident memory", peer: "not measured: it is read on Linux only"})
	}
	return rows, nil
}

// request names the i-th run's request.
func request(i int) string { return "request-" + strconv.Itoa(i) }

// fill puts runs that have ended into a store, as the service would have.
func fill(ctx context.Context, b *bench, many int) (err error) {
	c, err := definitions("")
	if err != nil {
		return err
	}
	h, err := open(b.dir, c, withNothing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	template, plan, err := endedRun(c, h.blobs, b.dir)
	if err != nil {
		return err
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	const callers = 128
	for k := range callers {
		group.Go(func() error {
			for i := k; i < many; i += callers {
				run := template
				run.RequestID = request(i)
				run.ID = runs.IDOf(tenant, run.RequestID)
				run.Workflow = "call-host-" + strings.TrimPrefix(string(run.ID), "run-")
				if i%50 == 0 {
					run.State = runs.Failed
				}
				if _, _, err := h.store.Create(ctx, run, plan); err != nil {
					return err
				}
				// A common summary has about this size.
				summary := fmt.Sprintf(`{"run_id":%q,"status":%q,"note":%q}`, run.ID, run.State, strings.Repeat("x", 1500))
				if err := h.store.SetSummary(ctx, run.ID, []byte(summary)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	b.say("filled with %s runs in %s", thousands(many), time.Since(start).Round(time.Second))
	return err
}

// endedRun is what all runs of the crowd are alike in.
func endedRun(c *catalog.Catalog, blobs *uris.Store, dir string) (runs.Run, *pipelines.Plan, error) {
	root, err := uris.FromPath(filepath.Join(dir, "store"))
	if err != nil {
		return runs.Run{}, nil, err
	}
	compiled, err := c.Compile("call", nil)
	if err != nil {
		return runs.Run{}, nil, err
	}
	plan, err := compiled.Bind(pipelines.Arguments{Params: map[string]any{"seed": 7}}, c.Types())
	if err != nil {
		return runs.Run{}, nil, err
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return runs.Run{
		Tenant: tenant, Digest: plan.Digest(), Tool: plan.Compiled.Tool, Engine: "idle", Root: root,
		State: runs.Succeeded, Generation: 1, Progress: runs.Progress{Done: 1, Total: 1},
		CreatedAt: at, StartedAt: at.Add(time.Second), FinishedAt: at.Add(time.Minute), UpdatedAt: at.Add(time.Minute),
	}, plan, nil
}

// crowdChild is the process that asks.
func crowdChild(variable string, stdout, stderr io.Writer) int {
	a, err := ask(variable)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(a)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitDone
}

const (
	statusQuestions = 2000
	listQuestions   = 300
)

func ask(variable string) (a asked, err error) {
	number, dir, _ := strings.Cut(variable, ":")
	many, err := strconv.Atoi(number)
	if err != nil {
		return a, err
	}
	c, err := definitions("")
	if err != nil {
		return a, err
	}
	h, err := open(dir, c, withNothing)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))

	if a.Status, err = typical(statusQuestions, func() error { // as `ligase status` asks
		id := runs.IDOf(tenant, request(r.IntN(many)))
		if _, err := h.service.Get(ctx, tenant, id); err != nil {
			return err
		}
		_, err := h.service.Nodes(ctx, tenant, id)
		return err
	}); err != nil {
		return a, err
	}
	for _, q := range []struct {
		states []runs.State
		took   *float64
	}{{nil, &a.List}, {[]runs.State{runs.Failed}, &a.Filtered}} {
		cursor := ""
		if *q.took, err = typical(listQuestions, func() error { // page after page, and again from the start
			page, err := h.service.List(ctx, runs.RunFilter{Tenant: tenant, States: q.states, Cursor: cursor, Limit: 50})
			if err == nil && len(page.Runs) == 0 {
				err = errors.New("a page without runs")
			}
			cursor = page.Next
			return err
		}); err != nil {
			return a, err
		}
	}
	if memoryIsRead {
		a.Resident, err = resident()
	}
	return a, err
}

// typical is the median of what n calls take, in seconds.
func typical(n int, call func() error) (float64, error) {
	took := make([]float64, n)
	for i := range took {
		start := time.Now()
		if err := call(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start).Seconds()
	}
	return median(took), nil
}
