// Package mcptasks is the extension of MCP for calls that take long,
// io.modelcontextprotocol/tasks, as a layer over the SDK's server: a client
// that declares it is answered with a task, which it asks after, answers and
// cancels with tasks/get, tasks/update and tasks/cancel.
//
// What a task is, and where it is kept, is for a [Backend] to say. The layer
// decides who may have one, and how it looks on the wire.
package mcptasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Extension is what clients and servers declare.
const Extension = "io.modelcontextprotocol/tasks"

// Error codes of the extension, and the one for what is not there.
const (
	CodeHeaderMismatch    = -32020 // Mcp-Name is not the task's id
	CodeMissingCapability = -32021 // the client did not declare the extension
)

// firstVersion is the protocol's first that has extensions. Sessions of older
// ones cannot read a task, although some clients declare the extension in
// them, too.
const firstVersion = "2026-07-28"

// Status is where a task is in its life.
type Status string

// The statuses there are. The last three are final.
const (
	Working       Status = "working"
	InputRequired Status = "input_required"
	Completed     Status = "completed" // the tool has answered, if only that it failed
	Failed        Status = "failed"    // there is no answer of the tool's
	Cancelled     Status = "cancelled"
)

// Task is a call that is under way, or has ended.
type Task struct {
	ID        string // cannot be guessed; ASCII, as it travels in a header
	Status    Status
	Message   string // for people: "3/8 fold"
	CreatedAt time.Time
	UpdatedAt time.Time
	TTL       time.Duration // from its creation, how long it is kept; 0: nobody removes it
	Poll      time.Duration // when to ask again; 0: the client decides

	Inputs map[string]Input    // of InputRequired: what is asked of the client
	Result *mcp.CallToolResult // of Completed
	Error  *jsonrpc.Error      // of Failed
}

// Input is a question to the client: elicitation/create,
// sampling/createMessage or roots/list.
type Input struct {
	Method string           `json:"method"`
	Params mcp.InputRequest `json:"params"`
}

// Backend keeps tasks. A task of somebody else's is [problem.ErrNotFound],
// word for word as one that does not exist.
type Backend interface {
	// Start makes a task of a call, which has been recorded durably when it is
	// returned; or it answers the call at once. Neither: the call is answered
	// as any other.
	Start(ctx context.Context, req *mcp.CallToolRequest) (*Task, *mcp.CallToolResult, error)

	Get(ctx context.Context, who *mcp.RequestExtra, id string) (*Task, error)

	// Answer gives what the client was asked for. Answers to what was not
	// asked are passed over.
	Answer(ctx context.Context, who *mcp.RequestExtra, id string, answers map[string]json.RawMessage) error

	// Cancel asks for the task to be ended. One that has ended stays as it is.
	Cancel(ctx context.Context, who *mcp.RequestExtra, id string) error
}

// Declare adds the extension to what a server says that it can do.
func Declare(c *mcp.ServerCapabilities) { c.AddExtension(Extension, nil) }

// Serve adds the layer to a server whose capabilities have it declared. Its
// middleware is inside of that which has been added before.
func Serve(s *mcp.Server, b Backend) error {
	// The methods are answered in the middleware, where it is known who asks;
	// registered they are only decoded.
	if err := errors.Join(
		mcp.AddReceivingCustomMethod(s, "tasks/get", nobody[*idParams]),
		mcp.AddReceivingCustomMethod(s, "tasks/cancel", nobody[*idParams]),
		mcp.AddReceivingCustomMethod(s, "tasks/update", nobody[*answerParams]),
	); err != nil {
		return err
	}
	s.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			switch r := req.(type) {
			case *mcp.CallToolRequest:
				if !Declared(r) {
					break
				}
				switch t, result, err := b.Start(ctx, r); {
				case err != nil:
					return nil, err
				case t != nil:
					return t.wire("task"), nil
				case result != nil:
					return &answered{result: result}, nil
				}
			case *mcp.ServerRequest[*idParams]:
				if r.Params == nil {
					return nil, wrong(problem.ErrNotFound)
				}
				if !capable(r.Params) {
					return nil, ErrMissingCapability()
				}
				if method == "tasks/cancel" {
					return acknowledged(b.Cancel(ctx, r.Extra, r.Params.TaskID))
				}
				t, err := b.Get(ctx, r.Extra, r.Params.TaskID)
				if err != nil {
					return nil, wrong(err)
				}
				return detailed(t)
			case *mcp.ServerRequest[*answerParams]:
				if r.Params == nil {
					return nil, wrong(problem.ErrNotFound)
				}
				if !capable(r.Params) {
					return nil, ErrMissingCapability()
				}
				return acknowledged(b.Answer(ctx, r.Extra, r.Params.TaskID, r.Params.Responses))
			}
			return next(ctx, method, req)
		}
	})
	return nil
}

// Declared reports whether the client of a call can take a task for an answer.
func Declared(req *mcp.CallToolRequest) bool { return capable(req.Params) }

// capable looks into a request's _meta as it came: since there are extensions
// each request says there what its client can do, and decoding all of it, as
// the SDK would, costs as much as answering a small call.
func capable(p interface{ GetMeta() map[string]any }) bool {
	meta := p.GetMeta()
	version, _ := meta[mcp.MetaKeyProtocolVersion].(string)
	if version < firstVersion {
		return false
	}
	capabilities, _ := meta[mcp.MetaKeyClientCapabilities].(map[string]any)
	extensions, _ := capabilities["extensions"].(map[string]any)
	_, declared := extensions[Extension]
	return declared
}

// ErrMissingCapability is the answer to a client that would need to declare
// the extension.
func ErrMissingCapability() error {
	return &jsonrpc.Error{
		Code: CodeMissingCapability, Message: "the client does not declare the extension " + Extension,
		Data: json.RawMessage(`{"requiredCapabilities":{"extensions":{"` + Extension + `":{}}}}`),
	}
}

// wrong is the error on the wire.
func wrong(err error) error {
	if errors.Is(err, problem.ErrNotFound) {
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no such task"}
	}
	return err
}

func nobody[P any](context.Context, *mcp.ServerSession, P) (*wire, error) {
	return nil, errors.New("mcptasks: the middleware is missing")
}

type idParams struct {
	mcp.ParamsBase
	TaskID string `json:"taskId"`
}

// Run is what the call is about, for whoever keeps account of calls.
func (p *idParams) Run() string {
	if p == nil {
		return ""
	}
	return p.TaskID
}

// Run is what the call is about.
func (p *answerParams) Run() string {
	if p == nil {
		return ""
	}
	return p.TaskID
}

// Run is what the answer is about.
func (w *wire) Run() string { return w.TaskID }

type answerParams struct {
	mcp.ParamsBase
	TaskID    string                     `json:"taskId"`
	Responses map[string]json.RawMessage `json:"inputResponses"`
}

// wire is a task as the extension writes it: the answer to the call that
// began it, and to tasks/get.
type wire struct {
	mcp.ResultBase
	ResultType string           `json:"resultType"`
	TaskID     string           `json:"taskId"`
	Status     Status           `json:"status"`
	Message    string           `json:"statusMessage,omitempty"`
	CreatedAt  time.Time        `json:"createdAt"`
	UpdatedAt  time.Time        `json:"lastUpdatedAt"`
	TTL        *int64           `json:"ttlMs"`
	Poll       int64            `json:"pollIntervalMs,omitempty"`
	Inputs     map[string]Input `json:"inputRequests,omitempty"`
	Result     json.RawMessage  `json:"result,omitempty"`
	Error      *jsonrpc.Error   `json:"error,omitempty"`
}

func (t *Task) wire(resultType string) *wire {
	w := &wire{
		ResultType: resultType, TaskID: t.ID, Status: t.Status, Message: t.Message,
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(), Poll: t.Poll.Milliseconds(),
	}
	if t.TTL > 0 {
		ms := t.TTL.Milliseconds()
		w.TTL = &ms
	}
	return w
}

func detailed(t *Task) (mcp.Result, error) {
	w := t.wire("complete")
	switch t.Status {
	case InputRequired:
		w.Inputs = t.Inputs
	case Failed:
		w.Error = t.Error
	case Completed:
		var err error
		if w.Result, err = complete(t.Result, nil); err != nil {
			return nil, fmt.Errorf("the result of task %s: %w", t.ID, err)
		}
	}
	return w, nil
}

// complete writes a result with its type, which clients want to see; the SDK
// writes it only into what goes through its own handlers.
func complete(r *mcp.CallToolResult, meta mcp.Meta) (json.RawMessage, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["resultType"] = json.RawMessage(`"complete"`)
	if len(meta) > 0 {
		if fields["_meta"], err = json.Marshal(meta); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

// answered is the answer to a call that came to no task.
type answered struct {
	mcp.ResultBase
	result *mcp.CallToolResult
}

// MarshalJSON writes it as any answer of a tool.
func (a *answered) MarshalJSON() ([]byte, error) { return complete(a.result, a.Meta) }

// Answer is what the tool answered, for whoever keeps account of calls.
func (a *answered) Answer() *mcp.CallToolResult { return a.result }

// ack says that a request about a task was taken.
type ack struct {
	mcp.ResultBase
	ResultType string `json:"resultType"`
}

func acknowledged(err error) (mcp.Result, error) {
	if err != nil {
		return nil, wrong(err)
	}
	return &ack{ResultType: "complete"}, nil
}
