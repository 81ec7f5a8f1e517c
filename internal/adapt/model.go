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
// to which the B-factors are brought. Tools that write fractions (ESMFold of
// Hugging Face's transformers, BindCraft) have none over 1; a model of which
// every residue has a pLDDT of 1 of 100 has not been seen.
func (m *model) confidence() (float64, error) {
	most := 0.0
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			for _, a := range m.Chains[i].Residues[j].Atoms {
				if a.B < 0 || a.B > 100 {
					return 0, tool.Refusef("The B-factor %g of the model is no pLDDT, which is from 0 to 100.", a.B)
				}
				most = max(most, a.B)
			}
		}
	}
	scale := 1.0
	if most <= 1 {
		scale = 100
	}
	sum, n := 0.0, 0
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			for k := range r.Atoms {
				r.Atoms[k].B *= scale
			}
			if ca := r.Atom("CA"); ca != nil {
				sum += ca.B
				n++
			}
		}
	}
	if n == 0 {
		return 0, tool.Refusef("The model has no CA atoms.")
	}
	return sum / float64(n), nil
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

// write writes model.pdb, with chains A, B, … each numbered from 1, and
// metrics.json.
func (m *model) write(out string, metrics map[string]float64, remark string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if len(m.Chains) > len(letters) {
		return tool.Refusef("The model has %d chains, more than a PDB file can tell apart.", len(m.Chains))
	}
	for i := range m.Chains {
		m.Chains[i].ID = letters[i : i+1]
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			r.Number, r.Insertion = j+1, 0
		}
	}
	if err := tool.EmptyFolder(out, "m*"); err != nil {
		return err
	}
	if err := tool.WriteFile(filepath.Join(out, "model.pdb"), func(w io.Writer) error { return mol.WritePDB(w, m.Structure, remark) }); err != nil {
		return err
	}
	return tool.WriteMetrics(filepath.Join(out, "metrics.json"), metrics, nil)
}
