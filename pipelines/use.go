package pipelines

import (
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

// Use is what a node of a plan does, in words.
type Use struct {
	Node           string
	Step           string                // name@version
	Implementation *steps.Implementation // that runs it
	Times          string                // "once", "for each design.sequences"
	Takes          []string              // "each sequence=design.sequences"
}

// Uses are what the nodes do, in order.
func (c *Compiled) Uses() []Use {
	list := make([]Use, len(c.Nodes))
	for i, n := range c.Nodes {
		step := c.StepOf(n.ID)
		u := Use{Node: n.ID, Step: step.Name + "@" + step.Version, Implementation: step.Implementation(n.Implementation), Times: "once"}
		if dims := c.Graph().Dims(n.ID); len(dims) > 0 {
			var over []string
			for _, d := range dims {
				over = append(over, c.inWords(d, "record"))
			}
			u.Times = "for each " + strings.Join(over, " × ")
		}
		for _, b := range n.Inputs {
			mode, what := "", "records"
			switch {
			case b.Mode == dag.Each:
				mode, what = "each ", "record"
			case step.Input(b.Port).Many && !(step.Input(b.Port).Joined && c.single(n.ID, b)):
				mode = "all "
			}
			u.Takes = append(u.Takes, mode+b.Port+"="+c.inWords(b.From, what))
		}
		list[i] = u
	}
	return list
}

// inWords names where a value comes from; what are records, where it is those of
// a file.
func (c *Compiled) inWords(e dag.Endpoint, what string) string {
	if e.Node != "" {
		if of := c.StepOf(e.Node).Output(e.Port).RecordsOf; of != "" {
			e.Port = of
			return what + " of " + e.String()
		}
	}
	return e.String()
}
