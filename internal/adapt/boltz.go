package adapt

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// boltzPrepare writes query.yaml for `boltz predict`: one entry a chain, each
// with its alignment or with `msa: empty`. Without either, Boltz would ask the
// public server when told to, or refuse.
func boltzPrepare() *action {
	return &action{needs: []string{"sequence", "out"}, takes: []string{"alignment"}, run: func(c *call) error {
		s, err := readSequence(c, c.path("sequence"))
		if err != nil {
			return err
		}
		chains := s.Chains()
		if len(chains) > len(chainLetters) {
			return tool.Refusef("The sequence has %d chains; a PDB file can tell %d apart.", len(chains), len(chainLetters))
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		msas := slices.Repeat([]string{"empty"}, len(chains))
		if c.path("alignment") != "" {
			if err := boltzAlignment(c, s, msas); err != nil {
				return err
			}
		}
		return tool.WriteFile(filepath.Join(c.path("out"), queryName+".yaml"), func(w io.Writer) error {
			var b strings.Builder
			b.WriteString("version: 1\nsequences:\n")
			for i, chain := range chains {
				// A text of JSON is one of YAML, whatever is in it.
				quoted, err := json.Marshal(msas[i])
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "  - protein:\n      id: \"%c\"\n      sequence: \"%s\"\n      msa: %s\n", chainLetters[i], chain, quoted)
			}
			_, err := io.WriteString(w, b.String())
			return err
		})
	}}
}

// boltzAlignment says of the chains that an alignment is of where it is. Boltz
// wants one for all chains of a sequence, and takes `msa: empty` for others
// beside it (parse_boltz_schema in boltz/data/parse/schema.py; only what its
// server would make it does not mix). It reads a line as a row, whatever is in
// the one before (boltz/data/parse/a3m.py), so it gets a file written anew.
// Rows of chains are paired by the keys of its CSV format alone.
func boltzAlignment(c *call, s mol.Sequence, msas []string) error {
	a, err := openAlignment(c.path("alignment"), s)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.of < 0 {
		return tool.Refusef("The alignment is of all %d chains, in ColabFold's form (its first line is %.200s), which Boltz does not read; give one in plain A3M of one chain, that chain first.", len(msas), a.form())
	}
	path, err := filepath.Abs(filepath.Join(c.path("out"), queryName+".a3m"))
	if err != nil {
		return err
	}
	for i, chain := range s.Chains() {
		if chain == a.unique[a.of] {
			msas[i] = path
		}
	}
	return a.to(path, a.writeChain)
}

// boltzFinish makes model.pdb and metrics.json of the model in which Boltz has
// most confidence, the first.
func boltzFinish() *action {
	return &action{needs: []string{"sequence", "from", "out"}, run: func(c *call) error {
		folder := filepath.Join(c.path("from"), "boltz_results_"+queryName, "predictions", queryName)
		m, err := readModel(c, filepath.Join(folder, queryName+"_model_0.pdb"))
		if err != nil {
			return err
		}
		// Chains of one sequence stand together, whatever was between them.
		slices.SortStableFunc(m.Chains, func(a, b molChain) int {
			return strings.Index(chainLetters, a.ID) - strings.Index(chainLetters, b.ID)
		})
		if err := m.mustBeOf(c, c.path("sequence")); err != nil {
			return err
		}
		var scores struct {
			Confidence *float64 `json:"confidence_score"`
			PTM        *float64 `json:"ptm"`
			IPTM       *float64 `json:"iptm"`
			PLDDT      *float64 `json:"complex_plddt"`
		}
		if err := readJSON(filepath.Join(folder, "confidence_"+queryName+"_model_0.json"), &scores); err != nil {
			return err
		}
		if scores.PLDDT == nil || scores.PTM == nil || scores.Confidence == nil {
			return tool.Refusef("The confidence file of Boltz has no complex_plddt, ptm or confidence_score.")
		}
		if _, err := m.confidence(); err != nil {
			return err
		}
		metrics := m.shape()
		metrics["boltz_plddt"] = tool.Round4(percent(*scores.PLDDT))
		metrics["boltz_ptm"] = tool.Round4(*scores.PTM)
		metrics["boltz_confidence"] = tool.Round4(*scores.Confidence)
		if len(m.Chains) > 1 && scores.IPTM != nil {
			metrics["boltz_iptm"] = tool.Round4(*scores.IPTM)
		}
		return m.write(c.path("out"), metrics, "Predicted by Boltz-2; the B-factor is its pLDDT, 0-100.")
	}}
}
