//go:build browser

package report

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a Chromium that reaches nothing but a proxy of the test's, which
// holds the pages and notes what is asked for.
type browser struct {
	program string
	proxy   *httptest.Server
	folder  string // for screenshots

	mu       sync.Mutex
	pages    map[string][]byte
	requests []string

	said []string // on the console
}

// host is where the pages are, for the browser.
const host = "report.test"

// ownHosts are asked by Chromium itself, whatever page it shows, all flags
// notwithstanding: for updates, the time and accounts. They serve nothing that
// a page could show.
var ownHosts = []string{"update.googleapis.com", "clients2.google.com", "accounts.google.com", "android.clients.google.com", "optimizationguide-pa.googleapis.com", "content-autofill.googleapis.com", "edgedl.me.gvt1.com"}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); program == "" && err == nil {
			program = path
		}
	}
	if program == "" {
		t.Fatal("There is no Chromium; install it (apt-get install chromium), or say where it is with CHROMIUM.")
	}
	b := &browser{program: program, pages: map[string][]byte{}, folder: *screenshots}
	if b.folder == "" {
		b.folder = filepath.Join("..", "..", "bin", "screenshots")
	}
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b.proxy = httptest.NewServer(http.HandlerFunc(b.answer))
	t.Cleanup(b.proxy.Close)
	return b
}

func (b *browser) answer(w http.ResponseWriter, r *http.Request) {
	asked := r.RequestURI
	if r.Host == host {
		asked = r.URL.Path
	}
	b.mu.Lock()
	if !slices.Contains(ownHosts, r.URL.Hostname()) {
		b.requests = append(b.requests, asked)
	}
	page, ok := b.pages[r.URL.Path]
	b.mu.Unlock()
	if r.Host != host || !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page)
}

// asked is what the page that was opened last had the browser ask for.
func (b *browser) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

func (b *browser) serve(path, file string) { b.serveWith(path, file, "") }

// serveWith puts a page up, with a script of the test's behind it.
func (b *browser) serveWith(path, file, script string) {
	page, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages[path] = append(page, script...)
}

// framed puts up a page that shows another at a width, as Chromium's own
// windows are not narrower than 500 pixels.
func (b *browser) framed(path string, width int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages["/framed.html"] = fmt.Appendf(nil, `<!doctype html><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>body { margin: 0 } iframe { display: block; border: 0; width: %dpx; height: 12000px }</style><iframe src="%s"></iframe>`, width, path)
	return "/framed.html"
}

// run starts the browser for one page.
func (b *browser) run(t *testing.T, path string, width, height int, dark bool, args ...string) []byte {
	t.Helper()
	b.mu.Lock()
	b.requests = nil
	b.mu.Unlock()
	scheme := 1 // light
	if dark {
		scheme = 0
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
		"--user-data-dir=" + t.TempDir(), "--proxy-server=" + b.proxy.URL, "--proxy-bypass-list=<-loopback>",
		"--enable-logging=stderr", fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme),
		fmt.Sprintf("--window-size=%d,%d", width, height),
	}, append(args, "http://"+host+path)...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			b.said = append(b.said, strings.TrimSpace(line))
		}
	}
	return stdout.Bytes()
}

// dom is the page as it is once it has been opened.
func (b *browser) dom(t *testing.T, path string, width int, dark bool) string {
	t.Helper()
	return string(b.run(t, path, width, 2000, dark, "--dump-dom"))
}

// screenshot leaves a picture of the page, all of its height, and returns its
// path.
func (b *browser) screenshot(t *testing.T, path, name string, width int, dark bool) string {
	t.Helper()
	height := 5200
	if width < 600 {
		height = 9000
	}
	file, err := filepath.Abs(filepath.Join(b.folder, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, path, width, height, dark, "--screenshot="+file)
	t.Log(file)
	return file
}

// print leaves the page as it comes out of a printer.
func (b *browser) print(t *testing.T, path, name string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(b.folder, name+".pdf"))
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, path, 1440, 2000, false, "--no-pdf-header-footer", "--print-to-pdf="+file)
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte("%PDF")) {
		t.Errorf("it does not print: %v", err)
	}
}

// silent fails when the console said anything.
func (b *browser) silent(t *testing.T) {
	t.Helper()
	for _, line := range slices.Compact(b.said) {
		t.Errorf("the console says: %s", line)
	}
}
