package adapt

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// queryName is what sequences are called when they are given to a tool. Tools
// make names of files of what they find in a FASTA header, so nothing that a
// user wrote stands there.
const queryName = "query"

// readSequence reads a FASTA file of one sequence.
func readSequence(c *call, path string) (mol.Sequence, error) {
	file, err := tool.Open(path)
	if err != nil {
		return mol.Sequence{}, err
	}
	defer file.Close()
	all, err := mol.ReadFASTA(file, nil)
	if err != nil {
		return mol.Sequence{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if len(all) > 1 {
		return mol.Sequence{}, tool.Refusef("%s has %d sequences; give one a file.", filepath.Base(path), len(all))
	}
	c.note("sequence", all[0].Notes)
	return all[0], nil
}

// writeQuery writes the sequence as tools take it that join chains by joint.
func writeQuery(path string, s mol.Sequence, joint string) error {
	return tool.WriteFile(path, func(w io.Writer) error {
		// On one line: some readers take no more.
		_, err := fmt.Fprintf(w, ">%s\n%s\n", queryName, s.Joined(joint))
		return err
	})
}

// lengths says how long the chains of a sequence are: "76 residues",
// "76 + 20 residues".
func lengths(residues string) string {
	var all []string
	for chain := range strings.SplitSeq(residues, mol.ChainSeparator) {
		all = append(all, fmt.Sprint(len(chain)))
	}
	return strings.Join(all, " + ") + " residues"
}
