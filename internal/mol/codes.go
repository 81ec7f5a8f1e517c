package mol

// AminoAcids are the one-letter codes of the twenty, in alphabetical order.
const AminoAcids = "ACDEFGHIKLMNPQRSTVWY"

// ThreeLetter returns the residue name of a one-letter code: ALA for A, UNK
// for what is not one of the twenty.
func ThreeLetter(code byte) string {
	switch code {
	case 'A':
		return "ALA"
	case 'C':
		return "CYS"
	case 'D':
		return "ASP"
	case 'E':
		return "GLU"
	case 'F':
		return "PHE"
	case 'G':
		return "GLY"
	case 'H':
		return "HIS"
	case 'I':
		return "ILE"
	case 'K':
		return "LYS"
	case 'L':
		return "LEU"
	case 'M':
		return "MET"
	case 'N':
		return "ASN"
	case 'P':
		return "PRO"
	case 'Q':
		return "GLN"
	case 'R':
		return "ARG"
	case 'S':
		return "SER"
	case 'T':
		return "THR"
	case 'V':
		return "VAL"
	case 'W':
		return "TRP"
	case 'Y':
		return "TYR"
	}
	return "UNK"
}

// residueKind is what a residue name says.
type residueKind int

const (
	unknownResidue  residueKind = iota
	standardResidue             // one of the twenty
	modifiedResidue             // a modification, or a force field's name, of one of the twenty
	water
	nucleotide
	chainCap // acetyl, amide and the like at the ends of chains
)

// classify returns what a residue name means and the one-letter code of the
// amino acid, 'X' when there is none. Parents of modifications are those of
// the wwPDB Chemical Component Dictionary (_chem_comp.mon_nstd_parent_comp_id).
func classify(name string) (residueKind, byte) {
	switch name {
	case "ALA":
		return standardResidue, 'A'
	case "ARG":
		return standardResidue, 'R'
	case "ASN":
		return standardResidue, 'N'
	case "ASP":
		return standardResidue, 'D'
	case "CYS":
		return standardResidue, 'C'
	case "GLN":
		return standardResidue, 'Q'
	case "GLU":
		return standardResidue, 'E'
	case "GLY":
		return standardResidue, 'G'
	case "HIS":
		return standardResidue, 'H'
	case "ILE":
		return standardResidue, 'I'
	case "LEU":
		return standardResidue, 'L'
	case "LYS":
		return standardResidue, 'K'
	case "MET":
		return standardResidue, 'M'
	case "PHE":
		return standardResidue, 'F'
	case "PRO":
		return standardResidue, 'P'
	case "SER":
		return standardResidue, 'S'
	case "THR":
		return standardResidue, 'T'
	case "TRP":
		return standardResidue, 'W'
	case "TYR":
		return standardResidue, 'Y'
	case "VAL":
		return standardResidue, 'V'

	case "ABA", "AIB", "DAL":
		return modifiedResidue, 'A'
	case "AGM", "CIR", "DAR", "MMO", "2MR", "DA2":
		return modifiedResidue, 'R'
	case "MEN", "DSG":
		return modifiedResidue, 'N'
	case "ASH", "BFD", "IAS", "PHD", "DAS":
		return modifiedResidue, 'D'
	case "CAF", "CAS", "CME", "CMH", "CSD", "CSO", "CSP", "CSS", "CSW", "CSX", "CYM", "CYX",
		"DCY", "OCS", "SCH", "SCY", "SEC", "SMC", "SNC", "YCM":
		return modifiedResidue, 'C'
	case "DGN", "PCA":
		return modifiedResidue, 'Q'
	case "CGU", "DGL", "GLH":
		return modifiedResidue, 'E'
	case "SAR":
		return modifiedResidue, 'G'
	case "DHI", "HIC", "HID", "HIE", "HIP", "HSD", "HSE", "HSP", "MHS", "NEP":
		return modifiedResidue, 'H'
	case "DIL":
		return modifiedResidue, 'I'
	case "DLE", "MLE", "NLE":
		return modifiedResidue, 'L'
	case "ALY", "DLY", "KCX", "LLP", "LYN", "M3L", "MLY", "MLZ", "PYL":
		return modifiedResidue, 'K'
	case "FME", "MED", "MHO", "MSE", "OMT", "SME":
		return modifiedResidue, 'M'
	case "DPN":
		return modifiedResidue, 'F'
	case "DPR", "HYP":
		return modifiedResidue, 'P'
	case "DSN", "SAC", "SEP":
		return modifiedResidue, 'S'
	case "DTH", "TPO":
		return modifiedResidue, 'T'
	case "DTR", "FTR", "HTR", "TRO", "TRQ":
		return modifiedResidue, 'W'
	case "DTY", "PTR", "TPQ", "TYS":
		return modifiedResidue, 'Y'
	case "DVA", "MVA":
		return modifiedResidue, 'V'

	case "HOH", "WAT", "DOD", "H2O", "SOL", "TIP", "TIP3", "TP3", "T3P", "SPC":
		return water, 'X'
	case "A", "C", "G", "U", "T", "I", "N", "DA", "DC", "DG", "DT", "DU", "DI", "DN",
		"ADE", "CYT", "GUA", "THY", "URA", "RA", "RC", "RG", "RU",
		"A5", "A3", "C5", "C3", "G5", "G3", "U5", "U3",
		"DA5", "DA3", "DC5", "DC3", "DG5", "DG3", "DT5", "DT3":
		return nucleotide, 'X'
	case "ACE", "NH2", "NME", "FOR", "NMA":
		return chainCap, 'X'
	}
	return unknownResidue, 'X'
}
