package adapt

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// A model is a structure that a tool predicted.
type model struct{ *mol.Structure }

type molChain = mol.Chain

// chainLetters are the names of chains in the order that they are given.
const chainLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// readModel reads a PDB file that a tool wrote. One that is not there is what
// most tools leave that ran out of memory and ended well all the same.
func readModel(c *call, path string) (*model, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, tool.Refusef("The tool wrote no %s; its log says why.", filepath.Base(path))
	}
	if err != nil {
		return nil, err
	}
	file.Close()
	s, err := tool.ReadStructure(path)
	if err != nil {
		return nil, err
	}
	c.note(filepath.Base(path), s.Notes)
	return &model{s}, nil
}

// mustBeOf refuses a model of another sequence than that of the file.
func (m *model) mustBeOf(c *call, path string) error {
	want, err := readSequence(&call{stderr: io.Discard}, path)
	if err != nil {
		return err
	}
	if got := m.Sequence(); got != want.Residues {
		return tool.Refusef("The model is of %s and the sequence is of %s: they are not of the same protein.", lengths(got), lengths(want.Residues))
	}
	return nil
}

// confidence is the mean pLDDT of the model's residues on a scale of 0 to 100,
// to which the B-factors, where tools write it, are brought.
func (m *model) confidence() (float64, error) {
	var all []float64
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			for _, a := range m.Chains[i].Residues[j].Atoms {
				all = append(all, a.B)
			}
		}
	}
	scale, err := scaleOf(all)
	if err != nil {
		return 0, err
	}
	var means []float64
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			for k := range r.Atoms {
				r.Atoms[k].B *= scale
			}
			if ca := r.Atom("CA"); ca != nil {
				means = append(means, ca.B)
			}
		}
	}
	if len(means) == 0 {
		return 0, tool.Refusef("The model has no CA atoms.")
	}
	return tool.Mean(means), nil
}

// setConfidence writes the pLDDT of each residue into the B-factors, on a scale
// of 0 to 100, and gives its mean.
func (m *model) setConfidence(plddt []float64) (float64, error) {
	if len(plddt) != m.Len() {
		return 0, tool.Refusef("There are pLDDT values of %d residues, and the model has %d.", len(plddt), m.Len())
	}
	scale, err := scaleOf(plddt)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			for k := range r.Atoms {
				r.Atoms[k].B = scale * plddt[n]
			}
			n++
		}
	}
	return scale * tool.Mean(plddt), nil
}

// scaleOf is by what pLDDT values are multiplied to be of 100: fractions, as
// ESMFold of Hugging Face's transformers writes them, have none over 1, and no
// tool gives a whole protein 1 of 100.
func scaleOf(plddt []float64) (float64, error) {
	most := 0.0
	for _, x := range plddt {
		if !(x >= 0 && x <= 100) {
			return 0, tool.Refusef("%g is no pLDDT, which is from 0 to 100.", x)
		}
		most = max(most, x)
	}
	if most <= 1 {
		return 100, nil
	}
	return 1, nil
}

// percent is a fraction as percent; what is over 1 is taken for percent.
func percent(x float64) float64 {
	if x <= 1 {
		return 100 * x
	}
	return x
}

// shape measures what needs no tool.
func (m *model) shape() map[string]float64 {
	gyration, n := 0.0, 0
	for i := range m.Chains {
		var trace []mol.Vec
		for j := range m.Chains[i].Residues {
			if ca := m.Chains[i].Residues[j].Atom("CA"); ca != nil {
				trace = append(trace, ca.Pos)
			}
		}
		if len(trace) > 0 {
			gyration += float64(len(trace)) * mol.RadiusOfGyration(trace)
			n += len(trace)
		}
	}
	shape := map[string]float64{"n_residues": float64(m.Len()), "n_chains": float64(len(m.Chains))}
	if n > 0 {
		shape["radius_of_gyration"] = tool.Round4(gyration / float64(n))
	}
	return shape
}

// renumber numbers each chain from 1.
func (m *model) renumber() {
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			r.Number, r.Insertion = j+1, 0
		}
	}
}

// write writes model.pdb, with chains A, B, … each numbered from 1, and
// metrics.json.
func (m *model) write(out string, metrics map[string]float64, remark string) error {
	if len(m.Chains) > len(chainLetters) {
		return tool.Refusef("The model has %d chains, more than a PDB file can tell apart.", len(m.Chains))
	}
	for i := range m.Chains {
		m.Chains[i].ID = chainLetters[i : i+1]
	}
	m.renumber()
	if err := tool.EmptyFolder(out, "m*"); err != nil {
		return err
	}
	if err := tool.WriteFile(filepath.Join(out, "model.pdb"), func(w io.Writer) error { return mol.WritePDB(w, m.Structure, remark) }); err != nil {
		return err
	}
	return tool.WriteMetrics(filepath.Join(out, "metrics.json"), metrics, nil)
}
