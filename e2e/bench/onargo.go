package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
)

// argoCases need a cluster: `make cluster-up`, or KUBECONFIG.
func argoCases() []benchCase {
	return []benchCase{
		{"argo/submit/1", onSite(func(ctx context.Context, b *bench, s *site) ([]row, error) { return submitOnArgo(ctx, b, s, 1, 30) })},
		{"argo/submit/16", onSite(func(ctx context.Context, b *bench, s *site) ([]row, error) { return submitOnArgo(ctx, b, s, 16, 160) })},
		{"argo/pipeline", onSite(pipelineOnArgo)},
		{"argo/crowd", onSite(crowdOnArgo)},
	}
}

// onSite gives a measurement a namespace of its own.
func onSite(measure func(context.Context, *bench, *site) ([]row, error)) func(context.Context, *bench) ([]row, error) {
	return func(ctx context.Context, b *bench) (_ []row, err error) {
		s, err := newSite(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		return measure(ctx, b, s)
	}
}

// submitOnArgo submits small calls through ligase, and in turn creates the same
// Workflows straight at the API server. What was created is removed between
// the rounds. On a cluster of our own the controller rests meanwhile: hundreds
// of pods would start, and be measured too.
func submitOnArgo(ctx context.Context, b *bench, s *site, callers, calls int) (_ []row, err error) {
	calls = b.full(calls, callers)
	g, err := s.gateway(filepath.Join(b.dir, "gateway"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if s.cluster.Ours {
		if err := s.component(ctx, "stop", "controller"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.component(context.WithoutCancel(ctx), "start", "controller")) }()
	}
	direct := s.argo.ArgoprojV1alpha1().Workflows(s.Namespace)
	var ours, theirs []paces
	for round := -1; round < rounds; round++ {
		submit := func() (paces, error) {
			return press(ctx, callers, calls, func(ctx context.Context, i int) error {
				_, err := g.Submit(ctx, runs.SubmitRequest{Tenant: tenant, RequestID: fmt.Sprintf("%d-%d-%d", callers, round, i), Tool: "nothing"})
				return err
			})
		}
		create := func() (paces, error) {
			return press(ctx, callers, calls, func(ctx context.Context, i int) error {
				task, err := tasks.Call{RunID: string(runs.IDOf("direct", fmt.Sprint(callers, round, i))), Root: s.Root}.Encode()
				if err != nil {
					return err
				}
				wf := s.workflow("nothing-host", task)
				_, err = direct.Create(ctx, wf, metav1.CreateOptions{})
				return err
			})
		}
		turns := []func() (paces, error){submit, create}
		var p [2]paces
		for k := range turns {
			at := (k + max(round, 0)) % 2
			if p[at], err = turns[at](); err != nil {
				return nil, err
			}
			if err := s.deleteWorkflows(ctx); err != nil {
				return nil, err
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second): // for the API server to come to rest
			}
		}
		if round >= 0 {
			ours, theirs = append(ours, p[0]), append(theirs, p[1])
		}
	}
	us, them := middle(ours), middle(theirs)
	who := fmt.Sprintf("submit on Argo, %s", plural(callers, "caller"))
	const peer = "creating the Workflow at the API server"
	return []row{
		{what: who + ": p50", ours: value{us.p50, seconds}, peer: peer, theirs: value{them.p50, seconds}, goal: ratioAtMost(1.3)},
		{what: who + ": p99", ours: value{us.p99, seconds}, peer: peer, theirs: value{them.p99, seconds}},
		{what: who + ": in all", ours: value{us.rate, perSecond}, peer: peer, theirs: value{them.rate, perSecond}},
	}, nil
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// pipelineOnArgo runs design_and_fold to its end through ligase, and in turn
// by `argo submit` of the same template with the same task.
func pipelineOnArgo(ctx context.Context, b *bench, s *site) (_ []row, err error) {
	sequences := b.full(8, 2)
	g, err := s.gateway(filepath.Join(b.dir, "gateway"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	data, err := os.ReadFile(filepath.Join("internal", "cli", "demo", "1ubq.pdb"))
	if err != nil {
		return nil, fmt.Errorf("%w. Run this in the repository's root", err)
	}
	structure := s.Root.Join("files", "1ubq.pdb")
	if _, err := g.blobs.Put(ctx, structure, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	n := 0
	ends, err := b.contest(ctx, b.full(3, 1),
		way{name: "ligase", run: func(ctx context.Context) error {
			n++
			sub, err := g.Submit(ctx, runs.SubmitRequest{
				Tenant: tenant, RequestID: fmt.Sprint("pipeline", n), Tool: "design_and_fold",
				Inputs: map[string][]runs.InputValue{"structure": {{URI: structure}}}, Params: map[string]any{"num_sequences": sequences},
			})
			if err != nil {
				return err
			}
			run, err := g.Wait(ctx, tenant, sub.Run.ID)
			if err == nil && run.State != runs.Succeeded {
				err = fmt.Errorf("%s is %s: %+v", run.ID, run.State, run.Failure)
			}
			return err
		}},
		way{name: "argo submit", run: func(ctx context.Context) error {
			task := fmt.Sprintf(`{"inputs": {"structure": %q}, "params": {"num_sequences": %d}}`, structure, sequences)
			_, err := s.program(ctx, "argo", "submit", "-n", s.Namespace, "--from", "workflowtemplate/design-and-fold", "-p", "task="+task, "--wait")
			return err
		}},
	)
	if err != nil {
		return nil, err
	}
	return []row{{
		what: fmt.Sprintf("design_and_fold with %d sequences on Argo, to its end", sequences), ours: value{ends[0], seconds},
		peer: "argo submit --wait", theirs: value{ends[1], seconds}, goal: ratioAtMost(1.02),
	}}, nil
}

// crowdOnArgoVariable makes this program the gateway of [crowdOnArgo]:
// namespace, folder, how many.
const crowdOnArgoVariable = "LIGASE_BENCH_ARGO_CROWD"

// crowded is what such a gateway says of many runs at once.
type crowded struct {
	Succeeded int
	Lost      []string
	Took      float64 // seconds, to the end of all
	Status    float64 // seconds, the median while they ran
	Peak      int64   // bytes of resident memory
}

// crowdOnArgo has a gateway in a process of its own take many runs at once.
func crowdOnArgo(ctx context.Context, b *bench, s *site) ([]row, error) {
	many := b.full(200, 10)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d:%s", crowdOnArgoVariable, s.Namespace, many, b.dir))
	cmd.SysProcAttr = dyingWithUs()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the gateway: %w: %.1000s", err, stderr.String())
	}
	var c crowded
	if err := json.Unmarshal(out, &c); err != nil {
		return nil, err
	}
	if len(c.Lost) > 0 {
		return nil, fmt.Errorf("of %d runs %d did not succeed: %v", many, len(c.Lost), c.Lost)
	}
	with := fmt.Sprintf("%d runs at once on Argo, none lost: ", many)
	rows := []row{
		{what: with + "all at their end", ours: value{float64(c.Succeeded) / c.Took, perSecond}, peer: "—"},
		{what: with + "status meanwhile", ours: value{c.Status, seconds}, peer: "—", goal: atMost(value{1e-3, seconds})},
	}
	if c.Peak > 0 {
		return append(rows, row{what: with + "most memory of the gateway", ours: value{float64(c.Peak), byteCount}, peer: "—", goal: atMost(value{150e6, byteCount})}), nil
	}
	return append(rows, row{what: with + "most memory of the gateway", peer: "not measured: it is read on Linux only"}), nil
}

// crowdOnArgoChild is the process of the gateway.
func crowdOnArgoChild(variable string, stdout, stderr io.Writer) int {
	c, err := takeCrowd(context.Background(), variable)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(c)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitDone
}

func takeCrowd(ctx context.Context, variable string) (c crowded, err error) {
	parts := strings.SplitN(variable, ":", 3)
	if len(parts) != 3 {
		return c, fmt.Errorf("%s=%s", crowdOnArgoVariable, variable)
	}
	many, err := strconv.Atoi(parts[1])
	if err != nil {
		return c, err
	}
	s, err := attach(parts[0])
	if err != nil {
		return c, err
	}
	g, err := s.gateway(filepath.Join(parts[2], "gateway"))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, g.close()) }()

	begin := time.Now()
	ids := make([]runs.ID, many)
	submitting, group := errgroup.WithContext(ctx)
	submitting.SetLimit(64)
	for i := range ids {
		submitting.Go(func() error {
			sub, err := g.Submit(group, runs.SubmitRequest{Tenant: tenant, RequestID: fmt.Sprint("crowd", i), Tool: "nothing"})
			ids[i] = sub.Run.ID
			return err
		})
	}
	if err := submitting.Wait(); err != nil {
		return c, err
	}
	if c.Status, err = typical(500, func() error {
		_, err := g.Summary(ctx, tenant, ids[0])
		return err
	}); err != nil {
		return c, err
	}
	for _, id := range ids {
		run, err := g.Wait(ctx, tenant, id)
		switch {
		case err != nil:
			return c, err
		case run.State != runs.Succeeded:
			c.Lost = append(c.Lost, fmt.Sprintf("%s %s", id, run.State))
		default:
			c.Succeeded++
		}
	}
	c.Took = time.Since(begin).Seconds()
	c.Peak = peakMemory()
	return c, nil
}
