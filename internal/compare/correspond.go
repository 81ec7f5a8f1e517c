// Package compare says how a model and a reference of one protein compare,
// whatever measures it: which residues correspond, what stands in the table of
// scores, and how many atoms of a model clash.
package compare

import (
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// The ways to tell which residue of a model is which of the reference.
const (
	Auto      = "auto"
	Numbers   = "numbers"   // chain, residue number and insertion code
	Positions = "positions" // first with first, for chains of the same lengths
	Alignment = "alignment" // global alignment of the sequences
)

// Pair is a residue of the model and the one of the reference that it stands
// for.
type Pair struct{ Model, Reference *mol.Residue }

// Correspondence is which residues correspond, and how that was found.
type Correspondence struct {
	By    string
	Pairs []Pair
}

// Correspond pairs the residues of two structures. In auto mode:
//
//  1. by numbers when those pair half of the shorter one or more, of each two
//     chains that belong together, and at least nine of ten pairs are the same
//     amino acid;
//  2. by alignment when the sequences are nearly the same, nine of ten
//     residues of the shorter one, of each two chains, and only shifted or cut;
//  3. by numbers when both are numbered the same throughout, else by positions
//     when the chains have the same lengths (a designed sequence folded again);
//  4. by alignment when three of ten residues or more come out the same, the
//     least that speaks for a common fold (Rost, Protein Eng. 12, 85 (1999));
//  5. by numbers when those pair half of the shorter one or more.
//
// What fits none is refused: a score of residues that do not correspond would
// look like one of a bad model. Structures without a sequence (all glycine, as
// generated backbones are) pass over 1, 2 and 4.
func Correspond(model, reference *mol.Structure, how string) (Correspondence, error) {
	chains := pairChains(model, reference)
	switch how {
	case Numbers:
		return enough(Correspondence{Numbers, byNumbers(chains...)}, "no three residues of the model and the reference have the same chain and number; try positions or alignment")
	case Positions:
		pairs, same := byPositions(model, reference)
		if !same {
			return Correspondence{}, tool.Refusef("The chains of the model (%s) and of the reference (%s) differ in length, so residues do not correspond by position; try numbers or alignment.", chainLengths(model), chainLengths(reference))
		}
		return enough(Correspondence{Positions, pairs}, "the structures are too short")
	case Alignment:
		return enough(Correspondence{Alignment, byAlignment(chains...)}, "the sequences align over fewer, or are too long to be aligned")
	}

	shorter := min(model.Len(), reference.Len())
	sequenced := !monotonous(model) && !monotonous(reference)
	var numbers, aligned []Pair
	alike := 0
	// A chain that numbers or sequence do not pair would be left out of the
	// score in silence, and those that they do pair look like the whole.
	eachNumbered, eachAlike := true, true
	for _, c := range chains {
		least := min(len(c.model.Residues), len(c.reference.Residues))
		paired := byNumbers(c)
		numbers = append(numbers, paired...)
		eachNumbered = eachNumbered && 2*len(paired) >= least
		if sequenced {
			paired = byAlignment(c)
			aligned = append(aligned, paired...)
			alike += identical(paired)
			eachAlike = eachAlike && 10*identical(paired) >= 9*least
		}
	}
	half := len(numbers) >= 3 && 2*len(numbers) >= shorter
	if sequenced && half && eachNumbered && 10*identical(numbers) >= 9*len(numbers) {
		return Correspondence{Numbers, numbers}, nil
	}
	positions, sameLengths := byPositions(model, reference)
	switch {
	case eachAlike && 10*alike >= 9*shorter && len(aligned) >= 3:
		return Correspondence{Alignment, aligned}, nil
	case len(numbers) == model.Len() && len(numbers) == reference.Len():
		return enough(Correspondence{Numbers, numbers}, "the structures are too short")
	case sameLengths:
		return enough(Correspondence{Positions, positions}, "too many lack CA atoms")
	case 10*alike >= 3*shorter && len(aligned) >= 3:
		return Correspondence{Alignment, aligned}, nil
	case half:
		return Correspondence{Numbers, numbers}, nil
	}
	return Correspondence{}, tool.Refusef(
		"It cannot be told which residues of the model (chains of %s) and the reference (%s) correspond: lengths, numbers and sequences all differ. Give a reference of the same protein.",
		chainLengths(model), chainLengths(reference))
}

// enough refuses fewer than three pairs: no superposition follows from them.
func enough(c Correspondence, otherwise string) (Correspondence, error) {
	if len(c.Pairs) < 3 {
		return c, tool.Refusef("Scoring takes three residues with CA atoms or more in common, but %s.", otherwise)
	}
	return c, nil
}

// chainPair is a chain of the model with the one of the reference that it
// stands for.
type chainPair struct{ model, reference *mol.Chain }

// pairChains pairs chains: a single one with a single one whatever their
// names; else those of the same name; else, when there are none, or as many of
// either and not all of the same names, in order. A predictor calls the chains
// B and C of a complex A and B, and its B is not the complex's.
func pairChains(model, reference *mol.Structure) []chainPair {
	var pairs []chainPair
	if len(model.Chains) > 1 || len(reference.Chains) > 1 {
		for i := range model.Chains {
			for j := range reference.Chains {
				if model.Chains[i].ID == reference.Chains[j].ID {
					pairs = append(pairs, chainPair{&model.Chains[i], &reference.Chains[j]})
				}
			}
		}
	}
	if n := len(model.Chains); len(pairs) == 0 || n == len(reference.Chains) && len(pairs) < n {
		pairs = nil
		for i := range min(len(model.Chains), len(reference.Chains)) {
			pairs = append(pairs, chainPair{&model.Chains[i], &reference.Chains[i]})
		}
	}
	return pairs
}

func byNumbers(chains ...chainPair) []Pair {
	type number struct {
		n         int
		insertion byte
	}
	var pairs []Pair
	for _, c := range chains {
		at := make(map[number]*mol.Residue, len(c.reference.Residues))
		for i := range c.reference.Residues {
			r := &c.reference.Residues[i]
			n := number{r.Number, r.Insertion}
			if at[n] == nil {
				at[n] = r
			}
		}
		for i := range c.model.Residues {
			m := &c.model.Residues[i]
			n := number{m.Number, m.Insertion}
			if r := at[n]; r != nil {
				pairs = appendPair(pairs, m, r)
				delete(at, n) // once only
			}
		}
	}
	return pairs
}

// byPositions reports false when the chains are not of the same lengths.
func byPositions(model, reference *mol.Structure) ([]Pair, bool) {
	if len(model.Chains) != len(reference.Chains) {
		return nil, false
	}
	var pairs []Pair
	for i := range model.Chains {
		m, r := model.Chains[i].Residues, reference.Chains[i].Residues
		if len(m) != len(r) {
			return nil, false
		}
		for j := range m {
			pairs = appendPair(pairs, &m[j], &r[j])
		}
	}
	return pairs, true
}

func byAlignment(chains ...chainPair) []Pair {
	var pairs []Pair
	for _, c := range chains {
		for _, at := range align(c.model.Sequence(), c.reference.Sequence()) {
			pairs = appendPair(pairs, &c.model.Residues[at[0]], &c.reference.Residues[at[1]])
		}
	}
	return pairs
}

// appendPair leaves out residues without CA: all scores are of CA atoms.
func appendPair(pairs []Pair, model, reference *mol.Residue) []Pair {
	if model.Atom("CA") == nil || reference.Atom("CA") == nil {
		return pairs
	}
	return append(pairs, Pair{model, reference})
}

func identical(pairs []Pair) int {
	n := 0
	for _, p := range pairs {
		if p.Model.Code == p.Reference.Code && p.Model.Code != 'X' {
			n++
		}
	}
	return n
}

// monotonous reports whether a structure has no sequence to speak of: one
// kind of residue throughout, as generated backbones have.
func monotonous(s *mol.Structure) bool {
	sequence := strings.ReplaceAll(s.Sequence(), mol.ChainSeparator, "")
	return sequence == "" || strings.Count(sequence, sequence[:1]) == len(sequence)
}

func chainLengths(s *mol.Structure) string {
	lengths := make([]string, len(s.Chains))
	for i := range s.Chains {
		lengths[i] = fmt.Sprint(len(s.Chains[i].Residues))
	}
	return strings.Join(lengths, ", ") + " residues"
}
