package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// SubmitRequest is a call of a tool.
type SubmitRequest struct {
	Tenant          string
	RequestID       string // the same one again is the same run; empty: one is made
	Tool            string // name, or name@version
	Implementations map[string]string
	Inputs          map[string][]InputValue
	Params          map[string]any // JSON values; a string is also read as the parameter's type
	Labels          map[string]string
}

// LabelTrace is the label that has the id of the trace in which a run was
// submitted.
const LabelTrace = "trace_id"

// InputValue is one value of an input port: an object by its URI, or its
// content. Name is the file's name as the caller knows it; its extension can
// tell the format.
type InputValue struct {
	URI    uris.URI
	Inline []byte
	Name   string
}

// Submission is what came of a request.
type Submission struct {
	Run     Run
	Created bool // by this call; else an earlier one with the same request id had
}

// Plan checks a request as Submit would and returns what the run would do. It
// creates nothing.
func (s *Service) Plan(ctx context.Context, req SubmitRequest) (*pipelines.Plan, error) {
	b, err := s.bind(ctx, &req, nil)
	if err != nil {
		return nil, err
	}
	if err := s.runnable(ctx, b.plan); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// Prepare checks a request as Submit would and puts the values that it brings
// to where the run would find them, so that what its plan says can be tried
// without a run. The id is the one that the run would have; the folder is the
// caller's to remove.
func (s *Service) Prepare(ctx context.Context, req SubmitRequest) (ID, *pipelines.Plan, error) {
	b, err := s.bind(ctx, &req, nil)
	if err != nil {
		return "", nil, err
	}
	for _, w := range b.writes {
		if err := s.writeInline(ctx, w); err != nil {
			return "", nil, err
		}
	}
	return b.id, b.plan, nil
}

// Submit accepts a call. When it returns nil the run is recorded durably and
// will be done; it may already be in the engine's hands.
//
// The request id decides the run: the same call again returns the same run,
// other arguments with the same id are problem.ErrConflict and create nothing.
// An input that is given by the URI it was given by before is the same one,
// also when it cannot be read any more.
// Mistakes in the call are problem.Problems.
func (s *Service) Submit(ctx context.Context, req SubmitRequest) (Submission, error) {
	asked := req // with the request id that the caller gave
	if req.RequestID != "" {
		switch known, err := s.store.ByRequest(ctx, req.Tenant, req.RequestID); {
		case err == nil:
			return s.again(ctx, req, known)
		case !errors.Is(err, problem.ErrNotFound):
			return Submission{}, err
		}
	}
	b, err := s.bind(ctx, &req, nil)
	if err != nil {
		return s.elsewhere(ctx, asked, err)
	}
	if err := s.runnable(ctx, b.plan); err != nil {
		return s.elsewhere(ctx, asked, err)
	}
	digest := b.plan.Digest()

	now := s.clock().UTC()
	run := Run{
		ID: b.id, Tenant: req.Tenant, RequestID: req.RequestID, Digest: digest, Tool: b.plan.Compiled.Tool,
		Workflow: workflowName(b.plan.Compiled.Tool.Name, b.implementation(), b.id),
		Engine:   s.engine.Name(), Root: s.layout.Root, Labels: maps.Clone(req.Labels),
		State: Pending, Generation: 1, CreatedAt: now, UpdatedAt: now,
	}
	claimed, err := s.claim(ctx, &run, b.plan)
	if errors.Is(err, problem.ErrConflict) {
		return s.elsewhere(ctx, asked, err)
	}
	if err != nil {
		return Submission{}, err
	}
	if !claimed {
		if run.Generation, err = s.generationOf(ctx, folderOf(run)); err != nil {
			return Submission{}, err
		}
	}
	if err := s.o.failpoint("claimed"); err != nil {
		return Submission{}, err
	}
	for _, w := range b.writes {
		if err := s.writeInline(ctx, w); err != nil {
			return Submission{}, err
		}
	}
	if err := s.o.failpoint("inputs"); err != nil {
		return Submission{}, err
	}
	// A sweep that sees the run before this call has given it to the engine
	// leaves it to this call, which answers when the engine has it.
	held := s.desk.take(&run, notHanded)
	defer func() {
		if held {
			s.desk.release(run.ID)
		}
	}()
	run, created, err := s.store.Create(ctx, run, b.plan)
	if err != nil {
		return Submission{}, err
	}
	if err := s.o.failpoint("row"); err != nil {
		return Submission{}, err
	}
	if created {
		if !held {
			s.handOverNow(ctx, run, b.plan, claimed)
		} else if held = false; !s.handOverTaken(ctx, run, b.plan, claimed) {
			s.desk.wake()
		}
		if !claimed { // it may have ended long ago
			if run, err = s.store.Get(ctx, run.Tenant, run.ID); err != nil {
				return Submission{}, err
			}
		}
	}
	if err := s.o.failpoint("handed"); err != nil {
		return Submission{}, err
	}
	return Submission{Run: shown(run), Created: claimed}, nil
}

// bound is a request that has been found good.
type bound struct {
	id     ID
	plan   *pipelines.Plan
	writes []inlineValue
}

// implementation is that of a tool of one node.
func (b *bound) implementation() string {
	c := b.plan.Compiled
	if c.Tool.Kind == pipelines.KindStep && len(c.Nodes) == 1 {
		return c.Nodes[0].Implementation
	}
	return ""
}

// bind compiles the tool, looks at the inputs and binds the arguments. It
// reads but writes nothing. Inputs that an earlier call has seen it does not
// look at.
func (s *Service) bind(ctx context.Context, req *SubmitRequest, earlier seen) (*bound, error) {
	if req.RequestID == "" {
		req.RequestID = s.o.NewRequestID()
	}
	problems := checkRequest(req)
	compiled, err := s.catalog.Compile(req.Tool, req.Implementations)
	if err != nil {
		if ps := problem.Of(err); ps != nil && len(problems) > 0 {
			return nil, append(problems, ps...).Err()
		}
		return nil, err
	}
	b := &bound{id: IDOf(req.Tenant, req.RequestID)}
	resolved, err := s.resolve(ctx, req.Tenant, compiled, s.layout.Run(string(b.id)), req.Inputs, earlier)
	if err != nil {
		return nil, err
	}
	problems = append(problems, resolved.problems...)
	b.writes = resolved.writes
	b.plan, err = compiled.Bind(pipelines.Arguments{Inputs: resolved.inputs, Params: req.Params, Makers: resolved.makers}, s.catalog.Types())
	if err != nil {
		ps := problem.Of(err)
		if ps == nil {
			return nil, err
		}
		problems = append(problems, s.suggest(ctx, req.Tenant, compiled, resolved.inputs, ps)...)
	}
	if b.plan != nil {
		problems = append(problems, s.foreign(b.plan)...)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

const (
	maxRequestID  = 200 // bytes
	maxLabels     = 32
	maxLabelKey   = 64
	maxLabelValue = 256
)

func checkRequest(req *SubmitRequest) (ps problem.Problems) {
	if !plainText(req.RequestID, maxRequestID) {
		ps.Add(problem.Problem{Path: "client_request_id", Code: problem.Invalid,
			Message: fmt.Sprintf("A request id is at most %d bytes of printable text.", maxRequestID),
			Fix:     "Use a UUID, or leave it out."})
	}
	if len(req.Labels) > maxLabels {
		ps.Addf(problem.Pos{}, "labels", problem.TooLarge, "Give fewer.", "There are %d labels; at most %d are kept.", len(req.Labels), maxLabels)
	}
	for _, k := range slices.Sorted(maps.Keys(req.Labels)) {
		if k == "" || !plainText(k, maxLabelKey) || !plainText(req.Labels[k], maxLabelValue) {
			ps.Addf(problem.Pos{}, "labels", problem.Invalid, "Shorten or clean it.",
				"The label %.70q has a key over %d or a value over %d bytes, or text that cannot be printed.", k, maxLabelKey, maxLabelValue)
		}
	}
	return ps
}

func plainText(s string, most int) bool {
	if len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// meta is the claim of a run, written to its folder before anything else.
type meta struct {
	Format    string            `json:"format"` // metaFormat
	RunID     ID                `json:"run_id"`
	Tenant    string            `json:"tenant"`
	RequestID string            `json:"request_id"`
	Digest    string            `json:"digest"`
	Tool      pipelines.Ref     `json:"tool"`
	Workflow  string            `json:"workflow"`
	Engine    string            `json:"engine"`
	Labels    map[string]string `json:"labels,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	Plan      *pipelines.Plan   `json:"plan,omitempty"`
}

const (
	metaFormat = "ligase.run/v1"
	maxMeta    = 256 << 20
)

// claim creates the run's meta.json. When it is there already, the run is the
// earlier call's: same digest, and run takes over what that call wrote; other
// digest, conflict. It reports whether this call was the first.
func (s *Service) claim(ctx context.Context, run *Run, plan *pipelines.Plan) (first bool, err error) {
	data, err := json.Marshal(meta{
		Format: metaFormat, RunID: run.ID, Tenant: run.Tenant, RequestID: run.RequestID, Digest: run.Digest,
		Tool: run.Tool, Workflow: run.Workflow, Engine: run.Engine, Labels: run.Labels, CreatedAt: run.CreatedAt, Plan: plan,
	})
	if err != nil {
		return false, fmt.Errorf("the plan of run %s: %w", run.ID, err)
	}
	at := s.layout.Run(string(run.ID)).Meta()
	err = s.claims.PutIfAbsent(ctx, at, data)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, problem.ErrExists) {
		return false, fmt.Errorf("claiming run %s: %w", run.ID, err)
	}
	earlier, err := s.readClaim(ctx, run.ID)
	if errors.Is(err, errTorn) {
		// Only a loss of power leaves one, and of a submit that was never
		// acknowledged: its row would have been found. So it is made anew.
		if _, err := s.claims.Put(ctx, at, bytes.NewReader(data)); err != nil {
			return false, fmt.Errorf("claiming run %s: %w", run.ID, err)
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case earlier.RunID != run.ID || earlier.Tenant != run.Tenant || earlier.RequestID != run.RequestID:
		return false, fmt.Errorf("the folder of run %s: %w, another request has claimed it. Use another request id", run.ID, problem.ErrConflict)
	case earlier.Digest != run.Digest:
		other := ""
		if was, err := pipelines.DecodePlan(earlier.Plan); err == nil {
			other = difference(was, plan)
		}
		return false, RequestConflict(run.RequestID, run.ID, earlier.Digest, run.Digest, other)
	}
	run.Workflow, run.Engine, run.Labels, run.CreatedAt = earlier.Workflow, earlier.Engine, earlier.Labels, earlier.CreatedAt
	return false, nil
}

// errTorn is the error of a claim that was not written whole.
var errTorn = errors.New("not written whole")
