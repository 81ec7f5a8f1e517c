package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
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
	"github.com/ligase-bio/ligase/uris"
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
	schema schemaMaker
	words  int  // bytes of what is said of it, at most
	scant  bool // nothing is said that every one of them says, or describe_tool
}

// levels has the one that says the most first.
var levels = []level{{schema: steps.BriefSchema, words: 200}, {schema: steps.BareSchema, words: 200}, {schema: steps.ScantSchema, scant: true}}

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
	var tools []*tool
	for _, level := range levels {
		tools = tools[:0]
		size := 512 // what is around a list
		for _, t := range others {
			size += len(t.shape) + 1
		}
		for _, d := range exposed {
			if t := g.submitOne(d, level); g.served(t) {
				tools = append(tools, t)
				size += len(t.shape) + 1
			}
		}
		if size <= listBytes {
			break
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

// request reads the arguments of a call of a step or pipeline.
func request(d *catalog.Tool, args *arguments, tenant string) (runs.SubmitRequest, error) {
	req := runs.SubmitRequest{Tenant: tenant, Tool: d.Name, Inputs: map[string][]runs.InputValue{}, Params: map[string]any{}}
	if !takes(d, argRequestID) {
		req.RequestID = args.text(argRequestID, 0xffff)
	}
	if len(d.Implementations) > 1 && !takes(d, argImplementation) {
		if choice := args.text(argImplementation, 200); choice != "" {
			req.Implementations = map[string]string{d.Name: choice}
		}
	}
	if d.Kind == pipelines.KindPipeline && !takes(d, argChoices) {
		req.Implementations = choices(args)
	}
	for i := range d.Inputs {
		if values := input(&d.Inputs[i], args); values != nil {
			req.Inputs[d.Inputs[i].Name] = values
		}
	}
	for i := range d.Params {
		if v, given := args.take(d.Params[i].Name); given {
			req.Params[d.Params[i].Name] = v
		}
	}
	for name := range args.values {
		if !slices.Contains(args.known, name) {
			args.wrong(name, problem.UnknownName, unknownFix(d, name, args.known), "%s has no argument %s.", d.Name, quoted(name))
		}
	}
	return req, args.problems.Err()
}

// choices reads which implementations the nodes of a pipeline are to use.
func choices(args *arguments) map[string]string {
	v, given := args.take(argChoices)
	if !given {
		return nil
	}
	const fix = `Give {"node or step": "implementation", …}.`
	object, is := v.(map[string]any)
	if !is {
		args.wrong(argChoices, problem.Invalid, fix, "%s is %s.", argChoices, kindOf(v))
		return nil
	}
	out := map[string]string{}
	for name, v := range object {
		if choice, is := v.(string); is && choice != "" {
			out[name] = choice
		} else {
			args.wrong(argChoices+"."+name, problem.Invalid, fix, "It is %s.", kindOf(v))
		}
	}
	return out
}

// unknownFix says what was probably meant by an argument that there is not.
func unknownFix(d *catalog.Tool, name string, known []string) string {
	if p := steps.FindPort(d.Inputs, name); p != nil {
		return fmt.Sprintf("Give a URI as %s.", steps.URIArgument(*p))
	}
	return orElse(problem.DidYouMean(name, known), "Leave it out.")
}

func takes(d *catalog.Tool, name string) bool {
	return steps.FindPort(d.Inputs, name) != nil || steps.FindParam(d.Params, name) != nil
}

// input reads what a call gives to an input port: x_uri or x_uris, or where
// the port takes them inline values as x.
func input(p *steps.Port, args *arguments) []runs.InputValue {
	name := steps.URIArgument(*p)
	byURI, hasURI := args.take(name)
	var inline any
	var hasInline bool
	if p.Inline {
		inline, hasInline = args.take(p.Name)
	}
	switch {
	case hasURI && hasInline:
		args.wrong(p.Name, problem.Duplicate, "Give the one or the other.", "Both %s and %s are given.", name, p.Name)
	case hasURI:
		var out []runs.InputValue
		for _, text := range texts(p, name, byURI, args) {
			if u, ok := uriOf(p, name, text, args); ok {
				out = append(out, runs.InputValue{URI: u})
			}
		}
		return out
	case hasInline:
		var out []runs.InputValue
		for _, text := range texts(p, p.Name, inline, args) {
			if looksLikeURI.MatchString(text) {
				args.wrong(p.Name, problem.Invalid, fmt.Sprintf("Give it as %s.", name), "%s takes the content itself, and this is a URI.", p.Name)
				continue
			}
			out = append(out, runs.InputValue{Inline: []byte(text), Name: p.Name})
		}
		return out
	}
	return nil
}

// texts are the values of an argument: one, or a list where the port takes
// many.
func texts(p *steps.Port, name string, v any, args *arguments) []string {
	list, is := v.([]any)
	if s, text := v.(string); text {
		list, is = []any{s}, true
	} else if is && !p.Many {
		if len(list) != 1 {
			args.wrong(name, problem.Cardinality, "Give one; submit once for each, or submit a pipeline that scatters.", "%s takes one value, and this is a list of %d.", name, len(list))
			return nil
		}
	}
	if !is {
		args.wrong(name, problem.Invalid, "Give a text.", "%s is %s.", name, kindOf(v))
		return nil
	}
	var out []string
	for i, item := range list {
		s, is := item.(string)
		if !is {
			args.wrong(fmt.Sprintf("%s[%d]", name, i), problem.Invalid, "Give a text.", "It is %s.", kindOf(item))
			continue
		}
		out = append(out, s)
	}
	return out
}

// looksLikeURI tells "s3://bucket/key" from a value.
var looksLikeURI = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9+.-]*:/`)

// looksLikePath tells what is meant as a file of the caller's.
var looksLikePath = regexp.MustCompile(`^(\.{0,2}/|~|[A-Za-z]:\\|@)|^[^\s>]+\.[A-Za-z0-9]{1,6}$`)

func uriOf(p *steps.Port, name, text string, args *arguments) (uris.URI, bool) {
	u, err := uris.Parse(strings.TrimSpace(text))
	if err == nil {
		return u, true
	}
	fix := "Give the URI of a run's output, as its summary has it, or of an object in a place that this gateway may read."
	if p.Inline {
		fix = fmt.Sprintf("Give its content as %s if it is small, or the URI of a run's output.", p.Name)
	}
	switch {
	case looksLikeURI.MatchString(text):
		args.wrong(name, problem.NotAllowed, "", "%v", err)
	case looksLikePath.MatchString(text):
		args.wrong(name, problem.NotAllowed, fix, "%s is a path of a file, and this gateway reads none of yours.", quoted(text))
	default:
		args.wrong(name, problem.Invalid, fix, "%s is no URI.", quoted(text))
	}
	return uris.URI{}, false
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

// elsewhere are problems that the service found, at the arguments that a
// caller knows; without those at places that have been complained of.
func elsewhere(d *catalog.Tool, args *arguments, found, told problem.Problems) problem.Problems {
	at := map[string]bool{}
	for _, p := range told {
		at[strings.TrimSuffix(strings.TrimSuffix(p.Path, "_uris"), "_uri")] = true
	}
	var out problem.Problems
	for _, p := range found {
		p.Path = argumentPath(p.Path)
		name, rest, _ := strings.Cut(p.Path, "[")
		if at[name] {
			continue
		}
		if port := steps.FindPort(d.Inputs, name); port != nil && !(port.Inline && args.values[name] != nil) {
			p.Path = steps.URIArgument(*port)
			if rest != "" {
				p.Path += "[" + rest
			}
			if p.Code == problem.Missing {
				p.Fix = "Give " + p.Path + ", a URI."
				if port.Inline {
					p.Fix = fmt.Sprintf("Give %s, a URI, or %s, the content of a small one.", p.Path, port.Name)
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// fixable adds to problems the call as it could be: what was right of it, and
// something to fill in for what is missing.
func (g *Gateway) fixable(d *catalog.Tool, args *arguments, err error) error {
	ps := problem.Of(err)
	if ps == nil {
		return err
	}
	bad := map[string]bool{}
	for _, p := range ps {
		if strings.HasPrefix(p.Path, "nodes.") {
			return err // what is wrong is where or with what it would run: which call is right is said there
		}
		name, _, _ := strings.Cut(p.Path, "[")
		bad[name] = true
	}
	fixed := map[string]any{}
	keep := func(name string) bool {
		v, given := args.values[name]
		if given && v != nil && !bad[name] {
			if s, is := v.(string); is && len(s) > 120 {
				v = s[:100] + "…"
			}
			fixed[name] = v
			return true
		}
		return false
	}
	for i := range d.Inputs {
		p := &d.Inputs[i]
		uri := steps.URIArgument(*p)
		if keep(uri) || p.Inline && keep(p.Name) || p.Optional && !bad[uri] && !bad[p.Name] {
			continue
		}
		placeholder := "<URI of a " + p.Type + ">"
		if p.Many {
			fixed[uri] = []string{placeholder}
		} else {
			fixed[uri] = placeholder
		}
	}
	for i := range d.Params {
		p := &d.Params[i]
		switch {
		case keep(p.Name):
		case p.Required():
			fixed[p.Name] = "<" + string(p.Type) + ">"
		case bad[p.Name] && p.Default != nil:
			fixed[p.Name] = p.Default
		}
	}
	for _, name := range reserved {
		keep(name)
	}
	// Of the implementations chosen, those that there are.
	if chosen, is := fixed[argChoices].(map[string]any); is {
		chosen = maps.Clone(chosen)
		maps.DeleteFunc(chosen, func(of string, _ any) bool { return bad[argChoices+"."+of] })
		if fixed[argChoices] = chosen; len(chosen) == 0 {
			delete(fixed, argChoices)
		}
	}
	return &fixableError{err, g.callOf(d, fixed)}
}

// callOf is the call that submits a step or pipeline here.
func (g *Gateway) callOf(d *catalog.Tool, arguments map[string]any) *fixedCall {
	if !g.byName.Load() {
		return &fixedCall{submitPrefix + d.Name, arguments}
	}
	inner := maps.Clone(arguments)
	outer := map[string]any{"tool": d.Name, "arguments": inner}
	if id, given := inner[argRequestID]; given {
		delete(inner, argRequestID)
		outer[argRequestID] = id
	}
	return &fixedCall{submitAny, outer}
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
