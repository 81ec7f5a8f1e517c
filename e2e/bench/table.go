package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// row is a line of the table: one figure of ours beside one of somebody else's.
type row struct {
	what   string
	ours   value
	peer   string // whose theirs is, or why there is none
	theirs value
	goal   goal
}

// ratio is ours over theirs as they stand in the table: below 1 is better for
// a time, above 1 for a rate.
func (r row) ratio() (float64, bool) {
	if r.theirs.unit != r.ours.unit || r.theirs.of == 0 {
		return 0, false
	}
	return r.ours.of / r.theirs.of, true
}

// goal is what was set out to reach; the zero goal is none.
type goal struct {
	least   bool // at least; else at most
	ofRatio bool // it is about the ratio; else about ours
	limit   value
}

func atMost(v value) goal         { return goal{limit: v} }
func atLeast(v value) goal        { return goal{least: true, limit: v} }
func ratioAtMost(x float64) goal  { return goal{ofRatio: true, limit: value{of: x}} }
func ratioAtLeast(x float64) goal { return goal{ofRatio: true, least: true, limit: value{of: x}} }
func (g goal) none() bool         { return g == goal{} }
func (g goal) String() string {
	if g.none() {
		return ""
	}
	sign := "≤ "
	if g.least {
		sign = "≥ "
	}
	if g.ofRatio {
		return sign + times(g.limit.of)
	}
	return sign + g.limit.String()
}

// verdict is "met" or "missed", or nothing where nothing was to be reached or
// could be compared.
func (r row) verdict() string {
	if r.goal.none() {
		return ""
	}
	got := r.ours.of
	if r.goal.ofRatio {
		var ok bool
		if got, ok = r.ratio(); !ok {
			return "not compared"
		}
	}
	if met := got <= r.goal.limit.of; met != r.goal.least || got == r.goal.limit.of {
		return "met"
	}
	return "missed"
}

var columns = []string{"what", "ours", "peer or floor", "ratio", "goal", ""}

func (r row) cells() []string {
	peer := r.peer
	if r.theirs.unit != absent {
		peer += " " + r.theirs.String()
	}
	ratio := ""
	if x, ok := r.ratio(); ok {
		ratio = times(x)
	}
	return []string{r.what, r.ours.String(), peer, ratio, r.goal.String(), r.verdict()}
}

// writeText writes the table for a terminal.
func writeText(w io.Writer, rows []row) error {
	lines := [][]string{columns}
	for _, r := range rows {
		lines = append(lines, r.cells())
	}
	widths := make([]int, len(columns))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMarkdown writes the table with what it was measured on.
func writeMarkdown(w io.Writer, rows []row, on machine) error {
	var b strings.Builder
	for _, f := range on.facts() {
		fmt.Fprintf(&b, "- %s: %s\n", f.name, f.is)
	}
	b.WriteString("\n| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range rows {
		cells := r.cells()
		if cells[len(cells)-1] == "missed" {
			cells[len(cells)-1] = "**missed**"
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
