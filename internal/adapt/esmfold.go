package adapt

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// esmfoldPrepare writes query.fasta for esm-fold (facebookresearch/esm,
// scripts/fold.py), which joins chains by ':' and calls its files like the
// header.
func esmfoldPrepare() *action {
	return &action{needs: []string{"sequence", "out"}, run: writeESMFoldQuery}
}

// writeESMFoldQuery refuses residues of which ESMFold places no atoms: the model
// would not be of the sequence, and that would only be seen when the GPU's time
// is spent (openfold, residue_constants.py: UNK has no atoms).
func writeESMFoldQuery(c *call) error {
	s, err := readSequence(c, c.path("sequence"))
	if err != nil {
		return err
	}
	if strings.Contains(s.Residues, "X") {
		return tool.Refusef("The sequence has X, of which ESMFold places no atoms; say which amino acid it is.")
	}
	if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
		return err
	}
	return writeQuery(filepath.Join(c.path("out"), "query.fasta"), s, ":")
}

// esmfoldFinish makes model.pdb and metrics.json of the one PDB file that
// esm-fold wrote.
func esmfoldFinish() *action {
	return &action{needs: []string{"sequence", "from", "out"}, run: func(c *call) error {
		m, err := readModel(c, filepath.Join(c.path("from"), queryName+".pdb"))
		if err != nil {
			return err
		}
		if err := m.mustBeOf(c, c.path("sequence")); err != nil {
			return err
		}
		plddt, err := m.confidence()
		if err != nil {
			return err
		}
		metrics := m.shape()
		metrics["esmfold_plddt"] = tool.Round4(plddt)
		return m.write(c.path("out"), metrics, "Predicted by ESMFold; the B-factor is its pLDDT, 0-100.")
	}}
}
