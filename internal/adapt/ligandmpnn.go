package adapt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// ligandmpnnPrepare writes targets.json and fixed.json for LigandMPNN's run.py
// (--pdb_path_multi, --fixed_residues_multi). It is given the PDB file as it
// is: what is no protein in it is what it designs around.
func ligandmpnnPrepare() *action {
	return &action{needs: []string{"structure", "seed", "out"}, takes: []string{"chains", "fixed"}, run: func(c *call) error {
		if err := knownSeed(c); err != nil {
			return err
		}
		t, err := readTarget(c)
		if err != nil {
			return err
		}
		if err := t.namedInFile(c.path("structure")); err != nil {
			return err
		}
		path, err := filepath.Abs(c.path("structure"))
		if err != nil {
			return err
		}
		fixed := []string{}
		for i := range t.Chains {
			for j := range t.Chains[i].Residues {
				if r := &t.Chains[i].Residues[j]; t.fixed[i][j] {
					name := fmt.Sprintf("%s%d", t.Chains[i].ID, r.Number)
					if r.Insertion != 0 {
						name += string(r.Insertion)
					}
					fixed = append(fixed, name)
				}
			}
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		for name, value := range map[string]any{
			"targets.json": map[string]string{path: ""},
			"fixed.json":   map[string][]string{path: fixed},
		} {
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(c.path("out"), name), append(data, '\n'), 0o666); err != nil {
				return err
			}
		}
		return nil
	}}
}

// namedInFile refuses a structure whose chains have other names in its file
// than we give them: the tool goes by the file's.
func (t *target) namedInFile(path string) error {
	data, err := readInput(path)
	if err != nil {
		return err
	}
	written := map[string]bool{}
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("ATOM  ")) && len(line) > 21 {
			written[string(line[21])] = true
		}
	}
	for i := range t.Chains {
		if id := t.Chains[i].ID; !written[id] {
			return tool.Refusef("The structure has chains without a letter of their own (column 22 of the ATOM records), by which LigandMPNN tells them apart; write the file again with chains A, B and so on.")
		}
	}
	return nil
}

// ligandmpnnFinish makes a FASTA file of each sequence and metrics.json. What
// LigandMPNN writes has the input's sequence first, and all chains in the order
// of their letters, joined by ':', of residues with a CA.
func ligandmpnnFinish() *action {
	return &action{needs: []string{"structure", "from", "num", "out"}, takes: []string{"chains", "fixed"}, run: func(c *call) error {
		t, err := readTarget(c)
		if err != nil {
			return err
		}
		all, input, err := readProposals(c, "id", t.splitLigandMPNN)
		if err != nil {
			return err
		}
		names := map[string]string{"overall_confidence": "ligandmpnn_confidence"}
		// Without a ligand the confidence beside it is that of nothing.
		if near := input["num_ligand_res"]; near != "" && strings.Trim(near, "0.") != "" {
			names["ligand_confidence"] = "ligandmpnn_ligand_confidence"
		}
		if !t.bare() {
			names["seq_rec"] = "recovery"
		}
		return t.writeDesigns(c, all, names)
	}}
}

func (t *target) splitLigandMPNN(residues string) ([]string, error) {
	var letters []string
	for i := range t.Chains {
		letters = append(letters, t.Chains[i].ID)
	}
	slices.Sort(letters)
	written := strings.Split(residues, mol.ChainSeparator)
	if len(written) != len(letters) {
		return nil, tool.Refusef("A sequence has %d chains and the structure %d.", len(written), len(letters))
	}
	chains := make([]string, len(t.Chains))
	for i := range t.Chains {
		chain := &t.Chains[i]
		text := written[slices.Index(letters, chain.ID)]
		own := []byte(chain.Sequence())
		k := 0
		for j := range chain.Residues {
			if chain.Residues[j].Atom("CA") == nil {
				continue // stays as it is
			}
			if k < len(text) {
				own[j] = text[k]
			}
			k++
		}
		if k != len(text) {
			return nil, tool.Refusef("Chain %s of a sequence has %d residues, and the structure %d with a CA.", chain.ID, len(text), k)
		}
		chains[i] = string(own)
	}
	return chains, nil
}
