package definition

import (
	"fmt"
	"strconv"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Shape is what a node holds.
type Shape string

const (
	Absent  Shape = "nothing" // a field that was asked for and is not there
	Null    Shape = "empty"   // a field without a value; reads like an absent one
	Text    Shape = "text"
	Number  Shape = "a number"
	Bool    Shape = "a truth value"
	List    Shape = "a list"
	Mapping Shape = "a mapping"

	broken Shape = "broken" // already reported: reads are silent
)

// Node is one value of a document, or the place where one could stand. Nodes
// are never nil.
type Node struct {
	doc    *Document
	parent *Node
	key    string // when the parent is a mapping
	index  int    // when the parent is a list
	shape  Shape
	text   string // of scalars, unquoted
	plain  bool   // written without quotes
	items  []*Node

	line, column       int
	keyLine, keyColumn int
}

// Shape is what the node holds.
func (n *Node) Shape() Shape { return n.shape }

// Given reports whether a value stands there.
func (n *Node) Given() bool { return n.shape != Absent && n.shape != Null }

// Broken reports whether the node was already reported as unreadable: reads
// give zero values and stay silent.
func (n *Node) Broken() bool { return n.shape == broken }

// Key is the node's field name, or "" for the root and for items of lists.
func (n *Node) Key() string { return n.key }

// Document is the document that the node belongs to.
func (n *Node) Document() *Document { return n.doc }

// Pos is where the value stands; of an absent one, where the mapping stands
// that could hold it.
func (n *Node) Pos() problem.Pos {
	for n.line == 0 && n.parent != nil {
		n = n.parent
	}
	return problem.Pos{File: n.doc.file, Line: n.line, Column: n.column}
}

// KeyPos is where the node's key stands, or Pos when it has none.
func (n *Node) KeyPos() problem.Pos {
	if n.keyLine == 0 {
		return n.Pos()
	}
	return problem.Pos{File: n.doc.file, Line: n.keyLine, Column: n.keyColumn}
}

var plainKey = NewForm(`^[A-Za-z0-9_.-]+$`, 60)

// Path is where the node stands in the document:
// implementations.baseline.command[3].
func (n *Node) Path() string {
	if n.parent == nil {
		return ""
	}
	up := n.parent.Path()
	switch {
	case n.parent.shape == List:
		return up + "[" + strconv.Itoa(n.index) + "]"
	case !plainKey.MatchString(n.key):
		return up + fmt.Sprintf("[%.60q]", n.key)
	case up == "":
		return n.key
	}
	return up + "." + n.key
}

// Problem notes that something is wrong with the value.
func (n *Node) Problem(code problem.Code, fix, format string, args ...any) {
	pos := n.Pos()
	n.problemAt(pos.Line, pos.Column, code, fix, format, args...)
}

// refuse notes a problem and lets later reads be silent.
func (n *Node) refuse(code problem.Code, fix, format string, args ...any) {
	n.Problem(code, fix, format, args...)
	n.shape = broken
}

// KeyProblem notes that something is wrong with the node's key, or with its
// being there at all.
func (n *Node) KeyProblem(code problem.Code, fix, format string, args ...any) {
	pos := n.KeyPos()
	n.problemAt(pos.Line, pos.Column, code, fix, format, args...)
}

func (n *Node) problemAt(line, column int, code problem.Code, fix, format string, args ...any) {
	n.doc.Add(problem.Problem{
		Pos:  problem.Pos{File: n.doc.file, Line: line, Column: column},
		Path: n.Path(), Code: code, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// describe says in words what stands there: `the number 1.0`, `a list`.
func (n *Node) describe() string {
	switch n.shape {
	case Text:
		return fmt.Sprintf("the text %.60q", n.text)
	case Number:
		return fmt.Sprintf("the number %.60s", n.text)
	case Bool:
		return n.text
	}
	return string(n.shape)
}
