package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// useStep finds the step that a node uses. A step whose ports are not known
// is as good as unknown, but nothing that the node could be blamed for.
func (c *compiler) useStep(l *level, u *use) {
	s := c.step(u.node)
	if s == nil {
		return
	}
	if s.Gaps != nil {
		l.lack(u.node)
		if !s.PortsKnown() {
			return
		}
	}
	u.step = s
	u.inputs, u.outputs, u.params = s.Inputs, s.Outputs, s.Params
	l.size++
}

// usePipeline finds and compiles the pipeline that a node uses.
func (c *compiler) usePipeline(l *level, u *use) {
	p := c.findPipeline(u.node)
	if p == nil {
		return
	}
	inner := c.pipeline(p, u.node)
	if inner == nil || inner.faulty {
		l.lack(u.node)
		if inner == nil || !p.portsKnown() {
			return
		}
	}
	u.level = inner
	u.inputs, u.params = inner.inputs, p.Params
	u.outputs = make([]steps.Port, len(inner.outputs))
	for k := range inner.outputs {
		u.outputs[k] = inner.outputs[k].Port
	}
	l.size += inner.size
}

// lack notes that what a node uses has problems itself.
func (l *level) lack(n *Node) {
	if l.lacks == nil {
		l.lacks = n
	}
}

// blame reports that what a node uses has problems, which are said where it is
// defined.
func (c *compiler) blame(n *Node) {
	var pos problem.Pos
	if n.Kind == KindPipeline {
		pos = c.resolver.Pipeline(n.Uses).Pos
	} else {
		pos = c.steps[n.Uses].Pos
	}
	fix := "Mend it first."
	if pos.File != "" {
		fix = fmt.Sprintf("Mend %s first.", pos.File)
	}
	c.add(n.Pos, fmt.Sprintf("nodes.%s.%s", n.Name, n.Kind), problem.Invalid, fix, "The %s %q has problems itself.", n.Kind, n.Uses)
}

// step finds the step that a node uses, or reports why there is none.
func (c *compiler) step(n *Node) *steps.Step {
	s := c.steps[n.Uses]
	if s == nil {
		s = c.resolver.Step(n.Uses)
		c.steps[n.Uses] = s
	}
	if s != nil {
		return s
	}
	path := "nodes." + n.Name + ".step"
	if n.Uses == "" {
		c.add(n.Pos, path, problem.Missing, "Add step: with the name of one.", "The node %q does not say what it uses.", n.Name)
		return nil
	}
	fix := c.didYouMean(n.Uses, c.resolver.Names(KindStep))
	name, _, versioned := strings.Cut(n.Uses, "@")
	if versioned {
		if have := c.resolver.Step(name); have != nil {
			fix = fmt.Sprintf("There is version %s.", have.Version)
		}
	}
	if c.resolver.Pipeline(n.Uses) != nil {
		fix = fmt.Sprintf("It is a pipeline; write pipeline: %s.", n.Uses)
	}
	c.add(n.Pos, path, problem.UnknownName, fix, "There is no step %q.", n.Uses)
	return nil
}

func (c *compiler) findPipeline(n *Node) *Pipeline {
	p := c.resolver.Pipeline(n.Uses)
	if p != nil {
		return p
	}
	fix := c.didYouMean(n.Uses, c.resolver.Names(KindPipeline))
	name, _, versioned := strings.Cut(n.Uses, "@")
	if versioned {
		if have := c.resolver.Pipeline(name); have != nil {
			fix = fmt.Sprintf("There is version %s.", have.Version)
		}
	}
	if c.resolver.Step(n.Uses) != nil {
		fix = fmt.Sprintf("It is a step; write step: %s.", n.Uses)
	}
	c.add(n.Pos, "nodes."+n.Name+".pipeline", problem.UnknownName, fix, "There is no pipeline %q.", n.Uses)
	return nil
}

// pipeline compiles the pipeline that a node uses, once however many nodes
// use it.
func (c *compiler) pipeline(p *Pipeline, n *Node) *level {
	if l, known := c.levels[p]; known {
		return l
	}
	path := "nodes." + n.Name + ".pipeline"
	if at := slices.Index(c.within, p.Name); at >= 0 {
		names := append(slices.Clone(c.within[at:]), p.Name)
		c.round = true
		c.add(n.Pos, path, problem.Cycle, "A pipeline cannot use itself; use another one here.",
			"%s is a cycle of pipelines.", strings.Join(names, " → "))
		return nil
	}
	if len(c.within) == maxDepth {
		c.add(n.Pos, path, problem.TooLarge, "Use steps here.", "Pipelines use pipelines more than %d deep.", maxDepth)
		return nil
	}
	c.within = append(c.within, p.Name)
	outer := c.problems
	c.problems = nil
	l := c.level(p)
	c.elsewhere = append(c.elsewhere, c.problems...)
	c.problems = outer
	c.within = c.within[:len(c.within)-1]
	c.levels[p] = l
	return l
}
