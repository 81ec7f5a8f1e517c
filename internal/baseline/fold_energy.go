package baseline

import (
	"math"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Weights of the terms of a fold's energy, in kT.
const (
	weightFoldContact = 0.4  // of a contact energy
	weightBond        = 1.0  // of a hydrogen bond's kcal/mol, over kT
	weightClash       = 15.0 // of an overlap squared, per Å²
	weightCompact     = 0.4  // of the excess in radius of gyration squared, per Å² and residue to the power ½
	weightTorsion     = 1.0  // of −ln probability of a residue's torsion angles
)

// contactReference is the contact energy that counts as nothing: that of
// threonine with itself, which is neither hydrophobic nor polar. (Betancourt
// and Thirumalai (1999) Protein Sci. 8, 361–369, take threonine for the
// solvent.) On the paper's own scale every contact is favourable, so that a
// chain would collapse whatever its sequence.
const contactReference = -2.12

// Distances between Cα atoms, in Å, beyond which terms vanish.
const (
	reachPair  = contactNone + 2*bondCACB
	reachAtoms = 7.8 // two oxygens that touch, 2.4 Å from their Cα each; NH and O that bond
	reachTouch = 5.4 // from a Cα to an atom that touches its oxygen or Cβ
)

// touching is the distance, in Å, at which two backbone atoms of residues that
// are not neighbours begin to overlap, in the order N, CA, C, O, CB: about
// 0.2 Å more than the outer limits of Ramachandran and Sasisekharan (1968)
// Adv. Protein Chem. 23, 283–437, because the penalty begins gently. N and O
// come nearer, in hydrogen bonds; Cβ stands for a side chain.
var touching = [5][5]float64{
	{2.8, 3.0, 3.0, 2.6, 3.0},
	{3.0, 3.8, 3.2, 2.9, 3.4},
	{3.0, 3.2, 3.2, 2.9, 3.2},
	{2.6, 2.9, 2.9, 2.8, 2.9},
	{3.0, 3.4, 3.2, 2.9, 3.6},
}

// field is the energy of a chain as a function of its conformation.
type field struct {
	sequence []amino
	contacts []float64 // scaled contact energies, n×n
	target   float64   // radius of gyration, Å
}

func newField(sequence []amino) *field {
	n := len(sequence)
	f := &field{sequence: sequence, contacts: make([]float64, n*n), target: radiusOfGyrationFor(n)}
	for i, a := range sequence {
		for j, b := range sequence {
			if a != unknown && b != unknown {
				f.contacts[i*n+j] = weightFoldContact * (contactEnergy(a, b) - contactReference)
			}
		}
	}
	return f
}

// pair is the energy between residues i and j ≥ i+2, whose Cα are d2 from each
// other, squared, and within reachPair: contact, overlap and hydrogen bonds.
func (f *field) pair(chain backbone, i, j int, d2 float64) float64 {
	p, q := &chain[i], &chain[j]
	e := 0.0
	if j-i > 2 {
		if c2 := distance2(&p[atomCB], &q[atomCB]); c2 < contactNone*contactNone {
			e += f.contacts[i*len(f.sequence)+j] * contactWeight(math.Sqrt(c2))
		}
	}
	if d2 > reachAtoms*reachAtoms {
		return e
	}
	for a := range touching {
		if distance2(&p[a], &q[atomCA]) > reachTouch*reachTouch {
			continue
		}
		for b := range touching {
			limit := touching[a][b]
			if x2 := distance2(&p[a], &q[b]); x2 < limit*limit {
				overlap := limit - math.Sqrt(x2)
				e += weightClash * overlap * overlap
			}
		}
	}
	if f.sequence[j] != proline {
		e += hydrogenBond(p, q)
	}
	if f.sequence[i] != proline && i > 0 {
		e += hydrogenBond(q, p)
	}
	return e
}

// hydrogenBond is the energy of the bond from the amide of donor to the
// carbonyl of acceptor, in kT: the electrostatic energy of Kabsch and Sander
// (1983) Biopolymers 22, 2577–2637, where it is below their limit of −0.5
// kcal/mol for a bond, and not below that of a very good one.
func hydrogenBond(acceptor, donor *[numAtoms]mol.Vec) float64 {
	const (
		coupling = 27.9 // kcal/mol Å: 0.42e × 0.20e × 332
		weakest  = -0.5
		best     = -3.0
	)
	on := distance2(&acceptor[atomO], &donor[atomN])
	if on > 5.2*5.2 {
		return 0
	}
	oh := math.Sqrt(distance2(&acceptor[atomO], &donor[atomH]))
	ch := math.Sqrt(distance2(&acceptor[atomC], &donor[atomH]))
	cn := math.Sqrt(distance2(&acceptor[atomC], &donor[atomN]))
	const tooClose = 0.5 // clashes see to these
	e := coupling * (1/max(math.Sqrt(on), tooClose) + 1/max(ch, tooClose) - 1/max(oh, tooClose) - 1/max(cn, tooClose))
	if e > weakest {
		return 0
	}
	return weightBond * max(e, best) / kT / 2 // half: water bonds as well
}

// compactness is the cost of a chain that is larger than a globular protein of
// its length. It is per residue^½ so that long chains feel it alike.
func (f *field) compactness(chain backbone) float64 {
	var sum mol.Vec
	squares := 0.0
	for i := range chain {
		p := &chain[i][atomCA]
		sum[0] += p[0]
		sum[1] += p[1]
		sum[2] += p[2]
		squares += p.Dot(*p)
	}
	n := float64(len(chain))
	rg := math.Sqrt(max(0, squares/n-sum.Dot(sum)/(n*n)))
	excess := max(0, rg-f.target)
	return weightCompact * math.Sqrt(n) * excess * excess
}

// blockSize is how many residues are looked at as one when far pairs are
// passed over.
const blockSize = 8

// blocks are stretches of a chain with the spheres around them.
type blocks struct {
	centres []mol.Vec
	radii   []float64
}

func newBlocks(n int) blocks {
	count := (n + blockSize - 1) / blockSize
	return blocks{make([]mol.Vec, count), make([]float64, count)}
}

// cover recomputes the spheres of the blocks that hold residues [from, to).
func (b *blocks) cover(chain backbone, from, to int) {
	for k := from / blockSize; k*blockSize < to; k++ {
		start, end := k*blockSize, min((k+1)*blockSize, len(chain))
		var centre mol.Vec
		for i := start; i < end; i++ {
			p := &chain[i][atomCA]
			centre[0] += p[0]
			centre[1] += p[1]
			centre[2] += p[2]
		}
		centre = centre.Scale(1 / float64(end-start))
		r2 := 0.0
		for i := start; i < end; i++ {
			r2 = max(r2, distance2(&centre, &chain[i][atomCA]))
		}
		b.centres[k], b.radii[k] = centre, math.Sqrt(r2)
	}
}

// blockPair is the energy between all residues of two blocks, k ≤ l.
func (f *field) blockPair(chain backbone, b *blocks, k, l int) float64 {
	reach := b.radii[k] + b.radii[l] + reachPair
	if distance2(&b.centres[k], &b.centres[l]) > reach*reach {
		return 0
	}
	e := 0.0
	reach = b.radii[l] + reachPair
	endK, endL := min((k+1)*blockSize, len(chain)), min((l+1)*blockSize, len(chain))
	for i := k * blockSize; i < endK; i++ {
		ca := &chain[i][atomCA]
		if distance2(ca, &b.centres[l]) > reach*reach {
			continue
		}
		for j := max(i+2, l*blockSize); j < endL; j++ {
			if d2 := distance2(ca, &chain[j][atomCA]); d2 <= reachPair*reachPair {
				e += f.pair(chain, i, j, d2)
			}
		}
	}
	return e
}
