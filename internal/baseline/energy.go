package baseline

import "math"

// alphabet orders the twenty amino acids as Miyazawa and Jernigan do, from
// hydrophobic to polar. Everything that is kept by amino acid is in this order.
const alphabet = "CMFILVWYAGTSNQDEHRKP"

// amino is an amino acid as an index into [alphabet].
type amino int8

// Amino acids that the energies treat apart.
const (
	unknown amino = -1 // not one of the twenty
	glycine amino = 9
	proline amino = 19
)

const numAminos = len(alphabet)

// aminoOf gives the amino acid of a one-letter code, unknown for any other
// letter.
func aminoOf(code byte) amino {
	for i := range numAminos {
		if alphabet[i] == code {
			return amino(i)
		}
	}
	return unknown
}

// code is the one-letter code; X when unknown.
func (a amino) code() byte {
	if a == unknown {
		return 'X'
	}
	return alphabet[a]
}

// contactEnergies is the upper triangle of e_ij, row by row in the order of
// [alphabet], in units of kT: the energy of a contact between residues that
// were in contact with solvent before.
//
// Source: Miyazawa and Jernigan (1996) J. Mol. Biol. 256, 623–644, Table 3.
var contactEnergies = [numAminos * (numAminos + 1) / 2]float64{
	-5.44, -4.99, -5.80, -5.50, -5.83, -4.96, -4.95, -4.16, -3.57, -3.16, -3.11, -2.86, -2.59, -2.85, -2.41, -2.27, -3.60, -2.57, -1.95, -3.07,
	-5.46, -6.56, -6.02, -6.41, -5.32, -5.55, -4.91, -3.94, -3.39, -3.51, -3.03, -2.95, -3.30, -2.57, -2.89, -3.98, -3.12, -2.48, -3.45,
	-7.26, -6.84, -7.28, -6.29, -6.16, -5.66, -4.81, -4.13, -4.28, -4.02, -3.75, -4.10, -3.48, -3.56, -4.77, -3.98, -3.36, -4.25,
	-6.54, -7.04, -6.05, -5.78, -5.25, -4.58, -3.78, -4.03, -3.52, -3.24, -3.67, -3.17, -3.27, -4.14, -3.63, -3.01, -3.76,
	-7.37, -6.48, -6.14, -5.67, -4.91, -4.16, -4.34, -3.92, -3.74, -4.04, -3.40, -3.59, -4.54, -4.03, -3.37, -4.20,
	-5.52, -5.18, -4.62, -4.04, -3.38, -3.46, -3.05, -2.83, -3.07, -2.48, -2.67, -3.58, -3.07, -2.49, -3.32,
	-5.06, -4.66, -3.82, -3.42, -3.22, -2.99, -3.07, -3.11, -2.84, -2.99, -3.98, -3.41, -2.69, -3.73,
	-4.17, -3.36, -3.01, -3.01, -2.78, -2.76, -2.97, -2.76, -2.79, -3.52, -3.16, -2.60, -3.19,
	-2.72, -2.31, -2.32, -2.01, -1.84, -1.89, -1.70, -1.51, -2.41, -1.83, -1.31, -2.03,
	-2.24, -2.08, -1.82, -1.74, -1.66, -1.59, -1.22, -2.15, -1.72, -1.15, -1.87,
	-2.12, -1.96, -1.88, -1.90, -1.80, -1.74, -2.42, -1.90, -1.31, -1.90,
	-1.67, -1.58, -1.49, -1.63, -1.48, -2.11, -1.62, -1.05, -1.57,
	-1.68, -1.71, -1.68, -1.51, -2.08, -1.64, -1.21, -1.53,
	-1.54, -1.46, -1.42, -1.98, -1.80, -1.29, -1.73,
	-1.21, -1.02, -2.32, -2.29, -1.68, -1.33,
	-0.91, -2.15, -2.27, -1.80, -1.26,
	-3.05, -2.16, -1.35, -2.25,
	-1.55, -0.59, -1.70,
	-0.12, -0.97,
	-1.75,
}

// contactEnergy is the Miyazawa–Jernigan energy of a contact, in kT; 0 when
// either residue is unknown.
func contactEnergy(a, b amino) float64 {
	if a == unknown || b == unknown {
		return 0
	}
	if a > b {
		a, b = b, a
	}
	row := int(a)*numAminos - int(a)*(int(a)-1)/2
	return contactEnergies[row+int(b-a)]
}

// Range of the contact energies between Cβ atoms, in Å. The paper counts
// contacts between side-chain centres within 6.5 Å; a model without side
// chains has Cβ (Cα of glycine) for them, which lie a little further apart,
// and a ramp instead of a step lets a search feel its way in.
const (
	contactFull = 6.5 // a whole contact up to here
	contactNone = 9.0 // none from here
)

// contactWeight is how much of a contact two centres at distance d make, 0–1.
func contactWeight(d float64) float64 {
	switch {
	case d <= contactFull:
		return 1
	case d >= contactNone:
		return 0
	}
	return (contactNone - d) / (contactNone - contactFull)
}

// aminoScale is one number for each amino acid.
type aminoScale [numAminos]float64

// scaleOf reads a scale written in the alphabetical order of the three-letter
// codes, as most papers print theirs.
func scaleOf(ala, arg, asn, asp, cys, gln, glu, gly, his, ile, leu, lys, met, phe, pro, ser, thr, trp, tyr, val float64) aminoScale {
	return aminoScale{cys, met, phe, ile, leu, val, trp, tyr, ala, gly, thr, ser, asn, gln, asp, glu, his, arg, lys, pro}
}

// Conformational propensities: how much more frequent an amino acid is in a
// helix, strand or turn than anywhere.
//
// Source: Chou and Fasman (1978) Annu. Rev. Biochem. 47, 251–276, from 29
// proteins.
var (
	helixPropensity  = scaleOf(1.42, 0.98, 0.67, 1.01, 0.70, 1.11, 1.51, 0.57, 1.00, 1.08, 1.21, 1.16, 1.45, 1.13, 0.57, 0.77, 0.83, 1.08, 0.69, 1.06)
	strandPropensity = scaleOf(0.83, 0.93, 0.89, 0.54, 1.19, 1.10, 0.37, 0.75, 0.87, 1.60, 1.30, 0.74, 1.05, 1.38, 0.55, 0.75, 1.19, 1.37, 1.47, 1.70)
	turnPropensity   = scaleOf(0.66, 0.95, 1.56, 1.46, 1.19, 0.98, 0.74, 1.56, 0.95, 0.47, 0.59, 1.01, 0.60, 0.60, 1.52, 1.43, 0.96, 0.96, 1.14, 0.50)
)

// burialEnergy is the free energy of moving a residue from the inside of a
// protein to its surface, in kcal/mol: positive for residues that are found
// inside.
//
// Source: Janin (1979) Nature 277, 491–492.
var burialEnergy = scaleOf(0.3, -1.4, -0.5, -0.6, 0.9, -0.7, -0.7, 0.3, -0.1, 0.7, 0.5, -1.8, 0.4, 0.5, -0.3, -0.1, -0.2, 0.3, -0.4, 0.6)

// hydropathy is the scale of Kyte and Doolittle (1982) J. Mol. Biol. 157,
// 105–132; positive is hydrophobic.
var hydropathy = scaleOf(1.8, -4.5, -3.5, -3.5, 2.5, -3.5, -3.5, -0.4, -3.2, 4.5, 3.8, -3.9, 1.9, 2.8, -1.6, -0.8, -0.7, -0.9, -1.3, 4.2)

// background is the amino acid composition of proteins, as fractions.
//
// Source: UniProtKB/Swiss-Prot release statistics, section 5.1, rounded.
var background = scaleOf(0.0826, 0.0553, 0.0406, 0.0546, 0.0137, 0.0393, 0.0672, 0.0708, 0.0228, 0.0593, 0.0966, 0.0583, 0.0242, 0.0386, 0.0472, 0.0660, 0.0535, 0.0110, 0.0292, 0.0687)

// kT is the thermal energy at 298 K, in kcal/mol.
const kT = 0.5925

// radiusOfGyrationFor is the radius of gyration of a globular protein of n
// residues, in Å: 2.2 n^0.38.
//
// Source: Skolnick, Kolinski and Ortiz (1997) J. Mol. Biol. 265, 217–241.
func radiusOfGyrationFor(n int) float64 { return 2.2 * math.Pow(float64(n), 0.38) }
