package mol

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ConvertPDB reads the atoms of a PDB file and writes them as mmCIF: all
// models, alternate locations and ligands. Water is left out, which is told in
// the notes, as nothing but atoms is kept. The error is as of [ConvertMMCIF].
func ConvertPDB(r io.Reader, w io.Writer, limits *Limits) (notes []string, err error) {
	l := limits.orDefault(4 << 10)
	in := newLines(r, l)
	s := &sites{}
	model, waters := 1, 0
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch record := recordName(line); record {
		case "ATOM", "HETATM":
			a, err := parseAtomLine(line, in.number, record == "HETATM")
			if err != nil {
				return nil, err
			}
			if kind, _ := classify(a.residue); kind == water {
				waters++
				continue
			}
			at := site{
				model: model, het: a.het, name: a.atom.Name, element: a.atom.Element, residue: a.residue, chain: a.chain,
				number: a.id.number, pos: a.atom.Pos, occ: a.atom.Occupancy, b: a.atom.B,
			}
			if a.alt != ' ' {
				at.alt = string(a.alt)
			}
			if a.id.insertion != 0 {
				at.insert = string(a.id.insertion)
			}
			if len(line) > 79 {
				at.charge = strings.TrimSpace(string(line[78:80]))
			}
			if s.atoms = append(s.atoms, at); len(s.atoms) > l.Atoms {
				return nil, refuse(FaultTooLarge, in.number, "The structure has more than %d atoms; give a smaller one.", l.Atoms)
			}
		case "ENDMDL":
			model++
		default:
			if len(s.atoms) == 0 {
				if other := otherFormat(line, "PDB"); other != "" {
					return nil, refuse(FaultFormat, 0, "%s", other)
				}
			}
		}
	}
	if len(s.atoms) == 0 {
		return nil, refuse(FaultEmpty, 0, "The file has no atoms besides water; give a PDB file of a structure.")
	}
	if err := s.nameChains("Chains without a name have one now: ", func(id string) bool { return id != "" }); err != nil {
		return nil, err
	}
	notes = s.notes
	if waters > 0 {
		notes = append(notes, fmt.Sprintf("%d atoms of water are left out.", waters))
	}
	return append(notes, "Kept are the atoms; header, symmetry and bonds are not."), s.writeCIF(w)
}

// writeCIF writes the atoms with what programs need to tell polymers from the
// rest: entities, and the sequence of each polymer as far as it has atoms.
func (s *sites) writeCIF(w io.Writer) error {
	type residue struct {
		number int
		insert string
		name   string
	}
	// What has a backbone is a residue of the chain also where it is modified
	// and so stands as HETATM: selenomethionine.
	type where struct {
		chain string
		residue
	}
	backbone := map[where]map[string]bool{}
	for i := range s.atoms {
		if a := &s.atoms[i]; a.het && (a.name == "N" || a.name == "CA" || a.name == "C") {
			at := where{a.chain, residue{a.number, a.insert, a.residue}}
			if backbone[at] == nil {
				backbone[at] = map[string]bool{}
			}
			backbone[at][a.name] = true
		}
	}
	polymer := func(a *site) bool {
		return !a.het || len(backbone[where{a.chain, residue{a.number, a.insert, a.residue}}]) == 3
	}
	chains, sequence := []string{}, map[string][]residue{}
	place := make([]int, len(s.atoms)) // the residue's number in its polymer
	for i := range s.atoms {
		a := &s.atoms[i]
		if a.model != s.atoms[0].model {
			continue
		}
		list, known := sequence[a.chain]
		if !known {
			chains = append(chains, a.chain)
		}
		here := residue{a.number, a.insert, a.residue}
		if polymer(a) && (len(list) == 0 || list[len(list)-1] != here) {
			list = append(list, here)
		}
		sequence[a.chain] = list
	}
	entity, entities := map[string]int{}, []string{}
	for _, c := range chains {
		var names []string
		for _, r := range sequence[c] {
			names = append(names, r.name)
		}
		text := strings.Join(names, " ")
		if text == "" {
			text = "-" + c // no polymer: an entity of its own
		}
		at := slices.Index(entities, text)
		if at < 0 {
			at = len(entities)
			entities = append(entities, text)
		}
		entity[c] = at + 1
	}
	count, last, model := map[string]int{}, map[string]residue{}, 0
	for i := range s.atoms {
		a := &s.atoms[i]
		if a.model != model {
			model = a.model
			clear(count)
			clear(last)
		}
		here := residue{a.number, a.insert, a.residue}
		if polymer(a) && (count[a.chain] == 0 || last[a.chain] != here) {
			count[a.chain]++
			last[a.chain] = here
		}
		place[i] = count[a.chain]
	}

	out := bufio.NewWriter(w)
	out.WriteString("data_structure\n#\n_entry.id structure\n#\nloop_\n_entity.id\n_entity.type\n")
	for i, text := range entities {
		kind := "polymer"
		if strings.HasPrefix(text, "-") {
			kind = "non-polymer"
		}
		fmt.Fprintf(out, "%d %s\n", i+1, kind)
	}
	out.WriteString("#\nloop_\n_entity_poly_seq.entity_id\n_entity_poly_seq.num\n_entity_poly_seq.mon_id\n")
	for i, text := range entities {
		if strings.HasPrefix(text, "-") {
			continue
		}
		for k, name := range strings.Fields(text) {
			fmt.Fprintf(out, "%d %d %s\n", i+1, k+1, cifWord(name))
		}
	}
	out.WriteString("#\nloop_\n")
	for _, tag := range []string{
		"group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id", "label_entity_id", "label_seq_id",
		"pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy", "B_iso_or_equiv", "pdbx_formal_charge", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num",
	} {
		out.WriteString("_atom_site." + tag + "\n")
	}
	for i := range s.atoms {
		a := &s.atoms[i]
		group, seq := "ATOM", strconv.Itoa(place[i])
		if a.het {
			group = "HETATM"
		}
		if !polymer(a) {
			seq = "."
		}
		fmt.Fprintf(out, "%s %d %s %s %s %s %s %d %s %s %.3f %.3f %.3f %.2f %.2f %s %d %s %d\n",
			group, i+1, cifWord(a.element), cifWord(a.name), orDot(a.alt), cifWord(a.residue), cifWord(a.chain), entity[a.chain], seq,
			orUnknown(a.insert), a.pos[0], a.pos[1], a.pos[2], a.occ, a.b, cifCharge(a.charge), a.number, cifWord(a.chain), a.model)
	}
	out.WriteString("#\n")
	return out.Flush()
}

func orDot(s string) string {
	if s == "" {
		return "."
	}
	return cifWord(s)
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return cifWord(s)
}

// cifWord is a word as a CIF file has it: in quotes where it would be taken
// for something else.
func cifWord(s string) string {
	switch {
	case s == "":
		return "."
	case !strings.ContainsAny(s, " \t'\"#;_$[]") && s != "." && s != "?" && !strings.HasPrefix(strings.ToLower(s), "data_"):
		return s
	case !strings.Contains(s, `"`):
		return `"` + s + `"`
	}
	return "'" + s + "'"
}
