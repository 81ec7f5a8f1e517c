package mol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits bound what reading accepts, so that a broken or hostile file costs
// no more than a sentence. Zero means the default.
type Limits struct {
	Bytes      int64 // of the file; default 512 MiB
	Lines      int   // default 5,000,000
	LineLength int   // bytes; default 4 KiB in PDB files, 4 MiB in FASTA files
	Atoms      int   // of a structure; default 1,000,000
	Records    int   // of a FASTA file; default 100,000
	Residues   int   // of one sequence; default 100,000
}

func (l *Limits) orDefault(lineLength int) Limits {
	var out Limits
	if l != nil {
		out = *l
	}
	if out.Bytes == 0 {
		out.Bytes = 512 << 20
	}
	if out.Lines == 0 {
		out.Lines = 5_000_000
	}
	if out.LineLength == 0 {
		out.LineLength = lineLength
	}
	if out.Atoms == 0 {
		out.Atoms = 1_000_000
	}
	if out.Records == 0 {
		out.Records = 100_000
	}
	if out.Residues == 0 {
		out.Residues = 100_000
	}
	return out
}

// Fault is the kind of thing that is wrong with a file.
type Fault string

const (
	FaultEmpty     Fault = "empty"      // nothing in it that was looked for
	FaultFormat    Fault = "format"     // another format than the one asked for
	FaultMalformed Fault = "malformed"  // a line that cannot be understood
	FaultTooLarge  Fault = "too_large"  // over a limit
	FaultNoProtein Fault = "no_protein" // DNA, RNA or ligands only
)

// ReadError is why a file was refused. Message is one or two sentences that
// say what to do; a fault of the reader underneath is not a ReadError.
type ReadError struct {
	Fault   Fault
	Line    int // from 1; 0 when no line is to blame
	Message string
}

func (e *ReadError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("Line %d: %s", e.Line, e.Message)
	}
	return e.Message
}

func refuse(f Fault, line int, format string, args ...any) error {
	return &ReadError{Fault: f, Line: line, Message: fmt.Sprintf(format, args...)}
}

// lines yields the lines of a text, without their ends, under limits.
type lines struct {
	r      *bufio.Reader
	limits Limits
	number int   // of the line last read, from 1
	read   int64 // bytes
	buf    []byte
}

func newLines(r io.Reader, l Limits) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), limits: l}
}

// next returns the next line, valid until the next call, or io.EOF. Ends of
// lines are LF or CRLF; a byte order mark before the first line is dropped.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.read += int64(len(part))
		if l.read > l.limits.Bytes {
			return nil, refuse(FaultTooLarge, 0, "The file is over %s; give a smaller one.", byteSize(l.limits.Bytes))
		}
		if len(l.buf)+len(part) > l.limits.LineLength+2 { // 2 for CRLF
			return nil, refuse(FaultTooLarge, l.number+1, "The line is over %s long, so this is not the text file that it should be.", byteSize(int64(l.limits.LineLength)))
		}
		l.buf = append(l.buf, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil && len(l.buf) == 0 {
			return nil, io.EOF
		}
		break
	}
	l.number++
	if l.number > l.limits.Lines {
		return nil, refuse(FaultTooLarge, l.number, "The file has more than %d lines; give a smaller one.", l.limits.Lines)
	}
	line := bytes.TrimRight(l.buf, "\r\n")
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line, nil
}

func byteSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// otherFormat says in a sentence what a file is that begins with line, when
// it is something that people hand over by mistake; else "".
func otherFormat(line []byte, wanted string) string {
	line = line[:min(len(line), 256)]
	s := strings.ToLower(string(line))
	switch trimmed := strings.TrimSpace(s); {
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return fmt.Sprintf("The file is compressed with gzip; unpack it (gunzip) and give the %s file.", wanted)
	case strings.HasPrefix(s, "pk\x03\x04"):
		return fmt.Sprintf("The file is a ZIP archive; unpack it and give the %s file.", wanted)
	case strings.HasPrefix(trimmed, "<!doctype") || strings.HasPrefix(trimmed, "<html") || strings.HasPrefix(trimmed, "<?xml"):
		return fmt.Sprintf("The file is a web page or XML, not %s; it may be the error page of a failed download.", wanted)
	case strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "["):
		return fmt.Sprintf("The file is JSON, not %s.", wanted)
	case strings.HasPrefix(trimmed, "data_") || strings.HasPrefix(trimmed, "_atom_site."):
		return fmt.Sprintf("The file is mmCIF, not %s; convert it, for example with `gemmi convert in.cif out.pdb`.", wanted)
	case wanted != "FASTA" && strings.HasPrefix(s, ">"):
		return fmt.Sprintf("The file is FASTA, a sequence without coordinates, not %s; predict a structure from it first.", wanted)
	case wanted != "PDB" && (strings.HasPrefix(s, "header  ") || strings.HasPrefix(s, "atom  ") ||
		strings.HasPrefix(s, "hetatm") || strings.HasPrefix(s, "remark ") || strings.HasPrefix(s, "cryst1") || strings.HasPrefix(s, "model  ")):
		return fmt.Sprintf("The file is a PDB structure, not %s; give a file whose records begin with '>'.", wanted)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Sprintf("The file is binary (or UTF-16 text), not %s.", wanted)
	}
	return ""
}
