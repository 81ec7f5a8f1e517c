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

// targetName is what the structure is called when it is given to ProteinMPNN,
// and so are the files that it writes.
const targetName = "target"

// proteinmpnnPrepare writes what protein_mpnn_run.py takes: the structure as
// its parse_multiple_chains.py would (parsed.jsonl), which chains to design
// (chains.jsonl) and which positions to keep (fixed.jsonl, counted from 1 in
// each chain). Of a PDB file it would read no insertion codes, no chains
// without a name and no modified residues.
func proteinmpnnPrepare() *action {
	return &action{needs: []string{"structure", "seed", "out"}, takes: []string{"chains", "fixed"}, run: func(c *call) error {
		if err := knownSeed(c); err != nil {
			return err
		}
		t, err := readTarget(c)
		if err != nil {
			return err
		}
		for i := range t.Chains {
			if id := t.Chains[i].ID; len(id) != 1 {
				return tool.Refusef("ProteinMPNN tells chains apart by one letter, and the structure has the chain %s; give one with fewer chains.", id)
			}
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		var designed, surroundings []string
		fixed := map[string][]int{}
		for i := range t.Chains {
			id := t.Chains[i].ID
			if !t.designed[i] {
				surroundings = append(surroundings, id)
				continue
			}
			designed = append(designed, id)
			fixed[id] = []int{}
			for position, residue := range mpnnPositions(&t.Chains[i]) {
				if residue >= 0 && t.fixed[i][residue] {
					fixed[id] = append(fixed[id], position+1)
				}
			}
		}
		for name, value := range map[string]any{
			"chains.jsonl": map[string][][]string{targetName: {designed, append([]string{}, surroundings...)}},
			"fixed.jsonl":  map[string]map[string][]int{targetName: fixed},
		} {
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(c.path("out"), name), append(data, '\n'), 0o666); err != nil {
				return err
			}
		}
		return tool.WriteFile(filepath.Join(c.path("out"), "parsed.jsonl"), func(w io.Writer) error { return t.writeParsed(w) })
	}}
}

// mpnnGap is the longest gap of a chain that is told as such: ProteinMPNN
// takes distances along the chain over 32 residues for the same.
const mpnnGap = 32

// mpnnPositions are the positions of a chain as ProteinMPNN counts them: the
// index of the residue there, or -1 where the numbers and the distance of its
// neighbours say that one is missing.
func mpnnPositions(c *mol.Chain) []int {
	var positions []int
	for i := range c.Residues {
		if i > 0 {
			before, here := &c.Residues[i-1], &c.Residues[i]
			missing := min(here.Number-before.Number-1, mpnnGap)
			if missing > 0 && !bonded(before, here) {
				positions = append(positions, slices.Repeat([]int{-1}, missing)...)
			}
		}
		positions = append(positions, i)
	}
	return positions
}

// bonded reports whether the C of one residue is where the N of the next
// is bound to it: 1.33 Å, and less than 2 Å in any model.
func bonded(a, b *mol.Residue) bool {
	c, n := a.Atom("C"), b.Atom("N")
	return c != nil && n != nil && c.Pos.Distance2(n.Pos) < 2*2
}

// writeParsed writes the line of a structure. Python's NaN, which is no JSON,
// stands for atoms that are not there.
func (t *target) writeParsed(w io.Writer) error {
	var all strings.Builder
	fmt.Fprintf(w, `{"name": %q, "num_of_chains": %d`, targetName, len(t.Chains))
	for i := range t.Chains {
		chain := &t.Chains[i]
		positions := mpnnPositions(chain)
		letters := make([]byte, len(positions))
		for k, residue := range positions {
			letters[k] = '-'
			if residue >= 0 && chain.Residues[residue].Code != 'X' {
				letters[k] = chain.Residues[residue].Code
			}
		}
		all.Write(letters)
		fmt.Fprintf(w, `, "seq_chain_%s": "%s", "coords_chain_%s": {`, chain.ID, letters, chain.ID)
		for a, name := range []string{"N", "CA", "C", "O"} {
			if a > 0 {
				io.WriteString(w, ", ")
			}
			fmt.Fprintf(w, `"%s_chain_%s": [`, name, chain.ID)
			for k, residue := range positions {
				if k > 0 {
					io.WriteString(w, ", ")
				}
				if residue >= 0 {
					if atom := chain.Residues[residue].Atom(name); atom != nil {
						fmt.Fprintf(w, "[%.3f, %.3f, %.3f]", atom.Pos[0], atom.Pos[1], atom.Pos[2])
						continue
					}
				}
				io.WriteString(w, "[NaN, NaN, NaN]")
			}
			io.WriteString(w, "]")
		}
		io.WriteString(w, "}")
	}
	_, err := fmt.Fprintf(w, ", \"seq\": \"%s\"}\n", all.String())
	return err
}

// proteinmpnnFinish makes a FASTA file of each sequence and metrics.json. What
// ProteinMPNN writes has the input's sequence first, the designed chains only,
// in the order of their letters, joined by '/', and an X where a residue is
// missing.
func proteinmpnnFinish() *action {
	return &action{needs: []string{"structure", "from", "num", "out"}, takes: []string{"chains", "fixed"}, run: func(c *call) error {
		t, err := readTarget(c)
		if err != nil {
			return err
		}
		all, _, err := readProposals(c, "sample", t.splitProteinMPNN)
		if err != nil {
			return err
		}
		names := map[string]string{"score": "mpnn_score", "global_score": "mpnn_global_score"}
		if !t.bare() {
			names["seq_recovery"] = "recovery"
		}
		return t.writeDesigns(c, all, names)
	}}
}

// splitProteinMPNN gives the chains of the target in its order.
func (t *target) splitProteinMPNN(residues string) ([]string, error) {
	var letters []string
	for i := range t.Chains {
		if t.designed[i] {
			letters = append(letters, t.Chains[i].ID)
		}
	}
	slices.Sort(letters)
	written := strings.Split(residues, mol.ChainSeparator)
	if len(written) != len(letters) {
		return nil, tool.Refusef("A sequence has %d chains where %d were to be designed.", len(written), len(letters))
	}
	chains := make([]string, len(t.Chains))
	for i := range t.Chains {
		chain := &t.Chains[i]
		if !t.designed[i] {
			chains[i] = chain.Sequence()
			continue
		}
		text, positions := written[slices.Index(letters, chain.ID)], mpnnPositions(chain)
		if len(text) != len(positions) {
			return nil, tool.Refusef("Chain %s of a sequence has %d positions, and the structure %d.", chain.ID, len(text), len(positions))
		}
		var b strings.Builder
		for k, residue := range positions {
			if residue >= 0 {
				b.WriteByte(text[k])
			}
		}
		chains[i] = b.String()
	}
	return chains, nil
}
