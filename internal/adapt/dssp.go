package adapt

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// pdbHeader is the line without which mkdssp takes a PDB file for mmCIF, and
// fails on it (columns of PDB format 3.3, section 2).
const pdbHeader = "HEADER    PROTEIN                                 01-JAN-00   0XXX              \n"

// dsspPrepare writes headed.pdb for mkdssp: protein only, with a HEADER line.
func dsspPrepare() *action {
	return &action{needs: []string{"structure", "out"}, run: func(c *call) error {
		s, err := tool.ReadStructure(c.path("structure"))
		if err != nil {
			return err
		}
		c.note("structure", s.Notes)
		if err := tool.RequireBackbone(s); err != nil {
			return err
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		return tool.WriteFile(filepath.Join(c.path("out"), "headed.pdb"), func(w io.Writer) error {
			if _, err := io.WriteString(w, pdbHeader); err != nil {
				return err
			}
			return mol.WritePDB(w, s)
		})
	}}
}

// dsspState is one residue of a file in DSSP's classic format.
type dsspState struct {
	chain    string
	number   string // with the insertion code
	code     string // one letter
	state    string // H, B, E, G, I, P, T, S, or - for none
	area     string // Å², solvent accessible
	phi, psi string // degrees; empty at the ends of a chain
}

// dsspHeader begins the line that the residues follow.
const dsspHeader = "  #  RESIDUE AA STRUCTURE"

// readDSSP reads the classic format (columns: swift.cmbi.umcn.nl/gv/dssp).
// Lines with ! are breaks of a chain; small letters are cysteines, a pair of
// which shares a letter.
func readDSSP(data []byte) ([]dsspState, error) {
	var states []dsspState
	inside := false
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		if strings.HasPrefix(text, dsspHeader) {
			inside = true
			continue
		}
		if !inside || len(text) < 115 || text[13] == '!' {
			continue
		}
		field := func(from, to int) string { return strings.TrimSpace(text[from-1 : to]) }
		s := dsspState{chain: field(12, 12), number: field(6, 11), code: field(14, 14), state: field(17, 17), area: field(35, 38), phi: field(104, 109), psi: field(110, 115)}
		if s.code >= "a" && s.code <= "z" {
			s.code = "C"
		}
		if s.state == "" {
			s.state = "-"
		}
		for _, number := range []string{s.area, s.phi, s.psi} {
			if _, err := strconv.ParseFloat(number, 64); err != nil {
				return nil, tool.Refusef("%.20q is no number in the line %.40q of mkdssp.", number, text)
			}
		}
		// 360 stands for an angle that there is not.
		if s.phi == "360.0" {
			s.phi = ""
		}
		if s.psi == "360.0" {
			s.psi = ""
		}
		states = append(states, s)
	}
	switch {
	case !inside:
		return nil, tool.Refusef("What mkdssp wrote is not its classic format, which has a line %q.", strings.TrimSpace(dsspHeader))
	case len(states) == 0:
		return nil, tool.Refusef("mkdssp assigned no residue; it takes those with N, CA, C and O only.")
	}
	return states, nil
}

// threeState is helix (H), strand (E) or coil (C): of DSSP's eight states,
// 3-10 and pi helices are helix, and bridges are strand.
func (s *dsspState) threeState() string {
	switch s.state {
	case "H", "G", "I":
		return "H"
	case "E", "B":
		return "E"
	}
	return "C"
}

// dsspFinish makes states.csv and metrics.json of what mkdssp wrote.
func dsspFinish() *action {
	return &action{needs: []string{"from", "out"}, run: func(c *call) error {
		data, err := readWhole(c.path("from"))
		if err != nil {
			return err
		}
		states, err := readDSSP(data)
		if err != nil {
			return err
		}
		if err := tool.EmptyFolder(c.path("out"), "states.csv"); err != nil {
			return err
		}
		count := map[string]int{}
		rows := [][]string{{"index", "chain", "residue", "amino_acid", "state", "state3", "accessible_area", "phi", "psi"}}
		area := 0.0
		for i, s := range states {
			count[s.threeState()]++
			x, _ := strconv.ParseFloat(s.area, 64)
			area += x
			rows = append(rows, []string{fmt.Sprint(i), s.chain, s.number, s.code, s.state, s.threeState(), s.area, s.phi, s.psi})
		}
		err = tool.WriteFile(filepath.Join(c.path("out"), "states.csv"), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
		if err != nil {
			return err
		}
		of := func(state string) float64 { return tool.Round4(float64(count[state]) / float64(len(states))) }
		return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), map[string]float64{
			"helix_fraction": of("H"), "strand_fraction": of("E"), "coil_fraction": of("C"),
			"accessible_area": tool.Round4(area), "n_residues": float64(len(states)),
		}, nil)
	}}
}
