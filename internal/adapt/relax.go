package adapt

import (
	"io"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// relaxPrepare writes clean.pdb for colabfold_relax: protein only, of the
// twenty amino acids, each chain numbered from 1. AlphaFold's reader of PDB
// files, which it uses, refuses insertion codes and further models.
func relaxPrepare() *action {
	return &action{needs: []string{"structure", "out"}, run: func(c *call) error {
		m, err := readWhole20(c)
		if err != nil {
			return err
		}
		m.renumber()
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		return tool.WriteFile(filepath.Join(c.path("out"), "clean.pdb"), func(w io.Writer) error { return mol.WritePDB(w, m.Structure) })
	}}
}

// readWhole20 reads a structure with a backbone, of the twenty amino acids
// only: modified ones become their parents.
func readWhole20(c *call) (*model, error) {
	s, err := tool.ReadStructure(c.path("structure"))
	if err != nil {
		return nil, err
	}
	c.note("structure", s.Notes)
	if err := tool.RequireBackbone(s); err != nil {
		return nil, err
	}
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			r := &s.Chains[i].Residues[j]
			if r.Code == 'X' {
				return nil, tool.Refusef("Residue %d of chain %s is %s, which is none of the twenty amino acids and has no force field here; give a structure without it.", r.Number, s.Chains[i].ID, r.Name)
			}
			if parent := mol.ThreeLetter(r.Code); r.Name != parent {
				// Its other atoms are made anew.
				r.Name = parent
				kept := r.Atoms[:0]
				for _, a := range r.Atoms {
					switch a.Name {
					case "N", "CA", "C", "O", "CB", "OXT":
						kept = append(kept, a)
					}
				}
				r.Atoms = kept
			}
		}
	}
	return &model{s}, nil
}

// relaxFinish makes model.pdb, numbered and with the B-factors of the input,
// and metrics.json of what colabfold_relax wrote.
func relaxFinish() *action {
	return &action{needs: []string{"structure", "from", "out"}, run: func(c *call) error {
		before, err := readWhole20(&call{given: c.given, stderr: io.Discard})
		if err != nil {
			return err
		}
		after, err := readModel(c, c.path("from"))
		if err != nil {
			return err
		}
		if after.Sequence() != before.Sequence() {
			return tool.Refusef("The relaxed structure is of %s and the input of %s: they are not of the same protein.", lengths(after.Sequence()), lengths(before.Sequence()))
		}
		var a, b []mol.Vec
		for i := range after.Chains {
			after.Chains[i].ID = before.Chains[i].ID
			for j := range after.Chains[i].Residues {
				r, was := &after.Chains[i].Residues[j], &before.Chains[i].Residues[j]
				r.Number, r.Insertion = was.Number, was.Insertion
				ca, old := r.Atom("CA"), was.Atom("CA")
				if ca == nil || old == nil {
					continue
				}
				a, b = append(a, ca.Pos), append(b, old.Pos)
				for k := range r.Atoms {
					r.Atoms[k].B = old.B
				}
			}
		}
		if len(a) < 3 {
			return tool.Refusef("The relaxed structure has fewer than three residues with CA atoms in common with the input.")
		}
		if err := tool.EmptyFolder(c.path("out"), "m*"); err != nil {
			return err
		}
		err = tool.WriteFile(filepath.Join(c.path("out"), "model.pdb"), func(w io.Writer) error {
			return mol.WritePDB(w, after.Structure, "Relaxed with OpenMM (Amber99SB) by colabfold_relax; B-factors are the input's.")
		})
		if err != nil {
			return err
		}
		return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), map[string]float64{
			"ca_rmsd":        tool.Round4(mol.RMSD(mol.Superpose(a, b), a, b)),
			"clashes":        float64(compare.Clashes(after.Structure)),
			"clashes_before": float64(compare.Clashes(before.Structure)),
			"n_residues":     float64(after.Len()),
		}, nil)
	}}
}
