package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Program is ligase-worker: it executes one task and ends with the exit code
// of what came of it. Its configuration is the environment's, which a task
// cannot change.
type Program struct {
	Version        string
	Openers        map[string]uris.Opener // of the stores that it knows besides files
	Env            []string               // as os.Environ gives it
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

const (
	exitInternal = 1
	exitUsage    = 2
	taskBytes    = 16 << 20
)

const usage = `ligase-worker executes one step and commits what it made.

Usage: ligase-worker [--task FILE]

The task is JSON, from FILE (- for standard input), or from LIGASE_TASK.
On standard output is the commit record, or the failure, as one line of JSON.

Environment:
  LIGASE_STORE  JSON: {"roots": [{"uri": "s3://bucket/runs", "write": true}],
                       "buckets": {"s3://": {"endpoint": "…", "region": "…",
                                   "use_path_style": true, "disable_https": false}}}
  LIGASE_WORK   where private folders are made; else a temporary folder
  LIGASE_TASK   the task

Exit codes: 0 committed, 1 internal error, 2 usage; of a failure:
`

// storeConfig is LIGASE_STORE.
type storeConfig struct {
	Roots []struct {
		URI   uris.URI `json:"uri"`
		Write bool     `json:"write"`
	} `json:"roots"`
	Buckets map[string]struct {
		Endpoint     string `json:"endpoint"`
		Region       string `json:"region"`
		UsePathStyle bool   `json:"use_path_style"`
		DisableHTTPS bool   `json:"disable_https"`
	} `json:"buckets"`
}

// Main runs the program with the arguments that follow its name, and returns
// the exit code: 0 when the task is committed, by this attempt or before, else
// the class of the failure by [ExitCode]. SIGTERM and SIGINT end the command
// and count as preempted: whoever cancelled knows that it did.
func (p Program) Main(args []string) int {
	flags := flag.NewFlagSet("ligase-worker", flag.ContinueOnError)
	flags.SetOutput(p.Stderr)
	flags.Usage = func() {
		fmt.Fprint(p.Stderr, usage)
		for _, c := range classes {
			fmt.Fprintf(p.Stderr, "  %d  %s\n", c.exit, c.code)
		}
	}
	taskFile := flags.String("task", "", "")
	version := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case *version:
		fmt.Fprintln(p.Stdout, "ligase-worker", p.Version)
		return 0
	case flags.NArg() > 0:
		fmt.Fprintf(p.Stderr, "ligase-worker: %q is too much; see --help.\n", flags.Arg(0))
		return exitUsage
	}
	task, err := p.task(*taskFile)
	if err != nil {
		fmt.Fprintf(p.Stderr, "ligase-worker: the task: %v\n", err)
		return exitUsage
	}
	w, closeStore, err := p.worker()
	if err != nil {
		fmt.Fprintf(p.Stderr, "ligase-worker: %v\n", err)
		return exitUsage
	}
	defer closeStore()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	go func() {
		if s, ok := <-signals; ok {
			cancel(fail(steps.FailPreempted, "The worker was told to end (%v).", s))
		}
	}()
	return p.execute(ctx, w, task)
}

func (p Program) execute(ctx context.Context, w *Worker, task Task) int {
	// A pod may run twice with the same attempt; the engine in the same
	// process does not, so Execute does not look.
	a := &attempt{worker: w, task: &task, run: uris.Layout{Root: task.Root}.Run(task.RunID)}
	if task.check() == nil {
		if r, err := a.committed(ctx); err == nil {
			return p.report(r, 0)
		}
	}
	r, f := w.Execute(ctx, task, nil)
	if f != nil {
		fmt.Fprintf(p.Stderr, "ligase-worker: %s %s\n", f.Message, f.Hint)
		return p.report(f, ExitCode(f.Code))
	}
	return p.report(r, 0)
}

func (p Program) report(v any, exit int) int {
	if err := json.NewEncoder(p.Stdout).Encode(v); err != nil {
		fmt.Fprintf(p.Stderr, "ligase-worker: %v\n", err)
		return exitInternal
	}
	return exit
}

func (p Program) getenv(name string) string {
	value := ""
	for _, e := range p.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

func (p Program) task(file string) (Task, error) {
	var t Task
	r := io.Reader(strings.NewReader(p.getenv("LIGASE_TASK")))
	switch file {
	case "":
		if p.getenv("LIGASE_TASK") == "" {
			return t, errors.New("give it with --task FILE or in LIGASE_TASK")
		}
	case "-":
		r = p.Stdin
	default:
		f, err := os.Open(file)
		if err != nil {
			return t, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, taskBytes+1))
	if err != nil {
		return t, err
	}
	if len(b) > taskBytes {
		return t, fmt.Errorf("it is larger than %d MiB", taskBytes>>20)
	}
	return t, strict(b, &t)
}

// strict reads exactly one JSON document without unknown fields.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows after the JSON")
	}
	return nil
}

func (p Program) worker() (*Worker, func(), error) {
	var config storeConfig
	if err := strict([]byte(p.getenv("LIGASE_STORE")), &config); err != nil {
		return nil, nil, fmt.Errorf("LIGASE_STORE: %w", err)
	}
	o := uris.Options{Openers: p.Openers, Buckets: map[string]uris.BucketConfig{}}
	for _, r := range config.Roots {
		o.Roots = append(o.Roots, uris.Root{URI: r.URI, Write: r.Write})
	}
	for name, b := range config.Buckets {
		o.Buckets[name] = uris.BucketConfig{Endpoint: b.Endpoint, Region: b.Region, UsePathStyle: b.UsePathStyle, DisableHTTPS: b.DisableHTTPS}
	}
	work := p.getenv("LIGASE_WORK")
	if work == "" {
		work = filepath.Join(os.TempDir(), "ligase-work")
	}
	store, err := uris.NewStore(o)
	if err != nil {
		return nil, nil, fmt.Errorf("LIGASE_STORE: %w", err)
	}
	w, err := New(Options{
		Store: store, WorkDir: work, Version: p.Version, Path: p.getenv("PATH"),
		Self: "ligase", // this program has no baselines
		Log:  slog.New(slog.NewTextHandler(p.Stderr, nil)),
	})
	if err != nil {
		store.Close()
		return nil, nil, err
	}
	return w, func() { store.Close() }, nil
}
