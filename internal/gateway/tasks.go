package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

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
func (t *tasks) Start(ctx context.Context, req *mcp.CallToolRequest) (*mcptasks.Task, error) {
	g := (*Gateway)(t)
	name := req.Params.Name
	if !strings.HasPrefix(name, submitPrefix) || !g.Serves(name) {
		return nil, nil
	}
	args, err := decode(req.Params.Arguments)
	if err != nil {
		return nil, nil // the tool says what is wrong
	}
	c := &call{who: identity.Of(req.Extra), args: args, req: req}
	what := strings.TrimPrefix(name, submitPrefix)
	if name == submitAny {
		d, inner, err := g.named(c)
		if err != nil {
			return nil, nil
		}
		what, args = d.Name, inner
	}
	d, err := g.o.Catalog.Now().Tool(what)
	if err != nil {
		return nil, nil
	}
	run, _, err := g.start(ctx, c, d, args)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, nil
	}
	return g.task(ctx, run)
}

// Get implements mcptasks.Backend.
func (t *tasks) Get(ctx context.Context, who *mcp.RequestExtra, id string) (*mcptasks.Task, error) {
	g := (*Gateway)(t)
	run, err := t.run(ctx, who, id)
	if err != nil {
		return nil, err
	}
	return g.task(ctx, run)
}

// Answer implements mcptasks.Backend: runs ask nothing.
func (t *tasks) Answer(ctx context.Context, who *mcp.RequestExtra, id string, _ map[string]json.RawMessage) error {
	_, err := t.run(ctx, who, id)
	return err
}

// Cancel implements mcptasks.Backend.
func (t *tasks) Cancel(ctx context.Context, who *mcp.RequestExtra, id string) error {
	run, err := t.run(ctx, who, id)
	if err == nil {
		_, err = t.service.Cancel(ctx, run.Tenant, run.ID)
	}
	return err
}

func (t *tasks) run(ctx context.Context, who *mcp.RequestExtra, text string) (runs.Run, error) {
	id, err := runs.ParseID(text)
	if err != nil {
		return runs.Run{}, problem.ErrNotFound
	}
	return t.service.Get(ctx, identity.Of(who).Tenant, id)
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
