package dag

import (
	"fmt"
	"strings"
)

// Mermaid draws the graph as a Mermaid flowchart, byte for byte the same each
// time. A thick arrow scatters (each), a dotted one gathers, and a node with a
// double border runs once for each item.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i := range g.inputs {
		fmt.Fprintf(&b, "    in%d([%s])\n", i, mermaidText(g.inputs[i].Name))
	}
	for _, n := range g.order {
		open, shut := "[", "]"
		if g.scopes.node[n] != rootScope {
			open, shut = "[[", "]]"
		}
		fmt.Fprintf(&b, "    n%d%s%s%s\n", g.rank[n], open, mermaidText(g.caption(n)...), shut)
	}
	for i := range g.outputs {
		fmt.Fprintf(&b, "    out%d([%s])\n", i, mermaidText(g.outputs[i].name))
	}
	g.arrows(func(from, to, label string, kind arrow) {
		line := [...]string{plain: "-->", scatters: "==>", collects: "-.->"}[kind]
		fmt.Fprintf(&b, "    %s %s|%s| %s\n", from, line, mermaidText(label), to)
	})
	return b.String()
}

// DOT draws the graph for Graphviz, byte for byte the same each time. A bold
// arrow scatters (each), a dashed one gathers, and a node with a double border
// runs once for each item.
func (g *Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph {\n    rankdir=LR;\n    node [shape=box];\n")
	for i := range g.inputs {
		fmt.Fprintf(&b, "    in%d [label=%s, shape=ellipse];\n", i, dotText(g.inputs[i].Name))
	}
	for _, n := range g.order {
		border := ""
		if g.scopes.node[n] != rootScope {
			border = ", peripheries=2"
		}
		fmt.Fprintf(&b, "    n%d [label=%s%s];\n", g.rank[n], dotText(g.caption(n)...), border)
	}
	for i := range g.outputs {
		fmt.Fprintf(&b, "    out%d [label=%s, shape=ellipse];\n", i, dotText(g.outputs[i].name))
	}
	g.arrows(func(from, to, label string, kind arrow) {
		style := [...]string{plain: "", scatters: ", style=bold", collects: ", style=dashed"}[kind]
		fmt.Fprintf(&b, "    %s -> %s [label=%s%s];\n", from, to, dotText(label), style)
	})
	b.WriteString("}\n")
	return b.String()
}

// caption is a node's id, with what it uses where the id does not say it.
func (g *Graph) caption(n int32) []string {
	node := &g.nodes[n]
	if node.Label == "" || node.Label == node.ID {
		return []string{node.ID}
	}
	return []string{node.ID, node.Label}
}

type arrow int

const (
	plain arrow = iota
	scatters
	collects
)

// arrows calls draw for each wire, by consumer in order, and for each output.
func (g *Graph) arrows(draw func(from, to, label string, kind arrow)) {
	name := func(node, port int32) string {
		if node == boundary {
			return fmt.Sprintf("in%d", port)
		}
		return fmt.Sprintf("n%d", g.rank[node])
	}
	for _, n := range g.order {
		for p := range g.nodes[n].Inputs {
			w := g.wireInto(n, int32(p))
			if w == nil {
				continue
			}
			kind := plain
			switch {
			case g.isEach(w) || w.mode == takesItem && g.sourcePort(w.from, w.fromPort).Many:
				kind = scatters
			case w.mode == gathers && w.meet != g.gives(w.from, w.fromPort):
				kind = collects
			}
			label := g.nodes[n].Inputs[p].Name
			from := g.sourcePort(w.from, w.fromPort)
			switch {
			case from.RecordsOf != "":
				label = "records of " + from.RecordsOf + " → " + label
			case from.Name != label:
				label = from.Name + " → " + label
			}
			draw(name(w.from, w.fromPort), name(n, none), label, kind)
		}
	}
	for i, o := range g.outputs {
		draw(name(o.from, o.fromPort), fmt.Sprintf("out%d", i), g.sourcePort(o.from, o.fromPort).Name, plain)
	}
}

// mermaidText quotes lines for a Mermaid label. Mermaid knows no escapes
// inside quotes, but writes characters by number between # and ;.
func mermaidText(lines ...string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, line := range lines {
		if i > 0 {
			b.WriteString("<br/>")
		}
		for _, r := range line {
			if r < ' ' || strings.ContainsRune("\"#&<>`|\\", r) {
				fmt.Fprintf(&b, "#%d;", r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// dotText quotes lines for a Graphviz label.
func dotText(lines ...string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, line := range lines {
		if i > 0 {
			b.WriteString(`\n`)
		}
		for _, r := range line {
			switch {
			case r == '"' || r == '\\':
				b.WriteByte('\\')
				b.WriteRune(r)
			case r < ' ':
				b.WriteByte(' ')
			default:
				b.WriteRune(r)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
