package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/mcptasks"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// tasks are runs as the protocol's tasks: a task is a run, its id the run's.
// So it is as durable as a run, any replica knows it, and the tools for runs
// take its id.
type tasks Gateway

// Start implements mcptasks.Backend: what submits a run is a task, if it is
// taken. A call that is not is answered as any other.
func (t *tasks) Start(ctx context.Context, req *mcp.CallToolRequest) (*mcptasks.Task, *mcp.CallToolResult, error) {
	g := (*Gateway)(t)
	name := req.Params.Name
	if !strings.HasPrefix(name, submitPrefix) || !g.Serves(name) {
		return nil, nil, nil
	}
	args, err := decode(req.Params.Arguments)
	if err != nil {
		return nil, result(nil, nil, err), nil
	}
	c := &call{who: identity.Of(req.Extra), args: args, req: req}
	what := strings.TrimPrefix(name, submitPrefix)
	if name == submitAny {
		d, inner, err := g.named(c)
		if err != nil {
			return nil, result(nil, nil, err), nil
		}
		what, args = d.Name, inner
	}
	d, err := g.o.Catalog.Now().Tool(what)
	if err != nil {
		return nil, result(nil, nil, err), nil
	}
	run, _, err := g.start(ctx, c, d, args)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, result(nil, nil, err), nil // not once more as a tool: it may have taken effect
	}
	task, err := g.task(ctx, run)
	if err != nil { // it is submitted all the same
		g.log.Error("a task cannot be told in full", "run_id", run.ID, "err", err)
		task = &mcptasks.Task{ID: string(run.ID), Status: mcptasks.Working, CreatedAt: run.CreatedAt, UpdatedAt: run.CreatedAt, Poll: 5 * time.Second}
	}
	return task, nil, nil
}

// Get implements mcptasks.Backend.
func (t *tasks) Get(ctx context.Context, who *mcp.RequestExtra, id string) (*mcptasks.Task, error) {
	g := (*Gateway)(t)
	run, err := t.run(ctx, who, id)
	if err != nil {
		return nil, err
	}
	task, err := g.task(ctx, run)
	if err != nil {
		return nil, g.inside("telling a task", err)
	}
	return task, nil
}

// Answer implements mcptasks.Backend: runs ask nothing.
func (t *tasks) Answer(ctx context.Context, who *mcp.RequestExtra, id string, _ map[string]json.RawMessage) error {
	_, err := t.run(ctx, who, id)
	return err
}

// Cancel implements mcptasks.Backend.
func (t *tasks) Cancel(ctx context.Context, who *mcp.RequestExtra, id string) error {
	g := (*Gateway)(t)
	run, err := t.run(ctx, who, id)
	if err != nil {
		return err
	}
	if !g.Serves(cancelTool) {
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "runs are not cancelled by way of this gateway"}
	}
	if _, err := t.service.Cancel(ctx, run.Tenant, run.ID); err != nil {
		return g.inside("cancelling a task", err)
	}
	return nil
}

func (t *tasks) run(ctx context.Context, who *mcp.RequestExtra, text string) (runs.Run, error) {
	id, err := runs.ParseID(text)
	if err != nil {
		return runs.Run{}, problem.ErrNotFound
	}
	run, err := t.service.Get(ctx, identity.Of(who).Tenant, id)
	if err != nil && !notFound(err) {
		err = (*Gateway)(t).inside("looking for a task", err)
	}
	return run, err
}

// task is a run as a task. A run that failed has completed: its summary says
// so, with what failed and why.
func (g *Gateway) task(ctx context.Context, r runs.Run) (*mcptasks.Task, error) {
	s := g.statusOf(r)
	t := &mcptasks.Task{
		ID: string(r.ID), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Poll: time.Duration(s.PollAfter) * time.Second,
		Status: mcptasks.Working, Message: fmt.Sprintf("%s, %d/%d done", r.State, r.Progress.Done, r.Progress.Total),
	}
	if t.UpdatedAt.Before(t.CreatedAt) {
		t.UpdatedAt = t.CreatedAt
	}
	if !r.State.Terminal() {
		if at := g.atWork(ctx, r); at != "" {
			t.Message = at
		}
		if s.Waiting != "" {
			t.Message += "; " + s.Waiting
		}
		return t, nil
	}
	t.Poll = 0
	if r.State == runs.Cancelled {
		t.Status, t.Message = mcptasks.Cancelled, "cancelled"
		return t, nil
	}
	sum, err := g.summary(ctx, r.Tenant, r.ID)
	if err != nil {
		return nil, err
	}
	t.Status, t.Message = mcptasks.Completed, string(r.State)
	t.Result = result(nil, sum, nil)
	t.Result.IsError = r.State == runs.Failed
	return t, nil
}

// atWork says how far the node is that is at work: "3/8 fold".
func (g *Gateway) atWork(ctx context.Context, r runs.Run) string {
	nodes, err := g.service.Nodes(ctx, r.Tenant, r.ID)
	if err != nil {
		return ""
	}
	for _, n := range nodes {
		if n.Running > 0 {
			return fmt.Sprintf("%d/%d %s", n.Done, n.Total, n.Node)
		}
	}
	return ""
}
