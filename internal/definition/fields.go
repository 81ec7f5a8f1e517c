package definition

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Fields reads a mapping whose field names are fixed. Every field that is
// asked for is known; [Fields.Done] reports the others, and what is missing.
type Fields struct {
	node     *Node
	known    []string
	required []string
}

// Fields reads the node as a mapping with fixed field names. An absent or
// empty node reads as a mapping without fields.
func (n *Node) Fields() *Fields {
	if n.shape != Mapping && n.shape != broken && n.Given() {
		n.refuse(problem.Invalid, "Write fields there, as name: value.",
			"This is %s where a mapping is wanted.", n.describe())
	}
	return &Fields{node: n}
}

// Node is the mapping itself.
func (f *Fields) Node() *Node { return f.node }

// Get gives an optional field.
func (f *Fields) Get(name string) *Node {
	if !slices.Contains(f.known, name) {
		f.known = append(f.known, name)
	}
	if n := f.find(name); n != nil {
		return n
	}
	shape := Absent
	if f.node.shape == broken {
		shape = broken
	}
	return &Node{doc: f.node.doc, parent: f.node, key: name, shape: shape}
}

// Need gives a field that must have a value; [Fields.Done] says so when it
// does not.
func (f *Fields) Need(name string) *Node {
	n := f.Get(name)
	if !n.Given() {
		f.required = append(f.required, name)
	}
	return n
}

// Has reports whether a field has a value, without making it a known one.
func (f *Fields) Has(name string) bool {
	n := f.find(name)
	return n != nil && n.Given()
}

func (f *Fields) find(name string) *Node {
	for _, n := range f.node.items {
		if n.key == name {
			return n
		}
	}
	return nil
}

// Done reports fields that nobody asked for and required ones that are
// missing. A field that looks like a slip of the pen for a missing one is one
// problem, not two.
func (f *Fields) Done() {
	if f.node.shape == broken {
		return
	}
	open := slices.DeleteFunc(slices.Clone(f.known), func(name string) bool { return f.find(name) != nil })
	for _, n := range f.node.items {
		if slices.Contains(f.known, n.key) {
			continue
		}
		fix := problem.DidYouMean(n.key, f.known)
		if near := problem.Nearest(n.key, open); near != "" {
			fix = fmt.Sprintf("Did you mean %q?", near)
			f.required = slices.DeleteFunc(f.required, func(name string) bool { return name == near })
			open = slices.DeleteFunc(open, func(name string) bool { return name == near })
		} else if near := problem.Nearest(n.key, f.known); near != "" {
			fix = fmt.Sprintf("Remove it: %q is given already.", near)
		}
		n.KeyProblem(problem.UnknownField, fix, "There is no field %.60q.", n.key)
	}
	for _, name := range f.required {
		n := f.Get(name)
		if n.shape == Null {
			n.KeyProblem(problem.Missing, fmt.Sprintf("Give %q a value.", name), "%q is empty.", name)
			continue
		}
		f.node.KeyProblem(problem.Missing, fmt.Sprintf("Add %q.", name), "%q is missing.", name)
	}
}

// Entries gives the values of a mapping whose keys are chosen by its writer,
// in the order written; [Node.Key] is their name. An absent node has none.
func (n *Node) Entries() []*Node {
	if n.shape != Mapping && n.shape != broken && n.Given() {
		n.refuse(problem.Invalid, "Write entries there, as name: value.",
			"This is %s where a mapping is wanted.", n.describe())
	}
	if n.shape != Mapping {
		return nil
	}
	return n.items
}

// List gives the items of a list. An absent node has none.
func (n *Node) List() []*Node {
	if n.shape != List && n.shape != broken && n.Given() {
		n.refuse(problem.Invalid, "Put it in brackets: [...].",
			"This is %s where a list is wanted.", n.describe())
	}
	if n.shape != List {
		return nil
	}
	return n.items
}

// ListOrOne gives the items of a list, or the node itself when it is a single
// value: format: pdb for format: [pdb].
func (n *Node) ListOrOne() []*Node {
	switch n.shape {
	case Text, Number, Bool:
		return []*Node{n}
	}
	return n.List()
}
