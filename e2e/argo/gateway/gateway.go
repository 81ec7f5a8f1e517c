// Package gateway is a process with a service and the Argo engine in it, as a
// gateway has them, that tests can kill and measure. Whoever imports it calls
// [Main] first thing and becomes that process when [Start] asks for it; no
// other program has to be built.
//
// It is told what to do in lines of JSON on its standard input, and answers in
// lines of JSON, each as soon as it has the answer.
package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// variable has the Config of a process that is to be a gateway.
const variable = "LIGASE_E2E_GATEWAY"

// Tenant is whose the runs of a gateway are.
const Tenant = "e2e"

// Config is all that a gateway needs to know. Credentials of the store come
// from the environment.
type Config struct {
	Dir        string          // has ligase.db
	Store      json.RawMessage // as [uris.DecodeConfig] reads it; runs lie below its first root that may be written
	Kubeconfig string
	Namespace  string
	Catalog    []string // folders of definitions; none: the library
}

// What a Request asks for.
const (
	Submit = "submit"
	Get    = "get"
	Wait   = "wait" // for the run's end
)

// Request is one line to a gateway.
type Request struct {
	N         int               `json:"n"` // comes back with the answer
	Do        string            `json:"do"`
	RunID     runs.ID           `json:"run_id,omitempty"` // of Get and Wait
	RequestID string            `json:"request_id,omitempty"`
	Tool      string            `json:"tool,omitempty"`
	Params    map[string]any    `json:"params,omitempty"`
	Inline    map[string]string `json:"inline,omitempty"` // inputs by their content
}

// Answer is one line from a gateway.
type Answer struct {
	N        int        `json:"n"`
	RunID    runs.ID    `json:"run_id,omitempty"`
	Workflow string     `json:"workflow,omitempty"`
	Created  bool       `json:"created,omitempty"`
	State    runs.State `json:"state,omitempty"`
	Waiting  string     `json:"waiting,omitempty"`
	Error    string     `json:"error,omitempty"` // of the call, or why the run failed
}

// Main is the gateway's life, if this process was started to be one; else it
// returns at once.
func Main() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	var c Config
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = serve(context.Background(), c, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers until its input ends.
func serve(ctx context.Context, c Config, in io.Reader, out io.Writer) (err error) {
	service, done, err := open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- service.Reconcile(ctx) }()

	var (
		calls sync.WaitGroup
		mu    sync.Mutex // guards out
	)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r Request
		if err = json.Unmarshal(lines.Bytes(), &r); err != nil {
			break
		}
		calls.Go(func() {
			line, err := json.Marshal(answer(ctx, service, r))
			if err != nil {
				fmt.Fprintln(os.Stderr, "gateway:", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			_, _ = out.Write(append(line, '\n')) // nobody listens: nobody is told
		})
	}
	stop()
	calls.Wait()
	return errors.Join(err, lines.Err(), <-ended)
}

// open wires a service as `ligase` does for the engine argo.
func open(c Config) (_ *runs.Service, done func() error, err error) {
	var closers []func() error
	done = func() error {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, done())
		}
	}()
	sources := catalog.Builtin()
	if len(c.Catalog) > 0 {
		sources = nil
		for _, folder := range c.Catalog {
			source, err := catalog.Dir(folder)
			if err != nil {
				return nil, nil, err
			}
			sources = append(sources, source)
		}
	}
	tools, problems := catalog.Load(sources...)
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	where, err := uris.DecodeConfig(c.Store)
	if err != nil {
		return nil, nil, err
	}
	blobs, err := uris.NewStore(uris.Options{Roots: where.Roots, Buckets: where.Buckets, ReadAny: true, Openers: drivers.All()})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, blobs.Close)
	index, err := sqlite.Open(filepath.Join(c.Dir, "ligase.db"), sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, index.Close)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	engine, err := argo.New(argo.Options{
		Namespace: c.Namespace, Kubeconfig: c.Kubeconfig, Blobs: blobs, Version: "e2e", Log: log,
	})
	if err != nil {
		return nil, nil, err
	}
	service, err := runs.NewService(runs.Options{
		Store: index, Engine: engine, Blobs: blobs, Root: where.Home(), Catalog: tools, Log: log,
	})
	return service, done, err
}

// answer does what a request asks for.
func answer(ctx context.Context, s *runs.Service, r Request) Answer {
	a := Answer{N: r.N}
	var (
		run runs.Run
		err error
	)
	switch r.Do {
	case Submit:
		call := runs.SubmitRequest{Tenant: Tenant, RequestID: r.RequestID, Tool: r.Tool, Params: r.Params, Inputs: map[string][]runs.InputValue{}}
		for port, text := range r.Inline {
			call.Inputs[port] = []runs.InputValue{{Inline: []byte(text)}}
		}
		var made runs.Submission
		made, err = s.Submit(ctx, call)
		run, a.Created = made.Run, made.Created
	case Get:
		run, err = s.Get(ctx, Tenant, r.RunID)
	case Wait:
		run, err = s.Wait(ctx, Tenant, r.RunID)
	default:
		err = fmt.Errorf("%q is nothing that a gateway does", r.Do)
	}
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.RunID, a.Workflow, a.State, a.Waiting = run.ID, run.Workflow, run.State, run.Waiting
	if run.Failure != nil {
		a.Error = run.Failure.Message
	}
	return a
}

// settle is how long a gateway gets to end by itself.
const settle = 10 * time.Second
