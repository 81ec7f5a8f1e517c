package adapt

import (
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// A target is a structure to design for, with what is to be designed of it.
type target struct {
	*mol.Structure
	designed []bool
	fixed    [][]bool
}

// readTarget reads what ProteinMPNN and LigandMPNN are to work on, and refuses
// what they cannot.
func readTarget(c *call) (*target, error) {
	s, err := tool.ReadStructure(c.path("structure"))
	if err != nil {
		return nil, err
	}
	c.note("structure", s.Notes)
	t := &target{Structure: s}
	if t.designed, err = tool.ChosenChains(s, c.path("chains")); err != nil {
		return nil, err
	}
	if err := tool.RequireBackbone(s); err != nil {
		return nil, err
	}
	t.fixed, err = tool.FixedResidues(s, t.designed, c.path("fixed"))
	return t, err
}

// knownSeed refuses 0, by which ProteinMPNN and LigandMPNN mean any.
func knownSeed(c *call) error {
	seed, err := c.number("seed")
	if err != nil {
		return err
	}
	if seed < 1 || seed > maxSeed {
		return tool.Refusef("The seed is %d, and only from 1 to %d does it give the same sequences again: by 0 the tool means any seed.", seed, maxSeed)
	}
	return nil
}

// bare reports whether what is designed says nothing about the sequence: all
// glycine, as generated backbones are.
func (t *target) bare() bool {
	for i := range t.Chains {
		if t.designed[i] && strings.Trim(t.Chains[i].Sequence(), "GX") != "" {
			return false
		}
	}
	return true
}

// A proposal is a sequence that a tool made, with what its header says of it.
type proposal struct {
	chains []string // by chain of the target, in its order
	header map[string]string
}

// number is a value of the header.
func (p *proposal) number(key string) (float64, error) {
	x, err := strconv.ParseFloat(p.header[key], 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, tool.Refusef("The header of a sequence says %s=%.20q, which is no number.", key, p.header[key])
	}
	return x, nil
}

// readProposals reads the FASTA file of a tool that writes the sequence of its
// input first, without the key that numbers the others. split makes the chains
// of a record.
func readProposals(c *call, key string, split func(residues string) ([]string, error)) ([]proposal, map[string]string, error) {
	data, err := readWhole(c.path("from"))
	if err != nil {
		return nil, nil, err
	}
	num, err := c.number("num")
	if err != nil {
		return nil, nil, err
	}
	records, err := mol.ReadFASTA(strings.NewReader(string(data)), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Base(c.path("from")), err)
	}
	input := headerFields(records[0].Header)
	if _, numbered := input[key]; numbered {
		return nil, nil, tool.Refusef("The first sequence of %s is not that of the input, which the tool writes first.", filepath.Base(c.path("from")))
	}
	if made := int64(len(records) - 1); made != num {
		return nil, nil, tool.Refusef("The tool made %d sequences of %d.", made, num)
	}
	var all []proposal
	for _, r := range records[1:] {
		p := proposal{header: headerFields(r.Header)}
		if _, numbered := p.header[key]; !numbered {
			return nil, nil, tool.Refusef("A sequence of %s has no %s= in its header, so it may be that of the input.", filepath.Base(c.path("from")), key)
		}
		if p.chains, err = split(r.Residues); err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	return all, input, nil
}

// headerFields reads "T=0.1, sample=1, score=0.7291".
func headerFields(header string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(header, ", ") {
		if key, value, ok := strings.Cut(part, "="); ok {
			fields[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return fields
}

// kept refuses a sequence in which a residue that was to stay did not.
func (t *target) kept(p *proposal) error {
	for i := range t.Chains {
		for j, fixed := range t.fixed[i] {
			if r := &t.Chains[i].Residues[j]; fixed && p.chains[i][j] != r.Code {
				return tool.Refusef("Residue %d of chain %s was to stay %c, and the tool made it %c.", r.Number, t.Chains[i].ID, r.Code, p.chains[i][j])
			}
		}
	}
	return nil
}

// writeDesigns writes a FASTA file for each proposal, with the designed chains
// of the target in its order, and the metrics; names says which numbers of a
// header are which metrics.
func (t *target) writeDesigns(c *call, all []proposal, names map[string]string) error {
	if err := tool.EmptyFolder(c.path("out"), "design_*.fasta"); err != nil {
		return err
	}
	sums := map[string]float64{}
	var items []map[string]float64
	for i := range all {
		p := &all[i]
		if err := t.kept(p); err != nil {
			return err
		}
		item := map[string]float64{}
		header := fmt.Sprintf("design_%03d index=%d", i, i)
		for _, key := range slices.Sorted(maps.Keys(names)) {
			x, err := p.number(key)
			if err != nil {
				return err
			}
			item[names[key]] = tool.Round4(x)
			sums[names[key]] += x
			header += fmt.Sprintf(" %s=%s", names[key], tool.FormatNumber(tool.Round4(x)))
		}
		items = append(items, item)
		record := mol.Sequence{Header: header, Residues: strings.Join(t.ofDesigned(p.chains), mol.ChainSeparator)}
		err := tool.WriteFile(filepath.Join(c.path("out"), fmt.Sprintf("design_%03d.fasta", i)), func(w io.Writer) error {
			return mol.WriteFASTA(w, record)
		})
		if err != nil {
			return err
		}
	}
	length := 0
	for i, chain := range t.Chains {
		if t.designed[i] {
			length += len(chain.Residues)
		}
	}
	metrics := map[string]float64{"n_residues": float64(length), "n_sequences": float64(len(all))}
	for name, sum := range sums {
		metrics[name] = tool.Round4(sum / float64(len(all)))
	}
	return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), metrics, map[string][]map[string]float64{"sequences": items})
}

// ofDesigned are the designed ones of the chains of a proposal. The others are
// what was given, and not what was made.
func (t *target) ofDesigned(chains []string) []string {
	var made []string
	for i, chain := range chains {
		if t.designed[i] {
			made = append(made, chain)
		}
	}
	return made
}
