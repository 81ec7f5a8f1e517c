// Package record keeps account of the calls that a gateway answers: metrics
// for whoever operates it, an audit log of who did what, and a line in its own
// log for what went wrong. A panic in a handler ends here, as an error.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
)

// HeaderRequestID carries the id of a request, in and out.
const HeaderRequestID = "X-Request-Id"

// Outcomes of calls.
const (
	OK       = "ok"
	Mistake  = "mistake"  // the caller's, answered as one
	Failed   = "error"    // the gateway's
	Panicked = "panic"    // of a handler
	Refused  = "refused"  // not for this caller
	Canceled = "canceled" // the caller went away
)

// Subject is a reply, or the params of a request, that is about a run.
type Subject interface{ Run() string }

// Failure is a reply that says why a call came to nothing: by whose fault
// (Mistake, Refused, Failed), and for the gateway's log what the caller was not
// told.
type Failure interface {
	Cause() (outcome string, err error)
}

// Options configure a Recorder.
type Options struct {
	Log     *slog.Logger // nil discards
	Audit   io.Writer    // takes whole lines; nil: there is no audit log
	Metrics *Metrics     // nil: none
	Tracer  trace.Tracer // nil: calls have no spans; traces that callers bring are kept all the same
	Clock   func() time.Time
}

// Recorder is the outermost middleware of a server.
type Recorder struct {
	log     *slog.Logger
	metrics *Metrics
	tracer  trace.Tracer
	clock   func() time.Time

	mu    sync.Mutex
	audit io.Writer
	lost  error  // why the last line of the audit log was not written
	line  []byte // that line
}

// New returns a Recorder.
func New(o Options) *Recorder {
	r := &Recorder{log: o.Log, audit: o.Audit, metrics: o.Metrics, tracer: o.Tracer, clock: o.Clock}
	if r.tracer == nil {
		r.tracer = noop.NewTracerProvider().Tracer("")
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	return r
}

// Err is why the audit log cannot be written, while it cannot: it tries to
// write the line that was lost.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost != nil {
		r.append(r.line)
	}
	return r.lost
}

// append writes a line, or keeps it with the reason why not.
func (r *Recorder) append(line []byte) {
	if _, err := r.audit.Write(line); err != nil {
		if r.lost == nil {
			r.log.Error("the audit log cannot be written", "err", err)
		}
		r.lost, r.line = err, line
		return
	}
	r.lost, r.line = nil, nil
}

// Middleware records each request and its outcome. Nothing that it meets, in a
// handler or in the request, ends the process.
func (r *Recorder) Middleware(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (result mcp.Result, err error) {
		began := r.clock()
		e := &entry{Method: method}
		defer func() {
			cause := err
			if p := recover(); p != nil {
				result, err = r.panicked(e, p)
				cause = err
			}
			e.Millis = float64(r.clock().Sub(began).Microseconds()) / 1000
			r.metrics.call(e)
			if e.audited() {
				r.write(e, began)
			}
			if e.Outcome == Failed {
				r.log.Error("a call failed", "method", method, "tool", e.Tool, "request_id", e.RequestID, "err", orElse(e.cause, cause))
			}
		}()
		e.about(req)
		ctx, span := r.begin(ctx, e, req)
		defer func() { end(span, e) }()
		result, err = next(ctx, method, req)
		e.conclude(result, err)
		return result, err
	}
}

func orElse(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return err
}

// panicked is what a panic is to the caller: an error of the tool, or of the
// method.
func (r *Recorder) panicked(e *entry, p any) (mcp.Result, error) {
	e.Outcome = Panicked
	r.log.Error("a handler panicked", "method", e.Method, "tool", e.Tool, "request_id", e.RequestID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	const sentence = "This is a defect of the gateway: it could not answer this call, and has noted why in its log. Other calls are not affected."
	if e.Method == "tools/call" {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: sentence}}}, nil
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: sentence}
}

// entry is one line of the audit log. It has nothing of what was in the
// arguments but the run.
type entry struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id,omitempty"`
	Principal string    `json:"principal"`
	Tenant    string    `json:"tenant"`
	Method    string    `json:"method"`
	Tool      string    `json:"tool,omitempty"`
	Resource  string    `json:"resource,omitempty"`
	RunID     string    `json:"run_id,omitempty"`
	Outcome   string    `json:"decision"`
	Code      int64     `json:"code,omitempty"`
	Millis    float64   `json:"ms"`

	cause error // why it did not end well, where the caller was told something else
}

// about notes what a request is about.
func (e *entry) about(req mcp.Request) {
	extra := req.GetExtra()
	p := identity.Of(extra)
	e.Principal, e.Tenant = p.Name, p.Tenant
	if extra != nil {
		e.RequestID = extra.Header.Get(HeaderRequestID)
	}
	switch r := req.(type) {
	case *mcp.CallToolRequest:
		e.Tool = clip(r.Params.Name)
		var about struct {
			RunID string `json:"run_id"`
		}
		if json.Unmarshal(r.Params.Arguments, &about) == nil {
			e.RunID = clip(about.RunID)
		}
	case *mcp.ReadResourceRequest:
		e.Resource = clip(r.Params.URI)
	case *mcp.GetPromptRequest:
		e.Resource = clip("prompt:" + r.Params.Name)
	case *mcp.SubscribeRequest:
		e.Resource = clip(r.Params.URI)
	case *mcp.SubscriptionsListenRequest:
		if n := r.Params.Notifications; n != nil {
			e.Resource = clip(strings.Join(n.ResourceSubscriptions, " "))
		}
	default:
		if s, is := req.GetParams().(Subject); is {
			e.RunID = clip(s.Run())
		}
	}
}

// clip bounds what a caller can write into the log.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// conclude notes how a call ended.
func (e *entry) conclude(result mcp.Result, err error) {
	if s, is := result.(Subject); is && s.Run() != "" {
		e.RunID = s.Run()
	}
	var rpc *jsonrpc.Error
	switch {
	case err == nil:
		e.Outcome = OK
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Outcome = Canceled
	case errors.As(err, &rpc) && rpc.Code != jsonrpc.CodeInternalError:
		e.Outcome, e.Code = Mistake, rpc.Code
	default:
		e.Outcome = Failed
	}
	if a, is := result.(interface{ Answer() *mcp.CallToolResult }); is {
		result = a.Answer()
	}
	r, is := result.(*mcp.CallToolResult)
	if !is || r == nil {
		return
	}
	if s, is := r.StructuredContent.(Subject); is && s.Run() != "" {
		e.RunID = s.Run()
	}
	if r.IsError {
		e.Outcome = Mistake
	}
	if f, is := r.StructuredContent.(Failure); is {
		e.Outcome, e.cause = f.Cause()
	}
}

// audited says whether a call is one that the audit log is for: what touches
// runs, not lists and greetings.
func (e *entry) audited() bool {
	switch e.Method {
	case "tools/call", "resources/read", "tasks/get", "tasks/cancel", "tasks/update", "resources/subscribe", "subscriptions/listen":
		return true
	}
	return e.Outcome == Panicked
}

func (r *Recorder) write(e *entry, at time.Time) {
	if r.audit == nil {
		return
	}
	e.Time = at.UTC()
	line, err := json.Marshal(e)
	if err != nil {
		line = []byte(`{}`) // it is strings and numbers
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(append(line, '\n'))
}
