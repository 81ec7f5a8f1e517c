// Package mol reads and writes protein structures and sequences, with the
// geometry that the CPU baselines share.
package mol

// Vec is a point or direction, in Å.
type Vec [3]float64

// Atom is one atom of a residue.
type Atom struct {
	Name      string // "CA"
	Element   string // "C"
	Pos       Vec    // Å
	Occupancy float64
	B         float64 // temperature factor, Å², or what the file's maker keeps there
}

// Residue is one amino acid of a chain. Of alternate locations only one is
// kept.
type Residue struct {
	Name      string // three letters
	Code      byte   // one letter; 'X' when not one of the twenty and not a known modification
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
	ID       string
	Residues []Residue
}

// Structure is the first model of a file, its polymer chains only.
type Structure struct {
	Chains []Chain
	Notes  []string // what reading left out or changed, in sentences: waters, altlocs, further models …
}

// Sequence is a named protein sequence, one-letter codes.
type Sequence struct {
	Name     string // first word of the header
	Header   string // the whole header without '>'
	Residues string // chains separated by '/'
}
