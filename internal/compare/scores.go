package compare

import (
	"encoding/csv"
	"io"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// Scores is how a model compares with a reference.
type Scores struct {
	By          string   // how residues were paired
	TM          float64  // TM-score, normalised by the reference's length
	RMSD        float64  // of the paired CA atoms, Å
	Coverage    float64  // paired residues of the reference's, 0–1
	Identity    float64  // the same amino acid of the paired ones, 0–1
	Clashes     int      // in the model
	Gyration    float64  // of the model's CA atoms, Å
	Residues    int      // of the model
	Temperature float64  // mean B-factor column of the model's CA atoms
	Pose        *float64 // see [Correspondence.Pose]; nil when it was not asked for
}

// Pairs pairs the residues of a model and a reference, and refuses those that
// are too short to be compared.
func Pairs(model, reference *mol.Structure, how string) (Correspondence, error) {
	for _, s := range []struct {
		name  string
		trace []mol.Vec
	}{{"reference", CATrace(reference)}, {"model", CATrace(model)}} {
		if n := len(s.trace); n == 1 {
			return Correspondence{}, tool.Refusef("The %s has 1 residue with CA atoms; scoring takes three or more.", s.name)
		} else if n < 3 {
			return Correspondence{}, tool.Refusef("The %s has %d residues with CA atoms; scoring takes three or more.", s.name, n)
		}
	}
	return Correspond(model, reference, how)
}

// Describe fills in all but the TM-score and the RMSD, for which there is more
// than one program.
func Describe(model, reference *mol.Structure, c Correspondence) Scores {
	trace := CATrace(model)
	s := Scores{
		By:       c.By,
		Coverage: float64(len(c.Pairs)) / float64(len(CATrace(reference))),
		Identity: float64(identical(c.Pairs)) / float64(len(c.Pairs)),
		Clashes:  Clashes(model),
		Gyration: mol.RadiusOfGyration(trace),
		Residues: model.Len(),
	}
	sum := 0.0
	for i := range model.Chains {
		for j := range model.Chains[i].Residues {
			if ca := model.Chains[i].Residues[j].Atom("CA"); ca != nil {
				sum += ca.B
			}
		}
	}
	s.Temperature = sum / float64(len(trace))
	return s
}

// CATrace returns the CA atoms of all chains.
func CATrace(s *mol.Structure) []mol.Vec {
	var trace []mol.Vec
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			if ca := s.Chains[i].Residues[j].Atom("CA"); ca != nil {
				trace = append(trace, ca.Pos)
			}
		}
	}
	return trace
}

// Metrics are the numbers by the names of the table's columns.
func (s *Scores) Metrics() map[string]float64 {
	m := map[string]float64{
		"tm_score":           tool.Round4(s.TM),
		"ca_rmsd":            tool.Round4(s.RMSD),
		"clashes":            float64(s.Clashes),
		"radius_of_gyration": tool.Round4(s.Gyration),
		"n_residues":         float64(s.Residues),
		"coverage":           tool.Round4(s.Coverage),
		"sequence_identity":  tool.Round4(s.Identity),
		"mean_b_factor":      tool.Round4(s.Temperature),
	}
	if s.Pose != nil {
		m["pose_rmsd"] = tool.Round4(*s.Pose)
	}
	return m
}

// columns are those of the table of scores, in order; correspondence is the
// one that is no number.
func columns() []string {
	return []string{
		"tm_score", "ca_rmsd", "clashes", "radius_of_gyration", "n_residues",
		"coverage", "sequence_identity", "mean_b_factor", "correspondence",
	}
}

// WriteCSV writes the table of scores: a header and one row.
func (s *Scores) WriteCSV(w io.Writer) error {
	header, numbers := columns(), s.Metrics()
	if s.Pose != nil {
		header = append(header, "pose_rmsd")
	}
	row := make([]string, len(header))
	for i, c := range header {
		if x, ok := numbers[c]; ok {
			row[i] = tool.FormatNumber(x)
		} else {
			row[i] = s.By
		}
	}
	return csv.NewWriter(w).WriteAll([][]string{header, row})
}
