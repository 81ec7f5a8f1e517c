package adopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	yamlnodes "go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Kinds of what can be made a step of.
const (
	KindTemplate        = "WorkflowTemplate"
	KindClusterTemplate = "ClusterWorkflowTemplate"
	KindWorkflow        = "Workflow"
)

// Manifest is one workflow template as it was found, in a file or a cluster.
type Manifest struct {
	Kind        string
	Name        string
	Labels      map[string]string
	Annotations map[string]string
	Spec        wfv1.WorkflowSpec

	file string
	root *yamlnodes.Node // nil: not from a file
	line int             // lines of the file before the document
}

// Read reads a file with workflow templates, one or several documents, or a
// List as kubectl prints it. What it cannot use is a problem with its line;
// the manifests are what it can.
func Read(file string, data []byte) ([]*Manifest, problem.Problems) {
	var ps problem.Problems
	if len(data) > definition.MaxBytes {
		ps.Addf(problem.Pos{File: file}, "", problem.TooLarge, "Give the file that has the templates only.", "The file is larger than 1 MiB.")
		return nil, ps
	}
	var found []*Manifest
	for _, d := range documents(data) {
		ms, more := readDocument(file, d)
		found, ps = append(found, ms...), append(ps, more...)
	}
	if len(found) == 0 && len(ps) == 0 {
		ps.Addf(problem.Pos{File: file}, "", problem.Missing, "Give the YAML of a WorkflowTemplate.", "There is no workflow template in it.")
	}
	return found, ps
}

// document is the text of one YAML document and where it begins.
type document struct {
	text []byte
	line int // lines before it
}

// documents parts a file at the lines that part YAML documents.
func documents(data []byte) []document {
	var out []document
	var text bytes.Buffer
	start, line := 0, 0
	flush := func() {
		if len(bytes.TrimSpace(text.Bytes())) > 0 {
			out = append(out, document{bytes.Clone(text.Bytes()), start})
		}
		text.Reset()
	}
	for _, l := range bytes.SplitAfter(data, []byte("\n")) {
		if trimmed := bytes.TrimRight(l, " \t\r\n"); bytes.Equal(trimmed, []byte("---")) || bytes.HasPrefix(l, []byte("--- #")) {
			flush()
			start = line + 1
		} else {
			text.Write(l)
		}
		line++
	}
	flush()
	return out
}

func readDocument(file string, d document) ([]*Manifest, problem.Problems) {
	var ps problem.Problems
	var node yamlnodes.Node
	if err := yamlnodes.Unmarshal(d.text, &node); err != nil {
		ps.Addf(problem.Pos{File: file, Line: d.line + lineOf(err)}, "", problem.Invalid, "", "This is no YAML: %s.", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil, ps
	}
	if len(node.Content) == 0 { // comments only
		return nil, nil
	}
	root := node.Content[0]
	at := problem.Pos{File: file, Line: d.line + root.Line}
	asJSON, err := yaml.YAMLToJSON(d.text)
	if err != nil {
		ps.Addf(at, "", problem.Invalid, "", "This is no YAML: %s.", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil, ps
	}
	var kind metav1.TypeMeta
	if json.Unmarshal(asJSON, &kind) != nil || root.Kind != yamlnodes.MappingNode {
		ps.Addf(at, "", problem.Invalid, "Give the YAML of a WorkflowTemplate.", "This is no object of Kubernetes.")
		return nil, ps
	}
	if kind.Kind == "List" || strings.HasSuffix(kind.Kind, "TemplateList") {
		return readList(file, d, root, asJSON)
	}
	m, ps := readOne(file, d.line, root, asJSON)
	if m == nil {
		return nil, ps
	}
	return []*Manifest{m}, ps
}

func readList(file string, d document, root *yamlnodes.Node, asJSON []byte) ([]*Manifest, problem.Problems) {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(asJSON, &list); err != nil {
		var ps problem.Problems
		ps.Addf(problem.Pos{File: file, Line: d.line + root.Line}, "items", problem.Invalid, "", "The list cannot be read: %v.", err)
		return nil, ps
	}
	items := child(root, "items")
	var found []*Manifest
	var all problem.Problems
	for i, item := range list.Items {
		m, ps := readOne(file, d.line, items.Content[i], item)
		if all = append(all, ps...); m != nil {
			found = append(found, m)
		}
	}
	return found, all
}

func readOne(file string, line int, root *yamlnodes.Node, asJSON []byte) (*Manifest, problem.Problems) {
	var ps problem.Problems
	m := &Manifest{file: file, root: root, line: line}
	var object struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              wfv1.WorkflowSpec `json:"spec"`
	}
	if err := json.Unmarshal(asJSON, &object); err != nil {
		ps.Addf(m.pos(), "", problem.Invalid, "Try it with `argo lint`.", "Argo could not read it: %s.", strings.TrimPrefix(err.Error(), "json: "))
		return nil, ps
	}
	switch object.Kind {
	case KindTemplate, KindClusterTemplate, KindWorkflow:
	case "CronWorkflow":
		ps.Addf(m.pos("kind"), "kind", problem.NotAllowed, "Give the WorkflowTemplate that it runs.", "A CronWorkflow runs at times of its own; it cannot be called.")
		return nil, ps
	default:
		ps.Addf(m.pos("kind"), "kind", problem.NotAllowed, "Give the YAML of a WorkflowTemplate, ClusterWorkflowTemplate or Workflow.", "This is a %q, not a workflow template.", object.Kind)
		return nil, ps
	}
	m.Kind, m.Name = object.Kind, object.Name
	if m.Name == "" {
		m.Name = strings.TrimSuffix(object.GenerateName, "-")
	}
	m.Labels, m.Annotations, m.Spec = object.Labels, object.Annotations, object.Spec
	if m.Name == "" {
		ps.Addf(m.pos("metadata"), "metadata.name", problem.Missing, "Add metadata.name: steps refer to it.", "The template has no name.")
		return nil, ps
	}
	ps = append(ps, m.unknown(asJSON)...)
	return m, ps
}

// unknown reports fields that Argo does not have: it drops them in silence.
func (m *Manifest) unknown(asJSON []byte) problem.Problems {
	var given struct {
		Spec json.RawMessage `json:"spec"`
	}
	var spec wfv1.WorkflowSpec
	if json.Unmarshal(asJSON, &given) != nil || given.Spec == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(given.Spec))
	d.DisallowUnknownFields()
	err := d.Decode(&spec)
	if err == nil {
		return nil
	}
	field, is := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !is {
		return nil // said already, or one of those types that read themselves
	}
	field = strings.Trim(field, `"`)
	var ps problem.Problems
	ps.Addf(m.posOfField(field), "spec", problem.UnknownField, "Correct its name; Argo ignores it.", "Argo has no field %q there.", field)
	return ps
}

// pos is the place of a field, as far as the path leads; path holds names and
// indexes.
func (m *Manifest) pos(path ...any) problem.Pos {
	pos := problem.Pos{File: m.file}
	n := m.root
	if n == nil {
		return pos
	}
	pos.Line = m.line + n.Line
	for _, step := range path {
		var next *yamlnodes.Node
		switch step := step.(type) {
		case string:
			if key, value := entry(n, step); value != nil {
				next, pos.Line = value, m.line+key.Line
			}
		case int:
			if n.Kind == yamlnodes.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
				pos.Line = m.line + next.Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return pos
}

// posOfField is the place of the first field of that name.
func (m *Manifest) posOfField(name string) problem.Pos {
	var find func(n *yamlnodes.Node) int
	find = func(n *yamlnodes.Node) int {
		if n == nil {
			return 0
		}
		for i, c := range n.Content {
			if n.Kind == yamlnodes.MappingNode && i%2 == 0 {
				if c.Value == name {
					return c.Line
				}
				continue
			}
			if line := find(c); line > 0 {
				return line
			}
		}
		return 0
	}
	if line := find(m.root); line > 0 {
		return problem.Pos{File: m.file, Line: m.line + line}
	}
	return m.pos()
}

func entry(n *yamlnodes.Node, name string) (key, value *yamlnodes.Node) {
	if n.Kind != yamlnodes.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

func child(n *yamlnodes.Node, name string) *yamlnodes.Node {
	if _, value := entry(n, name); value != nil {
		return value
	}
	return &yamlnodes.Node{}
}

// lineOf is the line that an error of the YAML reader names.
func lineOf(err error) int {
	var line int
	if _, after, is := strings.Cut(err.Error(), "line "); is {
		fmt.Sscanf(after, "%d", &line)
	}
	return line
}
