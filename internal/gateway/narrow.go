package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Headers by which a client wants fewer tools than are served. They take
// away, and never give.
const (
	HeaderTools    = "X-Ligase-Tools"     // names with commas between, with * at an end
	HeaderReadOnly = "X-Ligase-Read-Only" // "true": only tools that change nothing
)

// narrow keeps a request to the tools that its client asked to have.
func (g *Gateway) narrow(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		extra := req.GetExtra()
		if extra == nil || extra.Header == nil || method != "tools/list" && method != "tools/call" && method != "tasks/cancel" {
			return next(ctx, method, req)
		}
		wanted, readOnly := narrowed(extra.Header)
		if len(wanted) == 0 && !readOnly {
			return next(ctx, method, req)
		}
		keeps := func(name string) bool {
			g.mu.Lock()
			t := g.tools[name]
			g.mu.Unlock()
			return t != nil && allowed(wanted, name) && (!readOnly || t.readOnly)
		}
		if call, is := req.(*mcp.CallToolRequest); is && !keeps(call.Params.Name) {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf("unknown tool %.100q", call.Params.Name)}
		}
		if method == "tasks/cancel" && !keeps(cancelTool) {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "this client has asked not to have cancel_run"}
		}
		result, err := next(ctx, method, req)
		if list, is := result.(*mcp.ListToolsResult); is && err == nil {
			kept := []*mcp.Tool{}
			for _, t := range list.Tools {
				if keeps(t.Name) {
					kept = append(kept, t)
				}
			}
			list.Tools, list.CacheScope = kept, "private" // as this client asked
		}
		return result, err
	}
}

func narrowed(h http.Header) (tools []string, readOnly bool) {
	for _, line := range h.Values(HeaderTools) {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				tools = append(tools, name)
			}
		}
	}
	return tools, strings.EqualFold(strings.TrimSpace(h.Get(HeaderReadOnly)), "true")
}

// ListTools is what tools/list gives, for a plain page.
func (g *Gateway) ListTools(h http.Header) []*mcp.Tool {
	wanted, readOnly := narrowed(h)
	g.mu.Lock()
	defer g.mu.Unlock()
	list := []*mcp.Tool{}
	for name, t := range g.tools {
		if allowed(wanted, name) && (!readOnly || t.readOnly) {
			list = append(list, t.def)
		}
	}
	return sorted(list, func(t *mcp.Tool) string { return t.Name })
}

// shapeOf tells definitions of tools apart.
func shapeOf(t *mcp.Tool) string {
	data, err := json.Marshal(t)
	if err != nil {
		return err.Error() // ours always can
	}
	return string(data)
}
