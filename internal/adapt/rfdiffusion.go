package adapt

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// rfdiffusionPrepare refuses seeds that RFdiffusion cannot count on from.
// Under inference.deterministic it seeds every design with its number, so the
// seed of a step is the number of its first design, and two shards give the
// same designs where their numbers overlap.
func rfdiffusionPrepare() *action {
	return &action{needs: []string{"seed", "num"}, run: func(c *call) error {
		seed, err := c.number("seed")
		if err != nil {
			return err
		}
		num, err := c.number("num")
		if err != nil {
			return err
		}
		if last := seed + num - 1; seed < 0 || last > maxSeed {
			return tool.Refusef("RFdiffusion seeds its designs with their numbers, here %d to %d, and seeds go from 0 to %d; give a smaller seed.", seed, last, maxSeed)
		}
		return nil
	}}
}

// maxSeed is the largest that NumPy takes.
const maxSeed = 1<<32 - 1

// rfdiffusionFinish makes backbone_N.pdb of RFdiffusion's design_N.pdb, whose
// ATOM records have no header, no TER and no END, and metrics.json. What else
// lies there, above all the .trb files, which are pickles, is not opened.
func rfdiffusionFinish() *action {
	return &action{needs: []string{"from", "seed", "num", "length", "out"}, run: func(c *call) error {
		seed, err := c.number("seed")
		if err != nil {
			return err
		}
		num, err := c.number("num")
		if err != nil {
			return err
		}
		length, err := c.number("length")
		if err != nil {
			return err
		}
		if err := tool.EmptyFolder(c.path("out"), "backbone_*.pdb"); err != nil {
			return err
		}
		var items []map[string]float64
		var radii []float64
		for n := seed; n < seed+num; n++ {
			m, err := readModel(c, filepath.Join(c.path("from"), fmt.Sprintf("design_%d.pdb", n)))
			if err != nil {
				return err
			}
			if len(m.Chains) != 1 || int64(m.Len()) != length {
				return tool.Refusef("design_%d.pdb has %s, not one chain of %d.", n, lengths(m.Sequence()), length)
			}
			if err := m.keepBackbone(); err != nil {
				return fmt.Errorf("design_%d.pdb: %w", n, err)
			}
			m.renumber()
			err = tool.WriteFile(filepath.Join(c.path("out"), fmt.Sprintf("backbone_%d.pdb", n)), func(w io.Writer) error {
				return mol.WritePDB(w, m.Structure, fmt.Sprintf("Design %d of RFdiffusion, seeded with that number.", n))
			})
			if err != nil {
				return err
			}
			radius := m.shape()["radius_of_gyration"]
			items, radii = append(items, map[string]float64{"radius_of_gyration": radius}), append(radii, radius)
		}
		return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), map[string]float64{
			"n_backbones": float64(num), "radius_of_gyration": tool.Round4(tool.Mean(radii)),
		}, map[string][]map[string]float64{"structures": items})
	}}
}

// keepBackbone leaves N, CA, C and O, of which each residue has all.
func (m *model) keepBackbone() error {
	for i := range m.Chains {
		for j := range m.Chains[i].Residues {
			r := &m.Chains[i].Residues[j]
			var kept []mol.Atom
			for _, name := range []string{"N", "CA", "C", "O"} {
				a := r.Atom(name)
				if a == nil {
					return tool.Refusef("Residue %d of chain %s has no %s.", r.Number, m.Chains[i].ID, name)
				}
				kept = append(kept, *a)
			}
			r.Atoms = kept
		}
	}
	return nil
}
