package baseline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// designTarget is a backbone seen as what a sequence has to fit: positions in
// their environments and the contacts between them.
type designTarget struct {
	sites   []site // to be written, chain by chain
	lengths []int  // of the chains among sites
	known   int    // free sites of which the input says the amino acid
}

// site is a position of the sequence.
type site struct {
	state    secondary
	burial   float64   // −1 exposed … 1 buried
	native   amino     // in the input; unknown when that does not say
	fixed    bool      // keeps the native amino acid
	contacts []contact // with other sites
	outside  []float64 // contact energy of each amino acid with the chains that are not designed, kT; nil when none
	chain    int       // among the chains to be written
}

// contact is how closely another site is in touch.
type contact struct {
	site   int
	weight float64 // 0–1
}

// Burial is read off the number of Cβ atoms within burialRadius: that of a
// surface residue of a small protein up to that of its core.
const (
	burialRadius  = 10.0 // Å
	burialExposed = 8.0  // neighbours: burial −1 up to here
	burialBuried  = 21.0 // burial 1 from here
)

func burialOf(neighbours float64) float64 {
	return max(-1, min(1, 2*(neighbours-burialExposed)/(burialBuried-burialExposed)-1))
}

// newDesignTarget looks at the chains to design (comma-separated, empty for
// all), with all others as surroundings, and keeps the fixed positions. The
// notes say what was done about incomplete residues.
func newDesignTarget(s *mol.Structure, chains, fixed string) (t *designTarget, notes []string, err error) {
	designed, err := tool.ChosenChains(s, chains)
	if err != nil {
		return nil, nil, err
	}
	if err := tool.RequireBackbone(s); err != nil {
		return nil, nil, err
	}

	t = &designTarget{}
	// One centre for each residue that has a place, of all chains; sites first
	// to last are those of designed chains in order.
	var centres []mol.Vec
	var siteOf []int // −1: of a chain that is not designed
	var codes []amino
	incomplete := 0
	for i := range s.Chains {
		c := &s.Chains[i]
		// A structure of glycines only is a bare backbone; its residues say
		// nothing about the sequence.
		bare := strings.Trim(c.Sequence(), "GX") == ""
		states := chainSecondary(c)
		if designed[i] {
			t.lengths = append(t.lengths, len(c.Residues))
		}
		for j := range c.Residues {
			r := &c.Residues[j]
			native := aminoOf(r.Code)
			index := -1
			if designed[i] {
				index = len(t.sites)
				known := native
				if bare {
					known = unknown
				}
				t.sites = append(t.sites, site{state: states[j], burial: -1, native: known, chain: len(t.lengths) - 1})
			}
			centre, whole, ok := sideCentre(r)
			if !whole {
				incomplete++
			}
			if ok {
				centres, siteOf, codes = append(centres, centre), append(siteOf, index), append(codes, native)
			}
		}
	}
	if incomplete > 0 {
		notes = append(notes, fmt.Sprintf("%s without a complete backbone; their surroundings are taken from the atoms that they have.",
			counted(incomplete, "residue is", "residues are")))
	}
	if err := t.fix(s, designed, fixed); err != nil {
		return nil, nil, err
	}
	t.surround(centres, siteOf, codes)
	for i := range t.sites {
		if t.sites[i].native != unknown && !t.sites[i].fixed {
			t.known++
		}
	}
	return t, notes, nil
}

// chainSecondary assigns the secondary structure of a chain. A residue without
// a Cα breaks the chain.
func chainSecondary(c *mol.Chain) []secondary {
	states := make([]secondary, len(c.Residues))
	fill(states, coil)
	var trace []mol.Vec
	var at []int
	for i := range c.Residues {
		if ca := c.Residues[i].Atom("CA"); ca != nil {
			trace, at = append(trace, ca.Pos), append(at, i)
		}
	}
	for k, state := range assignSecondary(trace) {
		states[at[k]] = state
	}
	return states
}

// sideCentre is where a residue's side chain begins: its Cβ, or where that
// would be. Without a whole backbone it is the Cα; without that, there is no
// place (ok is false).
func sideCentre(r *mol.Residue) (centre mol.Vec, whole, ok bool) {
	n, ca, c := r.Atom("N"), r.Atom("CA"), r.Atom("C")
	if ca == nil {
		return mol.Vec{}, false, false
	}
	whole = n != nil && c != nil
	if cb := r.Atom("CB"); cb != nil {
		return cb.Pos, whole, true
	}
	if !whole {
		return ca.Pos, false, true
	}
	return placeCB(n.Pos, ca.Pos, c.Pos), true, true
}

// surround measures burial and contacts.
func (t *designTarget) surround(centres []mol.Vec, siteOf []int, codes []amino) {
	grid := mol.NewGrid(centres, burialRadius)
	for i, p := range centres {
		if siteOf[i] < 0 {
			continue
		}
		own := &t.sites[siteOf[i]]
		neighbours := 0
		grid.Within(p, burialRadius, func(j int, distance float64) {
			if j == i {
				return
			}
			neighbours++
			weight := contactWeight(distance)
			switch other := siteOf[j]; {
			case weight == 0:
			case other < 0:
				if own.outside == nil {
					own.outside = make([]float64, numAminos)
				}
				for a := range own.outside {
					own.outside[a] += weight * contactEnergy(amino(a), codes[j])
				}
			case t.sites[other].chain == own.chain && abs(other-siteOf[i]) < 3:
				// Neighbours in sequence are in touch whatever they are.
			default:
				own.contacts = append(own.contacts, contact{other, weight})
			}
		})
		own.burial = burialOf(float64(neighbours))
		slices.SortFunc(own.contacts, func(a, b contact) int { return a.site - b.site })
	}
}

// fix marks the positions that keep their amino acid.
func (t *designTarget) fix(s *mol.Structure, designed []bool, list string) error {
	fixed, err := tool.FixedResidues(s, designed, list)
	if err != nil {
		return err
	}
	offset := 0
	for i := range s.Chains {
		if !designed[i] {
			continue
		}
		for j := range s.Chains[i].Residues {
			if fixed[i][j] {
				t.sites[offset+j].fixed, t.sites[offset+j].native = true, aminoOf(s.Chains[i].Residues[j].Code)
			}
		}
		offset += len(s.Chains[i].Residues)
	}
	return nil
}

// counted is a number with the word that goes with it.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func abs(x int) int { return max(x, -x) }
