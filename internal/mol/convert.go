package mol

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// site is an atom as both formats have it.
type site struct {
	model   int
	het     bool
	name    string
	element string
	alt     string // "" for none
	residue string
	chain   string
	number  int
	insert  string // "" for none
	pos     Vec    // Å
	occ, b  float64
	charge  string // as PDB files have it: "2+"
}

// sites are the atoms of a file and what of it they do not have.
type sites struct {
	atoms []site
	notes []string
}

// ConvertMMCIF reads the atoms of an mmCIF file and writes them as PDB: all
// models, alternate locations and ligands, with the author's numbers and
// chains. What PDB files have no room for is refused (more than 62 chains) or
// changed and told in the notes (chain ids of several letters, residue names of
// more than three). Nothing but atoms is kept. The error is a [*ReadError] or
// the reader's or writer's own.
func ConvertMMCIF(r io.Reader, w io.Writer, limits *Limits) (notes []string, err error) {
	s, err := readSites(r, limits)
	if err != nil {
		return nil, err
	}
	if err := s.shortChains(); err != nil {
		return nil, err
	}
	if err := s.shortResidues(); err != nil {
		return nil, err
	}
	if err := s.writePDB(w); err != nil {
		return nil, err
	}
	return append(s.notes, "Kept are the atoms; header, sequence, symmetry, bonds and assemblies are not."), nil
}

// What is read of _atom_site (mmcif_pdbx_v50.dic), as places in siteTags.
const (
	tagGroup = iota
	tagElement
	tagAtom
	tagAlt
	tagResidue
	tagChain
	tagNumber
	tagInsertion
	tagX
	tagY
	tagZ
	tagOccupancy
	tagB
	tagCharge
	tagAuthorNumber
	tagAuthorResidue
	tagAuthorChain
	tagAuthorAtom
	tagModel
)

var siteTags = []string{
	tagGroup: "group_pdb", tagElement: "type_symbol", tagAtom: "label_atom_id", tagAlt: "label_alt_id",
	tagResidue: "label_comp_id", tagChain: "label_asym_id", tagNumber: "label_seq_id", tagInsertion: "pdbx_pdb_ins_code",
	tagX: "cartn_x", tagY: "cartn_y", tagZ: "cartn_z", tagOccupancy: "occupancy", tagB: "b_iso_or_equiv",
	tagCharge: "pdbx_formal_charge", tagAuthorNumber: "auth_seq_id", tagAuthorResidue: "auth_comp_id",
	tagAuthorChain: "auth_asym_id", tagAuthorAtom: "auth_atom_id", tagModel: "pdbx_pdb_model_num",
}

func readSites(r io.Reader, limits *Limits) (*sites, error) {
	l := limits.orDefault(64 << 10)
	scanner := &cifScanner{in: newLines(r, l)}
	out := &sites{}
	has, err := cifTable(scanner, "_atom_site", siteTags, func(line int, v []cifValue) error {
		first := func(tags ...int) string {
			for _, t := range tags {
				if !v[t].none {
					return v[t].text
				}
			}
			return ""
		}
		a := site{
			het: strings.EqualFold(first(tagGroup), "HETATM"), element: strings.ToUpper(first(tagElement)),
			name: first(tagAuthorAtom, tagAtom), alt: first(tagAlt), residue: strings.ToUpper(first(tagAuthorResidue, tagResidue)),
			chain: first(tagAuthorChain, tagChain), insert: first(tagInsertion), charge: pdbCharge(first(tagCharge)), model: 1, occ: 1,
		}
		var ok bool
		for i := range a.pos {
			if a.pos[i], ok = parseReal(v[tagX+i].text); !ok || v[tagX+i].none {
				return refuse(FaultMalformed, line, "%.20q is not a coordinate.", v[tagX+i].text)
			}
		}
		if x, ok := parseReal(first(tagOccupancy)); ok {
			a.occ = x
		}
		if x, ok := parseReal(first(tagB)); ok {
			a.b = x
		}
		if number := first(tagAuthorNumber, tagNumber); number != "" {
			n, err := strconv.Atoi(number)
			if err != nil {
				return refuse(FaultMalformed, line, "%.20q is not a residue number.", number)
			}
			a.number = n
		}
		if n, err := strconv.Atoi(first(tagModel)); err == nil {
			a.model = n
		}
		if a.name == "" || a.residue == "" {
			return refuse(FaultMalformed, line, "An atom has no name, or no residue's.")
		}
		if len(a.name) > 4 || len(a.alt) > 1 || len(a.insert) > 1 {
			return refuse(FaultTooLarge, line, "The atom %.20q (alternate location %.20q, insertion code %.20q) has longer names than a PDB file has room for: 4, 1 and 1 characters. Give a step that takes mmCIF.", a.name, a.alt, a.insert)
		}
		if out.atoms = append(out.atoms, a); len(out.atoms) > l.Atoms {
			return refuse(FaultTooLarge, line, "The structure has more than %d atoms; give a smaller one.", l.Atoms)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !scanner.started:
		return nil, refuse(FaultEmpty, 0, "The file is empty; give an mmCIF file of a structure.")
	case len(out.atoms) == 0 && !has["cartn_x"]:
		return nil, refuse(FaultFormat, 0, "There is no _atom_site with coordinates in the file, so it is no mmCIF file of a structure.")
	case len(out.atoms) == 0:
		return nil, refuse(FaultEmpty, 0, "The file has no atoms; give an mmCIF file of a structure.")
	}
	return out, nil
}

// pdbCharge turns "-1" into "1-".
func pdbCharge(s string) string {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || n == 0 || n < -9 || n > 9:
		return ""
	case n < 0:
		return strconv.Itoa(-n) + "-"
	}
	return strconv.Itoa(n) + "+"
}

// cifCharge is its inverse.
func cifCharge(s string) string {
	if len(s) != 2 || !isDigit(s[0]) {
		return "?"
	}
	if s[1] == '-' {
		return "-" + s[:1]
	}
	return s[:1]
}

// chainLetters are the ids that a chain can have in a PDB file.
const chainLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// shortChains gives chains whose id is not one character one that is free.
func (s *sites) shortChains() error {
	return s.nameChains("Chains have one letter in PDB files: ", func(id string) bool { return len(id) == 1 })
}

// nameChains gives chains whose id will not do a letter that is free, and says
// so.
func (s *sites) nameChains(why string, fine func(id string) bool) error {
	taken, order, seen := map[string]bool{}, []string{}, map[string]bool{}
	for i := range s.atoms {
		if c := s.atoms[i].chain; !seen[c] {
			seen[c] = true
			order = append(order, c)
			taken[c] = taken[c] || fine(c)
		}
	}
	short := map[string]string{}
	var changed []string
	for _, c := range order {
		if fine(c) {
			continue
		}
		free := strings.IndexFunc(chainLetters, func(r rune) bool { return !taken[string(r)] })
		if free < 0 {
			return refuse(FaultTooLarge, 0, "The structure has %d chains; a PDB file has room for %d. Give a step that takes mmCIF, or a part of the structure.", len(order), len(chainLetters))
		}
		short[c] = chainLetters[free : free+1]
		taken[short[c]] = true
		changed = append(changed, fmt.Sprintf("%s is %s", orNone(c), short[c]))
	}
	for i := range s.atoms {
		if to, is := short[s.atoms[i].chain]; is {
			s.atoms[i].chain = to
		}
	}
	if len(changed) > 0 {
		s.notes = append(s.notes, why+strings.Join(changed, ", ")+".")
	}
	return nil
}

func orNone(id string) string {
	if id == "" {
		return "the chain without a name"
	}
	return id
}

// shortResidues gives residues whose names are longer than the three letters
// that there is room for one that nothing else has: L00, L01 and so on, none of
// them an amino acid's.
func (s *sites) shortResidues() error {
	taken := map[string]bool{}
	for i := range s.atoms {
		taken[s.atoms[i].residue] = true
	}
	short, next := map[string]string{}, 0
	for i := range s.atoms {
		a := &s.atoms[i]
		if len(a.residue) <= 3 {
			continue
		}
		name, known := short[a.residue]
		for !known {
			if next > 99 {
				return refuse(FaultTooLarge, 0, "More than a hundred kinds of residues have names longer than three letters, for which a PDB file has no room. Give a step that takes mmCIF.")
			}
			name = fmt.Sprintf("L%02d", next)
			next++
			if known = !taken[name]; known {
				short[a.residue] = name
				s.notes = append(s.notes, fmt.Sprintf("Residues have three letters in PDB files: %s is %s.", a.residue, name))
			}
		}
		a.residue = name
	}
	return nil
}

func (s *sites) writePDB(w io.Writer) error {
	out := bufio.NewWriter(w)
	several := false
	for i := range s.atoms {
		several = several || s.atoms[i].model != s.atoms[0].model
	}
	serial, open := 0, false
	for i := range s.atoms {
		a := &s.atoms[i]
		if i == 0 || a.model != s.atoms[i-1].model {
			if several {
				if open {
					out.WriteString("ENDMDL\n")
				}
				fmt.Fprintf(out, "MODEL     %4d\n", a.model%10000)
			}
			serial, open = 0, true
		}
		serial++
		r := Residue{Name: a.residue, Number: a.number}
		if a.insert != "" {
			r.Insertion = a.insert[0]
		}
		record := "ATOM  "
		if a.het {
			record = "HETATM"
		}
		alt := " "
		if a.alt != "" {
			alt = a.alt[:1]
		}
		atom := Atom{Name: a.name, Element: a.element, Pos: a.pos, Occupancy: a.occ, B: a.b}
		if err := writeRecord(out, record, alt, serial, a.chain, &r, &atom, a.charge); err != nil {
			return &ReadError{Fault: FaultTooLarge, Message: err.Error() + "."}
		}
		last := i == len(s.atoms)-1 || s.atoms[i+1].model != a.model
		if !a.het && (last || s.atoms[i+1].chain != a.chain || s.atoms[i+1].het && s.endsPolymer(i)) {
			serial++
			fmt.Fprintf(out, "TER   %s      %3.3s %s%s%c\n", hybrid36(serial, 5), a.residue, a.chain, hybrid36(a.number, 4), insertion(&r))
		}
	}
	if several {
		out.WriteString("ENDMDL\n")
	}
	out.WriteString("END\n")
	return out.Flush()
}

// endsPolymer reports whether nothing of a chain's polymer follows an atom: a
// modified residue within it is HETATM, too.
func (s *sites) endsPolymer(i int) bool {
	for k := i + 1; k < len(s.atoms) && s.atoms[k].model == s.atoms[i].model && s.atoms[k].chain == s.atoms[i].chain; k++ {
		if !s.atoms[k].het {
			return false
		}
	}
	return true
}
