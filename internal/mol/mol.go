// Package mol reads and writes protein structures and sequences, with the
// geometry that the CPU baselines share.
//
// Reading is made for files as they are: of laboratories, of prediction
// programs, of the PDB. What can be understood is read, and what reading left
// out or changed is said in notes; the rest is refused by a [ReadError] whose
// sentence says where it stands and what to do. All reading is streaming and
// bounded by [Limits].
package mol

import "strings"

// Atom is one atom of a residue.
type Atom struct {
	Name      string // "CA"
	Element   string // "C"; derived from the name where the file has none
	Pos       Vec    // Å
	Occupancy float64
	B         float64 // temperature factor, Å², or what the file's maker keeps there
}

// Residue is one amino acid of a chain. Of alternate locations only one is
// kept.
type Residue struct {
	Name      string // three letters, as in the file: MSE stays MSE
	Code      byte   // one letter, a known modification's that of its parent; 'X' when there is none
	Number    int
	Insertion byte // insertion code, or 0
	Atoms     []Atom
}

// Atom returns the residue's atom of that name, or nil.
func (r *Residue) Atom(name string) *Atom {
	for i := range r.Atoms {
		if r.Atoms[i].Name == name {
			return &r.Atoms[i]
		}
	}
	return nil
}

// Chain is a polymer.
type Chain struct {
	ID       string // unique in its structure, never empty after reading
	Residues []Residue
}

// Sequence returns the chain's one-letter codes.
func (c *Chain) Sequence() string {
	var b strings.Builder
	for i := range c.Residues {
		b.WriteByte(c.Residues[i].Code)
	}
	return b.String()
}

// Structure is the first model of a file, its polymer chains only.
type Structure struct {
	Chains []Chain
	Notes  []string // what reading left out or changed, in sentences: waters, altlocs, further models …
}

// Len is the number of residues of all chains.
func (s *Structure) Len() int {
	n := 0
	for i := range s.Chains {
		n += len(s.Chains[i].Residues)
	}
	return n
}

// Sequence returns the one-letter codes of all chains, separated by '/'.
func (s *Structure) Sequence() string {
	parts := make([]string, len(s.Chains))
	for i := range s.Chains {
		parts[i] = s.Chains[i].Sequence()
	}
	return strings.Join(parts, ChainSeparator)
}

// Atoms counts the atoms of all chains.
func (s *Structure) Atoms() int {
	n := 0
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			n += len(s.Chains[i].Residues[j].Atoms)
		}
	}
	return n
}

// ChainSeparator stands between the chains of one sequence. ProteinMPNN
// writes it so; ESMFold and ColabFold write ':'.
const ChainSeparator = "/"

// Sequence is a named protein sequence, one-letter codes.
type Sequence struct {
	Name     string   // first word of the header
	Header   string   // the whole header without '>'
	Residues string   // the twenty letters and X, in upper case; chains separated by [ChainSeparator]
	Notes    []string // what reading changed, in sentences
}

// Chains returns the residues of each chain.
func (s *Sequence) Chains() []string { return strings.Split(s.Residues, ChainSeparator) }

// Joined gives the residues with another mark between chains: ':' for
// ESMFold and ColabFold.
func (s *Sequence) Joined(mark string) string {
	return strings.ReplaceAll(s.Residues, ChainSeparator, mark)
}

// Len is the number of residues, without chain separators.
func (s *Sequence) Len() int {
	return len(s.Residues) - strings.Count(s.Residues, ChainSeparator)
}
