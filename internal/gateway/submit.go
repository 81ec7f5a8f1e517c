package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

const (
	submitPrefix = "submit_"
	submitAny    = "submit_run"

	argRequestID      = "client_request_id"
	argImplementation = "implementation"  // of a step, where there are several
	argChoices        = "implementations" // of a pipeline, by node or step
)

// reserved are arguments of every submit; a definition that has its own of the
// same name is served without.
var reserved = []string{argRequestID, argImplementation, argChoices}

// listBytes is how long a list of all tools may be: it is in front of each
// conversation of each agent. Where it would be longer, less is said in it.
const listBytes = 16 << 10

// level is how much is said of something that can be submitted.
type level struct {
	schema  schemaMaker
	words   int  // bytes of what is said of it, at most
	scant   bool // nothing is said that every one of them says, or describe_tool
	partial bool // there may be more arguments
}

// levels has the one that says the most first. All tools are told of alike.
var levels = []level{{schema: steps.BriefSchema, words: 200}, {schema: steps.BareSchema, words: 200}, {schema: steps.ScantSchema, scant: true}}

// shorter are for those of which there is the most to say, where even the last
// of levels is too much: without what is neither needed nor has a default, like
// thresholds and optional inputs, and then without all that is not needed.
var shorter = []level{
	{schema: only(func(p steps.Param) bool { return p.Required() || p.Default != nil }), scant: true, partial: true},
	{schema: only(func(p steps.Param) bool { return p.Required() }), scant: true, partial: true},
}

func only(told func(steps.Param) bool) schemaMaker {
	return func(inputs []steps.Port, params []steps.Param) *steps.Schema {
		inputs = slices.DeleteFunc(slices.Clone(inputs), func(p steps.Port) bool { return p.Optional })
		return steps.ScantSchema(inputs, slices.DeleteFunc(slices.Clone(params), func(p steps.Param) bool { return !told(p) }))
	}
}

// inFull is what describe_tool says.
var inFull = level{schema: steps.InputSchema}

// catalogTools are the tools that submit what the catalog has: one for each
// step and pipeline, or where these are too many one for all.
func (g *Gateway) catalogTools(others []*tool) []*tool {
	var exposed []*catalog.Tool
	for _, t := range g.o.Catalog.Now().Tools() {
		if g.exposed(t.Name) {
			exposed = append(exposed, t)
		}
	}
	g.byName.Store(len(exposed) > g.o.MostTools)
	if g.byName.Load() {
		if t := g.submitRun(); g.served(t) {
			return []*tool{t}
		}
		return nil
	}
	exposed = slices.DeleteFunc(exposed, func(d *catalog.Tool) bool { return !g.served(g.submitOne(d, levels[0])) })
	around := 256 // of an answer that is a list
	for _, t := range others {
		around += len(t.shape) + 1
	}
	tools := make([]*tool, len(exposed))
	size := 0
	for _, level := range levels {
		size = around
		for i, d := range exposed {
			tools[i] = g.submitOne(d, level)
			size += len(tools[i].shape) + 1
		}
		if size <= listBytes {
			return tools
		}
	}
	for _, level := range shorter {
		longest := slices.Clone(tools)
		slices.SortStableFunc(longest, func(a, b *tool) int { return cmp.Compare(len(b.shape), len(a.shape)) })
		for _, long := range longest {
			if size <= listBytes {
				return tools
			}
			i := slices.Index(tools, long)
			if t := g.submitOne(exposed[i], level); len(t.shape) < len(long.shape) {
				tools[i] = t
				size -= len(long.shape) - len(t.shape)
			}
		}
	}
	return tools
}

// schemaMaker describes arguments, in more words or fewer.
type schemaMaker func([]steps.Port, []steps.Param) *steps.Schema

// submitOne is the tool that submits a step or a pipeline.
func (g *Gateway) submitOne(d *catalog.Tool, says level) *tool {
	t := &tool{def: &mcp.Tool{
		Name: submitPrefix + d.Name, Description: submitDescription(d, says),
		InputSchema: submitSchema(d, says), OutputSchema: submittedSchema,
		Annotations: &mcp.ToolAnnotations{DestructiveHint: no(), OpenWorldHint: no()},
	}}
	if says.scant {
		t.def.OutputSchema = nil // it would only say that the answer is an object
	}
	t.shape = shapeOf(t.def)
	name := d.Name
	t.run = func(ctx context.Context, c *call) (reply, error) {
		// Looked up at each call: the catalog may have a newer one.
		now, err := g.o.Catalog.Now().Tool(name)
		if err != nil {
			return nil, err
		}
		return g.submit(ctx, c, now, c.args)
	}
	return t
}

// submitRun is the tool that submits any step or pipeline by its name.
func (g *Gateway) submitRun() *tool {
	t := &tool{def: &mcp.Tool{
		Name: submitAny, Title: "Submit a run",
		Description: "Starts a run of any step or pipeline: find_tools finds them, describe_tool tells its arguments. Answers at once with the run_id; then get_run_status, and fetch_run_summary when it has ended. Give URIs, never file contents.",
		InputSchema: object(
			required("tool", text("Name of the step or pipeline.")),
			required("arguments", property{Type: "object", Description: "Its arguments, as describe_tool tells them."}),
			optional(argRequestID, requestIDProperty),
		),
		OutputSchema: submittedSchema,
		Annotations:  &mcp.ToolAnnotations{DestructiveHint: no(), OpenWorldHint: no()},
	}}
	t.shape = shapeOf(t.def)
	t.run = func(ctx context.Context, c *call) (reply, error) {
		d, args, err := g.named(c)
		if err != nil {
			return nil, err
		}
		return g.submit(ctx, c, d, args)
	}
	return t
}

// named reads a call that names a tool and gives its arguments as an object.
func (g *Gateway) named(c *call) (*catalog.Tool, *arguments, error) {
	name := c.args.text("tool", 200)
	inner := &arguments{values: map[string]any{}}
	if v, given := c.args.take("arguments"); given {
		object, is := v.(map[string]any)
		if s, text := v.(string); text { // some models write objects so
			if decoded, err := decode([]byte(s)); err == nil {
				object, is = decoded.values, true
			}
		}
		if is {
			inner.values = object
		} else {
			c.args.wrong("arguments", problem.Invalid, `Give {"name": value, …}.`, "arguments is %s.", kindOf(v))
		}
	}
	if id := c.args.text(argRequestID, 0xffff); id != "" {
		inner.values = maps.Clone(inner.values)
		inner.values[argRequestID] = id
	}
	if name == "" && len(c.args.problems) == 0 {
		c.args.wrong("tool", problem.Missing, "find_tools lists them.", "It is not said which step or pipeline.")
	}
	if err := c.args.done(); err != nil {
		return nil, nil, err
	}
	d, err := g.tool(name)
	return d, inner, err
}

// tool finds a step or pipeline by the name of its own, or of its tool. One
// that is not exposed is as one that is not there.
func (g *Gateway) tool(name string) (*catalog.Tool, error) {
	now := g.o.Catalog.Now()
	d, err := now.Tool(name)
	if bare, cut := strings.CutPrefix(name, submitPrefix); err != nil && cut {
		if other, otherErr := now.Tool(bare); otherErr == nil {
			d, err = other, nil
		}
	}
	if err == nil && allowed(g.o.Expose, d.Name) {
		return d, nil
	}
	var names []string
	for _, t := range now.Tools() {
		if allowed(g.o.Expose, t.Name) {
			names = append(names, t.Name)
		}
	}
	return nil, problem.Problems{{Path: "tool", Code: problem.UnknownName,
		Message: "There is no step or pipeline " + quoted(name) + " here.", Fix: problem.DidYouMean(name, names)}}
}

// submitted is the answer to a submit.
type submitted struct {
	aboutRun
	WorkflowName string     `json:"workflow_name"`
	Tool         string     `json:"tool"`
	Status       runs.State `json:"status"`
	Already      bool       `json:"already_submitted,omitempty"` // by a call with the same client_request_id
	PollAfter    int        `json:"poll_after_seconds"`
	Next         string     `json:"next"`
}

func (s *submitted) Text() string {
	what := "is submitted"
	if s.Already {
		what = "was submitted before by a call with this client_request_id, and is " + string(s.Status)
	}
	return fmt.Sprintf("%s (%s, workflow %s) %s. %s", s.RunID, s.Tool, s.WorkflowName, what, s.Next)
}

// submit reads a call of a step or pipeline and submits it.
func (g *Gateway) submit(ctx context.Context, c *call, d *catalog.Tool, args *arguments) (reply, error) {
	run, created, err := g.start(ctx, c, d, args)
	if err != nil {
		return nil, err
	}
	s := &submitted{aboutRun: aboutRun{run.ID}, WorkflowName: run.Workflow, Tool: run.Tool.Name, Status: run.State, Already: !created}
	s.PollAfter = pollAfter(d.Duration, 0)
	s.Next = fmt.Sprintf("Call get_run_status(run_id=%s) in %d s; when it has ended, fetch_run_summary.", run.ID, s.PollAfter)
	if run.State.Terminal() {
		s.PollAfter, s.Next = 0, fmt.Sprintf("It has ended: call fetch_run_summary(run_id=%s).", run.ID)
	}
	return s, nil
}

func (g *Gateway) start(ctx context.Context, c *call, d *catalog.Tool, args *arguments) (runs.Run, bool, error) {
	req, err := request(d, args, c.who.Tenant)
	if err != nil {
		// What else is wrong is told as well.
		if _, more := g.service.Plan(ctx, req); problem.Of(more) != nil {
			err = append(problem.Of(err), elsewhere(d, args, problem.Of(more), problem.Of(err))...).Err()
		}
		return runs.Run{}, false, g.fixable(d, args, err)
	}
	if id := record.TraceID(ctx); id != "" {
		req.Labels = map[string]string{runs.LabelTrace: id}
	}
	if req.RequestID == "" {
		req.RequestID = rand.Text() // so that a call that failed half-way can be made again
	}
	s, err := g.service.Submit(ctx, req)
	if ps := problem.Of(err); ps != nil {
		return runs.Run{}, false, g.fixable(d, args, elsewhere(d, args, ps, nil).Err())
	}
	if err != nil {
		again := maps.Clone(args.values)
		again[argRequestID] = req.RequestID
		return runs.Run{}, false, &repeatableError{err, g.callOf(d, again)}
	}
	return s.Run, s.Created, nil
}

// pollAfter is when to ask after a run again: soon after its start, later as
// it takes longer than such runs usually do.
func pollAfter(usually steps.Duration, age time.Duration) int {
	least, most := 2, 10
	switch usually {
	case steps.Minutes:
		least, most = 5, 30
	case steps.Hours:
		least, most = 30, 120
	}
	return min(max(least, int(age/time.Second)/5), most)
}

func submitDescription(d *catalog.Tool, says level) string {
	kind := "Step: "
	switch {
	case says.scant:
		kind = ""
	case d.Kind == pipelines.KindPipeline:
		kind = "Pipeline: "
	}
	parts := []string{fmt.Sprintf("%s%s.", kind, strings.TrimSuffix(d.Title, "."))}
	if first := firstSentences(d.Description, says.words); first != "" {
		parts = append(parts, first)
	}
	if d.Duration != "" {
		parts = append(parts, fmt.Sprintf("Takes %s.", d.Duration))
	}
	next := "Next: get_run_status, then fetch_run_summary. Give URIs, never file contents."
	if says.scant {
		next = "Next: get_run_status."
		if len(d.Inputs) > 0 {
			next += " Give URIs, not contents."
		}
	}
	if says.partial {
		next += " More arguments: describe_tool."
	}
	parts = append(parts, next)
	return strings.Join(parts, " ")
}

// firstSentences are as many whole sentences of a text as fit.
func firstSentences(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	if i := strings.LastIndex(s[:most], ". "); i > 0 {
		return s[:i+1]
	}
	return ""
}

// submitSchema describes the arguments of a submit: all of them are told in
// few words where tools are listed, and in full where one is described.
func submitSchema(d *catalog.Tool, says level) any {
	s := says.schema(d.Inputs, d.Params)
	about := func(text string) string {
		if says.scant {
			return ""
		}
		return text
	}
	if len(d.Implementations) > 1 && !takes(d, argImplementation) {
		p := &steps.Schema{Type: "string", Description: about("Which one runs; the first unless said otherwise.")}
		for _, i := range d.Implementations {
			v, err := steps.NewValue(i.Name)
			if err == nil {
				p.Enum = append(p.Enum, v)
			}
		}
		s.Properties = append(s.Properties, steps.Property{Name: argImplementation, Schema: p})
	}
	if d.Kind == pipelines.KindPipeline && !takes(d, argChoices) {
		s.Properties = append(s.Properties, steps.Property{Name: argChoices, Schema: &steps.Schema{Type: "object",
			Description: about(`Which implementations run, by node or step, like {"fold": "esmfold"}; the first of each step unless said otherwise.`)}})
	}
	if !takes(d, argRequestID) {
		s.Properties = append(s.Properties, steps.Property{Name: argRequestID, Schema: &steps.Schema{Type: "string", Description: about(requestIDProperty.Description)}})
	}
	return s
}
