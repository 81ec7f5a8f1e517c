package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// call is one call of a tool.
type call struct {
	who  identity.Principal
	args *arguments
	req  *mcp.CallToolRequest
}

// reply is what a tool answers: the same for programs and for readers, as
// some clients pass on only the one and some only the other.
type reply interface {
	record.Subject
	Text() string
}

// handler is a tool as the SDK calls it.
func (g *Gateway) handler(t *tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		r, err := g.answer(ctx, t, req)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return result(t, r, err), nil
	}
}

// answer decodes a call's arguments and has the tool run.
func (g *Gateway) answer(ctx context.Context, t *tool, req *mcp.CallToolRequest) (reply, error) {
	args, err := decode(req.Params.Arguments)
	if err != nil {
		return nil, err
	}
	return t.run(ctx, &call{who: identity.Of(req.Extra), args: args, req: req})
}

// result is an answer, or an error that the model is to read and mend.
func result(t *tool, r reply, err error) *mcp.CallToolResult {
	if err != nil {
		r = failureOf(t, err)
	}
	return &mcp.CallToolResult{
		Content: []mcp.Content{&mcp.TextContent{Text: r.Text()}}, StructuredContent: r, IsError: err != nil,
	}
}

// failed is the answer to a call that came to nothing.
type failed struct {
	Error   failedError `json:"error"`
	outcome string
	cause   error
}

type failedError struct {
	Code     string     `json:"code"` // invalid not_found conflict refused unavailable internal
	Message  string     `json:"message"`
	Problems []mistake  `json:"problems,omitempty"`
	Call     *fixedCall `json:"call,omitempty"` // the call as it should be
	More     int        `json:"more_problems,omitempty"`
}

// mistake is one thing that is wrong with the arguments.
type mistake struct {
	Path    string       `json:"path,omitempty"`
	Code    problem.Code `json:"code"`
	Message string       `json:"message"`
	Fix     string       `json:"fix,omitempty"`
}

func (f *failed) Run() string            { return "" }
func (f *failed) Cause() (string, error) { return f.outcome, f.cause }

func (f *failed) Text() string {
	var b strings.Builder
	b.WriteString(f.Error.Message)
	for _, p := range f.Error.Problems {
		b.WriteString("\n- ")
		if p.Path != "" {
			b.WriteString(p.Path + ": ")
		}
		b.WriteString(p.Message)
		if p.Fix != "" {
			b.WriteString(" " + p.Fix)
		}
	}
	if f.Error.More > 0 {
		fmt.Fprintf(&b, "\n- and %d more.", f.Error.More)
	}
	if f.Error.Call != nil {
		b.WriteString("\nCall it like this: " + f.Error.Call.String())
	}
	return b.String()
}

// mostProblems is how many are told at once: nobody mends more before looking
// again.
const mostProblems = 12

// failureOf is the one place that says errors to callers.
func failureOf(t *tool, err error) *failed {
	f := &failed{outcome: record.Mistake}
	if ps := problem.Of(err); ps != nil {
		f.Error.Code, f.Error.Message = "invalid", "The arguments are not right."
		if len(ps) == 1 {
			f.Error.Message = "One argument is not right."
		}
		for _, p := range ps[:min(len(ps), mostProblems)] {
			f.Error.Problems = append(f.Error.Problems, mistake{argumentPath(p.Path), p.Code, p.Message, p.Fix})
		}
		f.Error.More = len(ps) - len(f.Error.Problems)
		var fixed *fixableError
		if errors.As(err, &fixed) {
			f.Error.Call = fixed.call
		}
		return f
	}
	f.Error.Message = err.Error()
	switch {
	case errors.Is(err, problem.ErrNotFound):
		f.Error.Code = "not_found"
	case errors.Is(err, problem.ErrConflict), errors.Is(err, problem.ErrExists):
		f.Error.Code = "conflict"
	case errors.Is(err, problem.ErrRefused):
		f.Error.Code, f.outcome = "refused", record.Refused
	case errors.Is(err, problem.ErrUnavailable), errors.Is(err, problem.ErrLocked),
		errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		f.Error.Code, f.outcome, f.cause = "unavailable", record.Failed, err
		f.Error.Message = "This cannot be done now: the store, the database or the cluster does not answer, or is full. The gateway's log says which. Try the same call again later."
		var repeated *repeatableError
		if errors.As(err, &repeated) {
			f.Error.Call = repeated.call
		}
	default:
		// What went wrong inside is for the log: it can name places and
		// secrets of the machine.
		f.Error.Code, f.outcome, f.cause = "internal", record.Failed, err
		f.Error.Message = "The gateway could not do this, and has noted why in its log. Trying the same call again may help."
	}
	return f
}

// argumentPath is a place in a call as its caller wrote it: what the service
// calls inputs.x and params.y are both arguments here.
func argumentPath(path string) string {
	for _, prefix := range []string{"params.", "labels."} {
		if rest, cut := strings.CutPrefix(path, prefix); cut {
			return rest
		}
	}
	if rest, cut := strings.CutPrefix(path, "inputs."); cut {
		return rest
	}
	return path
}

// repeatableError is of a call that may have taken effect: it is to be made
// again as call has it, or it could be two runs.
type repeatableError struct {
	error
	call *fixedCall
}

func (e *repeatableError) Unwrap() error { return e.error }

// fixableError is what is wrong with a call, and how it could be right.
type fixableError struct {
	error
	call *fixedCall
}

func (e *fixableError) Unwrap() error { return e.error }

// fixedCall is a call to make instead.
type fixedCall struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
}

func (c *fixedCall) String() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.Arguments); err != nil {
		return c.Tool
	}
	return c.Tool + "(" + strings.TrimSpace(b.String()) + ")"
}

// quoted is a name in a sentence, cut to a size that fits one.
func quoted(s string) string { return fmt.Sprintf("%.80q", s) }

func sorted[T any](list []T, name func(T) string) []T {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return list
}

// aboutRun is part of each reply about a run.
type aboutRun struct {
	RunID runs.ID `json:"run_id"`
}

// Run implements record.Subject.
func (a aboutRun) Run() string { return string(a.RunID) }

// aboutNone is part of each reply about no run.
type aboutNone struct{}

// Run implements record.Subject.
func (aboutNone) Run() string { return "" }
