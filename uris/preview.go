package uris

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Preview cuts the head of a text into at most lines lines and bytes bytes
// (of all lines together, without their ends), at character boundaries. What
// does not print is left out, terminal escape sequences whole; tabs stay. It
// returns nil for what is not text: anything with a NUL, or of which more than
// a tenth is neither UTF-8 nor printable. An empty text is an empty slice.
func Preview(head []byte, lines, bytes int) []string {
	if !isText(head) {
		return nil
	}
	out := []string{}
	left := bytes
	for len(head) > 0 && len(out) < lines && left > 0 {
		var line []byte
		line, head = cutLine(head)
		text := printable(line, left)
		left -= len(text)
		out = append(out, text)
	}
	return out
}

// cutLine cuts after the first line; LF, CR LF and CR all end one.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\n\r")
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if b[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest
}

// isText tells texts from other content by their first bytes.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	bad := 0
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 {
			if len(head)-i < utf8.UTFMax && !utf8.FullRune(head[i:]) {
				break // a character that the head's end cuts
			}
			bad++
		} else if r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b\b", r) {
			bad++
		}
		i += size
	}
	return bad <= len(head)/10
}

// printable is what prints of a line, in at most n bytes.
func printable(line []byte, n int) string {
	var b strings.Builder
	for len(line) > 0 {
		if line[0] == 0x1b {
			line = line[escapeLen(line):]
			continue
		}
		if !utf8.FullRune(line) {
			break // cut by the end of what was read
		}
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		if r != '\t' && !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > n {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// escapeLen is the length of the terminal escape sequence that b begins with,
// after ECMA-48: CSI with parameters up to a final byte, a string (OSC, DCS,
// APC, PM, SOS) up to BEL or ST, or two bytes.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if 0x40 <= b[i] && b[i] <= 0x7e {
				return i + 1
			}
			if b[i] < 0x20 || b[i] > 0x7e {
				return i // broken off
			}
		}
		return len(b)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b {
				if i+1 < len(b) && b[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return len(b)
	}
	if b[1] >= 0x80 {
		return 1 // not a sequence; the character after it stays whole
	}
	return 2
}
