package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/catalog"
	agents "github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/runs"
)

// mcpCases measure the gateway over HTTP, and beside it the bare SDK with a
// tool that does nothing.
func mcpCases() []benchCase {
	var list []benchCase
	for _, l := range []mcpLoad{
		{clients: 1, calls: 300},
		{clients: 16, calls: 4000, status: atMost(value{1.5e-3, seconds}), submit: atMost(value{3e-3, seconds})},
		{clients: 64, calls: 6400, statusRate: atLeast(value{3000, perSecond}), submitRate: atLeast(value{1500, perSecond})},
	} {
		list = append(list, benchCase{fmt.Sprintf("mcp/calls/%d", l.clients), l.measure})
	}
	return append(list, benchCase{"mcp/program", measureProgram}, benchCase{"mcp/long", measureLong})
}

type mcpLoad struct {
	clients, calls         int
	status, submit         goal // of the median
	statusRate, submitRate goal
}

// served is a server on a port of this machine.
type served struct {
	url  string
	stop func() error
}

func serveDoor(s *mcp.Server) (*served, error) {
	d, err := door.New(door.Options{Server: s, Sessions: true, SessionTimeout: 5 * time.Second, Loopback: true})
	if err != nil {
		return nil, err
	}
	return serveHandler(d)
}

func serveHandler(h http.Handler) (*served, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return &served{"http://" + l.Addr().String() + door.Path, func() error {
		err := server.Close()
		<-ended
		return err
	}}, nil
}

// bareServer is the SDK's, with a tool that does nothing and answers about as
// much as a status is.
func bareServer() (*served, error) {
	s := mcp.NewServer(&mcp.Implementation{Name: "bare", Version: "1"}, &mcp.ServerOptions{Capabilities: &mcp.ServerCapabilities{}})
	text := strings.Repeat("x", 120)
	fields := map[string]any{"run_id": "run-7k2m9c4x1p0q", "status": "succeeded", "text": text, "poll_after_seconds": 0}
	s.AddTool(&mcp.Tool{Name: "nothing", Description: "Does nothing.", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}, StructuredContent: fields}, nil
		})
	return serveHandler(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true}))
}

// caller calls tools as 2026-07-28 has it, with as little of its own as can be.
type caller struct {
	url    string
	client *http.Client
}

func newCaller(url string, clients int) *caller {
	return &caller{url, &http.Client{Transport: &http.Transport{MaxIdleConns: clients, MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}}}
}

const callMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

func (c *caller) call(ctx context.Context, tool, arguments string) ([]byte, error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `,` + callMeta + `}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h["Content-Type"], h["Accept"] = []string{"application/json"}, []string{"application/json, text/event-stream"}
	h["Mcp-Protocol-Version"], h["Mcp-Method"], h["Mcp-Name"] = []string{"2026-07-28"}, []string{"tools/call"}, []string{tool}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || bytes.Contains(data, []byte(`"isError":true`)) || !bytes.Contains(data, []byte(`"result"`))) {
		err = fmt.Errorf("%s answered %d: %.300s", tool, resp.StatusCode, data)
	}
	return data, err
}

// gatewayHouse is a gateway in front of an engine that leaves its runs alone:
// what is measured is the gateway and the store, not what the runs do.
func gatewayHouse(dir string) (_ *house, _ *served, err error) {
	own, err := ownDefinitions()
	if err != nil {
		return nil, nil, err
	}
	live, problems := catalog.NewLive(own)
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	h, err := open(dir, live.Now(), withNothing)
	if err != nil {
		return nil, nil, err
	}
	g, err := agents.New(agents.Options{
		Service: h.service, Catalog: live, Version: "bench", Subscriptions: true,
		Record: record.New(record.Options{Metrics: record.NewMetrics("bench", "bench", nil)}),
	})
	if err != nil {
		return nil, nil, errors.Join(err, h.close())
	}
	s, err := serveDoor(g.Server())
	if err != nil {
		return nil, nil, errors.Join(err, h.close())
	}
	return h, s, nil
}

func (l mcpLoad) measure(ctx context.Context, b *bench) (_ []row, err error) {
	h, ours, err := gatewayHouse(filepath.Join(b.dir, "data"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.stop(), h.close()) }()
	bare, err := bareServer()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	us, them := newCaller(ours.url, l.clients), newCaller(bare.url, l.clients)
	first, err := h.service.Submit(ctx, runs.SubmitRequest{Tenant: tenant, Tool: "call", Params: map[string]any{"num_sequences": 16, "temperature": 0.2, "seed": 1}})
	if err != nil {
		return nil, err
	}
	status := `{"run_id":"` + string(first.Run.ID) + `"}`
	calls := b.full(l.calls, l.clients*4)
	var statuses, nothings, submits []paces
	for round := -1; round < rounds; round++ {
		turns := []func() (paces, error){
			func() (paces, error) {
				return press(ctx, l.clients, calls, func(ctx context.Context, _ int) error {
					_, err := us.call(ctx, "get_run_status", status)
					return err
				})
			},
			func() (paces, error) {
				return press(ctx, l.clients, calls, func(ctx context.Context, _ int) error {
					_, err := them.call(ctx, "nothing", status)
					return err
				})
			},
			func() (paces, error) {
				return press(ctx, l.clients, calls, func(ctx context.Context, i int) error {
					_, err := us.call(ctx, "submit_call", fmt.Sprintf(`{"num_sequences":16,"temperature":0.2,"seed":%d,"client_request_id":"%d-%d"}`, i, round, i))
					return err
				})
			},
		}
		var p [3]paces
		for k := range turns {
			at := (k + max(round, 0)) % len(turns)
			if p[at], err = turns[at](); err != nil {
				return nil, err
			}
		}
		if round >= 0 {
			statuses, nothings, submits = append(statuses, p[0]), append(nothings, p[1]), append(submits, p[2])
		}
	}
	s, n, sub := middle(statuses), middle(nothings), middle(submits)
	who := plural(l.clients, "client")
	const peer = "a tool of the bare SDK that does nothing"
	overhead := ratioAtMost(1.25)
	if !l.status.none() {
		overhead = l.status
	}
	rows := []row{{what: "get_run_status, " + who + ": p50", ours: value{s.p50, seconds}, peer: peer, theirs: value{n.p50, seconds}, goal: overhead}}
	if !l.status.none() {
		rows = append(rows, row{what: "the same: overhead", ours: value{s.p50, seconds}, peer: peer, theirs: value{n.p50, seconds}, goal: ratioAtMost(1.25)})
	}
	return append(rows,
		row{what: "get_run_status, " + who + ": in all", ours: value{s.rate, perSecond}, peer: peer, theirs: value{n.rate, perSecond}, goal: l.statusRate},
		row{what: "submit, " + who + ": p50", ours: value{sub.p50, seconds}, peer: peer, theirs: value{n.p50, seconds}, goal: l.submit},
		row{what: "submit, " + who + ": in all", ours: value{sub.rate, perSecond}, peer: peer, theirs: value{n.rate, perSecond}, goal: l.submitRate},
	), nil
}

// measureProgram starts the program itself, as a host does and as a service.
func measureProgram(ctx context.Context, b *bench) ([]row, error) {
	program := filepath.Join(b.dir, "ligase")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/ligase")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	var firsts, idles []float64
	listed := 0
	for range b.full(7, 2) {
		took, size, err := firstAnswer(ctx, program, filepath.Join(b.dir, "data"))
		if err != nil {
			return nil, err
		}
		firsts, listed = append(firsts, took), size
		idle, err := idleMemory(ctx, program, filepath.Join(b.dir, "data"))
		if err != nil {
			return nil, err
		}
		idles = append(idles, idle)
	}
	return []row{
		{what: "list of the library's tools", ours: value{float64(listed), byteCount}, peer: "—", goal: atMost(value{16 << 10, byteCount})},
		{what: "start to the first answer", ours: value{median(firsts), seconds}, peer: "—", goal: atMost(value{80e-3, seconds})},
		{what: "memory, idle", ours: value{median(idles), byteCount}, peer: "—", goal: atMost(value{60e6, byteCount})},
	}, nil
}

// firstAnswer is how long a host waits for the list of tools of a server that
// it starts, and how long the list is.
func firstAnswer(ctx context.Context, program, data string) (took float64, size int, err error) {
	cmd := exec.CommandContext(ctx, program, "serve", "--stdio", "--data", data)
	cmd.SysProcAttr = dyingWithUs()
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer cmd.Process.Kill() // of one that has not ended by then
	if _, err := fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+callMeta+`}}`); err != nil {
		return 0, 0, err
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	line, err := lines.ReadBytes('\n')
	took = time.Since(began).Seconds()
	if err == nil && !bytes.Contains(line, []byte("submit_fold")) {
		err = fmt.Errorf("it answered %.300s", line)
	}
	in.Close()
	return took, len(line), errors.Join(err, cmd.Wait())
}

// idleMemory is what a gateway holds once it serves, in bytes.
func idleMemory(ctx context.Context, program, data string) (float64, error) {
	cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--data", data)
	cmd.SysProcAttr = dyingWithUs()
	out, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer cmd.Process.Kill() // of one that has not ended by then
	var said struct{ URL string }
	for lines := bufio.NewScanner(out); said.URL == "" && lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			return 0, err
		}
	}
	if said.URL == "" {
		return 0, errors.New("the gateway ended before it served")
	}
	c := newCaller(said.URL, 1)
	for range 20 {
		if _, err := c.call(ctx, "list_runs", "{}"); err != nil {
			return 0, err
		}
	}
	time.Sleep(time.Second)
	resident := residentOf(cmd.Process.Pid)
	return float64(resident), errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
}

// residentOf is the resident memory of a process, 0 where that is not known.
func residentOf(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// measureLong makes many calls, and leaves many sessions behind, and looks at
// what is held at the end.
func measureLong(ctx context.Context, b *bench) (_ []row, err error) {
	h, s, err := gatewayHouse(filepath.Join(b.dir, "data"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), h.close()) }()
	c := newCaller(s.url, 16)
	calls := func(n int) error {
		_, err := press(ctx, 16, n, func(ctx context.Context, _ int) error {
			_, err := c.call(ctx, "list_runs", "{}")
			return err
		})
		return err
	}
	if err := calls(b.full(5000, 200)); err != nil {
		return nil, err
	}
	before := held()
	many, sessions := b.full(100_000, 1000), b.full(1000, 20)
	if err := calls(many); err != nil {
		return nil, err
	}
	var left atomic.Int64
	if _, err := press(ctx, 8, sessions, func(ctx context.Context, _ int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"gone","version":"1"}}}`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		resp, err := c.client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.Header.Get("Mcp-Session-Id") != "" {
			left.Add(1)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}); err != nil {
		return nil, err
	}
	if int(left.Load()) != sessions {
		return nil, fmt.Errorf("%d of %d sessions began", left.Load(), sessions)
	}
	select { // they are let go after 5 s here
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(8 * time.Second):
	}
	after := held()
	return []row{{
		what: fmt.Sprintf("memory after %s calls and %s abandoned sessions", thousands(many), thousands(sessions)),
		ours: value{float64(after), byteCount}, peer: "before", theirs: value{float64(before), byteCount}, goal: ratioAtMost(1.25),
	}}, nil
}

// held is what the garbage collector finds in use, in bytes.
func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
