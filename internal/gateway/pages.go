package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// toolPage is all about a step or pipeline: JSON for programs, Markdown for
// people and models.
type toolPage struct {
	Name            string               `json:"name"`
	Submit          string               `json:"submit"`
	Kind            pipelines.Kind       `json:"kind"`
	Version         string               `json:"version"`
	Title           string               `json:"title"`
	Description     string               `json:"description,omitempty"`
	Duration        steps.Duration       `json:"duration,omitempty"`
	Arguments       any                  `json:"arguments"` // JSON Schema
	Outputs         []steps.Port         `json:"outputs"`
	Metrics         []steps.Metric       `json:"metrics,omitempty"`
	Implementations []pageImplementation `json:"implementations,omitempty"`
	Nodes           []string             `json:"nodes,omitempty"`
	Graph           string               `json:"graph,omitempty"` // Mermaid
	Origin          string               `json:"origin"`
	Example         *fixedCall           `json:"example"`

	inputs []steps.Port
	params []steps.Param
}

type pageImplementation struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Image       string `json:"image,omitempty"`
	Needs       string `json:"needs"`
	Takes       string `json:"takes,omitempty"` // time and memory, by how long what it works on is
	License     string `json:"license,omitempty"`
	Citation    string `json:"citation,omitempty"`
}

func (g *Gateway) page(d *catalog.Tool) *toolPage {
	p := &toolPage{
		Name: d.Name, Submit: g.submitName(d.Name), Kind: d.Kind, Version: d.Version, Title: d.Title, Description: d.Description,
		Duration: d.Duration, Arguments: submitSchema(d, inFull), Outputs: d.Outputs, Metrics: d.Metrics, Origin: d.Origin,
		inputs: d.Inputs, params: d.Params,
	}
	for i := range d.Implementations {
		impl := &d.Implementations[i]
		takes := ""
		if impl.Cost != nil {
			takes = impl.Cost.Says()
		}
		p.Implementations = append(p.Implementations, pageImplementation{impl.Name, impl.Title, impl.Description, impl.Image, strings.Join(append(impl.Needs(), impl.Takes()...), ", "), takes, impl.License, impl.Citation})
	}
	now := g.o.Catalog.Now()
	if def := now.Pipeline(d.Name); def != nil {
		for _, n := range def.Nodes {
			p.Nodes = append(p.Nodes, n.Name+": "+n.Uses+choicesOf(now.Step(n.Uses)))
		}
		if compiled, err := now.Compile(d.Name, nil); err == nil {
			p.Graph = compiled.Graph().Mermaid()
		}
	}
	example := map[string]any{}
	for i := range d.Inputs {
		port := &d.Inputs[i]
		if port.Optional {
			continue
		}
		value := any("<URI of a " + port.Type + ">")
		if port.Many {
			value = []any{value}
		}
		example[steps.URIArgument(*port)] = value
	}
	for i := range d.Params {
		if param := &d.Params[i]; param.Required() {
			example[param.Name] = "<" + string(param.Type) + ">"
		}
	}
	p.Example = g.callOf(d, example)
	return p
}

// choicesOf are the implementations of a step, where there are several.
func choicesOf(step *steps.Step) string {
	if step == nil || len(step.Implementations) < 2 {
		return ""
	}
	var names []string
	for i := range step.Implementations {
		names = append(names, step.Implementations[i].Name)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// Markdown is the page for reading.
func (p *toolPage) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s (%s)\n\n%s\n", p.Name, p.Version, p.Kind, sentence(p.Title))
	if p.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(p.Description))
	}
	if p.Duration != "" {
		fmt.Fprintf(&b, "\nUsually takes %s.\n", p.Duration)
	}
	if len(p.inputs) > 0 {
		b.WriteString("\n## Inputs\n\n| argument | takes | about |\n|---|---|---|\n")
		for i := range p.inputs {
			port := &p.inputs[i]
			about := port.Description
			if port.Inline {
				about = strings.TrimSpace(about + " A small one may be given as `" + port.Name + "`, its content.")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", steps.URIArgument(*port), cell(strings.Join(port.Facts(), ", ")), cell(about))
		}
	}
	if len(p.params) > 0 {
		b.WriteString("\n## Parameters\n\n| name | value | default | about |\n|---|---|---|---|\n")
		for i := range p.params {
			param := &p.params[i]
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", param.Name, cell(strings.Join(param.Facts(), ", ")), cell(strings.TrimPrefix(param.Standing(), "default ")), cell(param.Description))
		}
	}
	b.WriteString("\n## Outputs\n\n| name | gives | about |\n|---|---|---|\n")
	for i := range p.Outputs {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Outputs[i].Name, cell(strings.Join(p.Outputs[i].Facts(), ", ")), cell(p.Outputs[i].Description))
	}
	if len(p.Metrics) > 0 {
		b.WriteString("\n## Metrics\n\n| name | what | about |\n|---|---|---|\n")
		for i := range p.Metrics {
			m := &p.Metrics[i]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, cell(strings.Join(m.Facts(), ", ")), cell(m.Description))
		}
	}
	if len(p.Implementations) > 0 {
		b.WriteString("\n## Implementations\n\n| name | needs | about |\n|---|---|---|\n")
		for i, impl := range p.Implementations {
			name := "`" + impl.Name + "`"
			if i == 0 && len(p.Implementations) > 1 {
				name += " (default)"
			}
			about := strings.Join(nonEmpty(sentence(impl.Title), impl.Description, prefixed("Known: ", sentence(impl.Takes)), prefixed("Licence: ", impl.License), prefixed("Cite: ", impl.Citation)), " ")
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, cell(impl.Needs), cell(about))
		}
	}
	if len(p.Nodes) > 0 {
		b.WriteString("\n## Nodes\n\nEach runs the first implementation of its step, unless `" + argChoices + "` says otherwise.\n\n")
		for _, n := range p.Nodes {
			b.WriteString("- " + n + "\n")
		}
	}
	if p.Graph != "" {
		fmt.Fprintf(&b, "\n## Wiring\n\n```mermaid\n%s```\n", p.Graph)
	}
	fmt.Fprintf(&b, "\n## Example\n\n```\n%s\n```\n", p.Example)
	return b.String()
}

// cell is a text in a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return sentence(prefix + s)
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// catalogPage is what there is.
type catalogPage struct {
	Tools []foundTool `json:"tools"`
}

func (g *Gateway) catalogPage() catalogPage {
	p := catalogPage{Tools: []foundTool{}}
	for _, t := range g.o.Catalog.Now().Tools() {
		if allowed(g.o.Expose, t.Name) {
			p.Tools = append(p.Tools, g.foundTool(t))
		}
	}
	return p
}

// Markdown is the page for reading.
func (p catalogPage) Markdown() string {
	var b strings.Builder
	b.WriteString("# Catalog\n")
	for _, kind := range []struct {
		kind  pipelines.Kind
		title string
	}{{pipelines.KindPipeline, "Pipelines"}, {pipelines.KindStep, "Steps"}} {
		fmt.Fprintf(&b, "\n## %s\n\n| name | what for | takes | gives | time |\n|---|---|---|---|---|\n", kind.title)
		for _, t := range p.Tools {
			if t.Kind == kind.kind {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", t.Name, cell(t.Title), strings.Join(t.Takes, ", "), strings.Join(t.Gives, ", "), t.Duration)
			}
		}
	}
	b.WriteString("\nAll about one: resource://catalog/steps/{name} or resource://catalog/pipelines/{name}.\n")
	return b.String()
}

// typesPage are the types that ports speak of.
type typesPage struct {
	Types []typeLine `json:"types"`
}

type typeLine struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Is          []string `json:"is,omitempty"`
	Formats     []string `json:"formats"`
	EDAM        string   `json:"edam,omitempty"`
}

func (g *Gateway) typesPage() typesPage {
	p := typesPage{Types: []typeLine{}}
	types := g.o.Catalog.Now().Types()
	for _, name := range types.Names() {
		t := types.Lookup(name)
		line := typeLine{Name: t.Name, Title: t.Title, Description: t.Description, Is: t.Is, EDAM: t.EDAM, Formats: []string{}}
		for _, f := range t.Formats {
			line.Formats = append(line.Formats, f.Name)
		}
		p.Types = append(p.Types, line)
	}
	return p
}

// Markdown is the page for reading.
func (p typesPage) Markdown() string {
	var b strings.Builder
	b.WriteString("# Types\n\nWhat ports carry. A type fits wherever one that it is a kind of does.\n\n| type | what | is a | formats | EDAM |\n|---|---|---|---|---|\n")
	for _, t := range p.Types {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", t.Name, cell(t.Title+". "+t.Description), strings.Join(t.Is, ", "), strings.Join(t.Formats, ", "), t.EDAM)
	}
	return b.String()
}
