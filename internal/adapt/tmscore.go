package adapt

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// pairing reads the two structures and pairs their residues.
func pairing(c *call) (m, r *mol.Structure, p compare.Correspondence, err error) {
	if m, err = tool.ReadStructure(c.path("model")); err != nil {
		return
	}
	if r, err = tool.ReadStructure(c.path("reference")); err != nil {
		return
	}
	how := c.path("match")
	switch how {
	case "":
		how = compare.Auto
	case compare.Auto, compare.Numbers, compare.Positions, compare.Alignment:
	default:
		err = tool.Refusef("--match is %.40q; give auto, numbers, positions or alignment.", how)
		return
	}
	p, err = compare.Pairs(m, r, how)
	return
}

// poseOf is how far the chains of --pose-of lie from their place; nil when it
// is not asked for.
func poseOf(c *call, reference *mol.Structure, p *compare.Correspondence) (*float64, error) {
	chains := c.path("pose-of")
	if chains == "" {
		return nil, nil
	}
	x, err := p.Pose(reference, chains)
	return &x, err
}

// tmscorePrepare writes model.pdb and reference.pdb for TMscore, which pairs
// residues by number and knows one chain: CA atoms, all of one chain, the
// reference's numbered through and the model's by those that they correspond
// to. Those of the model that correspond to none count for nothing.
func tmscorePrepare() *action {
	return &action{needs: []string{"model", "reference", "out"}, takes: []string{"match", "pose-of"}, run: func(c *call) error {
		m, r, p, err := pairing(c)
		if err != nil {
			return err
		}
		// What the end refuses is refused here, where it is a mistake in the input.
		if _, err := poseOf(c, r, &p); err != nil {
			return err
		}
		if _, err := p.Superposed(m); err != nil {
			return err
		}
		c.note("model", m.Notes)
		c.note("reference", r.Notes)
		const most = 9999 // four columns
		numbers := map[*mol.Residue]int{}
		reference := &mol.Structure{Chains: []mol.Chain{{ID: "A"}}}
		for i := range r.Chains {
			for j := range r.Chains[i].Residues {
				residue := &r.Chains[i].Residues[j]
				if ca := residue.Atom("CA"); ca != nil {
					n := len(reference.Chains[0].Residues) + 1
					numbers[residue] = n
					reference.Chains[0].Residues = append(reference.Chains[0].Residues, trace(residue, n))
				}
			}
		}
		if n := len(reference.Chains[0].Residues); n > most {
			return tool.Refusef("The reference has %d residues; TMscore takes %d.", n, most)
		}
		byNumber := make([]*mol.Residue, len(reference.Chains[0].Residues)+1)
		for _, pair := range p.Pairs {
			byNumber[numbers[pair.Reference]] = pair.Model
		}
		model := &mol.Structure{Chains: []mol.Chain{{ID: "A"}}}
		for n, residue := range byNumber {
			if residue != nil {
				model.Chains[0].Residues = append(model.Chains[0].Residues, trace(residue, n))
			}
		}
		if err := os.MkdirAll(c.path("out"), 0o777); err != nil {
			return err
		}
		for name, s := range map[string]*mol.Structure{"model.pdb": model, "reference.pdb": reference} {
			if err := tool.WriteFile(filepath.Join(c.path("out"), name), func(w io.Writer) error { return mol.WritePDB(w, s) }); err != nil {
				return err
			}
		}
		return nil
	}}
}

// trace is the CA of a residue under another number.
func trace(r *mol.Residue, number int) mol.Residue {
	return mol.Residue{Name: mol.ThreeLetter(r.Code), Code: r.Code, Number: number, Atoms: []mol.Atom{*r.Atom("CA")}}
}

var (
	tmLine     = regexp.MustCompile(`(?m)^TM-score\s*=\s*([\d.]+)`)
	rmsdLine   = regexp.MustCompile(`(?m)^RMSD of\s+the common residues=\s*([\d.]+)`)
	commonLine = regexp.MustCompile(`(?m)^Number of residues in common=\s*(\d+)`)
	normLine   = regexp.MustCompile(`(?m)^Structure2:.*Length=\s*(\d+) \(by which all scores are normalized\)`)
)

// tmscoreFinish makes scores.csv, superposed.pdb and metrics.json of what
// TMscore printed.
func tmscoreFinish() *action {
	return &action{needs: []string{"model", "reference", "from", "out"}, takes: []string{"match", "pose-of"}, run: func(c *call) error {
		m, r, p, err := pairing(c)
		if err != nil {
			return err
		}
		data, err := readWhole(c.path("from"))
		if err != nil {
			return err
		}
		var found [4]float64
		for i, re := range []*regexp.Regexp{tmLine, rmsdLine, commonLine, normLine} {
			match := re.FindSubmatch(data)
			if match == nil {
				return tool.Refusef("TMscore did not print %q; its log says why.", []string{"TM-score", "RMSD", "Number of residues in common", "the length by which scores are normalized"}[i])
			}
			if found[i], err = strconv.ParseFloat(string(match[1]), 64); err != nil {
				return tool.Refusef("TMscore printed %.20q where a number stands.", match[1])
			}
		}
		scores := compare.Describe(m, r, p)
		scores.TM, scores.RMSD = found[0], found[1]
		if int(found[2]) != len(p.Pairs) || int(found[3]) != len(compare.CATrace(r)) {
			return tool.Refusef("TMscore compared %g residues and normalized by %g, where %d correspond and the reference has %d.", found[2], found[3], len(p.Pairs), len(compare.CATrace(r)))
		}
		if scores.Pose, err = poseOf(c, r, &p); err != nil {
			return err
		}
		if err := scores.WriteResults(c.path("out"), m, &p); err != nil {
			return err
		}
		return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), scores.Metrics(), nil)
	}}
}
