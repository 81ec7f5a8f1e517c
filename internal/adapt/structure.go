package adapt

import (
	"bytes"
	"io"
	"os"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// convertStructure makes a structure in one format into one in another, and
// says what it changed or left out.
func convertStructure(convert func(io.Reader, io.Writer, *mol.Limits) ([]string, error)) *action {
	return &action{needs: []string{"from", "out"}, run: func(c *call) error {
		in, err := os.Open(c.path("from"))
		if err != nil {
			return err
		}
		defer in.Close()
		var converted bytes.Buffer // nothing is written of what is refused
		notes, err := convert(in, &converted, nil)
		if err != nil {
			return err
		}
		c.note("structure", notes)
		return tool.WriteFile(c.path("out"), func(w io.Writer) error {
			_, err := converted.WriteTo(w)
			return err
		})
	}}
}
