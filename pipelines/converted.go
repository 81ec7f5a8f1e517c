package pipelines

import (
	"fmt"

	"github.com/ligase-bio/ligase/steps"
)

// Converted is an input of a node that comes in a format which it does not
// take, and is made into one that it does when its tasks start.
type Converted struct {
	Node, Port string
	How        *steps.Conversion
}

// String is a sentence: "score.model is converted from mmcif to pdb, and loses …".
func (c Converted) String() string {
	s := fmt.Sprintf("%s.%s is converted from %s to %s", c.Node, c.Port, c.How.From, c.How.To)
	if c.How.Loses != "" {
		s += "; what is lost: " + c.How.Loses
	}
	return s
}

// Conversions are those that the plan needs, in the order of its nodes and
// their ports.
func (p *Plan) Conversions() []Converted {
	var out []Converted
	for b := range p.Compiled.bound() {
		add := func(typ, format string) bool {
			how := p.Compiled.Types.Conversion(b.port, typ, format)
			if how != nil {
				out = append(out, Converted{b.node, b.Port, how})
			}
			return how != nil
		}
		if b.output != nil {
			add(b.output.Type, b.output.Formats[0])
			continue
		}
		for _, in := range p.Inputs[b.From.Port] {
			if add(in.Type, in.Format) {
				break // of many, one says it
			}
		}
	}
	return out
}
