package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// planned is what a submit would do, or what is wrong with it.
type planned struct {
	aboutNone
	Tool     string        `json:"tool"`
	Sound    bool          `json:"sound"`
	Nodes    []plannedNode `json:"nodes,omitempty"`
	More     int           `json:"more_nodes,omitempty"`
	Converts []string      `json:"converts,omitempty"` // inputs that are made into another format, and what that loses
	Expect   []expected    `json:"expect,omitempty"`   // of the nodes of which it is known
	Span     string        `json:"span,omitempty"`     // of these together
	Gives    []string      `json:"gives,omitempty"`
	Digest   string        `json:"digest,omitempty"`
	Problems []mistake     `json:"problems,omitempty"`
	Others   int           `json:"more_problems,omitempty"`
	Call     *fixedCall    `json:"call,omitempty"`
}

type plannedNode struct {
	Node           string   `json:"node"`
	Step           string   `json:"step"`
	Implementation string   `json:"implementation"`
	Runs           string   `json:"runs"` // "once", or "for each design.sequences"
	Takes          []string `json:"takes,omitempty"`
	Needs          string   `json:"needs"`
	Keeps          []string `json:"keeps,omitempty"` // what of it stays: "agreement ≥ 50"
}

// expected is what a node will take, in words and in numbers.
type expected struct {
	pipelines.Prediction
	Says string `json:"says"`
}

func (p *planned) Text() string {
	var b strings.Builder
	if !p.Sound {
		f := failed{Error: failedError{Message: p.Tool + " would not be taken:", Problems: p.Problems, More: p.Others, Call: p.Call}}
		return f.Text()
	}
	fmt.Fprintf(&b, "%s is sound. It would run:", p.Tool)
	for _, n := range p.Nodes {
		fmt.Fprintf(&b, "\n- %s: %s (%s), %s; needs %s", n.Node, n.Step, n.Implementation, n.Runs, n.Needs)
		if len(n.Takes) > 0 {
			b.WriteString("; takes " + strings.Join(n.Takes, ", "))
		}
		if len(n.Keeps) > 0 {
			b.WriteString("; keeps " + strings.Join(n.Keeps, ", "))
		}
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n- and %d more nodes", p.More)
	}
	for _, converted := range p.Converts {
		b.WriteString("\n" + converted)
	}
	for _, x := range p.Expect {
		b.WriteString("\nExpect of " + x.Says)
	}
	if p.Span != "" {
		b.WriteString("\n" + p.Span)
	}
	return b.String() + "\nGives " + strings.Join(p.Gives, ", ") + ". Nothing has been created."
}

// mostNodes is how many nodes of a plan are told.
const mostNodes = 40

func (g *Gateway) planRun(ctx context.Context, c *call) (reply, error) {
	d, args, err := g.named(c)
	if err != nil {
		return nil, err
	}
	p := &planned{Tool: d.Name}
	req, err := request(d, args, c.who.Tenant)
	plan, planErr := g.service.Plan(ctx, req)
	switch {
	case err != nil:
		if problem.Of(planErr) != nil {
			err = append(problem.Of(err), elsewhere(d, args, problem.Of(planErr), problem.Of(err))...).Err()
		}
	case problem.Of(planErr) != nil:
		err = elsewhere(d, args, problem.Of(planErr), nil).Err()
	case planErr != nil:
		return nil, planErr
	}
	if err != nil {
		f := failureOf(nil, g.fixable(d, args, err))
		p.Problems, p.Others, p.Call = f.Error.Problems, f.Error.More, f.Error.Call
		return p, nil
	}
	p.Sound, p.Digest = true, plan.Digest()
	p.describe(plan)
	predicted, err := g.service.Predict(ctx, plan)
	if err != nil {
		return nil, err
	}
	for _, x := range predicted[:min(len(predicted), mostNodes)] {
		p.Expect = append(p.Expect, expected{x, x.String()})
	}
	p.Span = plan.Span(predicted)
	return p, nil
}

func (p *planned) describe(plan *pipelines.Plan) {
	c := plan.Compiled
	uses := c.Uses()
	for _, u := range uses[:min(len(uses), mostNodes)] {
		n := plannedNode{Node: u.Node, Step: u.Step, Implementation: u.Implementation.Name, Runs: u.Times, Takes: u.Takes, Needs: strings.Join(u.Implementation.Needs(), ", ")}
		for _, t := range plan.NodeKeep(u.Node) {
			n.Keeps = append(n.Keeps, t.String())
		}
		p.Nodes = append(p.Nodes, n)
	}
	p.More = len(uses) - len(p.Nodes)
	p.Converts = append(p.Converts, plan.Recut()...)
	for _, converted := range plan.Conversions() {
		p.Converts = append(p.Converts, converted.String())
	}
	for _, o := range c.Outputs {
		p.Gives = append(p.Gives, o.Port.Name)
	}
}

// found is what a search of the catalog gave.
type found struct {
	aboutNone
	Tools  []foundTool `json:"tools"`
	Is     []string    `json:"uri_is,omitempty"` // types of the object in hand
	Fits   []foundFit  `json:"fits,omitempty"`
	Chains [][]chained `json:"chains,omitempty"`
	Note   string      `json:"note,omitempty"`
}

type foundTool struct {
	Name     string         `json:"name"`
	Submit   string         `json:"submit"` // the tool to call
	Kind     pipelines.Kind `json:"kind"`
	Title    string         `json:"title"`
	Duration steps.Duration `json:"duration,omitempty"`
	Takes    []string       `json:"takes,omitempty"`
	Gives    []string       `json:"gives,omitempty"`
}

type foundFit struct {
	Name     string   `json:"name"`
	Submit   string   `json:"submit"`
	Argument string   `json:"argument"`
	Others   []string `json:"also_needs,omitempty"`
}

type chained struct {
	Name   string            `json:"name"`
	Submit string            `json:"submit"`
	Takes  map[string]string `json:"takes,omitempty"` // argument → what it is
	Each   []string          `json:"once_for_each,omitempty"`
	Gives  string            `json:"gives"`
}

func (f *found) Text() string {
	var b strings.Builder
	for _, t := range f.Tools {
		fmt.Fprintf(&b, "%s: %s (%s", called(t.Submit, t.Name), t.Title, t.Kind)
		if t.Duration != "" {
			fmt.Fprintf(&b, ", %s", t.Duration)
		}
		b.WriteString(")")
		if len(t.Takes) > 0 {
			b.WriteString(", takes " + strings.Join(t.Takes, ", "))
		}
		b.WriteString(", gives " + strings.Join(t.Gives, ", ") + "\n")
	}
	if len(f.Is) > 0 {
		b.WriteString("The URI is " + strings.Join(f.Is, " or ") + ". It fits:\n")
		for _, fit := range f.Fits {
			fmt.Fprintf(&b, "%s as %s", called(fit.Submit, fit.Name), fit.Argument)
			if len(fit.Others) > 0 {
				b.WriteString(", which also needs " + strings.Join(fit.Others, ", "))
			}
			b.WriteByte('\n')
		}
	}
	for i, chain := range f.Chains {
		fmt.Fprintf(&b, "Way %d:", i+1)
		for _, l := range chain {
			var takes []string
			for _, argument := range slices.Sorted(maps.Keys(l.Takes)) {
				takes = append(takes, argument+" from "+l.Takes[argument])
			}
			fmt.Fprintf(&b, " %s(%s) → %s;", called(l.Submit, l.Name), strings.Join(takes, ", "), l.Gives)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String()+f.Note, "\n")
}

func (g *Gateway) findTools(ctx context.Context, c *call) (reply, error) {
	query, uri, want := c.args.text("query", 500), c.args.text("uri", 4096), c.args.text("want", 200)
	limit := c.args.whole("limit", 1, 20, 8)
	var object uris.URI
	if uri != "" {
		var ok bool
		if object, ok = uriOf(&steps.Port{}, "uri", uri, c.args); !ok {
			return nil, c.args.done()
		}
	}
	now := g.o.Catalog.Now()
	if want != "" && now.Types().Lookup(want) == nil {
		c.args.wrong("want", problem.UnknownName, problem.DidYouMean(want, now.Types().Names()), "There is no type %s.", quoted(want))
	}
	if err := c.args.done(); err != nil {
		return nil, err
	}
	f := &found{Tools: []foundTool{}}
	var have []steps.TypeFormat
	if uri != "" {
		var err error
		if have, err = g.service.Describe(ctx, c.who.Tenant, object); err != nil {
			if notFound(err) {
				err = fmt.Errorf("%s is %w", uri, problem.ErrNotFound)
			}
			return nil, err
		}
		if len(have) == 0 {
			f.Note = "What this object is cannot be told by its name and content."
		}
		seen := map[string]bool{}
		for _, tf := range have {
			f.Is = append(f.Is, strings.TrimSuffix(tf.Type+" in "+tf.Format, " in "))
			for _, fit := range now.Next(tf.Type, tf.Format) {
				key := fit.Tool.Name + "." + fit.Input
				if !seen[key] && g.callable(fit.Tool.Name) && len(f.Fits) < limit {
					seen[key] = true
					f.Fits = append(f.Fits, foundFit{fit.Tool.Name, g.submitName(fit.Tool.Name), steps.URIArgument(*steps.FindPort(fit.Tool.Inputs, fit.Input)), argumentsOf(fit.Tool, fit.Others)})
				}
			}
		}
	}
	if want != "" {
		for _, chain := range now.Chains(have, steps.TypeFormat{Type: want}, 3) {
			if links, ok := g.chain(chain); ok {
				f.Chains = append(f.Chains, links)
			}
		}
		if len(f.Chains) == 0 {
			f.Note = "There is no way to " + want + " from there with what this gateway has."
		}
	}
	if query != "" || uri == "" && want == "" {
		for _, hit := range now.Search(query, 0) {
			if g.exposed(hit.Tool.Name) && len(f.Tools) < limit {
				f.Tools = append(f.Tools, g.foundTool(hit.Tool))
			}
		}
		if len(f.Tools) == 0 {
			f.Note = "Nothing matches. Leave query out to see all."
		}
	}
	return f, nil
}

// submitName is the tool that submits a step or pipeline here.
func (g *Gateway) submitName(name string) string {
	if g.byName.Load() {
		return submitAny
	}
	return submitPrefix + name
}

// called is a tool in a sentence, with what it is to submit.
func called(submit, name string) string {
	if submit == submitAny && name != "run" {
		return submitAny + " of " + name
	}
	return submit
}

// argumentsOf are the arguments by which ports are given.
func argumentsOf(t *catalog.Tool, ports []string) []string {
	var out []string
	for _, p := range ports {
		out = append(out, steps.URIArgument(*steps.FindPort(t.Inputs, p)))
	}
	return out
}

func (g *Gateway) chain(c catalog.Chain) ([]chained, bool) {
	var out []chained
	for _, l := range c.Links {
		if !g.callable(l.Tool.Name) {
			return nil, false
		}
		link := chained{Name: l.Tool.Name, Submit: g.submitName(l.Tool.Name), Gives: l.Output, Takes: map[string]string{}}
		for _, in := range l.Inputs {
			argument := steps.URIArgument(*steps.FindPort(l.Tool.Inputs, in.Port))
			link.Takes[argument] = in.From
			if in.Each {
				link.Each = append(link.Each, argument)
			}
		}
		out = append(out, link)
	}
	return out, true
}

func (g *Gateway) foundTool(t *catalog.Tool) foundTool {
	f := foundTool{Name: t.Name, Submit: g.submitName(t.Name), Kind: t.Kind, Title: t.Title, Duration: t.Duration}
	for _, p := range t.Inputs {
		f.Takes = append(f.Takes, steps.URIArgument(p))
	}
	for _, p := range t.Outputs {
		f.Gives = append(f.Gives, p.Name)
	}
	return f
}

// described is all about a step or pipeline.
type described struct {
	aboutNone
	*toolPage
}

func (d *described) Text() string { return d.Markdown() }

func (g *Gateway) describeTool(_ context.Context, c *call) (reply, error) {
	name := c.args.text("name", 200)
	if name == "" && len(c.args.problems) == 0 {
		c.args.wrong("name", problem.Missing, "find_tools lists them.", "It is not said which step or pipeline.")
	}
	if err := c.args.done(); err != nil {
		return nil, err
	}
	d, err := g.tool(name)
	if err != nil {
		return nil, renamed(err, "name")
	}
	return &described{toolPage: g.page(d)}, nil
}

// renamed puts problems at another argument.
func renamed(err error, path string) error {
	var ps problem.Problems
	if !errors.As(err, &ps) {
		return err
	}
	ps = slices.Clone(ps)
	for i := range ps {
		ps[i].Path = path
	}
	return ps
}
