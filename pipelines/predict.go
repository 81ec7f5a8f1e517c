package pipelines

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Prediction is what a node of a plan is expected to take, for the longest of
// what it works on.
type Prediction struct {
	Node           string  `json:"node"`
	Step           string  `json:"step"`
	Implementation string  `json:"implementation"`
	Tasks          int     `json:"tasks,omitempty"` // 0: not known before the run
	By             string  `json:"by"`              // the input or parameter whose length it goes by
	steps.Work             // of the longest task; a length of 0 is not known before the run
	steps.Expected         // of one attempt of it
	Total          float64 `json:"total_seconds,omitempty"` // of all tasks, one after another; 0: not known
	Source         string  `json:"source,omitempty"`        // where the figures are from that its implementation gives

	times string // the parameter that the time is proportional to
	over  string // what of its implementation's own limits it is expected to exceed
}

// Predict says what the nodes will take that have a cost, in order. finished
// gives what finished attempts of an implementation took where the plan would
// run; nil: there are none.
func (p *Plan) Predict(finished func(step, implementation string) ([]steps.Spent, error)) ([]Prediction, error) {
	var out []Prediction
	lengths := lengths{plan: p, known: map[dag.Endpoint][]int{}}
	for i := range p.Compiled.Nodes {
		n := &p.Compiled.Nodes[i]
		step := p.Compiled.Steps[n.Step]
		cost := step.Implementation(n.Implementation).Cost
		if cost == nil {
			continue
		}
		var took []steps.Spent
		if finished != nil {
			var err error
			if took, err = finished(step.Name, n.Implementation); err != nil {
				return nil, err
			}
		}
		if !cost.Knows(took) {
			continue
		}
		x := Prediction{Node: n.ID, Step: step.Name, Implementation: n.Implementation, Tasks: p.tasks(n.ID), By: cost.By, Source: cost.Source, times: cost.Times}
		all := lengths.named(n, cost.By)
		if x.Work = lengths.work(n, cost); x.Length > 0 {
			x.Expected = cost.Expect(x.Work, took)
			seconds := map[int]float64{x.Length: x.Seconds.Value} // many values may have one length
			for _, l := range all {
				if _, known := seconds[l]; !known {
					seconds[l] = cost.Expect(steps.Work{Length: l, Times: x.Times}, took).Seconds.Value
				}
				x.Total += seconds[l] / float64(len(all))
			}
			x.Total *= float64(x.Tasks)
		}
		x.over = over(step.Implementation(n.Implementation), x.Expected)
		out = append(out, x)
	}
	return out, nil
}

// over says which limits of an implementation an attempt is expected to
// exceed. That alone refuses nothing: a machine may be faster than the one that
// the figures are of.
func over(impl *steps.Implementation, e steps.Expected) string {
	timeout := cmp.Or(impl.Timeout, steps.DefaultTimeout)
	switch {
	case e.Seconds.Exceeds(timeout.Seconds()):
		return "the timeout of " + steps.SpanText(timeout.Seconds())
	case impl.Resources.Memory > 0 && e.Memory.Exceeds(float64(impl.Resources.Memory)):
		return "the limit of " + steps.BytesText(float64(impl.Resources.Memory)) + " of memory"
	}
	return ""
}

// Measured reports whether predictions go by the length of an input of the
// whole.
func (c *Compiled) Measured(input string) bool { return c.measured()[input] }

func (c *Compiled) findMeasured() map[string]bool {
	found := map[string]bool{}
	seen := map[dag.Endpoint]bool{}
	var follow func(n *CompiledNode, port string)
	follow = func(n *CompiledNode, port string) {
		for _, b := range n.Inputs {
			if b.Port != port || seen[b.From] {
				continue
			}
			seen[b.From] = true
			if b.From.Node == "" {
				found[b.From.Port] = true
				continue
			}
			if out := c.StepOf(b.From.Node).Output(b.From.Port); out.Length != "" {
				follow(c.Node(b.From.Node), out.Length)
			}
		}
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if cost := c.Steps[n.Step].Implementation(n.Implementation).Cost; cost != nil {
			follow(n, cost.By)
		}
	}
	return found
}

// tasks is how many tasks a node has, as far as inputs and parameters say: a
// filter may leave fewer. 0: not known.
func (p *Plan) tasks(node string) int {
	n := 1
	for _, d := range p.Compiled.Graph().Dims(node) {
		items := 0
		if d.Node == "" {
			items = len(p.Inputs[d.Port])
		} else if port := p.Compiled.StepOf(d.Node).Output(d.Port); port.Count != "" {
			items = p.integer(d.Node, port.Count)
		}
		if items <= 0 || n > math.MaxInt32/items {
			return 0
		}
		n *= items
	}
	return n
}

// integer is the value of a node's integer parameter; 0 when it has none.
func (p *Plan) integer(node, param string) int {
	if v, ok := p.NodeParams(node)[param].Any().(int64); ok {
		return int(min(v, math.MaxInt32))
	}
	return 0
}

// lengths finds out how long things are before anything has run.
type lengths struct {
	plan  *Plan
	known map[dag.Endpoint][]int
}

// work is what the longest task of a node has to do, as its implementation's
// cost counts it; a length of 0 is not known before the run.
func (l *lengths) work(n *CompiledNode, cost *steps.Cost) steps.Work {
	var w steps.Work
	if all := l.named(n, cost.By); len(all) > 0 {
		w.Length = slices.Max(all)
	}
	if cost.Times != "" {
		w.Times = l.plan.integer(n.ID, cost.Times)
	}
	return w
}

// named are the lengths of what a node's input or parameter of that name
// says: of each value where they are given, else one that all have. Empty: not
// known.
func (l *lengths) named(n *CompiledNode, name string) []int {
	if l.plan.Compiled.Steps[n.Step].Param(name) != nil {
		if v := l.plan.integer(n.ID, name); v > 0 {
			return []int{v}
		}
		return nil
	}
	for _, b := range n.Inputs {
		if b.Port != name {
			continue
		}
		if l.ofRecord(n, b) {
			return nil
		}
		return l.of(b.From)
	}
	return nil
}

// ofRecord reports whether a node takes what it is given as one record of a
// file, or as all: the length of the file is another.
func (l *lengths) ofRecord(n *CompiledNode, b Binding) bool {
	c := l.plan.Compiled
	from := c.Input(b.From.Port)
	if b.From.Node != "" {
		from = c.StepOf(b.From.Node).Output(b.From.Port)
	}
	return c.Types.OneOfRecords(from, c.Steps[n.Step].Input(b.Port))
}

// given reports whether a parameter of a node is set.
func (l *lengths) given(node, param string) bool {
	if param == "" {
		return false
	}
	_, set := l.plan.NodeParams(node)[param]
	return set
}

func (l *lengths) of(e dag.Endpoint) []int {
	if found, known := l.known[e]; known {
		return found
	}
	var found []int
	if e.Node == "" {
		for _, in := range l.plan.Inputs[e.Port] {
			if in.Length <= 0 {
				found = nil
				break
			}
			found = append(found, in.Length)
		}
	} else if port := l.plan.Compiled.StepOf(e.Node).Output(e.Port); port.Length != "" && !l.given(e.Node, port.LengthUnless) {
		found = l.named(l.plan.Compiled.Node(e.Node), port.Length)
	}
	l.known[e] = found
	return found
}

// String is a line: "fold (esmfold): 8 tasks of about 1m45s and 30 GiB of GPU
// memory, …".
func (x Prediction) String() string {
	tasks := "each task"
	switch {
	case x.Tasks == 1:
		tasks = "one task"
	case x.Tasks > 1:
		tasks = fmt.Sprintf("%d tasks, each", x.Tasks)
	}
	head := fmt.Sprintf("%s (%s): %s", x.Node, x.Implementation, tasks)
	if x.Length == 0 {
		return head + " takes what is " + x.Reason()
	}
	var takes []string
	for _, f := range []struct {
		e    steps.Estimate
		text func(float64) string
		what string
	}{
		{x.Seconds, steps.SpanText, ""}, {x.GPUMemory, steps.BytesText, " of GPU memory"}, {x.Memory, steps.BytesText, " of memory"},
	} {
		if f.e.Value > 0 {
			side := string(f.e.Side)
			if side == "" {
				side = "about"
			}
			takes = append(takes, side+" "+f.text(f.e.Value)+f.what)
		}
	}
	if len(takes) == 0 {
		takes = []string{"not known"}
	}
	return head + " " + joined(takes) + "; " + x.Reason()
}

// Reason says what a prediction goes by.
func (x Prediction) Reason() string {
	if x.Length == 0 {
		return fmt.Sprintf("not known before it runs, as it goes by %s", x.By)
	}
	why := fmt.Sprintf("%s is %d", x.By, x.Length)
	if x.Times > 1 {
		why += fmt.Sprintf(", times %d %s", x.Times, x.times)
	}
	switch {
	case x.Source != "" && x.Runs > 0:
		why += fmt.Sprintf("; figures: %s, corrected by %d tasks that finished here", x.Source, x.Runs)
	case x.Source != "":
		why += "; figures: " + x.Source
	case x.Runs > 0:
		why += fmt.Sprintf("; as %d tasks took that finished here", x.Runs)
	}
	if x.Beyond {
		why += "; longer than any that is known"
	}
	if x.over != "" {
		why += "; it would exceed " + x.over
	}
	return why
}

func joined(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// Span says what those nodes take together of which it is known: all that is
// to be done, and how long it takes at least when there is room for all of it
// at once. Empty where that says no more than the predictions.
func (p *Plan) Span(predicted []Prediction) string {
	longest := map[string]steps.Estimate{}
	total, known := 0.0, 0
	sides := map[steps.Side]bool{}
	for _, x := range predicted {
		if x.Total == 0 {
			continue
		}
		longest[x.Node], total, known = x.Seconds, total+x.Total, known+1
		sides[x.Seconds.Side] = true
	}
	if known == 0 || known == 1 && len(p.Compiled.Nodes) == 1 {
		return ""
	}
	// How long it takes at least is only known of nodes that do not take at
	// most so long.
	least := 0.0
	sure := func(node string) float64 {
		if e := longest[node]; e.Side != steps.AtMost {
			return e.Value
		}
		return 0
	}
	for _, node := range p.Compiled.Graph().CriticalPath(sure) {
		least += sure(node)
	}
	about := "about"
	switch {
	case sides[steps.AtMost] && sides[steps.AtLeast]:
		about = "very roughly"
	case sides[steps.AtMost]:
		about = string(steps.AtMost)
	case sides[steps.AtLeast]:
		about = string(steps.AtLeast)
	}
	of := ""
	if known < len(p.Compiled.Nodes) {
		of = fmt.Sprintf(" for the %d of %d nodes of which it is known", known, len(p.Compiled.Nodes))
	}
	text := fmt.Sprintf("In all %s %s of work%s", about, steps.SpanText(total), of)
	if least > 0 {
		text += fmt.Sprintf(", and at least %s however much of it runs at once", steps.SpanText(least))
	}
	return text + "."
}

// GPUMemory gives how many bytes a task of a node is predicted to need on each
// of its GPUs, by the length of what that task works on where the call says
// so, else of the longest; 0: nothing is predicted. A figure that is an
// estimate's upper or lower bound counts as it is.
func (p *Plan) GPUMemory(node string) func(uris.Index) float64 {
	n := p.Compiled.Node(node)
	cost := p.Compiled.Steps[n.Step].Implementation(n.Implementation).Cost
	if cost == nil {
		return func(uris.Index) float64 { return 0 }
	}
	lengths := lengths{plan: p, known: map[dag.Endpoint][]int{}}
	work := lengths.work(n, cost)
	needs := func(length int) float64 {
		return cost.Expect(steps.Work{Length: length, Times: work.Times}, nil).GPUMemory.Value
	}
	longest := needs(work.Length)
	from, level := lengths.root(n, cost.By), -1
	if from.Port != "" {
		level = slices.Index(p.Compiled.Graph().Dims(node), from)
	}
	if level < 0 {
		return func(uris.Index) float64 { return longest }
	}
	each := make([]float64, len(p.Inputs[from.Port]))
	for i, length := range lengths.of(from) {
		each[i] = needs(length)
	}
	return func(index uris.Index) float64 {
		if item := index.Prefix(level + 1).Last(); item >= 0 && item < len(each) {
			return each[item]
		}
		return longest
	}
}

// root is the input of the whole that the length which a node's input or
// parameter of that name says is that of; zero when it is none's.
func (l *lengths) root(n *CompiledNode, name string) dag.Endpoint {
	for _, b := range n.Inputs {
		if b.Port != name || l.ofRecord(n, b) || len(l.of(b.From)) == 0 {
			continue
		}
		if b.From.Node == "" {
			return b.From
		}
		return l.root(l.plan.Compiled.Node(b.From.Node), l.plan.Compiled.StepOf(b.From.Node).Output(b.From.Port).Length)
	}
	return dag.Endpoint{}
}
