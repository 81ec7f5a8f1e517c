// Package plain makes what programs print fit to be kept and shown: without
// what looks like a credential, without terminal control, cut to size. It is
// somebody else's output, and stays so.
package plain

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	tailLines = 20
	// SnippetBytes is how long a [Snippet] is at most.
	SnippetBytes = 2 << 10
	lineBytes    = 400
)

// Snippet makes the end of a log fit to be shown: the last lines that say
// something, without terminal control, at most SnippetBytes.
func Snippet(log []byte) string {
	var lines []string
	size := 0
	for len(log) > 0 && len(lines) < tailLines {
		cut := bytes.LastIndexByte(log, '\n')
		line := Line(log[cut+1:])
		log = log[:max(cut, 0)]
		if line == "" {
			continue
		}
		if size += len(line) + 1; size > SnippetBytes && len(lines) > 0 {
			break
		}
		lines = append(lines, line)
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return strings.Join(lines, "\n")
}

// Line is one line as a person would see it: what a progress bar drew
// last, without escape sequences and control characters, and cut.
func Line(b []byte) string {
	b = bytes.TrimRight(b, "\r\n \t")
	if cut := bytes.LastIndexByte(b, '\r'); cut >= 0 {
		b = b[cut+1:]
	}
	const most = 8 * lineBytes // so that a line of megabytes costs little
	if len(b) > most {
		b = b[:most]
	}
	var s strings.Builder
	for i := 0; i < len(b); {
		if b[i] == 0x1b {
			i += escapeLength(b[i:])
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		i += n
		switch {
		case r == '\t':
			r = ' '
		case r == utf8.RuneError && n == 1:
			r = '\uFFFD'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			continue
		}
		if s.Len()+utf8.RuneLen(r) > lineBytes {
			s.WriteString("…")
			break
		}
		s.WriteRune(r)
	}
	return strings.TrimRight(s.String(), " ")
}

// Lines is what of a log can be shown on a terminal: its lines without escape
// sequences and control characters, which are the step's and not to be
// trusted. Long lines are cut.
func Lines(log io.Reader) io.Reader {
	return &lines{log: bufio.NewReaderSize(log, 64<<10)}
}

type lines struct {
	log  *bufio.Reader
	line string // what is left of the line at hand
	err  error  // of log
}

func (p *lines) Read(b []byte) (int, error) {
	for p.line == "" {
		if p.err != nil {
			return 0, p.err
		}
		var line []byte
		line, p.err = p.log.ReadSlice('\n')
		if len(line) > 0 {
			p.line = Line(line) + "\n"
		}
		for errors.Is(p.err, bufio.ErrBufferFull) { // the rest of an endless line
			_, p.err = p.log.ReadSlice('\n')
		}
	}
	n := copy(b, p.line)
	p.line = p.line[n:]
	return n, nil
}

// Text is a text of some lines as a person would see it, without what looks
// like a credential: for what others pass on to whom it was not meant for. Its
// lines stay lines.
func Text(s string) string {
	if s == "" {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for rest := []byte(s); len(rest) > 0; {
		if rest[0] == 0x1b {
			line := rest
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				line = rest[:end] // a sequence that is never ended does not take the rest
			}
			rest = rest[escapeLength(line):]
			continue
		}
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		switch {
		case r == '\n' || r == '\t':
		case r == utf8.RuneError && n == 1:
			r = '\uFFFD'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			continue
		}
		b.WriteRune(r)
	}
	return string(Redact([]byte(b.String())))
}

// escapeLength is how many bytes the terminal escape sequence at the start of
// b has (ECMA-48: CSI, OSC and other strings, two-byte sequences).
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
		}
		return len(b)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		return len(b)
	}
	return 2
}
