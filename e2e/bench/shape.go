package main

import (
	"fmt"
	"slices"
	"strings"
)

// shape is a graph of tasks that do nothing: by task, those it comes after.
type shape struct {
	name, title string
	after       [][]int
}

// newShapes makes the three graphs: tasks in a row; tasks side by side; and a
// diamond of layers, each of whose tasks comes after all of the layer before.
func newShapes(chain, fan, layers, width int) []shape {
	c := shape{name: "chain", title: fmt.Sprintf("chain of %d", chain)}
	for i := range chain {
		if i == 0 {
			c.after = append(c.after, nil)
		} else {
			c.after = append(c.after, []int{i - 1})
		}
	}
	f := shape{name: "fan", title: fmt.Sprintf("fan of %d", fan), after: make([][]int, fan)}
	d := shape{name: "diamond", title: fmt.Sprintf("diamond of %d layers of %d", layers, width)}
	for layer := range layers {
		for range width {
			var before []int
			for i := range width {
				if layer > 0 {
					before = append(before, (layer-1)*width+i)
				}
			}
			d.after = append(d.after, before)
		}
	}
	return []shape{c, f, d}
}

// last lists the tasks that nothing comes after.
func (s *shape) last() (last []int) {
	for i := range s.after {
		if !slices.ContainsFunc(s.after, func(before []int) bool { return slices.Contains(before, i) }) {
			last = append(last, i)
		}
	}
	return last
}

// pipeline writes the shape as a definition. A port that takes one takes one
// wire, so a task that comes after several says so with several inputs.
func (s *shape) pipeline() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nversion: 1.0.0\ntitle: Bench\ndescription: Tasks that do nothing.\nnodes:\n", s.name)
	for i, before := range s.after {
		var with []string
		for k, n := range before {
			with = append(with, fmt.Sprintf("before%d: n%d.note", k, n))
		}
		fmt.Fprintf(&b, "  n%d: {step: nothing, with: {%s}}\n", i, strings.Join(with, ", "))
	}
	b.WriteString("outputs:\n")
	for _, i := range s.last() {
		fmt.Fprintf(&b, "  o%d: n%d.note\n", i, i)
	}
	return b.String()
}

// makefile writes the shape for make.
func (s *shape) makefile() string {
	var all, b strings.Builder
	for i, before := range s.after {
		fmt.Fprintf(&all, " n%d", i)
		fmt.Fprintf(&b, "n%d:%s\n\t@/bin/true\n", i, targets(before))
	}
	return ".PHONY: all" + all.String() + "\nall:" + all.String() + "\n" + b.String()
}

// ninja writes the shape for ninja. What it builds never comes to be, so all
// of it runs each time.
func (s *shape) ninja() string {
	var b strings.Builder
	b.WriteString("rule nothing\n  command = /bin/true\n")
	for i, before := range s.after {
		fmt.Fprintf(&b, "build n%d: nothing%s\n", i, targets(before))
	}
	return b.String()
}

func targets(list []int) string {
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, " n%d", n)
	}
	return b.String()
}
