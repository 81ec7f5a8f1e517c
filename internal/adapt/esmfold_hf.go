package adapt

import (
	_ "embed"
	"io"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// esmfoldProgram folds with ESMFold as it is in Hugging Face's transformers.
// It comes along with the sequence, so that an image needs nothing of ours.
//
//go:embed esmfold_hf.py
var esmfoldProgram string

// esmfoldHFPrepare writes query.fasta, and the program that reads it.
func esmfoldHFPrepare() *action {
	return &action{needs: []string{"sequence", "out"}, run: func(c *call) error {
		if err := writeESMFoldQuery(c); err != nil {
			return err
		}
		return tool.WriteFile(filepath.Join(c.path("out"), "esmfold_hf.py"), func(w io.Writer) error {
			_, err := io.WriteString(w, esmfoldProgram)
			return err
		})
	}}
}

// esmfoldHFFinish makes model.pdb and metrics.json of what the program wrote.
// What it made with random weights is no prediction and goes no further.
func esmfoldHFFinish() *action {
	return &action{needs: []string{"sequence", "from", "out"}, run: func(c *call) error {
		m, err := readModel(c, filepath.Join(c.path("from"), "model.pdb"))
		if err != nil {
			return err
		}
		if err := m.mustBeOf(c, c.path("sequence")); err != nil {
			return err
		}
		var scores struct {
			Weights string   `json:"weights"`
			PTM     *float64 `json:"ptm"`
		}
		if err := readJSON(filepath.Join(c.path("from"), "scores.json"), &scores); err != nil {
			return err
		}
		switch {
		case scores.Weights == "" || scores.PTM == nil:
			return tool.Refusef("The scores of ESMFold do not say with which weights it ran, or have no ptm.")
		case strings.HasPrefix(scores.Weights, "random"):
			return tool.Refusef("ESMFold ran with random weights, as for measuring it: this is no prediction.")
		case !(*scores.PTM >= 0 && *scores.PTM <= 1):
			return tool.Refusef("%g is no pTM, which is from 0 to 1.", *scores.PTM)
		}
		plddt, err := m.confidence()
		if err != nil {
			return err
		}
		metrics := m.shape()
		metrics["esmfold_plddt"] = tool.Round4(plddt)
		metrics["esmfold_ptm"] = tool.Round4(*scores.PTM)
		return m.write(c.path("out"), metrics, "Predicted by ESMFold; the B-factor is its pLDDT, 0-100.")
	}}
}
