package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// nodeLine is the progress of one node of a run.
type nodeLine struct {
	name     string
	done     int // ended, however
	failed   int
	running  int
	total    int     // known so far; 0: not known yet
	fraction float64 // of the running attempts, summed
	note     string  // why it waits, or what it last said
}

func (l nodeLine) String() string {
	total := "?"
	if l.total > 0 {
		total = fmt.Sprint(l.total)
	}
	s := fmt.Sprintf("%d/%s", l.done, total)
	if l.failed > 0 {
		s += fmt.Sprintf(", %d failed", l.failed)
	}
	return s
}

// board shows the progress of a run while it goes on: bars that redraw on a
// terminal, a line for each change elsewhere.
type board struct {
	w     io.Writer
	width int // columns; 0: plain lines
	drawn int // lines on the screen now
	last  map[string]string
}

// show draws the state of a run. status is the last line: "running, 12s".
func (b *board) show(lines []nodeLine, status string, elapsed time.Duration) {
	if b.width == 0 {
		b.plain(lines, status)
		return
	}
	var out strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", b.drawn)
	}
	nameWidth := 0
	for _, l := range lines {
		nameWidth = max(nameWidth, len(l.name))
	}
	nameWidth = min(nameWidth, b.width/3)
	// A run can have more nodes than a screen has lines: those that move are shown.
	const most = 16
	shown := lines
	if len(lines) > most {
		shown = nil
		for _, l := range lines {
			if l.running > 0 && len(shown) < most {
				shown = append(shown, l)
			}
		}
	}
	for _, l := range shown {
		text := fmt.Sprintf("  %-*s  %s  %s", nameWidth, cut(l.name, nameWidth), bar(l, 24), l)
		if l.running > 0 {
			text += fmt.Sprintf(", %d running", l.running)
		}
		if l.note != "" {
			text += "  " + l.note
		}
		out.WriteString(cut(text, b.width-1) + "\x1b[K\n")
	}
	out.WriteString(cut(fmt.Sprintf("  %s, %s", status, took(elapsed)), b.width-1) + "\x1b[K\n\x1b[J")
	io.WriteString(b.w, out.String())
	b.drawn = len(shown) + 1
}

// plain prints what changed since the last call.
func (b *board) plain(lines []nodeLine, status string) {
	if b.last == nil {
		b.last = map[string]string{}
	}
	if b.last[""] != status && strings.Contains(status, ",") { // it waits for something
		fmt.Fprintf(b.w, "  %s\n", status)
	}
	b.last[""] = status
	for _, l := range lines {
		step := max(1, l.total/20) // twenty lines for a node, not ten thousand
		if l.done == 0 && l.failed == 0 || l.done%step != 0 && l.done < l.total {
			continue
		}
		if text := l.String(); b.last[l.name] != text {
			b.last[l.name] = text
			fmt.Fprintf(b.w, "  %s %s\n", l.name, text)
		}
	}
}

func bar(l nodeLine, width int) string {
	full := 0
	if l.total > 0 {
		full = int(float64(width) * (float64(l.done) + l.fraction) / float64(l.total))
	}
	full = max(0, min(full, width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
