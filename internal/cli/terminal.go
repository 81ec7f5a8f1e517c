package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/internal/problem"
)

// terminalWidth is the number of columns of a terminal that can redraw its
// last lines, else 0.
func terminalWidth(f *os.File) int {
	if !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 20 {
		return 0
	}
	return width
}

// printJSON writes one value as indented JSON on standard output.
func (a *app) printJSON(v any) {
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	// What is printed are our own structs: encoding cannot fail, and a closed
	// pipe is the reader's choice.
	_ = enc.Encode(v)
}

// problemJSON is a problem for programs.
type problemJSON struct {
	File    string       `json:"file,omitempty"`
	Line    int          `json:"line,omitempty"`
	Column  int          `json:"column,omitempty"`
	Path    string       `json:"path,omitempty"`
	Code    problem.Code `json:"code"`
	Message string       `json:"message"`
	Fix     string       `json:"fix,omitempty"`
}

func problemsJSON(ps problem.Problems) map[string]any {
	out := make([]problemJSON, len(ps))
	for i, p := range ps {
		out[i] = problemJSON{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Path, p.Code, p.Message, p.Fix}
	}
	return map[string]any{"problems": out}
}

// table writes rows in aligned columns. Empty columns are left out.
func table(w io.Writer, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	used := make([]bool, len(header))
	for _, row := range rows {
		for i, cell := range row {
			used[i] = used[i] || cell != ""
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) {
		var kept []string
		for i, cell := range cells {
			if used[i] {
				kept = append(kept, cell)
			}
		}
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(kept, "\t"), "\t "))
	}
	line(header)
	for _, row := range rows {
		line(row)
	}
	_ = tw.Flush() // as printJSON
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

// firstSentence is the beginning of a description, for lists.
func firstSentence(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// ago says how long before now t was.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return took(now.Sub(t)) + " ago"
}

// took says a duration in two significant units.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// size says a number of bytes.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// number prints a metric with four significant digits.
func number(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.4g", f)
}

// fill breaks a text into lines of at most width columns, each after indent.
// Lines that the author broke stay broken where a blank line or a list does.
func fill(s string, width int, indent string) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		paragraphs = append(paragraphs, hang(indent+strings.Join(strings.Fields(paragraph), " "), width, indent))
	}
	return strings.Join(paragraphs, "\n"+"\n")
}

// hang breaks one line; the lines after the first begin with indent.
func hang(s string, width int, indent string) string {
	var out strings.Builder
	lead := s[:len(s)-len(strings.TrimLeft(s, " "))]
	column := len(lead) // of ASCII spaces
	out.WriteString(lead)
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += n
	}
	return out.String()
}

// quoted is a word as a POSIX shell reads it back.
func quoted(word string) string { return draft.ShellWord(word) }

// counted is a number of things: "1 problem", "8 problems".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
