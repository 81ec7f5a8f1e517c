package adapt

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/ligase-bio/ligase/internal/tool"
)

// mostRow bounds a line of an alignment, and a sequence of it.
const mostRow = 4 << 20

// An a3mReader reads an alignment in A3M a record at a time, so that a deep one
// takes no more memory than its longest sequence. It takes in stride what the
// format or its writers allow: CRLF, empty lines, comments, sequences broken
// over several lines, blanks in them, and '.' where others have insertions.
type a3mReader struct {
	in     *bufio.Reader
	buf    []byte
	line   []byte // the line last read, without blanks around it
	lines  int    // read so far
	ahead  bool   // line is the header of the record that comes
	form   string // the first line, where it begins with '#'
	record int    // number of the record last read, from 1
	header string // of it, without '>'
	row    []byte // of it: letters and '-'; good until the next is read
}

func newA3MReader(r io.Reader) *a3mReader {
	return &a3mReader{in: bufio.NewReaderSize(r, 64<<10)}
}

// next reads a record, or gives io.EOF.
func (r *a3mReader) next() error {
	for r.record == 0 && !r.ahead {
		if err := r.readLine(); err != nil {
			return err
		}
		switch {
		case len(r.line) == 0:
		case r.line[0] == '>':
			r.ahead = true
		case r.line[0] != '#':
			return tool.Refusef("Line %d of the alignment stands before its first '>'; give it in A3M.", r.lines)
		case r.form == "":
			r.form = string(r.line[:min(len(r.line), 1<<10)])
		}
	}
	if !r.ahead {
		return io.EOF
	}
	r.record++
	r.ahead = false
	r.header = harmless(r.line[1:])
	r.row = r.row[:0]
	for !r.ahead {
		err := r.readLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case len(r.line) == 0 || r.line[0] == '#':
		case r.line[0] == '>':
			r.ahead = true
		default:
			if err := r.add(r.line); err != nil {
				return err
			}
		}
	}
	if len(r.row) == 0 {
		return tool.Refusef("Record %d of the alignment has no sequence; put it below its '>' line, or leave the record out.", r.record)
	}
	return nil
}

func (r *a3mReader) add(line []byte) error {
	if len(r.row)+len(line) > mostRow {
		return tool.Refusef("The sequence of record %d of the alignment is over %d MiB long; leave it out.", r.record, mostRow>>20)
	}
	for _, c := range line {
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '.':
		case c == '-' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
			r.row = append(r.row, c)
		default:
			return tool.Refusef("Record %d of the alignment holds %q, which is neither a residue nor a gap; A3M has letters and '-'.", r.record, c)
		}
	}
	return nil
}

func (r *a3mReader) readLine() error {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.buf)+len(part) > mostRow {
			return tool.Refusef("Line %d of the alignment is over %d MiB long, so this is not the text that it should be.", r.lines+1, mostRow>>20)
		}
		r.buf = append(r.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(r.buf) == 0):
			return err
		}
		break
	}
	r.lines++
	if slices.Contains(r.buf, 0) {
		return tool.Refusef("Line %d of the alignment holds a NUL byte, so it is no text; give the A3M file unpacked and in UTF-8.", r.lines)
	}
	r.line = r.buf
	if r.lines == 1 {
		r.line = bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf"))
	}
	r.line = bytes.TrimSpace(r.line)
	return nil
}

// harmless is a header as any reader takes it: Python ends lines at more
// characters than '\n', and reads no bytes that are not of its locale. Tabs
// stay: in ColabFold's form they are between the names of a row's parts.
func harmless(header []byte) string {
	const most = 1 << 10
	clean := bytes.Clone(header[:min(len(header), most)])
	for i, c := range clean {
		if (c < ' ' || '~' < c) && c != '\t' {
			clean[i] = '_'
		}
	}
	return string(clean)
}
