package dag

import (
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/uris"
)

// String names the task: "fold", or "fold/3.5".
func (t Task) String() string {
	if t.Index == "" {
		return t.Node
	}
	return t.Node + "/" + string(t.Index)
}

func (f *Frontier) task(r ref) Task {
	return Task{Node: f.g.nodes[r.node].ID, Index: f.index(f.g.scopes.node[r.node], r.cell)}
}

// index is the number of a cell in all the scopes that it lies in.
func (f *Frontier) index(scope, cell int32) uris.Index {
	if scope == rootScope {
		return ""
	}
	var buf [64]byte
	return uris.Index(f.appendIndex(buf[:0], scope, cell))
}

func (f *Frontier) appendIndex(to []byte, scope, cell int32) []byte {
	if scope == rootScope {
		return to
	}
	c := &f.scopes[scope]
	to = f.appendIndex(to, f.g.scopes.all[scope].parent, c.parent[cell])
	if len(to) > 0 {
		to = append(to, '.')
	}
	return strconv.AppendInt(to, int64(c.item[cell]), 10)
}

// find returns the node and cell of a task, if there is such a task by now.
func (f *Frontier) find(t Task) (ref, bool) {
	node, ok := f.g.byID[t.Node]
	if !ok {
		return ref{}, false
	}
	scope := f.g.scopes.node[node]
	if t.Index == "" {
		return ref{node, 0}, scope == rootScope
	}
	cell, rest, more := int32(0), string(t.Index), true
	for _, s := range f.g.scopes.path(scope)[1:] {
		var number string
		if !more {
			return ref{}, false
		}
		number, rest, more = strings.Cut(rest, ".")
		item, err := strconv.Atoi(number)
		c := &f.scopes[s]
		if err != nil || item < 0 || item >= int(c.count[cell]) {
			return ref{}, false
		}
		cell = c.first[cell] + int32(item)
	}
	return ref{node, cell}, !more
}

// Sources lists what an input port of a ready task takes, in index order. It
// is empty for a port that nothing is given to, or only an optional output
// that did not come.
func (f *Frontier) Sources(t Task, port string) []Source {
	r, ok := f.find(t)
	if !ok {
		return nil
	}
	inputs := f.g.nodes[r.node].Inputs
	for p := range inputs {
		if inputs[p].Name != port {
			continue
		}
		w := f.g.wireInto(r.node, int32(p))
		if w == nil {
			return nil
		}
		gives := f.g.gives(w.from, w.fromPort)
		from := gives
		if w.mode == gathers {
			from = w.meet
		}
		return f.collect(w.from, w.fromPort, from, f.above(f.g.scopes.node[r.node], r.cell, from))
	}
	return nil
}

// OutputSources lists the items of a graph output, in index order, as far as
// they are known.
func (f *Frontier) OutputSources(name string) []Source {
	for _, o := range f.g.outputs {
		if o.name == name {
			return f.collect(o.from, o.fromPort, rootScope, 0)
		}
	}
	return nil
}

// collect lists the items of a value below a cell of one of its scopes.
func (f *Frontier) collect(node, port, scope, cell int32) []Source {
	c := collector{f: f, node: node, port: port, from: f.g.endpoint(node, port)}
	c.way = f.g.scopes.path(f.g.gives(node, port))
	c.many = f.g.sourcePort(node, port).Many
	c.walk(f.g.scopes.depth(scope), cell, f.index(scope, cell))
	return c.out
}

type collector struct {
	f          *Frontier
	node, port int32
	from       Endpoint
	many       bool
	way        []int32 // the scopes of the value, by depth from the root
	out        []Source
}

// walk lists what lies below a cell.
func (c *collector) walk(depth int, cell int32, index uris.Index) {
	f := c.f
	if depth == len(c.way)-1 {
		c.value(cell, index)
		return
	}
	next := c.way[depth+1]
	if opener := f.g.scopes.all[next].node; opener != boundary && c.failed(ref{opener, cell}, index) {
		return
	}
	cells := &f.scopes[next]
	for i := range max(cells.count[cell], 0) {
		inner := cells.first[cell] + i
		if because, left := f.leftOut(next, inner); left {
			c.fail(because, index.Child(int(i)))
			continue
		}
		c.walk(depth+1, inner, index.Child(int(i)))
	}
}

func (c *collector) value(cell int32, index uris.Index) {
	f := c.f
	if c.many {
		item := int(f.scopes[c.way[len(c.way)-1]].item[cell])
		c.out = append(c.out, Source{From: c.from, Task: index.Prefix(index.Depth() - 1), Item: item, Index: index})
		return
	}
	if c.node == boundary {
		if f.given[c.port] == 0 {
			return
		}
	} else {
		r := ref{c.node, cell}
		if c.failed(r, index) || f.nodes[c.node].state[cell] != succeeded || f.isAbsent(r, c.port) {
			return
		}
	}
	c.out = append(c.out, Source{From: c.from, Task: index, Item: -1, Index: index})
}

// failed lists a source as failed if its task is.
func (c *collector) failed(r ref, index uris.Index) bool {
	f := c.f
	switch f.nodes[r.node].state[r.cell] {
	case filtered, failed, skipped:
	default:
		return false
	}
	because, known := f.cause[r]
	if !known {
		because = origin{ref: r}
	}
	c.fail(because, index)
	return true
}

func (c *collector) fail(because origin, index uris.Index) {
	c.out = append(c.out, Source{From: c.from, Task: index, Item: -1, Index: index, Failed: true, Cause: c.f.originOf(because)})
}

// originOf is a cause as others see it.
func (f *Frontier) originOf(o origin) Cause {
	c := Cause{Task: f.task(o.ref)}
	if o.scope != rootScope {
		opener := f.g.scopes.all[o.scope]
		c.Port, c.Item = f.g.nodes[opener.node].Outputs[opener.port].Name, int(f.scopes[o.scope].item[o.item.cell])
	}
	return c
}
