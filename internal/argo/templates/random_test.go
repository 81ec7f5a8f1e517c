package templates

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// draft is a pipeline being made up.
type draft struct {
	compiled pipelines.Compiled
	steps    map[string]*steps.Step
	nodes    map[string]*pipelines.CompiledNode
}

func (d *draft) port(e dag.Endpoint) *steps.Port {
	if e.Node == "" {
		return d.compiled.Input(e.Port)
	}
	return d.steps[e.Node].Output(e.Port)
}

func (d *draft) valueDims(e dag.Endpoint) []dag.Endpoint {
	var dims []dag.Endpoint
	if e.Node != "" {
		dims = d.nodeDims(d.nodes[e.Node])
	}
	if d.port(e).Many {
		dims = append(slices.Clone(dims), e)
	}
	return dims
}

func (d *draft) base(n *pipelines.CompiledNode) []dag.Endpoint {
	var dims []dag.Endpoint
	for _, e := range n.Within {
		if of := d.valueDims(e); len(of) > len(dims) {
			dims = of
		}
	}
	return dims
}

func (d *draft) nodeDims(n *pipelines.CompiledNode) []dag.Endpoint {
	dims := d.base(n)
	for _, b := range n.Inputs {
		if of := d.valueDims(b.From); b.Mode == dag.Each && len(of) > len(dims) {
			dims = of
		}
	}
	return dims
}

func shared(a, b []dag.Endpoint) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// randomPipeline makes a sound pipeline of scatters, zips, gathers and
// enclosing scatters, and says how many values its input `list` is given.
func randomPipeline(t *testing.T, r *rand.Rand, types *steps.Types) (*pipelines.Compiled, map[string]int) {
	port := func(name string, many bool) steps.Port {
		p := steps.Port{Name: name, Type: "t", Formats: []string{"f"}, Many: many}
		if many {
			p.MinItems = r.IntN(3)
		}
		return p
	}
	d := &draft{steps: map[string]*steps.Step{}, nodes: map[string]*pipelines.CompiledNode{}}
	d.compiled = pipelines.Compiled{
		Tool:   pipelines.Ref{Kind: pipelines.KindPipeline, Name: "made_up", Version: "1.0.0"},
		Inputs: []steps.Port{port("one", false), port("list", true)},
		Types:  types, Steps: map[string]*steps.Step{},
	}
	given := map[string]int{"list": r.IntN(4)}
	one, err := steps.NewValue(1.0)
	if err != nil {
		t.Fatal(err)
	}
	values := []dag.Endpoint{{Port: "one"}, {Port: "list"}}
	var order []*pipelines.CompiledNode
	begin := func(id string) (*pipelines.CompiledNode, *steps.Step) {
		step := &steps.Step{Name: id, Version: "1.0.0", Title: id, Implementations: []steps.Implementation{{Name: "here", Command: []steps.Arg{{Templates: []string{"ligase"}}}}}}
		n := &pipelines.CompiledNode{ID: id, Step: id + "@1.0.0", Implementation: "here"}
		d.steps[id], d.nodes[id], d.compiled.Steps[n.Step] = step, n, step
		order = append(order, n)
		return n, step
	}
	for i := range 2 + r.IntN(7) {
		n, step := begin(fmt.Sprintf("n%d", i))
		n.ContinueOnFailure = r.IntN(12) > 0
		if r.IntN(4) == 0 {
			if e := values[r.IntN(len(values))]; len(d.valueDims(e)) > 0 && len(d.valueDims(e)) < 4 {
				n.Within = []dag.Endpoint{e}
			}
		}
		base := d.base(n)
		dims := base
		for k := range 1 + r.IntN(3) {
			e := values[r.IntN(len(values))]
			if r.IntN(2) == 0 {
				e = values[len(values)-1-r.IntN(min(4, len(values)))]
			}
			v := d.valueDims(e)
			in := port(fmt.Sprintf("i%d", k), false)
			mode := dag.With
			same := shared(v, dims)
			switch {
			case len(v) > len(base) && (same == len(v) || same == len(dims)) && len(v) < 5 && r.IntN(3) > 0:
				mode = dag.Each
				if len(v) > len(dims) {
					dims = v
				}
			case shared(v, base) == len(v) && r.IntN(2) == 0:
				if !d.port(e).Optional && r.IntN(3) == 0 {
					in = port(in.Name, true) // of a step that is given many there by another node
					in.Joined, in.MinItems = true, 1
				}
			default:
				in = port(in.Name, true)
				in.MinItems = min(in.MinItems, 1) // of what has no dimension beyond the node's it is a list of one
			}
			in.Optional = !in.Many && d.port(e).Optional
			step.Inputs = append(step.Inputs, in)
			n.Inputs = append(n.Inputs, pipelines.Binding{Port: in.Name, From: e, Mode: mode})
		}
		for k := range 1 + r.IntN(2) {
			out := port(fmt.Sprintf("o%d", k), r.IntN(3) == 0)
			out.Optional = r.IntN(6) == 0
			step.Outputs = append(step.Outputs, out)
			values = append(values, dag.Endpoint{Node: n.ID, Port: out.Name})
			if out.Many && r.IntN(2) == 0 {
				n.Keep = append(n.Keep, pipelines.CompiledKeep{Port: out.Name, Metric: "m", Min: &pipelines.Param{Value: &one}})
			}
		}
		if r.IntN(5) == 0 {
			n.Keep = append(n.Keep, pipelines.CompiledKeep{Metric: "m", Min: &pipelines.Param{Value: &one}})
		}
	}
	for i, e := range values[2:] {
		p := *d.port(e)
		p.Name = fmt.Sprintf("out%d", i)
		d.compiled.Outputs = append(d.compiled.Outputs, pipelines.CompiledOutput{Port: p, From: e})
	}
	last, step := begin("last") // the boundary must be used
	step.Inputs = []steps.Port{port("a", false), {Name: "b", Type: "t", Formats: []string{"f"}, Many: true}}
	last.Inputs = []pipelines.Binding{
		{Port: "a", From: dag.Endpoint{Port: "one"}, Mode: dag.With},
		{Port: "b", From: dag.Endpoint{Port: "list"}, Mode: dag.With},
	}
	for _, n := range order {
		d.compiled.Nodes = append(d.compiled.Nodes, *n)
	}
	data, err := json.Marshal(&d.compiled)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pipelines.DecodeCompiled(data)
	if err != nil {
		t.Fatalf("the made-up pipeline: %v\n%s", err, data)
	}
	return c, given
}

// world decides how a task ends, from its name alone: with a commit record, or
// none when it fails.
func world(seed uint64, n *pipelines.CompiledNode, step *steps.Step, task dag.Task) *steps.Result {
	roll := func(what string, below uint64) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s %s", seed, task, what)
		return h.Sum64() >> 20 % below
	}
	if roll("fails", 8) == 0 {
		return nil
	}
	result := &steps.Result{Outputs: map[string][]steps.Object{}}
	for _, p := range step.Outputs {
		count := 1
		switch {
		case p.Many:
			count = int(roll(p.Name, 4))
		case p.Optional:
			count = int(roll(p.Name, 2))
		}
		result.Outputs[p.Name] = make([]steps.Object, count)
	}
	for _, k := range n.Keep {
		if k.Port == "" && roll("is filtered", 4) == 0 {
			result.Filtered = &steps.Filtered{Metric: k.Metric}
		}
		for i := range result.Outputs[k.Port] {
			if roll(fmt.Sprint(k.Port, " filters ", i), 3) == 0 {
				result.Outputs[k.Port][i].Filtered = &steps.Filtered{Metric: k.Metric}
			}
		}
	}
	return result
}

// committed are commit records.
type committed map[dag.Task]*steps.Result

// story follows a simulated run with a Frontier, and objects to every pod that
// it would not start.
type story struct {
	t        *testing.T
	seed     uint64
	tree     *tree
	frontier *dag.Frontier
	state    map[dag.Task]string // ready, starved, skipped, or ended
	gave     committed
	before   committed // in an earlier try
	pods     int
	inVain   int // pods that find out that they have nothing to do
}

func newStory(t *testing.T, seed uint64, c *pipelines.Compiled, given map[string]int, before committed) *story {
	s := &story{t: t, seed: seed, tree: newTree(c), state: map[dag.Task]string{}, gave: committed{}, before: before}
	f, change := c.Graph().NewFrontier(given)
	s.frontier = f
	s.note(change)
	return s
}

func (s *story) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("pipeline %d: %s\n%s", s.seed, fmt.Sprintf(format, args...), indent(s.tree.String()))
}

// note takes in what an end led to; what has committed before ends at once.
func (s *story) note(c dag.Change) {
	for _, task := range c.Skipped {
		s.state[task] = "skipped"
	}
	for _, task := range c.Starved {
		s.state[task] = "starved"
	}
	for _, task := range c.Ready {
		s.state[task] = "ready"
	}
	for _, task := range c.Ready {
		if result := s.before[task]; result != nil {
			s.end(task, result)
		}
	}
}

func (s *story) end(task dag.Task, result *steps.Result) {
	s.t.Helper()
	var c dag.Change
	var err error
	if result == nil {
		c, err = s.frontier.Fail(task)
	} else {
		s.gave[task] = result
		_, counts, left := tasks.Keep(s.tree.compiled.StepOf(task.Node), result)
		c, err = s.frontier.SucceedBut(task, counts, left)
	}
	if err != nil {
		s.fatalf("%v", err)
	}
	s.state[task] = "ended"
	s.note(c)
}

// pod is what the pod of a task does.
func (s *story) pod(node, index string) podEnd {
	task := dag.Task{Node: node, Index: uris.Index(index)}
	step := s.tree.compiled.StepOf(node)
	s.pods++
	outputs := func(result *steps.Result) map[string]string {
		out := map[string]string{LeftOutput: strconv.FormatBool(result != nil && result.Filtered != nil)}
		for _, p := range step.Outputs {
			if p.Many {
				out[CountParameter(p.Name)], out[LeftParameter(p.Name)] = items(result, p.Name)
			}
		}
		return out
	}
	result := world(s.seed, s.tree.compiled.Node(node), step, task)
	if s.state[task] == "starved" {
		s.state[task] = "ended"
		return podEnd{failed: true}
	}
	if s.frontier.Aborted() { // nothing that happens now counts
		return podEnd{failed: result == nil, outputs: outputs(result)}
	}
	switch s.state[task] {
	case "ready":
		s.end(task, result)
		return podEnd{failed: result == nil, outputs: outputs(result)}
	case "skipped":
		if !s.beside(node) {
			s.fatalf("a pod was started for %s, which was to be left out", task)
		}
		s.inVain++
		s.state[task] = "ended"
		return podEnd{outputs: outputs(nil)}
	case "ended":
		s.fatalf("%s ran again", task)
	}
	s.fatalf("%s ran before all that it needs had ended", task)
	return podEnd{}
}

// beside reports whether a node takes an item, however indirectly, of what ran
// in a lane beside its own, of which the template cannot know.
func (s *story) beside(node string) bool {
	for _, need := range s.tree.needs(s.tree.compiled.Node(node)) {
		if need.item && (!s.tree.home[need.node].holds(s.tree.home[node]) || s.beside(need.node)) {
			return true
		}
	}
	return false
}

func (s *story) count(node, port, index string) (string, string) {
	return items(s.gave[dag.Task{Node: node, Index: uris.Index(index)}], port)
}

// items is what a worker says of how many items there are, and which of them
// were filtered.
func items(result *steps.Result, port string) (count, left string) {
	if result == nil || result.Filtered != nil {
		return "0", "[]"
	}
	list := []string{}
	for i, o := range result.Outputs[port] {
		if o.Filtered != nil {
			list = append(list, strconv.Itoa(i))
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return strconv.Itoa(len(result.Outputs[port])), string(text)
}

// finish checks how the run ended.
func (s *story) finish(root *wfNode, err error) {
	s.t.Helper()
	if err != nil {
		s.fatalf("%v", err)
	}
	if want := s.frontier.Aborted(); want != (root.phase == wfv1.NodeFailed) || !want && root.phase != wfv1.NodeSucceeded {
		s.fatalf("the Workflow ended %s; that a task failed which was not allowed to is %v", root.phase, want)
	}
	if s.frontier.Aborted() {
		return
	}
	if !s.frontier.Done() {
		s.fatalf("tasks that were ready never ran: %v", s.state)
	}
	for task, state := range s.state {
		if state == "starved" {
			s.fatalf("no pod says that %s had too little to work on", task)
		}
	}
}

// reuse is the arguments of a try after tasks have committed.
func reuse(c *pipelines.Compiled, given map[string]int, before committed) map[string]string {
	a := ArgumentsOf(c)
	out := map[string]string{}
	for in, name := range a.Count {
		out[name] = strconv.Itoa(given[in])
	}
	write := func(name string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		out[name] = string(data)
	}
	for node, name := range a.Skip {
		indexes, counts := []string{}, map[string]Reused{}
		for task, result := range before {
			if task.Node != node {
				continue
			}
			indexes = append(indexes, Skipped(task.Index, result.Filtered != nil))
			reused, err := ReuseOf(c.StepOf(node), result)
			if err != nil {
				panic(err)
			}
			counts[string(task.Index)] = reused
		}
		slices.Sort(indexes)
		write(name, indexes)
		if a.Reuse[node] != "" {
			write(a.Reuse[node], counts)
		}
	}
	return out
}

// Every pipeline that can be: what the templates run is what a Frontier has run
// on one machine, each task after all that it needs, whether a run begins anew
// or goes on where an earlier one failed.
func TestTemplatesRunWhatTheFrontierRuns(t *testing.T) {
	list, problems := steps.ParseTypes("types.yaml", []byte("types:\n  t: {title: Thing, formats: {f: {title: F, media_type: text/plain, extensions: [f]}}}\n"))
	if problems != nil {
		t.Fatal(problems)
	}
	types, problems := steps.NewTypes(list)
	if problems != nil {
		t.Fatal(problems)
	}
	graphs := uint64(300)
	if testing.Short() {
		graphs = 100
	}
	var pods, inVain, aborted, again, stages, deep, skipped, filtered, left int
	for seed := uint64(1); seed <= graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 11))
		c, given := randomPipeline(t, r, types)
		pipeline, err := Render(c, Options{})
		if err != nil {
			t.Fatalf("pipeline %d: %v", seed, err)
		}
		var templates []*wfv1.WorkflowTemplate
		for i := range c.Nodes {
			templates = append(templates, stepTemplate(t, c, &c.Nodes[i]))
			deep = max(deep, len(c.Graph().Dims(c.Nodes[i].ID)))
		}
		if slices.ContainsFunc(pipeline.Spec.Templates, func(t wfv1.Template) bool { return t.Name == countTemplate }) {
			stages++
		}
		before := committed{}
		for try := range 3 {
			s := newStory(t, seed, c, given, before)
			run := newSimulation(pipeline, templates, reuse(c, given, before), r)
			run.pod, run.count = s.pod, s.count
			s.finish(run.run())
			pods, inVain = pods+s.pods, inVain+s.inVain
			if s.frontier.Aborted() {
				aborted++
			}
			for _, state := range s.state {
				if state == "skipped" {
					skipped++
				}
			}
			if try > 0 {
				again += len(before)
			}
			for _, result := range s.gave {
				if result.Filtered != nil {
					filtered++
				}
				for _, objects := range result.Outputs {
					left += len(slices.DeleteFunc(slices.Clone(objects), func(o steps.Object) bool { return o.Filtered == nil }))
				}
			}
			// The next try finds some of what this one committed, and what was
			// committed before it.
			next := maps.Clone(before)
			for _, task := range slices.SortedFunc(maps.Keys(s.gave), func(a, b dag.Task) int { return strings.Compare(a.String(), b.String()) }) {
				if r.IntN(2) == 0 {
					next[task] = s.gave[task]
				}
			}
			before = next
		}
	}
	t.Logf("%d pipelines, %d pods, %d in vain, %d skipped, %d filtered and %d items, %d aborted, %d tasks reused, %d with items counted, %d deep", graphs, pods, inVain, skipped, filtered, left, aborted, again, stages, deep)
	if testing.Short() {
		return
	}
	if pods < 3000 || skipped < 200 || filtered < 100 || left < 200 || aborted < 50 || again < 1000 || stages < 10 || deep < 3 || inVain < 5 {
		t.Error("the pipelines miss what they should try")
	}
}

// stepTemplate is what a pipeline's template needs of a step's.
func stepTemplate(t *testing.T, c *pipelines.Compiled, n *pipelines.CompiledNode) *wfv1.WorkflowTemplate {
	name, err := Name(c.Steps[n.Step].Name, n.Implementation)
	if err != nil {
		t.Fatal(err)
	}
	one := pipelines.Compiled{Types: c.Types, Steps: c.Steps, Nodes: []pipelines.CompiledNode{*n}}
	pod, err := podTemplate(&one, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	out := &wfv1.WorkflowTemplate{}
	out.Name = name
	out.Spec.Templates = []wfv1.Template{*pod}
	return out
}
