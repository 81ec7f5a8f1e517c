package compare

import (
	"io"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// CAs are the CA atoms of the pairs, in the same order.
func (c *Correspondence) CAs() (model, reference []mol.Vec) {
	model, reference = make([]mol.Vec, len(c.Pairs)), make([]mol.Vec, len(c.Pairs))
	for i, p := range c.Pairs {
		model[i], reference[i] = p.Model.Atom("CA").Pos, p.Reference.Atom("CA").Pos
	}
	return model, reference
}

// Pose is how far some chains of the model, which are named as the reference
// names them ("B", "A,B"), lie from where the reference has them when all
// others are superposed: the CA-RMSD in Å. It tells whether a binder sits where
// it was designed to, however small it is beside its target.
func (c *Correspondence) Pose(reference *mol.Structure, chains string) (float64, error) {
	chosen, err := tool.ChosenChains(reference, chains)
	if err != nil {
		return 0, err
	}
	moving := map[*mol.Residue]bool{}
	for i := range reference.Chains {
		for j := range reference.Chains[i].Residues {
			moving[&reference.Chains[i].Residues[j]] = chosen[i]
		}
	}
	model, fixed := c.CAs()
	var m, f, movedModel, movedFixed []mol.Vec
	for i, p := range c.Pairs {
		if moving[p.Reference] {
			movedModel, movedFixed = append(movedModel, model[i]), append(movedFixed, fixed[i])
		} else {
			m, f = append(m, model[i]), append(f, fixed[i])
		}
	}
	if len(m) < 3 {
		return 0, tool.Refusef("Besides %s only %d residues of the model and the reference correspond; a pose takes three or more to be superposed.", chains, len(m))
	}
	if len(movedModel) == 0 {
		return 0, tool.Refusef("No residue of the model corresponds to one of %s in the reference, so there is no pose to compare.", chains)
	}
	return mol.RMSD(mol.Superpose(m, f), movedModel, movedFixed), nil
}

// Superposed is the model, moved onto the reference by the superposition of the
// pairs with the least RMSD. It refuses one that does not fit into a PDB file
// there.
func (c *Correspondence) Superposed(model *mol.Structure) (*mol.Structure, error) {
	moved := model.Moved(mol.Superpose(c.CAs()))
	if !moved.FitsPDB() {
		return nil, tool.Refusef("Where the reference is, the model has coordinates that a PDB file has no room for (-999.999 to 9999.999 Å); move the reference near the origin.")
	}
	return moved, nil
}

// WriteResults writes what the score step gives: scores.csv, and in
// superposed.pdb the model, superposed. A folder that holds scores is refused.
func (s *Scores) WriteResults(folder string, model *mol.Structure, c *Correspondence) error {
	moved, err := c.Superposed(model)
	if err != nil {
		return err
	}
	if err := tool.EmptyFolder(folder, "scores.csv"); err != nil {
		return err
	}
	if err := tool.WriteFile(filepath.Join(folder, "scores.csv"), s.WriteCSV); err != nil {
		return err
	}
	return tool.WriteFile(filepath.Join(folder, "superposed.pdb"), func(w io.Writer) error { return mol.WritePDB(w, moved) })
}
