package draft

import (
	"fmt"
	"strings"
)

// fillIn marks what only the author can know.
const fillIn = "FILL IN: "

// Writer writes a definition by hand: its comments stand at the places that
// they speak of.
type Writer struct {
	b    strings.Builder
	open int
}

// String is what has been written.
func (w *Writer) String() string { return w.b.String() }

// Open counts the places to fill in.
func (w *Writer) Open() int { return w.open }

// Line writes a line.
func (w *Writer) Line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// Fill is a comment that asks the author for something.
func (w *Writer) Fill(format string, args ...any) string {
	w.open++
	return "  # " + fillIn + OneLine(fmt.Sprintf(format, args...))
}

// Description writes a description, one of several lines as a block.
func (w *Writer) Description(indent, text, note string) {
	lines := strings.Split(text, "\n")
	plain := strings.TrimSpace(lines[0]) == lines[0] && !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !printable(r) })
	switch {
	case text == "":
	case len(lines) > 1 && plain:
		w.Line("%sdescription: |-%s", indent, note)
		for _, l := range lines {
			w.Line("%s", strings.TrimRight(indent+"  "+strings.TrimRight(l, " "), " "))
		}
	default:
		w.Line("%sdescription: %s%s", indent, Quoted(text), note)
	}
}

// Quoted is a text as a YAML scalar, bare where that is safe: what YAML 1.1
// and 1.2 read alike and as text.
func Quoted(text string) string {
	if plainScalar(text) {
		return text
	}
	return doubleQuoted(text)
}

func plainScalar(text string) bool {
	if text == "" || text != strings.TrimSpace(text) || len(text) > 200 {
		return false
	}
	first := text[0]
	if (first < 'a' || first > 'z') && (first < 'A' || first > 'Z') && first != '/' {
		return false
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !printable(r) }) {
		return false
	}
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return !strings.Contains(text, ": ") && !strings.Contains(text, " #") && !strings.HasSuffix(text, ":") && !strings.ContainsAny(text, "[]{},\"'`")
}

// printable reports whether YAML takes a character as it is.
func printable(r rune) bool {
	return r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0) && r != 0xfeff && r != '\u2028' && r != '\u2029' && r != 0xfffd
}

// doubleQuoted escapes as JSON does, which YAML reads.
func doubleQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !printable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
