package pipelines

import (
	"maps"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// setting is what a parameter is set to, and where that was written.
type setting struct {
	Param
	pos  problem.Pos
	path string
}

// paramsOf gives the parameters of a placed node. Nodes that set none share
// one map, and so do those of the outermost pipeline that take the same from
// its parameters.
func (c *compiler) paramsOf(n *placed) map[string]Param {
	s := n.use.step
	known := c.params[s]
	if known == nil {
		known = &knownParams{defaults: defaultsOf(s)}
		c.params[s] = known
	}
	passed := n.in.outer == nil // all are given parameters of the pipeline
	known.taken = known.taken[:0]
	for i := range n.use.node.With {
		if a := &n.use.node.With[i]; s.Param(a.Name) != nil {
			known.taken = append(known.taken, a)
			passed = passed && a.Param != ""
		}
	}
	if len(known.taken) == 0 {
		return known.defaults
	}
	if passed && slices.EqualFunc(known.taken, known.lastTaken, func(a, b *Argument) bool { return a.Name == b.Name && a.Param == b.Param }) {
		return known.last
	}
	out := maps.Clone(known.defaults)
	if out == nil {
		out = make(map[string]Param, len(known.taken))
	}
	for _, a := range known.taken {
		set, ok := n.in.setting(n.use, a)
		if !ok {
			continue
		}
		if set.Value != nil && a.Param != "" {
			// Set by a pipeline around it, whose own limits may be wider.
			v, err := s.Param(a.Name).Check(set.Value.Any(), false)
			if err != nil {
				c.add(set.pos, set.path, codeOf(err), sentence(err), "`%s.%s` does not take this value.", n.id, a.Name)
				continue
			}
			set.Value = &v
		}
		out[a.Name] = set.Param
	}
	if passed {
		known.last = out
		known.taken, known.lastTaken = known.lastTaken, known.taken
	}
	return out
}

// knownParams are the parameters of nodes that use one step.
type knownParams struct {
	defaults  map[string]Param // of nodes that set none
	last      map[string]Param // of the last that takes all that it sets from the pipeline's parameters
	lastTaken []*Argument
	taken     []*Argument // of the node at hand
}

func defaultsOf(s *steps.Step) map[string]Param {
	var out map[string]Param
	for i := range s.Params {
		if d := s.Params[i].Default; d != nil {
			if out == nil {
				out = make(map[string]Param)
			}
			out[s.Params[i].Name] = Param{Value: d}
		}
	}
	return out
}

// setting follows a parameter outwards to the value or the outermost
// parameter that it comes from; false when it stays unset.
func (in *instance) setting(u *use, a *Argument) (setting, bool) {
	for {
		if a.Param == "" {
			v := in.level.values[a]
			return setting{Param{Value: &v}, a.Pos, "nodes." + in.prefix + u.node.Name + ".with." + a.Name}, true
		}
		if in.outer == nil {
			return setting{Param: Param{From: a.Param}}, true
		}
		name := a.Param
		declared := steps.FindParam(in.level.pipeline.Params, name)
		u, in = in.use, in.outer
		if a = u.argument(name); a == nil {
			if declared.Default == nil {
				return setting{}, false
			}
			return setting{Param{Value: declared.Default}, declared.Pos, "params." + name}, true
		}
	}
}
