//go:build mcp

// Package mcp holds the gateway against programs that others wrote: the
// official conformance suite, the Inspector, and three TypeScript clients.
package mcp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/e2e/mcp/checkers"
)

// start runs a server until the test ends, and gives the URL that it prints.
func start(t *testing.T, urlIn func(line string) string, from func(*exec.Cmd) (io.Reader, error), program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	// The step that fails names an image for the cluster.
	cmd.Env = append(os.Environ(), "LIGASE_ENGINE_IDLE=1s", "LIGASE_CONTAINERS=never")
	printed, err := from(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		began := time.Now()
		if err := cmd.Wait(); err != nil || time.Since(began) > 10*time.Second {
			t.Errorf("%s ended after %s: %v", filepath.Base(program), time.Since(began), err)
		}
	})
	lines := bufio.NewScanner(printed)
	for lines.Scan() {
		if url := urlIn(lines.Text()); url != "" {
			go io.Copy(io.Discard, printed)
			return url
		}
		t.Log(lines.Text())
	}
	t.Fatalf("%s ended before it served", program)
	return ""
}

func stdout(cmd *exec.Cmd) (io.Reader, error) { return cmd.StdoutPipe() }
func stderr(cmd *exec.Cmd) (io.Reader, error) { return cmd.StderrPipe() }

// gateway serves the library, and a step that fails.
func gateway(t *testing.T, args ...string) (url, structure string) {
	t.Helper()
	demo, err := filepath.Abs(filepath.Join("..", "..", "internal", "cli", "demo"))
	if err != nil {
		t.Fatal(err)
	}
	url = start(t, func(line string) string {
		var said struct{ URL string }
		if json.Unmarshal([]byte(line), &said) != nil {
			return ""
		}
		return said.URL
	}, stderr, built.Ligase(t), append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--catalog", "definitions", "--allow-root", "file://" + demo}, args...)...)
	return url, "file://" + demo + "/1ubq.pdb"
}

// The suite's fixtures, behind the gateway's own code: every check passes.
func TestConformanceOfTheLayers(t *testing.T) {
	url := start(t, func(line string) string { return line }, stdout, built.Program(t, "e2e/mcp/fixture"), "127.0.0.1:0")
	out, err := checkers.Node(t, nil, "conformance.mjs", url, t.TempDir())
	t.Log(out)
	if err != nil {
		t.Error(err)
	}
}

// The gateway itself: what applies to any server passes.
func TestConformanceOfTheGateway(t *testing.T) {
	expected, err := filepath.Abs("expected-failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	url, _ := gateway(t)
	out, err := checkers.Node(t, nil, "conformance.mjs", url, t.TempDir(), expected)
	t.Log(out)
	if err != nil {
		t.Error(err)
	}
}

func TestInspector(t *testing.T) {
	url, structure := gateway(t)
	inspect := func(args ...string) string {
		t.Helper()
		out, err := checkers.Node(t, nil, append([]string{"node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", "--cli", url, "--transport", "http", "--format", "json"}, args...)...)
		if err != nil {
			t.Fatalf("inspector %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	for _, era := range []string{"legacy", "modern"} {
		if out := inspect("--protocol-era", era, "--method", "tools/list", "--strict"); strings.Contains(out, "schemaFindings") {
			t.Errorf("findings in %s: %s", era, out)
		}
		if out := inspect("--protocol-era", era, "--method", "resources/read", "--uri", "resource://catalog"); !strings.Contains(out, "design_and_fold") {
			t.Errorf("the catalog in %s: %s", era, out)
		}
	}
	out := inspect("--protocol-era", "modern", "--method", "tools/call", "--tool-name", "submit_design", "--tool-args-json", `{"structure_uri": "`+structure+`", "num_sequences": 2}`)
	if !strings.Contains(out, `"status":"succeeded"`) || !strings.Contains(out, "output_uris") {
		t.Errorf("a task of ours, run to its end: %s", out)
	}
	var load struct {
		Result struct {
			OK        int     `json:"ok"`
			ErrorRate float64 `json:"errorRate"`
		}
	}
	out = inspect("--protocol-era", "modern", "--method", "tools/call", "--tool-name", "list_runs", "--load", "--load-requests", "500", "--load-concurrency", "20")
	if err := json.Unmarshal([]byte(out), &load); err != nil || load.Result.OK != 500 || load.Result.ErrorRate != 0 {
		t.Errorf("under load: %v: %s", err, out)
	}
}

// What an agent does, by each client.
func TestClients(t *testing.T) {
	url, structure := gateway(t)
	for _, client := range []string{"v1", "v2", "tasks"} {
		t.Run(client, func(t *testing.T) {
			out, err := checkers.Node(t, nil, "chain.mjs", url, client, structure)
			t.Log(out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// What mcp-config prints works as it is: the host's JSON is read, and the
// server that it names started, or reached.
func TestHostsAreTold(t *testing.T) {
	url, _ := gateway(t)
	home := t.TempDir()
	for _, c := range []struct{ client, key string }{{"claude-code", "mcpServers"}, {"claude-desktop", "mcpServers"}, {"cursor", "mcpServers"}, {"vscode", "servers"}} {
		for _, at := range []string{"", url} {
			if at != "" && c.client == "claude-desktop" {
				continue // it starts a bridge of npm's for that
			}
			args := []string{"mcp-config", "--client", c.client, "--data", filepath.Join(home, "data")}
			if at != "" {
				args = append(args, "--url", at)
			}
			out, err := exec.Command(built.Ligase(t), args...).Output()
			if err != nil {
				t.Fatalf("%s: %v", c.client, err)
			}
			var file map[string]map[string]struct {
				URL     string
				Command string
				Args    []string
			}
			if err := json.Unmarshal(out, &file); err != nil {
				t.Fatalf("%s: %v: %s", c.client, err, out)
			}
			server, is := file[c.key]["ligase"]
			if !is {
				t.Fatalf("%s: %s", c.client, out)
			}
			if at != "" {
				if server.URL != at {
					t.Errorf("%s: %s", c.client, out)
				}
				resp, err := http.Get(strings.TrimSuffix(server.URL, "/mcp") + "/ready")
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %v %v", c.client, resp, err)
				}
				continue
			}
			said, err := speak(t, home, server.Command, server.Args...)
			if err != nil || !strings.Contains(said, "submit_design_and_fold") {
				t.Errorf("%s: %v: %s", c.client, err, said)
			}
		}
	}
}

// speak starts a server as a host does, in a folder and environment of its
// own, and asks it for its tools.
func speak(t *testing.T, home, command string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = "/", []string{"HOME=" + home, "PATH=/usr/bin:/bin"}
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"host","version":"1"}}}`)
	fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	said := ""
	for n := 0; n < 2 && lines.Scan(); n++ {
		if !strings.HasPrefix(lines.Text(), "{") {
			return lines.Text(), fmt.Errorf("standard output has something that is not the protocol's")
		}
		said += lines.Text() + "\n"
	}
	in.Close() // as a host ends its servers
	return said, cmd.Wait()
}
