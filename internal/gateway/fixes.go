package gateway

import (
	"fmt"
	"maps"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

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
