package baseline

import (
	"fmt"
	"slices"
	"strings"
)

// column is a number, or a word, that one tool says of candidates. Its name
// says which node, which implementation and which metric, because numbers of
// two tools that have the same name are not one scale: the pLDDT of one
// predictor is not that of another.
type column struct {
	node, implementation, name string
	metricWords                // what is known of it
	at                         int
	port                       string // it comes with
	keep                       []interval
}

func (c *column) String() string {
	if c.implementation == "" {
		return c.node + "." + c.name
	}
	return c.node + "." + c.implementation + "." + c.name
}

// answers reports whether a column may be called by a name: its metric, with
// the node, with the implementation, or with both.
func (c *column) answers(name string) bool {
	return name == c.name || name == c.String() || name == c.node+"."+c.name ||
		c.implementation != "" && name == c.implementation+"."+c.name
}

// columns are those of all candidates, in the order in which they are met.
type columns struct {
	list  []*column
	byKey map[columnKey]*column
}

type columnKey struct{ node, implementation, name string }

// of returns the column of a metric of what made it, and makes it when it is
// new.
func (t *columns) of(p *gatheredPort, m *maker, name string) *column {
	key := columnKey{node: p.node(m), name: name}
	if m != nil {
		key.implementation = m.Implementation
	}
	if c := t.byKey[key]; c != nil {
		return c
	}
	c := &column{node: oneLine(key.node), implementation: oneLine(key.implementation), name: oneLine(name), at: len(t.list), port: p.name}
	c.metricWords = wordsFor(name)
	if m != nil {
		for _, w := range m.Metrics {
			if w.Name == name {
				c.metricWords = w
			}
		}
		for _, k := range m.Keep {
			if k.Metric == name {
				c.keep = append(c.keep, k)
			}
		}
	}
	if t.byKey == nil {
		t.byKey = map[columnKey]*column{}
	}
	t.byKey[key] = c
	t.list = append(t.list, c)
	return c
}

// wordsFor describes the columns of the score step where the manifest does
// not.
func wordsFor(name string) metricWords {
	w := metricWords{Name: name}
	switch name {
	case "tm_score", "coverage":
		w.Unit, w.Better = "0-1", "higher"
	case "ca_rmsd":
		w.Unit, w.Better = "Å", "lower"
	case "clashes":
		w.Better = "lower"
	}
	return w
}

// find returns the column that a name means: of several that answer to it, the
// one that the score tables have, before what was measured on the way. When
// they have none or several, the name is refused: they are different tools'
// numbers. It returns nil when no column answers.
func (t *columns) find(name string) (*column, error) {
	var found []*column
	for _, c := range t.list {
		if c.String() == name {
			return c, nil
		}
		if c.answers(name) {
			found = append(found, c)
		}
	}
	if scored := slices.DeleteFunc(slices.Clone(found), func(c *column) bool { return c.port != scoresPort }); len(scored) == 1 {
		return scored[0], nil
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	var names []string
	for _, c := range found {
		names = append(names, c.String())
	}
	return nil, refusef("%q is measured by different tools (%s), whose numbers are no common scale; name one of them in full.", name, listed(names))
}

// need is find for a name that must mean something.
func (t *columns) need(name string) (*column, error) {
	c, err := t.find(name)
	if c == nil && err == nil {
		var names []string
		for _, c := range t.list {
			names = append(names, c.String())
		}
		slices.Sort(names)
		return nil, refusef("No score table or metric is called %q; there are %s.", name, listed(names))
	}
	return c, err
}

// listed joins names, the first few of many.
func listed(names []string) string {
	const most = 40
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
