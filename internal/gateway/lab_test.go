package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// site is a gateway in front of a real engine, reached by HTTP.
type site struct {
	*testing.T
	url     string
	gateway *gateway.Gateway
	service *runs.Service
	live    *catalog.Live
	audit   *bytes.Buffer
	token   string
	headers map[string]string
}

// change sets up a site otherwise.
type change func(o *gateway.Options, d *door.Options)

// newSite serves the definitions of the engines' conformance suite, which need
// nothing but a shell, and those of the folders.
func newSite(t *testing.T, folders []string, changes ...change) *site {
	t.Helper()
	dir := t.TempDir()
	sources := []catalog.Source{runstest.Source(t)}
	for _, folder := range folders {
		source, err := catalog.Dir(folder)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	live, problems := catalog.NewLive(sources...)
	if problems != nil {
		t.Fatal(problems)
	}
	root, err := uris.FromPath(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Openers: drivers.All()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	store, err := sqlite.Open(filepath.Join(dir, "ligase.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w, err := worker.New(worker.Options{Store: blobs, WorkDir: filepath.Join(dir, "work"), Version: "test", Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := local.New(local.Options{Worker: w, Blobs: blobs, DataDir: dir, Slots: local.Slots{CPU: 4}, Backoff: follow.Backoff{Base: 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	service, err := runs.NewService(runs.Options{Store: store, Engine: engine, Blobs: blobs, Root: root, Catalog: live})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Reconcile(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	s := &site{T: t, service: service, live: live, audit: &bytes.Buffer{}}
	// The suite has more than get a tool of their own where nothing else is said.
	options := gateway.Options{Service: service, Catalog: live, Version: "test", Subscriptions: true, MostTools: 100, Record: record.New(record.Options{Audit: s.audit})}
	doorOptions := door.Options{Sessions: true, Loopback: true}
	for _, c := range changes {
		c(&options, &doorOptions)
	}
	if s.gateway, err = gateway.New(options); err != nil {
		t.Fatal(err)
	}
	doorOptions.Server = s.gateway.Server()
	d, err := door.New(doorOptions)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d)
	t.Cleanup(func() {
		s.gateway.Drain()
		for session := range s.gateway.Server().Sessions() {
			session.Close()
		}
		server.Close()
	})
	s.url = server.URL
	return s
}

// rpcError is an error of the protocol.
type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// tasksCapability is what a client that takes tasks declares.
const tasksCapability = `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`

// ask makes a request as 2026-07-28 has it.
func (s *site) ask(method string, params map[string]any, capabilities string) (json.RawMessage, *rpcError) {
	s.Helper()
	if params == nil {
		params = map[string]any{}
	}
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
		"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "test", "version": "1"},
		"io.modelcontextprotocol/clientCapabilities": json.RawMessage(orElse(capabilities, "{}")),
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	if err != nil {
		s.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+door.Path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	req.Header.Set("Mcp-Method", method)
	for _, key := range []string{"name", "uri", "taskId"} {
		if name, is := params[key].(string); is {
			req.Header.Set("Mcp-Name", name)
		}
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for k, v := range s.headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		data = lastEvent(data)
	}
	var answer struct {
		Result json.RawMessage
		Error  *rpcError
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		s.Fatalf("%s answered %d: %.300s", method, resp.StatusCode, data)
	}
	return answer.Result, answer.Error
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// listen subscribes to resources as 2026-07-28 has it, and gives what it is
// told, the acknowledgement or an error first.
func (s *site) listen(uris ...string) <-chan string {
	s.Helper()
	params, err := json.Marshal(map[string]any{
		"notifications": map[string]any{"resourceSubscriptions": uris},
		"_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": map[string]string{"name": "test", "version": "1"},
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	body := `{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":` + string(params) + `}`
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+door.Path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2026-07-28",
		"Mcp-Method": "subscriptions/listen", "Authorization": "Bearer " + s.token,
	} {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { resp.Body.Close() })
	told := make(chan string, 100)
	go func() {
		defer close(told)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if text := strings.TrimPrefix(lines.Text(), "data: "); strings.HasPrefix(text, "{") {
				told <- text
			}
		}
	}()
	return told
}

func lastEvent(stream []byte) (data []byte) {
	lines := bufio.NewScanner(bytes.NewReader(stream))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if rest, is := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); is {
			data = bytes.Clone(rest)
		}
	}
	return data
}

// answer is what a tool answered.
type answer struct {
	Content []struct{ Type, Text string }
	Fields  map[string]any `json:"structuredContent"`
	IsError bool           `json:"isError"`
	raw     json.RawMessage
}

func (a answer) text() string {
	if len(a.Content) == 0 {
		return ""
	}
	return a.Content[0].Text
}

func (a answer) string(name string) string { s, _ := a.Fields[name].(string); return s }

// call calls a tool.
func (s *site) call(tool string, args map[string]any) answer {
	s.Helper()
	if args == nil {
		args = map[string]any{}
	}
	result, rpc := s.ask("tools/call", map[string]any{"name": tool, "arguments": args}, "")
	if rpc != nil {
		s.Fatalf("%s: %+v", tool, rpc)
	}
	a := answer{raw: result}
	if err := json.Unmarshal(result, &a); err != nil {
		s.Fatal(err)
	}
	return a
}

// good calls a tool that is to succeed.
func (s *site) good(tool string, args map[string]any) answer {
	s.Helper()
	a := s.call(tool, args)
	if a.IsError {
		s.Fatalf("%s(%v): %s", tool, args, a.text())
	}
	return a
}

// end waits for a run as an agent does, and gives its last status.
func (s *site) end(run string) answer {
	s.Helper()
	for range 10 {
		a := s.good("get_run_status", map[string]any{"run_id": run, "wait_seconds": 10})
		switch a.string("status") {
		case "succeeded", "failed", "cancelled":
			return a
		}
	}
	s.Fatalf("%s does not end", run)
	return answer{}
}

// submit submits and gives the run's id.
func (s *site) submit(tool string, args map[string]any) string {
	s.Helper()
	return s.good("submit_"+tool, args).string("run_id")
}

// uri is the output of a run on a port that gives one.
func (s *site) uri(run, port string) string {
	s.Helper()
	outputs, _ := s.good("fetch_run_summary", map[string]any{"run_id": run}).Fields["output_uris"].(map[string]any)
	u, is := outputs[port].(string)
	if !is {
		s.Fatalf("%s gave %v, want a URI on %s", run, outputs, port)
	}
	return u
}

// withTokens has the site ask for tokens, of two tenants.
func withTokens(t *testing.T) change {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("alice alice-has-this-token\nbob bob-has-another-token other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := identity.NewBearerFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(_ *gateway.Options, d *door.Options) { d.Verifier = verifier }
}

func has(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%s", what, want, text)
		}
	}
}

func mustID(t *testing.T, v any) runs.ID {
	t.Helper()
	text, _ := v.(string)
	id, err := runs.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
