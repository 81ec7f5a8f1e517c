package templates

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
)

// simulation runs a pipeline's template as Argo's controller does, one pod at a
// time: what depends on what, what is left out, what is expanded, and how a DAG
// ends are done again here after workflow/controller/dag.go, in a random order
// among what may run. Arguments and expressions are evaluated by Argo's own
// code.
type simulation struct {
	templates map[string]*wfv1.Template
	globals   common.Parameters
	pod       func(node, index string) podEnd
	count     func(node, port, index string) (count, left string)
	random    *rand.Rand
}

// podEnd is how a pod ended.
type podEnd struct {
	failed  bool
	outputs map[string]string
}

// wfNode is a node of a Workflow's status.
type wfNode struct {
	name     string
	phase    wfv1.NodePhase
	outputs  map[string]string
	children []*wfNode
	outbound []*wfNode // what those that depend on it are children of
	declared []string  // the outputs that its template declares
}

func (s *simulation) run() (*wfNode, error) {
	return s.execute("run", runTemplate, wfv1.Arguments{})
}

// execute runs a template of this WorkflowTemplate, or the pod of another's.
func (s *simulation) execute(name, templateName string, arguments wfv1.Arguments) (*wfNode, error) {
	t := s.templates[templateName]
	t, err := common.ProcessArgs(t, &arguments, s.globals, common.Parameters{}, false, "", nil)
	if err != nil {
		return nil, err
	}
	switch {
	case t.DAG != nil:
		return s.dag(name, t)
	case t.Suspend != nil:
		return leaf(name, wfv1.NodeSucceeded, nil), nil
	}
	given := func(name string) string { return t.Inputs.GetParameterByName(name).Value.String() }
	n := leaf(name, wfv1.NodeSucceeded, nil)
	if templateName == countTemplate {
		count, left := s.count(given("node"), given("port"), given("index"))
		n.outputs = map[string]string{countOutput: count, LeftOutput: left}
		return n, nil
	}
	end := s.pod(given("node"), given("index"))
	n.outputs = end.outputs
	if end.failed {
		n.phase = wfv1.NodeFailed
	}
	return n, nil
}

func leaf(name string, phase wfv1.NodePhase, outputs map[string]string) *wfNode {
	n := &wfNode{name: name, phase: phase, outputs: outputs}
	n.outbound = []*wfNode{n}
	return n
}

func (s *simulation) dag(name string, t *wfv1.Template) (*wfNode, error) {
	self := leaf(name, wfv1.NodeRunning, nil)
	nodes := map[string]*wfNode{}
	isLeaf := map[string]bool{}
	for _, task := range t.DAG.Tasks {
		isLeaf[task.Name] = true
	}
	for _, task := range t.DAG.Tasks {
		for _, d := range task.Dependencies {
			isLeaf[d] = false
		}
	}
	for len(nodes) < len(t.DAG.Tasks) {
		var can []*wfv1.DAGTask
		for i := range t.DAG.Tasks {
			task := &t.DAG.Tasks[i]
			ready := nodes[task.Name] == nil
			for _, d := range task.Dependencies {
				ready = ready && nodes[d] != nil
			}
			if ready {
				can = append(can, task)
			}
		}
		if len(can) == 0 {
			return nil, fmt.Errorf("%s: nothing can go on after %d of %d tasks", name, len(nodes), len(t.DAG.Tasks))
		}
		task := can[s.random.IntN(len(can))]
		n, err := s.task(self, t, nodes, task)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", name, task.Name, err)
		}
		nodes[task.Name] = n
	}
	self.phase = assess(self, t, nodes, isLeaf)
	self.outbound = nil
	for _, task := range t.DAG.Tasks {
		if isLeaf[task.Name] {
			self.outbound = append(self.outbound, nodes[task.Name].outbound...)
		}
	}
	return self, nil
}

// task does what executeDAGTask does.
func (s *simulation) task(self *wfNode, t *wfv1.Template, nodes map[string]*wfNode, task *wfv1.DAGTask) (*wfNode, error) {
	connect := func(n *wfNode) {
		if len(task.Dependencies) == 0 {
			self.children = append(self.children, n)
		}
		for _, d := range task.Dependencies {
			for _, parent := range nodes[d].outbound {
				parent.children = append(parent.children, n)
			}
		}
	}
	name := self.name + "." + task.Name
	for _, d := range task.Dependencies {
		goesOn := nodes[d].phase == wfv1.NodeSucceeded || nodes[d].phase == wfv1.NodeSkipped
		for i := range t.DAG.Tasks {
			goesOn = goesOn || t.DAG.Tasks[i].Name == d && t.DAG.Tasks[i].ContinuesOn(nodes[d].phase)
		}
		if !goesOn {
			n := leaf(name, wfv1.NodeOmitted, nil)
			connect(n)
			return n, nil
		}
	}
	scope := map[string]any{}
	for k, v := range s.globals {
		scope[k] = v
	}
	for _, p := range t.Inputs.Parameters {
		scope["inputs.parameters."+p.Name] = p.Value.String()
	}
	for _, before := range ancestors(t, task.Name) {
		n := nodes[before]
		scope["tasks."+before+".status"] = string(n.phase)
		for k, v := range n.outputs {
			scope["tasks."+before+".outputs.parameters."+k] = v
		}
		if n.phase == wfv1.NodeSkipped || n.phase == wfv1.NodeOmitted {
			for _, k := range n.declared {
				scope["tasks."+before+".outputs.parameters."+k] = nil
			}
		}
	}
	text, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	resolved, err := template.ReplaceStrictAny(string(text), scope, []string{"tasks", "steps"})
	if err != nil {
		return nil, err
	}
	var now wfv1.DAGTask
	if err := json.Unmarshal([]byte(resolved), &now); err != nil {
		return nil, err
	}
	if task.WithParam != "" {
		return s.group(name, &now, scope, connect)
	}
	switch now.When {
	case "", "true":
	case "false":
		n := leaf(name, wfv1.NodeSkipped, nil)
		n.declared = s.declared(task)
		connect(n)
		return n, nil
	default:
		return nil, fmt.Errorf("when is %q", now.When)
	}
	templateName := now.Template
	if now.TemplateRef != nil {
		templateName = now.TemplateRef.Name + "/" + now.TemplateRef.Template
	}
	n, err := s.execute(name, templateName, now.Arguments)
	if err != nil {
		return nil, err
	}
	connect(n)
	return n, nil
}

// declared are the outputs of a task that its template declares.
func (s *simulation) declared(task *wfv1.DAGTask) []string {
	if task.TemplateRef == nil {
		return nil
	}
	var names []string
	for _, p := range s.templates[task.TemplateRef.Name+"/"+task.TemplateRef.Template].Outputs.Parameters {
		names = append(names, p.Name)
	}
	return names
}

func (s *simulation) group(name string, task *wfv1.DAGTask, scope map[string]any, connect func(*wfNode)) (*wfNode, error) {
	var items []wfv1.Item
	if err := json.Unmarshal([]byte(task.WithParam), &items); err != nil {
		return nil, fmt.Errorf("withParam is %q", task.WithParam)
	}
	if len(items) == 0 {
		n := leaf(name, wfv1.NodeSkipped, nil)
		connect(n)
		return n, nil
	}
	group := &wfNode{name: name, phase: wfv1.NodeSucceeded}
	connect(group)
	bare := *task
	bare.WithParam = ""
	text, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	parsed, err := template.NewTemplate(string(text))
	if err != nil {
		return nil, err
	}
	nodes := make([]*wfNode, len(items))
	for _, i := range s.random.Perm(len(items)) {
		scope["item"] = items[i].GetStrVal()
		replaced, err := parsed.Replace(scope, false)
		if err != nil {
			return nil, err
		}
		var one wfv1.DAGTask
		if err := json.Unmarshal([]byte(replaced), &one); err != nil {
			return nil, err
		}
		n, err := s.execute(fmt.Sprintf("%s(%d:%s)", name, i, items[i].GetStrVal()), one.Template, one.Arguments)
		if err != nil {
			return nil, err
		}
		nodes[i] = n
		if n.phase == wfv1.NodeFailed || n.phase == wfv1.NodeError {
			group.phase = n.phase
		}
	}
	for _, n := range nodes {
		group.children = append(group.children, n)
		group.outbound = append(group.outbound, n.outbound...)
	}
	return group, nil
}

func ancestors(t *wfv1.Template, name string) []string {
	var out []string
	var visit func(name string)
	visit = func(name string) {
		for i := range t.DAG.Tasks {
			if t.DAG.Tasks[i].Name != name {
				continue
			}
			for _, d := range t.DAG.Tasks[i].Dependencies {
				if !slices.Contains(out, d) {
					out = append(out, d)
					visit(d)
				}
			}
		}
	}
	visit(name)
	return out
}

// assess does what assessDAGPhase does once all tasks have ended.
func assess(self *wfNode, t *wfv1.Template, nodes map[string]*wfNode, isLeaf map[string]bool) wfv1.NodePhase {
	type visit struct {
		n     *wfNode
		phase wfv1.NodePhase
	}
	failed := func(p wfv1.NodePhase) bool { return p == wfv1.NodeFailed || p == wfv1.NodeError }
	target := map[*wfNode]wfv1.NodePhase{}
	for name, n := range nodes {
		if isLeaf[name] {
			target[n] = ""
		}
	}
	seen := map[visit]bool{}
	var queue []visit
	add := func(list []*wfNode, phase wfv1.NodePhase) {
		for _, n := range list {
			if v := (visit{n, phase}); !seen[v] {
				seen[v] = true
				queue = append(queue, v)
			}
		}
	}
	add(self.children, wfv1.NodeSucceeded)
	for ; len(queue) > 0; queue = queue[1:] {
		n, branch := queue[0].n, queue[0].phase
		if n.phase == wfv1.NodeSucceeded || failed(n.phase) {
			branch = n.phase
		}
		if before, is := target[n]; is && !failed(before) {
			target[n] = branch
		}
		add(n.children, branch)
	}
	result := wfv1.NodeSucceeded
	for i := range t.DAG.Tasks {
		task := &t.DAG.Tasks[i]
		if branch := target[nodes[task.Name]]; isLeaf[task.Name] && !task.ContinuesOn(branch) {
			if branch == "" {
				return wfv1.NodeRunning
			}
			if failed(branch) {
				result = branch
			}
		}
	}
	return result
}

// newSimulation prepares a run of a pipeline's template, with some of its
// arguments given. Its steps' templates need their outputs only.
func newSimulation(pipeline *wfv1.WorkflowTemplate, steps []*wfv1.WorkflowTemplate, given map[string]string, r *rand.Rand) *simulation {
	s := &simulation{templates: map[string]*wfv1.Template{}, globals: common.Parameters{}, random: r}
	for _, p := range pipeline.Spec.Arguments.Parameters {
		s.globals["workflow.parameters."+p.Name] = "{}"
		if p.Value != nil {
			s.globals["workflow.parameters."+p.Name] = p.Value.String()
		}
	}
	s.globals["workflow.parameters."+PipelineParameter] = "x" // as long as it is, it costs time and does nothing
	for name, value := range given {
		if _, there := s.globals["workflow.parameters."+name]; !there {
			panic("the template takes no argument " + name)
		}
		s.globals["workflow.parameters."+name] = value
	}
	for i := range pipeline.Spec.Templates {
		s.templates[pipeline.Spec.Templates[i].Name] = &pipeline.Spec.Templates[i]
	}
	for _, step := range steps {
		for i := range step.Spec.Templates {
			if t := &step.Spec.Templates[i]; t.Name == mainTemplate {
				// Of the pod nothing matters here but what goes in and out.
				s.templates[step.Name+"/"+mainTemplate] = &wfv1.Template{Name: t.Name, Inputs: t.Inputs, Outputs: t.Outputs}
			}
		}
	}
	return s
}

// indent shows a template's lanes, for failures.
func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
