package door_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/gateway/record"
)

// server has a tool that answers at once, one that takes a while, and one that
// panics.
func server(t *testing.T) *mcp.Server {
	t.Helper()
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ServerOptions{Capabilities: &mcp.ServerCapabilities{}})
	add := func(name string, do func(ctx context.Context)) {
		s.AddTool(&mcp.Tool{Name: name, Description: name, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				do(ctx)
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
			})
	}
	add("quick", func(context.Context) {})
	add("slow", func(context.Context) { time.Sleep(time.Second) })
	add("panics", func(context.Context) { panic("the secret of the panic") })
	s.AddReceivingMiddleware(record.New(record.Options{}).Middleware)
	return s
}

func newDoor(t *testing.T, o door.Options) http.Handler {
	t.Helper()
	if o.Server == nil {
		o.Server = server(t)
	}
	d, err := door.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

// request is a call of a tool, as 2026-07-28 has it.
func request(url, tool string) *http.Request {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":{},` + meta + `}}`
	r := httptest.NewRequest(http.MethodPost, url, strings.NewReader(body))
	r.RequestURI = ""
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
	} {
		r.Header.Set(k, v)
	}
	return r
}

func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoIsLetIn(t *testing.T) {
	here := newDoor(t, door.Options{Loopback: true, Hosts: []string{"ligase.lab"}, Origins: []string{"http://localhost:6274"}})
	network := newDoor(t, door.Options{})
	named := newDoor(t, door.Options{Hosts: []string{"ligase.lab"}})
	for _, c := range []struct {
		name         string
		h            http.Handler
		host, origin string
		want         int
	}{
		{"this machine", here, "127.0.0.1:8414", "", 200},
		{"this machine by name", here, "localhost:8414", "", 200},
		{"this machine, IPv6", here, "[::1]:8414", "", 200},
		{"a name that it was told", here, "ligase.lab", "", 200},
		{"another name", here, "evil.example.com", "", 403},
		{"a name that begins so", here, "localhost.evil.example.com", "", 403},
		{"an address of another", here, "10.0.0.1:8414", "", 403},
		{"its own page", here, "127.0.0.1:8414", "http://127.0.0.1:8414", 200},
		{"a page that it was told", here, "127.0.0.1:8414", "http://localhost:6274", 200},
		{"another page", here, "127.0.0.1:8414", "https://evil.example.com", 403},
		{"a page of no origin", here, "127.0.0.1:8414", "null", 403},
		{"a page that looks alike", here, "127.0.0.1:8414", "http://127.0.0.1:84144", 403},
		{"on a network, its address", network, "10.0.0.1:8414", "", 200},
		{"on a network, a name that nobody told it", network, "whatever.lab:8414", "", 403},
		{"on a network, a page of that name", network, "evil.example.com", "http://evil.example.com", 403},
		{"on a network, another page", network, "10.0.0.1", "https://evil.example.com", 403},
		{"on a network with names, its address", named, "10.0.0.1:8414", "", 200},
		{"on a network with names", named, "ligase.lab:8414", "", 200},
		{"on a network with names, another", named, "evil.example.com", "", 403},
	} {
		r := request("http://"+c.host+door.Path, "quick")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := answer(c.h, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" && (c.want != 200 || got != c.origin) {
			t.Errorf("%s: pages of %q may read the answer", c.name, got)
		}
	}
	preflight := httptest.NewRequest(http.MethodOptions, "http://127.0.0.1"+door.Path, nil)
	preflight.Header.Set("Origin", "http://localhost:6274")
	preflight.Header.Set("Access-Control-Request-Method", "POST")
	if w := answer(here, preflight); w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("a preflight: %d %v", w.Code, w.Header())
	}
}

func TestWhatIsNotDecoded(t *testing.T) {
	h := newDoor(t, door.Options{Loopback: true, MaxBody: 64 << 10})
	post := func(body []byte, header ...string) *httptest.ResponseRecorder {
		r := request("http://127.0.0.1"+door.Path, "quick")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return answer(h, r)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte("a"), 10<<20))
	z.Close()
	deep := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5001))
	for name, c := range map[string]struct {
		w    *httptest.ResponseRecorder
		want int
	}{
		"too long":    {post(bytes.Repeat([]byte(" "), 65<<10)), http.StatusRequestEntityTooLarge},
		"too deep":    {post(deep), http.StatusBadRequest},
		"a gzip bomb": {post(bomb.Bytes(), "Content-Encoding", "gzip"), http.StatusUnsupportedMediaType},
		"a large batch": {post([]byte("["+strings.TrimSuffix(strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"ping"},`, 500), ",")+"]"),
			"Mcp-Protocol-Version", "2025-03-26"), http.StatusBadRequest},
		"no JSON":        {post([]byte("name=value")), http.StatusBadRequest},
		"another type":   {post([]byte("{}"), "Content-Type", "text/plain"), http.StatusUnsupportedMediaType},
		"a wrong method": {post([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + meta + `}}`)), http.StatusBadRequest},
		"another task": {post([]byte(`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"a",`+meta+`}}`),
			"Mcp-Method", "tasks/get", "Mcp-Name", "b"), http.StatusBadRequest},
	} {
		if c.w.Code != c.want {
			t.Errorf("%s: %d, want %d: %.300s", name, c.w.Code, c.want, c.w.Body)
		}
	}
	// Quotes and escapes are no nesting.
	flat := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"quick","arguments":{"a":"` + strings.Repeat(`{[\"`, 200) + `"},` + meta + `}}`
	if w := post([]byte(flat)); w.Code != 200 {
		t.Errorf("brackets in a text: %d %s", w.Code, w.Body)
	}
}

func TestTooManyRequests(t *testing.T) {
	h := newDoor(t, door.Options{Loopback: true, Rate: 0.1, Burst: 2})
	for i, want := range []int{200, 200, 429} {
		w := answer(h, request("http://127.0.0.1"+door.Path, "quick"))
		if w.Code != want || (want == 429) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("request %d: %d, want %d", i+1, w.Code, want)
		}
	}
	other := request("http://127.0.0.1"+door.Path, "quick")
	other.RemoteAddr = "127.0.0.2:1"
	if w := answer(h, other); w.Code != 200 {
		t.Errorf("another caller: %d", w.Code)
	}
	if w := answer(h, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/health", nil)); w.Code != 200 {
		t.Errorf("/health: %d", w.Code)
	}
}

func TestPlainPages(t *testing.T) {
	broken := errors.New("it is not well")
	var why error
	h := newDoor(t, door.Options{Loopback: true, Ready: func(context.Context) error { return why }, Pages: map[string]http.Handler{
		"/page":  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") }),
		"/crash": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the secret of the panic") }),
	}})
	get := func(path string) *httptest.ResponseRecorder {
		return answer(h, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
	}
	if w := get("/page"); w.Code != 200 || w.Body.String() != "a page" {
		t.Errorf("a page: %d %s", w.Code, w.Body)
	}
	if w := get("/ready"); w.Code != 200 {
		t.Errorf("/ready: %d", w.Code)
	}
	why = broken
	if w := get("/ready"); w.Code != 503 || !strings.Contains(w.Body.String(), broken.Error()) {
		t.Errorf("/ready when it is not well: %d %s", w.Code, w.Body)
	}
	if w := get("/nothing"); w.Code != 404 {
		t.Errorf("nothing: %d", w.Code)
	}
	if w := get("/crash"); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a page that panics: %d %s", w.Code, w.Body)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	h := newDoor(t, door.Options{Loopback: true})
	for range 2 {
		w := answer(h, request("http://127.0.0.1"+door.Path, "panics"))
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"isError":true`) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("a tool that panics: %d %s", w.Code, w.Body)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	h := newDoor(t, door.Options{Loopback: true})
	for given, kept := range map[string]bool{"abc-123": true, "": false, "with\nline": false, strings.Repeat("x", 200): false} {
		r := request("http://127.0.0.1"+door.Path, "quick")
		if given != "" {
			r.Header[record.HeaderRequestID] = []string{given}
		}
		if got := answer(h, r).Header().Get(record.HeaderRequestID); (got == given) != kept || got == "" {
			t.Errorf("the id %q becomes %q", given, got)
		}
	}
}

// At the end calls are answered, streams closed, and nothing new begins; it
// takes no longer than it must.
func TestDraining(t *testing.T) {
	s := server(t)
	d, err := door.New(door.Options{Server: s, Sessions: true, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, l, door.Serving{}) }()
	url := "http://" + l.Addr().String()

	// A session of an old version with its stream open, and one that listens.
	session, err := mcp.NewClient(&mcp.Implementation{Name: "old", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url + door.Path, MaxRetries: -1}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	listen := request(url+door.Path, "")
	listen.Header.Set("Mcp-Method", "subscriptions/listen")
	listen.Header.Del("Mcp-Name")
	body := `{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},` + meta + `}}`
	listen.Body, listen.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	stream, err := http.DefaultClient.Do(listen)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()

	slow := make(chan string, 1)
	go func() {
		resp, err := http.DefaultClient.Do(request(url+door.Path, "slow"))
		if err != nil {
			slow <- err.Error()
			return
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			slow <- err.Error()
		}
		slow <- string(data)
	}()
	time.Sleep(300 * time.Millisecond) // it is under way
	began := time.Now()
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(9 * time.Second):
		t.Fatal("it does not end")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if got := <-slow; !strings.Contains(got, "done") {
		t.Errorf("the call that was under way was answered: %s", got)
	}
	if _, err := http.Get(url + "/health"); err == nil {
		t.Error("it still answers")
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: cert}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := door.New(door.Options{Server: server(t), Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Serve(ctx, l, door.Serving{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")})
	}()
	trusted := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	trusted.AddCert(parsed)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	resp, err := client.Do(request("https://"+l.Addr().String()+door.Path, "quick"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(data), "done") {
		t.Errorf("over TLS: %v: %s", err, data)
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
