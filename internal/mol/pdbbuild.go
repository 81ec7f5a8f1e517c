package mol

import (
	"fmt"
	"slices"
	"strings"
)

// pdbBuilder collects atom records into chains and residues. Nothing is
// decided about a residue before all of it has been seen.
type pdbBuilder struct {
	chains []*chainBuilder
	open   map[string]*chainBuilder // by id as written: where atoms of that id go
	last   *chainBuilder
	atoms  int
	more   int // line after which further models were found, or 0

	waters, ligands, nucleotides, caps, repeats int // atoms left out
	restarted                                   int // chains begun because residue numbers began again
}

type chainBuilder struct {
	id       string // as written
	residues []*residueBuilder
	byID     map[residueID]*residueBuilder // the latest of that number
	ended    bool                          // a TER was read
}

type residueBuilder struct {
	id    residueID
	name  string
	atoms []atomLine
	tail  bool // HETATM after the chain's TER
}

// maxResidueAtoms bounds the atoms of one residue with all its alternatives:
// the largest amino acid has 24 with hydrogens.
const maxResidueAtoms = 1000

// add takes an atom, and reports false when its residue has too many.
func (b *pdbBuilder) add(a atomLine) bool {
	switch kind, _ := classify(a.residue); kind {
	case water:
		b.waters++
		return true
	case nucleotide:
		b.nucleotides++
		return true
	case chainCap:
		b.caps++
		return true
	}
	if a.calcium {
		b.ligands++
		return true
	}
	c := b.chain(a)
	r := c.residue(a)
	if r == nil {
		// The same atom of a residue that was complete: the numbers began
		// again, so this is another chain that forgot to say so.
		b.restarted++
		c = b.begin(a.chain)
		r = c.residue(a)
	}
	r.atoms = append(r.atoms, a)
	b.last = c
	b.atoms++
	return len(r.atoms) <= maxResidueAtoms
}

// chain returns where the atom belongs by its chain id.
func (b *pdbBuilder) chain(a atomLine) *chainBuilder {
	c := b.open[a.chain]
	switch {
	case c == nil:
		return b.begin(a.chain)
	case c.ended && !a.het && (a.chain == "" || c.byID[a.id] != nil):
		// After TER, a chain goes on (some programs write TER at gaps), but
		// not with numbers that it has and not when it has no id.
		return b.begin(a.chain)
	}
	c.ended = c.ended && a.het
	return c
}

func (b *pdbBuilder) begin(id string) *chainBuilder {
	c := &chainBuilder{id: id, byID: map[residueID]*residueBuilder{}}
	b.chains = append(b.chains, c)
	b.open[id] = c
	return c
}

func (b *pdbBuilder) terminate() {
	if b.last != nil {
		b.last.ended = true
	}
}

// residue returns the residue that the atom belongs to, making it where it is
// new; nil when the chain has had this very atom before.
func (c *chainBuilder) residue(a atomLine) *residueBuilder {
	tail := c.ended && a.het
	if n := len(c.residues); n > 0 {
		// Residues of one number but different names are neighbours where a
		// file numbers badly, unless they are alternatives of each other.
		if r := c.residues[n-1]; r.id == a.id && r.tail == tail && (r.name == a.residue || a.alt != ' ') {
			return r
		}
	}
	r := c.byID[a.id]
	switch {
	case r == nil || r.tail != tail || r == c.residues[len(c.residues)-1]:
	case a.alt != ' ':
		return r // alternatives may be written in blocks
	case r.name == a.residue && !r.has(a.atom.Name):
		return r // hydrogens may stand at the end of the file
	case tail:
	default:
		return nil
	}
	r = &residueBuilder{id: a.id, name: a.residue, tail: tail}
	c.residues = append(c.residues, r)
	c.byID[a.id] = r
	return r
}

func (r *residueBuilder) has(atom string) bool {
	return slices.ContainsFunc(r.atoms, func(a atomLine) bool { return a.atom.Name == atom })
}

// structure settles every residue and writes the notes.
func (b *pdbBuilder) structure() (*Structure, error) {
	s := &Structure{}
	var (
		altlocs, noCA, partial, unknown int
		modified                        = map[string]int{}
		ids                             []string // as written, of the chains kept
	)
	for _, c := range b.chains {
		chain := Chain{ID: c.id}
		for _, rb := range c.residues {
			r, alternatives, repeats := rb.settle()
			if !rb.belongs(c, &r) {
				b.ligands += len(rb.atoms)
				continue
			}
			b.repeats += repeats
			if alternatives {
				altlocs++
			}
			kind, _ := classify(r.Name)
			switch kind {
			case modifiedResidue:
				modified[fmt.Sprintf("%s as %c", r.Name, r.Code)]++
			case unknownResidue:
				unknown++
			}
			switch {
			case r.Atom("CA") == nil:
				noCA++
			case r.Atom("N") == nil || r.Atom("C") == nil || r.Atom("O") == nil:
				partial++
			}
			chain.Residues = append(chain.Residues, r)
		}
		if len(chain.Residues) > 0 {
			s.Chains = append(s.Chains, chain)
			ids = append(ids, c.id)
		}
	}
	if len(s.Chains) == 0 {
		return nil, b.nothing()
	}
	note := func(n int, format string, args ...any) {
		if n > 0 {
			s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
		}
	}
	note(b.more, "Only the first model was read; more follow after line %d.", b.more)
	note(b.waters, "%s of water left out.", count(b.waters, "atom"))
	note(b.ligands, "%s of ligands, ions or other molecules left out.", count(b.ligands, "atom"))
	note(b.nucleotides, "%s of DNA or RNA left out.", count(b.nucleotides, "atom"))
	note(b.caps, "%s of caps at chain ends left out.", count(b.caps, "atom"))
	note(altlocs, "%s with alternate locations: the one of the highest occupancy was kept.", count(altlocs, "residue"))
	note(b.repeats, "%s given twice: the first was kept.", count(b.repeats, "atom"))
	for _, m := range sortedKeys(modified) {
		note(modified[m], "%s of %s.", count(modified[m], "modified residue"), m)
	}
	note(unknown, "%s not known, taken as X.", count(unknown, "residue"))
	if all := s.Len(); partial == all {
		note(partial, "The backbone is incomplete throughout (CA atoms only?).")
	} else {
		note(partial, "%s without N, C or O.", count(partial, "residue"))
	}
	note(noCA, "%s without CA.", count(noCA, "residue"))
	note(b.restarted, "Residue numbers begin again within a chain: taken as %s more.", count(b.restarted, "chain"))
	s.nameChains(ids)
	return s, nil
}

// nothing says why there is no protein.
func (b *pdbBuilder) nothing() error {
	switch {
	case b.nucleotides > 0:
		return refuse(FaultNoProtein, 0, "The file holds DNA or RNA but no protein; give a protein structure.")
	case b.ligands+b.waters+b.caps > 0:
		return refuse(FaultNoProtein, 0, "The file holds ligands or water but no protein; give a protein structure.")
	}
	return refuse(FaultEmpty, 0, "The file has no ATOM records; give a PDB file with the coordinates of a protein.")
}

// belongs reports whether the residue is part of the polymer rather than a
// ligand.
func (rb *residueBuilder) belongs(c *chainBuilder, r *Residue) bool {
	if rb.tail {
		return false // wwPDB files list ligands after the chain's TER
	}
	kind, _ := classify(r.Name)
	switch {
	case kind == standardResidue || kind == modifiedResidue:
		return true
	case rb.atoms[0].het:
		// A modification that is not in the table shows as an amino acid's
		// backbone within a chain that is closed properly.
		return c.ended && r.Atom("N") != nil && r.Atom("CA") != nil && r.Atom("C") != nil
	}
	return r.Atom("CA") != nil
}

// settle chooses among alternatives: first of residue names (a mutation in
// part of the crystal), then of locations. repeats counts atoms given twice.
func (rb *residueBuilder) settle() (r Residue, alternatives bool, repeats int) {
	name := best(rb.atoms, func(a *atomLine) string { return a.residue })
	label := best(rb.atoms, func(a *atomLine) string {
		if a.residue != name || a.alt == ' ' {
			return ""
		}
		return string(a.alt)
	})
	_, code := classify(name)
	r = Residue{Name: name, Code: code, Number: rb.id.number, Insertion: rb.id.insertion}
	kept := make([]byte, 0, len(rb.atoms)) // location of each atom in r.Atoms
	for i := range rb.atoms {
		a := &rb.atoms[i]
		if a.residue != name {
			alternatives = true
			continue
		}
		at := slices.IndexFunc(r.Atoms, func(x Atom) bool { return x.Name == a.atom.Name })
		if at < 0 {
			r.Atoms = append(r.Atoms, a.atom)
			kept = append(kept, a.alt)
			continue
		}
		if a.alt == kept[at] {
			repeats++
			continue
		}
		alternatives = true
		chosen := label != "" && kept[at] == label[0]
		if !chosen && (string(a.alt) == label || kept[at] != ' ' && a.alt != ' ' && a.atom.Occupancy > r.Atoms[at].Occupancy) {
			r.Atoms[at], kept[at] = a.atom, a.alt
		}
	}
	return r, alternatives, repeats
}

// best returns the key whose atoms have the highest mean occupancy, of equal
// ones the first; "" is no key.
func best(atoms []atomLine, key func(*atomLine) string) string {
	type tally struct {
		key string
		sum float64
		n   int
	}
	var tallies []tally
	for i := range atoms {
		k := key(&atoms[i])
		if k == "" {
			continue
		}
		at := slices.IndexFunc(tallies, func(t tally) bool { return t.key == k })
		if at < 0 {
			at = len(tallies)
			tallies = append(tallies, tally{key: k})
		}
		tallies[at].sum += atoms[i].atom.Occupancy
		tallies[at].n++
	}
	winner, highest := "", -1.0
	for _, t := range tallies {
		if mean := t.sum / float64(t.n); winner == "" || mean > highest+1e-9 {
			winner, highest = t.key, mean
		}
	}
	return winner
}

// nameChains makes the ids of chains unique and one character long, as far as
// characters go.
func (s *Structure) nameChains(ids []string) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	taken := map[string]bool{}
	for _, id := range ids {
		taken[id] = true
	}
	used := map[string]bool{}
	var renamed []string
	for i, id := range ids {
		if len(id) == 1 && !used[id] {
			used[id] = true
			continue
		}
		fresh := fmt.Sprint(i + 1)
		for _, l := range letters {
			if !taken[string(l)] {
				fresh = string(l)
				break
			}
		}
		taken[fresh], used[fresh] = true, true
		s.Chains[i].ID = fresh
		renamed = append(renamed, fresh)
	}
	const most = 8
	if more := len(renamed) - most; more > 0 {
		renamed = append(renamed[:most], fmt.Sprintf("and %d more", more))
	}
	if len(renamed) > 0 {
		s.Notes = append(s.Notes, "Chains without a one-letter id of their own are called "+strings.Join(renamed, ", ")+".")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
