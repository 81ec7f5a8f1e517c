package runs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Catalog is what the service needs of a [catalog.Catalog].
type Catalog interface {
	Compile(tool string, implementations map[string]string) (*pipelines.Compiled, error)
	Step(name string) *steps.Step // by "name" or "name@version"; nil: there is none
	Types() *steps.Types
	Next(typ, format string) []catalog.Fit
}

// Options configure a Service. Store, Engine, Blobs, Root and Catalog are
// required.
type Options struct {
	Store   Store
	Engine  Engine
	Blobs   *uris.Store
	Root    uris.URI // where run folders are made
	Catalog Catalog

	// Claims is what the claims of runs are written through; nil: Blobs. On
	// one machine the row in the store is what makes a submit durable, so that
	// a store without Sync does, and spares each submit two flushes.
	Claims *uris.Store

	// Hinders says why an implementation of a step cannot run where the engine
	// runs; nil when it can. A call that needs one that cannot is refused.
	// Without it nothing is refused for that.
	Hinders func(ctx context.Context, node string, step *steps.Step, impl *steps.Implementation) *Hindrance

	// GPUs are the devices that attempts can get; nil: not known. A call that is
	// predicted to need more memory than any of them has is refused.
	GPUs func(context.Context) []steps.GPU

	Clock        func() time.Time // nil: time.Now
	NewRequestID func() string    // for calls that bring none; nil: 128 random bits
	MaxInline    int64            // bytes of one value given in a call; 0: 64 MiB
	MaxCounted   int64            // bytes of an input that is read through to count its residues or records; 0: 1 GiB
	Log          *slog.Logger     // nil discards

	failpoint func(point string) error // of tests: what it returns ends a submit there, as a crash would
}

const (
	maxInline  = 64 << 20
	maxCounted = 1 << 30
)

// Service is what the surfaces call: it takes requests, keeps runs in the
// store, hands them to the engine and answers what became of them. It is safe
// for concurrent use, and any number of processes may serve the same runs.
type Service struct {
	o       Options
	store   Store
	engine  Engine
	blobs   *uris.Store
	claims  *uris.Store
	layout  uris.Layout
	catalog Catalog
	clock   func() time.Time
	log     *slog.Logger

	desk  *desk
	ends  bells // rung when this process has recorded the end of a run
	looks looks // at run folders
}

// NewService returns a service.
func NewService(o Options) (*Service, error) {
	switch {
	case o.Store == nil, o.Engine == nil, o.Blobs == nil, o.Catalog == nil, o.Root.IsZero():
		return nil, errors.New("runs: Store, Engine, Blobs, Root and Catalog are required")
	}
	if o.Claims == nil {
		o.Claims = o.Blobs
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.NewRequestID == nil {
		o.NewRequestID = rand.Text
	}
	if o.MaxInline == 0 {
		o.MaxInline = maxInline
	}
	if o.MaxCounted == 0 {
		o.MaxCounted = maxCounted
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.failpoint == nil {
		o.failpoint = func(string) error { return nil }
	}
	return &Service{
		o: o, store: o.Store, engine: o.Engine, blobs: o.Blobs, claims: o.Claims, catalog: o.Catalog,
		layout: uris.Layout{Root: o.Root}, clock: o.Clock, log: o.Log,
		desk: newDesk(),
	}, nil
}

// Get returns a run. One that another process has claimed below the same root
// is found by its claim.
func (s *Service) Get(ctx context.Context, tenant string, id ID) (Run, error) {
	run, err := s.find(ctx, tenant, id)
	return shown(run), err
}

// List returns a page of a tenant's runs, newest first.
func (s *Service) List(ctx context.Context, f RunFilter) (RunPage, error) {
	page, err := s.store.List(ctx, f)
	for i := range page.Runs {
		page.Runs[i] = shown(page.Runs[i])
	}
	return page, err
}

// Tasks returns a page of a run's tasks.
func (s *Service) Tasks(ctx context.Context, tenant string, id ID, f TaskFilter) (TaskPage, error) {
	if _, err := s.find(ctx, tenant, id); err != nil {
		return TaskPage{}, err
	}
	return s.store.Tasks(ctx, id, f)
}

// Events returns what happened to a run after the event with that number.
func (s *Service) Events(ctx context.Context, tenant string, id ID, after int64, limit int) ([]Event, error) {
	if _, err := s.find(ctx, tenant, id); err != nil {
		return nil, err
	}
	return s.store.Events(ctx, id, after, limit)
}

// PlanOf returns what a run does.
func (s *Service) PlanOf(ctx context.Context, tenant string, id ID) (*pipelines.Plan, error) {
	if _, err := s.find(ctx, tenant, id); err != nil {
		return nil, err
	}
	return s.store.Plan(ctx, id)
}

// Nodes returns how far each node of a run is, in the order of the plan. A
// node that nothing is known of yet has a Total of 0.
func (s *Service) Nodes(ctx context.Context, tenant string, id ID) ([]NodeStatus, error) {
	plan, err := s.PlanOf(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	known, err := s.store.Nodes(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]NodeStatus, len(plan.Compiled.Nodes))
	for i, n := range plan.Compiled.Nodes {
		out[i].Node = n.ID
		if j := slices.IndexFunc(known, func(k NodeStatus) bool { return k.Node == n.ID }); j >= 0 {
			out[i] = known[j]
		}
	}
	return out, s.foresee(ctx, id, plan, out)
}

// foresee completes the totals of nodes: tasks that have not started leave no
// trace, but how many there are follows from what scattered them.
func (s *Service) foresee(ctx context.Context, id ID, plan *pipelines.Plan, nodes []NodeStatus) error {
	items := map[dag.Endpoint]int{}
	graph := plan.Compiled.Graph()
	for i := range nodes {
		n, total := &nodes[i], 1
		if dims := graph.Dims(n.Node); len(dims) > 0 {
			from := dims[len(dims)-1]
			known, counted := items[from]
			if !counted {
				known = len(plan.Inputs[from.Port])
				if from.Node != "" {
					page, err := s.store.Outputs(ctx, id, OutputFilter{Node: from.Node, Port: from.Port, Limit: 1})
					if err != nil {
						return err
					}
					known = page.Total
				}
				items[from] = known
			}
			total = known
		}
		n.Total = max(n.Total, total)
	}
	return nil
}

// Outputs lists what a run gave on an output port, or on all of them. In what
// it returns Port is the run's port, and Index that of the item.
func (s *Service) Outputs(ctx context.Context, tenant string, id ID, port, cursor string, limit int) (OutputPage, error) {
	plan, err := s.PlanOf(ctx, tenant, id)
	if err != nil {
		return OutputPage{}, err
	}
	c := plan.Compiled
	from, inner, _ := strings.Cut(cursor, ".")
	var names []string
	for i := range c.Outputs {
		names = append(names, c.Outputs[i].Port.Name)
	}
	if port != "" && !slices.Contains(names, port) {
		return OutputPage{}, problem.Problems{{
			Path: "port", Code: problem.UnknownName,
			Message: fmt.Sprintf("%s has no output %q.", c.Tool.Name, port), Fix: problem.DidYouMean(port, names),
		}}
	}
	if cursor != "" && !slices.Contains(names, from) || (port != "" && cursor != "" && from != port) {
		return OutputPage{}, problem.Problems{{
			Path: "cursor", Code: problem.Invalid, Message: "The cursor does not belong to this listing.",
			Fix: "Give the `next` of the page before unchanged, or no cursor to start from the first page.",
		}}
	}
	if limit <= 0 {
		limit = 100
	}
	var page OutputPage
	for _, out := range c.Outputs {
		name := out.Port.Name
		if port != "" && name != port {
			continue
		}
		f := OutputFilter{Node: out.From.Node, Port: out.From.Port, Limit: max(1, limit-len(page.Outputs))}
		past := cursor != "" && from != name // whole ports before the cursor's count only
		if cursor != "" && from == name {
			f.Cursor, cursor = inner, ""
		}
		full := len(page.Outputs) >= limit
		if past || full {
			f.Limit = 1
		}
		some, err := s.store.Outputs(ctx, id, f)
		if err != nil {
			return OutputPage{}, err
		}
		page.Total += some.Total
		switch {
		case past:
		case full:
			if page.Next == "" && some.Total > 0 {
				page.Next = name + "."
			}
		default:
			many := c.StepOf(out.From.Node).Output(out.From.Port).Many
			for _, o := range some.Outputs {
				o.Port = name
				if many {
					o.Index = o.Index.Child(o.Item)
				}
				page.Outputs = append(page.Outputs, o)
			}
			if some.Next != "" {
				page.Next = name + "." + some.Next
			}
		}
	}
	return page, nil
}

// Summary returns the summary of a run: the final one when it has ended, else
// what is known so far.
func (s *Service) Summary(ctx context.Context, tenant string, id ID) (Summary, error) {
	run, err := s.find(ctx, tenant, id)
	if err != nil {
		return Summary{}, err
	}
	// Another replica may have told its caller of the end already. When its
	// record cannot be read, what is known here is still true.
	if !run.State.Terminal() {
		if ended, err := s.adoptEnd(ctx, run); err == nil && ended {
			if run, err = s.store.Get(ctx, tenant, id); err != nil {
				return Summary{}, err
			}
		}
	}
	return s.summaryOf(ctx, run)
}

// LogSelector names an attempt of a run. An empty Node is that of a run that
// has only one.
type LogSelector struct {
	Node    string
	Index   uris.Index
	Attempt int // 0: the latest
	Follow  bool
}

// Logs opens the log of an attempt. What it reads is the step's own output:
// not to be trusted.
func (s *Service) Logs(ctx context.Context, tenant string, id ID, sel LogSelector) (io.ReadCloser, error) {
	run, err := s.find(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	plan, err := s.store.Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range plan.Compiled.Nodes {
		names = append(names, plan.Compiled.Nodes[i].ID)
	}
	switch {
	case sel.Node == "" && len(names) == 1:
		sel.Node = names[0]
	case sel.Node == "":
		return nil, problem.Problems{{Path: "node", Code: problem.Missing,
			Message: fmt.Sprintf("%s has several nodes.", id), Fix: "Name one: " + strings.Join(names, ", ") + "."}}
	case !slices.Contains(names, sel.Node):
		return nil, problem.Problems{{Path: "node", Code: problem.UnknownName,
			Message: fmt.Sprintf("%s has no node %q.", id, sel.Node), Fix: problem.DidYouMean(sel.Node, names)}}
	}
	return s.engine.Logs(ctx, LogQuery{
		Folder: folderOf(run), Node: sel.Node, Index: sel.Index, Attempt: sel.Attempt, Follow: sel.Follow,
	})
}

// Cancel asks for a run to be ended, durably, and returns it as it is now.
// The engine makes it true. Cancelling a run that has ended changes nothing.
func (s *Service) Cancel(ctx context.Context, tenant string, id ID) (Run, error) {
	if _, err := s.find(ctx, tenant, id); err != nil {
		return Run{}, err
	}
	run, err := s.store.RequestCancel(ctx, tenant, id)
	if err == nil {
		s.desk.wake()
	}
	return run, err
}

// Retry runs a failed or cancelled run again, in place: what has committed
// stays.
func (s *Service) Retry(ctx context.Context, tenant string, id ID) (Run, error) {
	if _, err := s.find(ctx, tenant, id); err != nil {
		return Run{}, err
	}
	run, err := s.store.Retry(ctx, tenant, id)
	if err != nil {
		return Run{}, err
	}
	s.handOverNow(ctx, run, nil, false)
	return run, nil
}

// Wait returns the run once it has ended, or when ctx does. The end of a run
// that this process looks after is seen at once.
func (s *Service) Wait(ctx context.Context, tenant string, id ID) (Run, error) {
	var (
		p     pace
		seen  = int64(-1)
		timer = time.NewTimer(0)
	)
	defer timer.Stop()
	if _, err := s.find(ctx, tenant, id); err != nil {
		return Run{}, err
	}
	for {
		run, err := s.waitOnce(ctx, tenant, id, &seen, &p, timer)
		if err != nil || run.State.Terminal() {
			return run, err
		}
	}
}

// waitOnce looks at the run if anything has changed, and unless it has ended
// waits until it is time to look again.
func (s *Service) waitOnce(ctx context.Context, tenant string, id ID, seen *int64, p *pace, timer *time.Timer) (Run, error) {
	rung, leave := s.ends.listen(id) // before looking, so that no end is missed
	defer leave()
	version, err := s.store.Version(ctx)
	if err != nil {
		return Run{}, err
	}
	changed := version != *seen
	if changed {
		*seen = version
		if run, err := s.store.Get(ctx, tenant, id); err != nil || run.State.Terminal() {
			return run, err
		}
	}
	timer.Reset(p.pause(changed, time.Now()))
	select {
	case <-ctx.Done():
		return Run{}, ctx.Err()
	case <-rung:
		*seen = -1
	case <-timer.C:
	}
	return Run{}, nil
}

// Busy reports whether there is anything to do: a run that has not ended, or
// has no summary yet. One that is suspended, and of which nothing runs, can
// wait without an engine.
func (s *Service) Busy(ctx context.Context) (bool, error) {
	active, err := s.store.Active(ctx)
	return slices.ContainsFunc(active, func(r Run) bool {
		held := r.Suspended && !r.CancelRequested && !r.State.Terminal()
		return !held || r.Progress.Running > 0
	}), err
}

func folderOf(r Run) uris.RunFolder { return uris.Layout{Root: r.Root}.Run(string(r.ID)) }
