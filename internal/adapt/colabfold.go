package adapt

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// colabfoldModels is how many networks AlphaFold 2 has, each of which gives
// one model for a seed.
const colabfoldModels = 5

// colabfoldPrepare writes the one file of the folder that colabfold_batch is
// given, query.fasta or query.a3m: of a folder it calls its jobs like the
// files. Chains are joined by ':'.
func colabfoldPrepare() *action {
	return &action{needs: []string{"sequence", "models", "out"}, takes: []string{"alignment"}, run: func(c *call) error {
		s, err := readSequence(c, c.path("sequence"))
		if err != nil {
			return err
		}
		models, err := c.number("models")
		if err != nil {
			return err
		}
		if models > colabfoldModels {
			return tool.Refusef("AlphaFold 2 has %d networks, so there are no %d models of a seed; ask for %d or fewer.", colabfoldModels, models, colabfoldModels)
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		if c.path("alignment") != "" {
			a, err := openAlignment(c.path("alignment"), s)
			if err != nil {
				return err
			}
			defer a.Close()
			return a.to(filepath.Join(c.path("out"), queryName+".a3m"), a.writeColabFold)
		}
		return writeQuery(filepath.Join(c.path("out"), queryName+".fasta"), s, ":")
	}}
}

// colabfoldFinish makes model.pdb and metrics.json of the model that
// colabfold_batch ranked first.
func colabfoldFinish() *action {
	return &action{needs: []string{"sequence", "from", "out"}, run: func(c *call) error {
		structure, err := theOne(c.path("from"), queryName+"_unrelaxed_rank_001_*.pdb")
		if err != nil {
			return err
		}
		table, err := theOne(c.path("from"), queryName+"_scores_rank_001_*.json")
		if err != nil {
			return err
		}
		m, err := readModel(c, structure)
		if err != nil {
			return err
		}
		ordered, err := m.inOrderOf(c, c.path("sequence"))
		if err != nil {
			return err
		}
		var scores struct {
			PLDDT []float64
			PTM   *float64
			IPTM  *float64
			PAE   [][]float64
		}
		if err := readJSON(table, &scores); err != nil {
			return err
		}
		plddt, err := m.setConfidence(scores.PLDDT)
		if err != nil {
			return err
		}
		metrics := m.shape()
		metrics["alphafold_plddt"] = tool.Round4(plddt)
		if scores.PTM != nil {
			metrics["alphafold_ptm"] = tool.Round4(*scores.PTM)
		}
		if len(scores.PAE) > 0 {
			whole, between, err := m.alignedError(scores.PAE)
			if err != nil {
				return err
			}
			metrics["alphafold_pae"] = tool.Round4(whole)
			if len(m.Chains) > 1 {
				metrics["alphafold_interface_pae"] = tool.Round4(between)
			}
		}
		if scores.IPTM != nil && len(m.Chains) > 1 {
			metrics["alphafold_iptm"] = tool.Round4(*scores.IPTM)
		}
		return ordered.write(c.path("out"), metrics, "Predicted by AlphaFold 2 (ColabFold); the B-factor is its pLDDT, 0-100.")
	}}
}

// alignedError is the mean predicted aligned error, in Å, of all pairs of
// residues and of those of different chains.
func (m *model) alignedError(pae [][]float64) (whole, between float64, err error) {
	var chains []int
	for i := range m.Chains {
		chains = append(chains, slices.Repeat([]int{i}, len(m.Chains[i].Residues))...)
	}
	if len(pae) != len(chains) {
		return 0, 0, tool.Refusef("The predicted aligned errors are of %d residues and the model has %d.", len(pae), len(chains))
	}
	across := 0
	for i, row := range pae {
		if len(row) != len(chains) {
			return 0, 0, tool.Refusef("Row %d of the predicted aligned errors has %d residues and the model has %d.", i+1, len(row), len(chains))
		}
		for j, x := range row {
			if i == j {
				continue
			}
			whole += x
			if chains[i] != chains[j] {
				between += x
				across++
			}
		}
	}
	n := len(chains) * (len(chains) - 1)
	return whole / float64(max(n, 1)), between / float64(max(across, 1)), nil
}

// inOrderOf is the model with its chains in the order of the sequence of a
// file; it refuses one of another sequence. ColabFold puts chains of one
// sequence together, whatever was between them, and its scores are in that
// order, too; residues are those of the model.
func (m *model) inOrderOf(c *call, path string) (*model, error) {
	s, err := readSequence(&call{stderr: io.Discard}, path)
	if err != nil {
		return nil, err
	}
	rest := slices.Clone(m.Chains)
	var chains []molChain
	for _, want := range s.Chains() {
		i := slices.IndexFunc(rest, func(chain molChain) bool { return chain.Sequence() == want })
		if i < 0 {
			break
		}
		chains, rest = append(chains, rest[i]), slices.Delete(rest, i, i+1)
	}
	ordered := &model{&mol.Structure{Chains: append(chains, rest...), Notes: m.Notes}}
	return ordered, ordered.mustBeOf(c, path)
}

// theOne is the one file of a folder that the tool wrote under such a name.
func theOne(folder, pattern string) (string, error) {
	names, err := matches(folder, pattern)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", tool.Refusef("The tool wrote no %s; its log says why.", pattern)
	case len(names) > 1:
		return "", tool.Refusef("The tool wrote %d files %s, where there should be one.", len(names), pattern)
	}
	return filepath.Join(folder, names[0]), nil
}

// matches lists the names in a folder that match a pattern, sorted. The
// folder's own name may hold anything.
func matches(folder, pattern string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if match, _ := filepath.Match(pattern, e.Name()); match {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// readJSON reads a JSON file of a tool into what it points to; what is not
// asked for is passed over.
func readJSON(path string, into any) error {
	data, err := readWhole(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return tool.Refusef("%s is not the JSON that the tool writes: %v.", filepath.Base(path), err)
	}
	return nil
}

// readWhole reads a file of a tool, of at most 512 MiB.
func readWhole(path string) ([]byte, error) {
	const most = 512 << 20
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil, tool.Refusef("The tool wrote no %s; its log says why.", filepath.Base(path))
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, tool.Refusef("%s is not a regular file.", filepath.Base(path))
	case info.Size() > most:
		return nil, tool.Refusef("%s is over %d MiB.", filepath.Base(path), most>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what the tool wrote: %w", err)
	}
	return data, nil
}
