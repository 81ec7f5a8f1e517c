package adopt

import (
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// inputs makes parameters and input ports of what the template takes.
func (c *converter) inputs() {
	for i := range c.entry.Inputs.Parameters {
		p := c.withArgument(c.entry.Inputs.Parameters[i])
		value := p.Default
		if p.Value != nil {
			value = p.Value
		}
		switch {
		case p.ValueFrom != nil:
			c.hide(p.Name, "the cluster gives it (valueFrom)")
			continue
		case value != nil && strings.Contains(value.String(), "{{"):
			c.hide(p.Name, "Argo works it out: "+draft.OneLine(value.String()))
			continue
		}
		if base, many, is := uriName(p.Name); is {
			c.uriInput(&p, value, base, many)
			continue
		}
		c.param(&p, value)
	}
	for i := range c.entry.Inputs.Artifacts {
		a := &c.entry.Inputs.Artifacts[i]
		in := port{name: c.names.Take(a.Name), theirs: a.Name, source: steps.FromArtifact, optional: a.Optional || a.HasLocationOrKey() || a.From != ""}
		in.typ, in.others, in.guessed = c.guess(a.Name, a.Path)
		in.description = "For the artifact " + a.Name + "."
		if a.HasLocationOrKey() || a.From != "" {
			in.description = "In place of what the template fetches for its artifact " + a.Name + "."
		}
		c.ins = append(c.ins, in)
	}
}

// withArgument adds to an input what the whole says of the argument that goes
// there by its name.
func (c *converter) withArgument(p wfv1.Parameter) wfv1.Parameter {
	given := c.m.Spec.Arguments.GetParameterByName(p.Name)
	if given == nil || c.entry.Name != c.m.Spec.Entrypoint {
		return p
	}
	if given.Value != nil || given.Default != nil || given.ValueFrom != nil {
		p.Default, p.Value, p.ValueFrom = given.Default, given.Value, given.ValueFrom
	}
	if len(given.Enum) > 0 {
		p.Enum = given.Enum
	}
	if given.Description != nil {
		p.Description = given.Description
	}
	return p
}

func (c *converter) hide(theirs, why string) {
	c.hidden = append(c.hidden, fmt.Sprintf("%s: %s", theirs, why))
}

func (c *converter) param(p *wfv1.Parameter, value *wfv1.AnyString) {
	out := param{theirs: p.Name, description: describe(p)}
	texts := []string{}
	for _, e := range p.Enum {
		text := e.String()
		if !slices.Contains(out.enum, text) {
			out.enum = append(out.enum, text)
		}
		texts = append(texts, text)
	}
	if value != nil {
		text := value.String()
		out.value = &text
		texts = append(texts, text)
		if len(out.enum) > 0 && !slices.Contains(out.enum, text) {
			c.warning(c.posOfInput("parameters", p.Name), "inputs.parameters."+p.Name, "Add it to the enum.",
				"The default %.60q of %s is not in its enum; the step takes the enum only.", text, p.Name)
			out.value, texts = nil, out.enum
		}
	}
	out.kind = draft.KindOf(texts)
	if out.kind == steps.Boolean {
		out.enum = nil // that are all
	}
	out.name = c.names.Take(p.Name)
	c.params = append(c.params, out)
}

func (c *converter) uriInput(p *wfv1.Parameter, value *wfv1.AnyString, base string, many bool) {
	in := port{name: c.names.Take(base), theirs: p.Name, source: steps.FromURI, many: many, description: describe(p)}
	file := ""
	if value != nil && value.String() != "" {
		file = value.String()
		c.hide(p.Name, "its default "+draft.OneLine(file)+" is not used: a call says where its input lies")
	}
	in.typ, in.others, in.guessed = c.guess(p.Name, file)
	c.ins = append(c.ins, in)
}

func describe(p *wfv1.Parameter) string {
	if p.Description == nil {
		return ""
	}
	return strings.TrimSpace(p.Description.String())
}

// outputs makes output ports of what the template gives.
func (c *converter) outputs() {
	for i := range c.entry.Outputs.Parameters {
		p := &c.entry.Outputs.Parameters[i]
		out := port{theirs: p.Name, source: steps.FromParameter, description: describe(p)}
		file := ""
		if p.ValueFrom != nil {
			file = p.ValueFrom.Path
		}
		if base, many, is := uriName(p.Name); is {
			out.name, out.source, out.many, file = c.names.Take(base), steps.FromURI, many, ""
		} else {
			out.name = c.names.Take(p.Name)
		}
		out.typ, out.others, out.guessed = c.guess(p.Name, file)
		c.outs = append(c.outs, out)
	}
	for i := range c.entry.Outputs.Artifacts {
		a := &c.entry.Outputs.Artifacts[i]
		out := port{name: c.names.Take(a.Name), theirs: a.Name, source: steps.FromArtifact, optional: a.Optional}
		out.typ, out.others, out.guessed = c.guess(a.Name, a.Path)
		if strings.HasSuffix(a.Path, "/") {
			out.many, out.glob = true, "*"
		}
		c.outs = append(c.outs, out)
	}
	if len(c.outs) > 0 {
		return
	}
	result := port{name: c.names.Take("printed"), source: steps.FromResult, typ: draft.Fallback, description: "What the template prints."}
	if c.entry.Container == nil && c.entry.Script == nil {
		result = port{name: c.names.Take("output"), theirs: "FILL-IN", source: steps.FromParameter, typ: draft.Fallback, guessed: true, nothing: true}
		c.warnings.Addf(c.pos("name"), c.path(""), problem.Missing, "Add an output parameter or artifact to it.",
			"The template %s gives nothing, and a step gives something.", c.entry.Name)
	}
	c.outs = append(c.outs, result)
}

// pos is the place of a field of the entrypoint.
func (c *converter) pos(path ...any) problem.Pos {
	return c.m.pos(append([]any{"spec", "templates", c.at}, path...)...)
}

func (c *converter) posOfInput(section, name string) problem.Pos {
	at := slices.IndexFunc(c.entry.Inputs.Parameters, func(p wfv1.Parameter) bool { return p.Name == name })
	return c.pos("inputs", section, at)
}

// path names a field of the entrypoint in words.
func (c *converter) path(field string) string {
	return strings.TrimSuffix("spec.templates."+c.entry.Name+"."+field, ".")
}
