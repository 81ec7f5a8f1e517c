package record_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/record"
)

func call(arguments string) *mcp.CallToolRequest {
	return &mcp.CallToolRequest{
		Params: &mcp.CallToolParamsRaw{Name: "cancel_run", Arguments: json.RawMessage(arguments)},
		Extra:  &mcp.RequestExtra{Header: http.Header{record.HeaderRequestID: {"id-7"}}},
	}
}

func TestCallsAreRecorded(t *testing.T) {
	var audit, log bytes.Buffer
	metrics := record.NewMetrics("local", "v1", func(tool string) bool { return tool == "cancel_run" })
	r := record.New(record.Options{Audit: &audit, Log: slog.New(slog.NewJSONHandler(&log, nil)), Metrics: metrics})
	made := func(method string, req mcp.Request, result mcp.Result, err error) (mcp.Result, error) {
		return r.Middleware(func(context.Context, string, mcp.Request) (mcp.Result, error) {
			if result == nil && err == nil {
				panic("the secret of the panic")
			}
			return result, err
		})(t.Context(), method, req)
	}
	const arguments = `{"run_id":"run-7k2m9c4x1p0q","sequence":"MQIFVKTLTGKTITLE"}`
	made("tools/call", call(arguments), &mcp.CallToolResult{}, nil)
	made("tools/call", call(arguments), &mcp.CallToolResult{IsError: true}, nil)
	made("tools/call", call(arguments), nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "no"})
	made("tools/call", call(arguments), nil, errors.New("the disk is gone"))
	made("tools/list", &mcp.ListToolsRequest{Params: &mcp.ListToolsParams{}}, &mcp.ListToolsResult{}, nil)
	result, err := made("tools/call", call(arguments), nil, nil)
	if r, is := result.(*mcp.CallToolResult); err != nil || !is || !r.IsError {
		t.Errorf("a panic of a tool: %v, %v", result, err)
	}
	if _, err := made("prompts/list", &mcp.ListPromptsRequest{Params: &mcp.ListPromptsParams{}}, nil, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a panic of a method: %v", err)
	}

	// What has no params is no reason to end.
	if _, err := made("notifications/initialized", &mcp.ServerRequest[*mcp.InitializedParams]{}, &mcp.CallToolResult{}, nil); err != nil {
		t.Errorf("a notification: %v", err)
	}
	result, err = made("tools/call", &mcp.CallToolRequest{}, &mcp.CallToolResult{}, nil)
	if r, is := result.(*mcp.CallToolResult); err != nil || !is || !r.IsError {
		t.Errorf("a call of no tool: %v, %v", result, err)
	}

	var decisions []string
	for _, line := range strings.Split(strings.TrimSpace(audit.String()), "\n") {
		var e struct {
			Principal, Tool, Method, Decision string
			RunID                             string `json:"run_id"`
			RequestID                         string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Method == "tools/call" && e.Tool != "" && (e.Principal != "local" || e.Tool != "cancel_run" || e.RunID != "run-7k2m9c4x1p0q" || e.RequestID != "id-7") {
			t.Errorf("a line: %s", line)
		}
		decisions = append(decisions, e.Decision)
	}
	if got := strings.Join(decisions, " "); got != "ok mistake mistake error panic panic panic" {
		t.Errorf("the audit log says: %s", got)
	}
	if strings.Contains(audit.String(), "MQIF") {
		t.Error("the audit log has arguments")
	}
	for _, want := range []string{"the disk is gone", "the secret of the panic", "id-7"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q", want)
		}
	}
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`ligase_mcp_calls_total{engine="local",method="tools/call",outcome="ok",tool="cancel_run"} 1`,
		`ligase_mcp_calls_total{engine="local",method="tools/call",outcome="panic",tool="cancel_run"} 1`,
		`ligase_mcp_call_seconds_count{engine="local",method="tools/call",tool="cancel_run"} 5`, `ligase_build_info{engine="local",version="v1"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

type full struct{ err error }

func (f *full) Write(p []byte) (int, error) { return len(p), f.err }

func TestAnAuditLogThatCannotBeWritten(t *testing.T) {
	disk := &full{errors.New("no space left")}
	r := record.New(record.Options{Audit: disk})
	made := func() {
		r.Middleware(func(context.Context, string, mcp.Request) (mcp.Result, error) { return &mcp.CallToolResult{}, nil })(t.Context(), "tools/call", call("{}"))
	}
	made()
	if r.Err() == nil {
		t.Error("nobody is told")
	}
	disk.err = nil // nobody calls meanwhile
	if r.Err() != nil {
		t.Errorf("it is written again, and this is told: %v", r.Err())
	}
}

var _ io.Writer = (*full)(nil)
