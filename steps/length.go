package steps

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// length counts what a port's max_length is about.
type length struct {
	lines      *regexp.Regexp // counts lines that match
	characters *[256]bool     // counts ASCII characters of lines that are not skipped
	skip       *regexp.Regexp
	until      *regexp.Regexp // ends the count before the first line that matches
}

// lineHead is how much of a line the patterns of a length rule see: files of
// one endless line are counted in constant memory.
const lineHead = 4 << 10

// HasLength reports whether the format has a length rule.
func (t *Types) HasLength(typ, format string) bool {
	f := t.FormatOf(typ, format)
	return f != nil && f.length != nil
}

// Length counts residues, records or what else the format's length rule
// counts, reading in constant memory; -1 when the format has no such rule.
func (t *Types) Length(typ, format string, r io.Reader) (int, error) {
	f := t.FormatOf(typ, format)
	if f == nil {
		return 0, fmt.Errorf("There is no format %q of %s.", format, typ)
	}
	if f.length == nil {
		return -1, nil
	}
	return f.length.count(r)
}

func (l *length) count(r io.Reader) (int, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	total, start, skipped := 0, true, false
	for {
		chunk, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if start && len(chunk) > 0 {
			line := bytes.TrimRight(chunk[:min(len(chunk), lineHead)], " \t\r\n")
			if l.until != nil && l.until.Match(line) {
				return total, nil
			}
			skipped = l.skip != nil && l.skip.Match(line)
			if !skipped && l.lines != nil && l.lines.Match(line) {
				total++
			}
		}
		if l.characters != nil && !skipped {
			for _, c := range chunk {
				if l.characters[c] {
					total++
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		start = err == nil
	}
}
