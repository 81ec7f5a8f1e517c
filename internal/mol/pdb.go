package mol

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// ReadPDB reads the protein chains of the first model of a PDB file.
//
// It takes files as they come: without HEADER, TER, END, chain ids or element
// columns, with CRLF, hybrid-36 or negative numbers, insertion codes, of CA
// atoms only. Of alternate locations, each residue's conformer of the highest
// occupancy is kept, of equal ones the first. Water, ligands, ions and nucleic
// acids are left out; modified residues (HETATM records within a chain) stay,
// with their parent's one-letter code. Chains without an id, or with one that
// is taken, get the first free letter. All of that is told in
// [Structure.Notes].
//
// The error is a [*ReadError], or r's own.
func ReadPDB(r io.Reader, limits *Limits) (*Structure, error) {
	l := limits.orDefault(4 << 10)
	in := newLines(r, l)
	b := pdbBuilder{open: map[string]*chainBuilder{}}
	models, ended := 0, 0 // ended: the line that ended the first model
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		record := recordName(line)
		if ended > 0 {
			if record == "ATOM" || record == "MODEL" {
				b.more = ended
				break // what else there is does not matter
			}
			continue
		}
		switch record {
		case "ATOM", "HETATM":
			a, err := parseAtomLine(line, in.number, record == "HETATM")
			if err != nil {
				return nil, err
			}
			if !b.add(a) {
				return nil, refuse(FaultMalformed, in.number, "Residue %s %d has more than %d atoms, so residue numbers (columns 23 to 26) are not what they should be; write the file again with a program that numbers residues.", a.residue, a.id.number, maxResidueAtoms)
			}
			if b.atoms > l.Atoms {
				return nil, refuse(FaultTooLarge, in.number, "The structure has more than %d atoms; give a smaller one.", l.Atoms)
			}
		case "TER":
			b.terminate()
		case "MODEL":
			if models++; models > 1 && b.atoms > 0 {
				ended = in.number
				b.more = ended
			}
		case "END", "ENDMDL":
			if b.atoms > 0 {
				ended = in.number
			}
		default:
			if b.atoms == 0 {
				if other := otherFormat(line, "PDB"); other != "" {
					return nil, refuse(FaultFormat, 0, "%s", other)
				}
			}
		}
		if b.more > 0 {
			break
		}
	}
	if in.number == 0 {
		return nil, refuse(FaultEmpty, 0, "The file is empty; give a PDB file of a protein.")
	}
	return b.structure()
}

// recordName returns what stands in columns 1 to 6.
func recordName(line []byte) string {
	name := bytes.TrimRight(line[:min(len(line), 6)], " \t")
	switch {
	case bytes.HasPrefix(line, []byte("ATOM ")):
		return "ATOM" // a serial number of six digits runs into the name
	case bytes.Equal(name, []byte("HETATM")):
		return "HETATM"
	case bytes.HasPrefix(line, []byte("TER")) && (len(line) == 3 || line[3] == ' '):
		return "TER"
	case bytes.HasPrefix(line, []byte("MODEL")) && (len(line) == 5 || line[5] == ' '):
		return "MODEL"
	case bytes.Equal(name, []byte("END")):
		return "END"
	case bytes.Equal(name, []byte("ENDMDL")):
		return "ENDMDL"
	}
	return ""
}

// atomLine is an ATOM or HETATM record.
type atomLine struct {
	atom    Atom
	het     bool
	alt     byte // ' ' when there is one location only
	residue string
	chain   string // as written, "" when blank
	id      residueID
	calcium bool // the ion, not the carbon: the name begins in column 13
}

type residueID struct {
	number    int
	insertion byte
}

func parseAtomLine(line []byte, number int, het bool) (a atomLine, err error) {
	// Programs that count beyond 99,999 atoms in decimal push the rest of the
	// line to the right.
	if len(line) > 12 && isDigit(line[11]) && isDigit(line[6]) {
		line = append(line[:6:6], line[7:]...)
	}
	if len(line) < 54 {
		return a, refuse(FaultMalformed, number, "The atom record ends before its coordinates (columns 31 to 54); write the file again with a program that keeps the PDB columns.")
	}
	field := func(from, to int) string { // columns, as in the format's description
		if from > len(line) {
			return ""
		}
		return string(bytes.TrimSpace(line[from-1 : min(to, len(line))]))
	}
	a.het = het
	a.atom.Name = field(13, 16)
	a.alt = line[16]
	a.residue = strings.ToUpper(field(18, 20))
	a.chain = field(22, 22)
	if line[20] != ' ' {
		// Column 21: the first of two characters of a chain's id, or the
		// fourth letter of a residue's name.
		if kind, _ := classify(a.residue); kind == standardResidue || kind == modifiedResidue {
			a.chain = field(21, 22)
		} else {
			a.residue = strings.ToUpper(field(18, 21))
		}
	}
	if a.chain == "" {
		a.chain = field(73, 76) // the segment, in CHARMM's and NAMD's files
	}
	if a.atom.Name == "" || a.residue == "" {
		return a, refuse(FaultMalformed, number, "The atom record has no atom or residue name where PDB files have them (columns 13 to 20); write the file again with a program that keeps the PDB columns.")
	}
	if kind, _ := classify(a.residue); kind == water {
		// It is left out anyway; solvent boxes overflow every column.
		return a, nil
	}
	if a.id, err = parseResidueID(field(23, 26), line[26], number); err != nil {
		return a, err
	}
	for i := range a.atom.Pos {
		text := field(31+8*i, 38+8*i)
		x, ok := parseReal(text)
		if !ok {
			return a, refuse(FaultMalformed, number, "%.12q is not a coordinate (columns %d to %d); mend the line or write the file again with a program that keeps the PDB columns.", text, 31+8*i, 38+8*i)
		}
		a.atom.Pos[i] = x
	}
	a.atom.Occupancy = 1
	if x, ok := parseReal(field(55, 60)); ok {
		a.atom.Occupancy = x
	}
	if x, ok := parseReal(field(61, 66)); ok {
		a.atom.B = x
	}
	a.calcium = a.residue == "CA" || line[12] == 'C' && a.atom.Name == "CA" && het
	a.atom.Element = element(field(77, 78), a.atom.Name, a.residue)
	return a, nil
}

// parseResidueID reads a residue number (decimal or hybrid-36) with its
// insertion code.
func parseResidueID(text string, insertion byte, line int) (residueID, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		var ok bool
		if n, ok = parseHybrid36(text, 4); !ok {
			return residueID{}, refuse(FaultMalformed, line, "%.8q is not a residue number (columns 23 to 26); mend the line or write the file again with a program that keeps the PDB columns.", text)
		}
	}
	switch {
	case insertion == ' ' || insertion < ' ':
		insertion = 0
	case isDigit(insertion) && n > 0:
		// A number of five digits, running into the next column.
		n, insertion = 10*n+int(insertion-'0'), 0
	}
	return residueID{n, insertion}, nil
}

// parseHybrid36 is the inverse of hybrid36 for what is not decimal.
func parseHybrid36(s string, width int) (int, bool) {
	if len(s) != width {
		return 0, false
	}
	upper := 'A' <= s[0] && s[0] <= 'Z'
	if !upper && (s[0] < 'a' || 'z' < s[0]) {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			n = 36*n + int(c-'0')
		case upper && 'A' <= c && c <= 'Z':
			n = 36*n + int(c-'A') + 10
		case !upper && 'a' <= c && c <= 'z':
			n = 36*n + int(c-'a') + 10
		default:
			return 0, false
		}
	}
	n += pow(10, width) - 10*pow(36, width-1)
	if !upper {
		n += 26 * pow(36, width-1)
	}
	return n, true
}

// parseReal reads a plain decimal number of a fixed column: what strconv
// takes beyond that (hexadecimal, underscores, Inf, NaN) is garbage here.
func parseReal(s string) (float64, bool) {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && math.Abs(x) < 1e5
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// element returns the element as written, or derived from an atom's name: in
// proteins that is its first letter but for the selenium of MSE and SEC.
func element(written, name, residue string) string {
	written = strings.ToUpper(strings.TrimRight(written, "+-0123456789"))
	if written != "" && strings.Trim(written, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return written
	}
	letters := strings.TrimLeft(strings.ToUpper(name), "0123456789")
	switch {
	case letters == "":
		return ""
	case strings.HasPrefix(letters, "SE") && (residue == "MSE" || residue == "SEC"):
		return "SE"
	}
	return letters[:1]
}
