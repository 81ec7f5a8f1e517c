package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

const labTypes = `
types:
  note:
    title: Note
    formats:
      txt: {title: Text, media_type: text/plain, extensions: [txt], text: true}
  sequence:
    title: Sequence
    formats:
      fasta:
        title: FASTA
        media_type: text/x-fasta
        extensions: [fasta]
        text: true
        check: [{any_line: '^>', message: "It has no line that begins with '>'."}]
        length: {characters: '[A-Za-z]', skip: '^>'}
  scores:
    title: Table
    formats:
      csv: {title: CSV, delimiter: comma, media_type: text/csv, extensions: [csv], text: true}
`

// A lab is a worker with a store in files, where a test can see what it does.
type lab struct {
	t     testing.TB
	store *uris.Store
	types *steps.Types
	root  uris.URI
	dir   string // of the store
	work  string
	notes *noteBook // what the worker logs
	*worker.Worker
}

func newLab(t testing.TB, change func(*worker.Options)) *lab {
	t.Helper()
	list, problems := steps.ParseTypes("types.yaml", []byte(labTypes))
	types, more := steps.NewTypes(list)
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatal(problems)
	}
	l := &lab{t: t, types: types, dir: t.TempDir(), work: t.TempDir(), notes: &noteBook{}}
	var err error
	if l.root, err = uris.Parse("file://" + l.dir); err != nil {
		t.Fatal(err)
	}
	if l.store, err = uris.NewStore(uris.Options{Roots: []uris.Root{{URI: l.root, Write: true}}, Retries: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.store.Close() })
	o := worker.Options{
		Store: l.store, WorkDir: l.work, Self: "/bin/echo", Version: "test",
		Grace: 300 * time.Millisecond, Log: slog.New(slog.NewTextHandler(l.notes, nil)),
	}
	if change != nil {
		change(&o)
	}
	if l.Worker, err = worker.New(o); err != nil {
		t.Fatal(err)
	}
	return l
}

// noteBook is a writer that can be read.
type noteBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *noteBook) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *noteBook) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// task is one that runs a shell script, with what follows as its arguments.
func (l *lab) task(script string, args ...string) worker.Task {
	command := []steps.Arg{{Templates: []string{"sh"}}, {Templates: []string{"-c"}}, {Templates: []string{strings.ReplaceAll(script, "$(", "$$(")}}, {Templates: []string{"sh"}}}
	for _, a := range args {
		command = append(command, steps.Arg{Templates: []string{a}})
	}
	return worker.Task{
		RunID: "run-0123456789ab", Node: "node", Attempt: 1, Root: l.root, Types: l.types,
		Step: "step", Version: "1.0.0",
		Implementation: steps.Implementation{Name: "host", Command: command, Timeout: 20 * time.Second},
	}
}

func (l *lab) run() uris.RunFolder { return uris.Layout{Root: l.root}.Run("run-0123456789ab") }

// must executes and wants success.
func (l *lab) must(t worker.Task, h *worker.Hooks) *steps.Result {
	l.t.Helper()
	r, f := l.Execute(context.Background(), t, h)
	if f != nil {
		l.t.Fatalf("failed: %+v", f)
	}
	l.clean()
	return r
}

// wants executes and wants a failure of that class with that in its message.
func (l *lab) wants(t worker.Task, code steps.FailureCode, message string) *steps.Failure {
	l.t.Helper()
	r, f := l.Execute(context.Background(), t, nil)
	if f == nil {
		l.t.Fatalf("committed %+v, wanted %s", r, code)
	}
	if f.Code != code || !strings.Contains(f.Message, message) {
		l.t.Errorf("failed with %s: %s\nwanted %s: …%s…", f.Code, f.Message, code, message)
	}
	if f.Hint == "" && code != steps.FailUpstream {
		l.t.Errorf("no hint for %s", f.Code)
	}
	if f.Node != t.Node || f.Attempt != t.Attempt {
		l.t.Errorf("the failure is of %s, attempt %d", f.Node, f.Attempt)
	}
	if _, err := l.store.Stat(context.Background(), l.run().Result(t.Node, t.Index)); err == nil {
		l.t.Error("it committed all the same")
	}
	if _, err := l.store.Stat(context.Background(), l.run().Failure(t.Node, t.Index, t.Attempt)); err != nil {
		l.t.Errorf("no record of the failure: %v", err)
	}
	l.clean()
	return f
}

// clean wants nothing left of attempts: no folder, no process.
func (l *lab) clean() {
	l.t.Helper()
	entries, _ := filepath.Glob(filepath.Join(l.work, "*", "*", "*"))
	for _, e := range entries {
		if !strings.HasPrefix(e, filepath.Join(l.work, ".clean")) {
			l.t.Errorf("left behind: %s", e)
		}
	}
	for _, pid := range marked(l.work) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		l.t.Errorf("process %d was left behind: %q", pid, b)
	}
}

// marked lists processes with a trace of dir in their environment.
func marked(dir string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(dir)) {
			var pid int
			fmt.Sscanf(f, "/proc/%d/", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// put stores an object and describes it as an item.
func (l *lab) put(name, content string) worker.Item {
	l.t.Helper()
	u := l.root.Join("given", name)
	s, err := l.store.Put(context.Background(), u, strings.NewReader(content))
	if err != nil {
		l.t.Fatal(err)
	}
	return worker.Item{URI: u, Size: s.Size, SHA256: s.SHA256}
}

func (l *lab) read(u uris.URI) string {
	l.t.Helper()
	b, err := l.store.ReadAll(context.Background(), u, 64<<20)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

func (l *lab) log(t worker.Task) string {
	l.t.Helper()
	r, err := l.LogOf(context.Background(), l.run(), t.Node, t.Index, t.Attempt)
	if err != nil {
		l.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

func note(name string) steps.Port {
	return steps.Port{Name: name, Type: "note", Formats: []string{"txt"}}
}

func notes(name string, least, most int) steps.Port {
	return steps.Port{Name: name, Type: "note", Formats: []string{"txt"}, Many: true, MinItems: least, MaxItems: most}
}

func value(t testing.TB, v any) steps.Value {
	t.Helper()
	got, err := steps.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func uriOf(t testing.TB, s string) uris.URI {
	t.Helper()
	u, err := uris.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
