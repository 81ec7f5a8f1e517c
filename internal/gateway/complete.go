package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
)

// mostCompletions is what the protocol allows at once.
const mostCompletions = 100

// complete completes names of the catalog, ids of runs, and nodes and ports of
// a run, in templates of resources and arguments of prompts.
func (g *Gateway) complete(ctx context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	var candidates []string
	who := identity.Of(req.Extra)
	now := g.o.Catalog.Now()
	template := ""
	if req.Params.Ref != nil {
		template = req.Params.Ref.URI
	}
	switch req.Params.Argument.Name {
	case "name":
		kind := pipelines.KindStep
		if strings.Contains(template, "/pipelines/") {
			kind = pipelines.KindPipeline
		}
		candidates = now.Names(kind)
	case "tool", "pipeline":
		candidates = now.Names(pipelines.KindPipeline)
		if req.Params.Argument.Name == "tool" {
			candidates = append(candidates, now.Names(pipelines.KindStep)...)
		}
	case "want":
		candidates = now.Types().Names()
	case "run_id":
		page, err := g.service.List(ctx, runs.RunFilter{Tenant: who.Tenant, Limit: mostCompletions})
		if err != nil {
			return nil, g.inside("completing", err)
		}
		for _, r := range page.Runs {
			candidates = append(candidates, string(r.ID))
		}
	case "node", "port":
		candidates = g.partsOf(ctx, who, req)
	}
	if name := req.Params.Argument.Name; name == "name" || name == "tool" || name == "pipeline" {
		candidates = slices.DeleteFunc(candidates, func(c string) bool { return !allowed(g.o.Expose, c) })
	}
	out := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	for _, c := range candidates {
		if !strings.HasPrefix(c, req.Params.Argument.Value) {
			continue
		}
		out.Completion.Total++
		if len(out.Completion.Values) < mostCompletions {
			out.Completion.Values = append(out.Completion.Values, c)
		}
	}
	out.Completion.HasMore = out.Completion.Total > len(out.Completion.Values)
	return out, nil
}

// partsOf are the nodes or the output ports of the run that the client has
// filled in already.
func (g *Gateway) partsOf(ctx context.Context, who identity.Principal, req *mcp.CompleteRequest) (out []string) {
	if req.Params.Context == nil {
		return nil
	}
	id, err := runs.ParseID(req.Params.Context.Arguments["run_id"])
	if err != nil {
		return nil
	}
	plan, err := g.service.PlanOf(ctx, who.Tenant, id)
	if err != nil {
		return nil // somebody else's, or none: there is nothing to offer
	}
	if req.Params.Argument.Name == "port" {
		for _, o := range plan.Compiled.Outputs {
			out = append(out, o.Port.Name)
		}
		return out
	}
	for _, n := range plan.Compiled.Nodes {
		out = append(out, n.ID)
	}
	return out
}
