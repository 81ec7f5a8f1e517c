package mol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ReadFASTA reads protein sequences. Lower case, CRLF, blank lines, numbers
// and blanks within sequences, old-style ';' comments and a '*' at the end are
// taken in stride; selenocysteine and pyrrolysine become C and K, the
// ambiguous B, J and Z become X, with a note. Chains may be separated by '/'
// or ':'. Alignments, DNA and RNA are refused.
func ReadFASTA(r io.Reader, limits *Limits) ([]Sequence, error) {
	l := limits.orDefault(4 << 20)
	in := newLines(r, l)
	var (
		records []Sequence
		current *fastaRecord
	)
	finish := func() error {
		if current == nil {
			return nil
		}
		s, err := current.sequence(len(records) + 1)
		if err == nil {
			records = append(records, s)
		}
		return err
	}
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch {
		case len(bytes.TrimSpace(line)) == 0 || line[0] == ';':
		case line[0] == '>':
			if err := finish(); err != nil {
				return nil, err
			}
			if len(records) == l.Records {
				return nil, refuse(FaultTooLarge, in.number, "The file has more than %d sequences; split it.", l.Records)
			}
			current = &fastaRecord{line: in.number, header: cleanHeader(line[1:])}
		case current == nil:
			if other := otherFormat(line, "FASTA"); other != "" {
				return nil, refuse(FaultFormat, 0, "%s", other)
			}
			return nil, refuse(FaultFormat, in.number, "A FASTA file begins with a line '>name'; put one above the sequence.")
		default:
			if err := current.add(line, in.number, l.Residues); err != nil {
				return nil, err
			}
		}
	}
	if err := finish(); err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, refuse(FaultEmpty, 0, "There is no sequence in the file; a FASTA file holds a line '>name' and the residues below it.")
	}
	return records, nil
}

// fastaRecord is a record while its lines come in.
type fastaRecord struct {
	line     int // of the header
	header   string
	residues []byte
	ended    bool // a '*' was read
	mapped   int  // U and O
	vague    int  // B, J and Z
}

func (f *fastaRecord) add(line []byte, number, most int) error {
	for _, c := range line {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch {
		case c == ' ' || c == '\t' || c == '\r' || '0' <= c && c <= '9':
			continue // GenBank style numbering
		case c == '*':
			f.ended = true
			continue
		case c == '-' || c == '.' || c == '~':
			return refuse(FaultMalformed, number, "The sequence %s has gaps (%q), so this is an alignment; give the sequence without gaps.", f.title(), c)
		case f.ended:
			return refuse(FaultMalformed, number, "The sequence %s goes on after a stop (*); give one protein a record.", f.title())
		case c == ':' || c == '/':
			c = ChainSeparator[0]
		case c == 'U':
			c = 'C'
			f.mapped++
		case c == 'O':
			c = 'K'
			f.mapped++
		case c == 'B' || c == 'J' || c == 'Z':
			c = 'X'
			f.vague++
		case c < 'A' || 'Z' < c:
			return refuse(FaultMalformed, number, "The sequence %s holds %q, which is no amino acid; use the letters %s and X.", f.title(), c, AminoAcids)
		}
		if len(f.residues) == most {
			return refuse(FaultTooLarge, number, "The sequence %s is longer than %d residues; give a shorter one.", f.title(), most)
		}
		f.residues = append(f.residues, c)
	}
	return nil
}

func (f *fastaRecord) title() string {
	if f.header == "" {
		return "without a name"
	}
	return fmt.Sprintf("%.60q", f.header)
}

// sequence finishes the record; nth names it when its header does not.
func (f *fastaRecord) sequence(nth int) (Sequence, error) {
	s := Sequence{Header: f.header, Residues: string(f.residues)}
	if name, _, _ := strings.Cut(f.header, " "); name != "" {
		s.Name = name
	} else {
		s.Name = fmt.Sprintf("sequence_%d", nth)
		if s.Header == "" {
			s.Header = s.Name
		}
		s.Notes = append(s.Notes, fmt.Sprintf("A record without a name is called %s.", s.Name))
	}
	if s.Residues == "" {
		return s, refuse(FaultEmpty, f.line, "The record %s has no residues; put its sequence below the '>' line.", f.title())
	}
	for _, chain := range s.Chains() {
		if chain == "" {
			return s, refuse(FaultMalformed, f.line, "The sequence %s has an empty chain: chain separators ('/' or ':') stand between chains only.", f.title())
		}
	}
	if looksLikeNucleotides(f.residues) {
		kind := "DNA"
		if f.mapped > 0 { // U, read as selenocysteine above
			kind = "RNA"
		}
		return s, refuse(FaultNoProtein, f.line, "The sequence %s looks like %s; translate it to protein first.", f.title(), kind)
	}
	if f.mapped > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s of U or O (selenocysteine, pyrrolysine) became C or K.", count(f.mapped, "residue")))
	}
	if f.vague > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s of B, J or Z (ambiguous) became X.", count(f.vague, "residue")))
	}
	return s, nil
}

// looksLikeNucleotides reports whether residues (U already read as C) are
// bases only. All of A, C, G and T are amino acids too, so a short sequence,
// or one of one or two letters such as the poly-glycine of a designed
// backbone, is taken for protein.
func looksLikeNucleotides(residues []byte) bool {
	const shortest = 10
	var seen [256]bool
	bases, kinds := 0, 0
	for _, c := range residues {
		switch c {
		case 'A', 'C', 'G', 'T':
			if !seen[c] {
				seen[c] = true
				kinds++
			}
			bases++
		case 'N', ChainSeparator[0]:
		default:
			return false
		}
	}
	return bases >= shortest && kinds >= 3
}

// cleanHeader trims a header and replaces control characters by blanks: the
// name goes into file names' and tables' neighbourhood.
func cleanHeader(line []byte) string {
	s := strings.ToValidUTF8(string(line), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// WriteFASTA writes sequences, 80 residues a line. A sequence without header
// gets its name as one.
func WriteFASTA(w io.Writer, sequences ...Sequence) error {
	const width = 80
	out := bufio.NewWriter(w)
	for i := range sequences {
		s := &sequences[i]
		header := s.Header
		if header == "" {
			header = s.Name
		}
		out.WriteString(">" + cleanHeader([]byte(header)) + "\n")
		for rest := s.Residues; rest != ""; {
			n := min(width, len(rest))
			out.WriteString(rest[:n] + "\n")
			rest = rest[n:]
		}
	}
	return out.Flush()
}

// count gives "1 atom", "2 atoms".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
