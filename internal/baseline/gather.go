package baseline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// gatheredPorts are the manifests of a ranking; only models and scores are
// always there.
type gatheredPorts struct {
	backbones, sequences, earlierModels, earlierScores, models, scores *gatheredPort
}

// inOrder are the ports that there are, in the order of a campaign.
func (g *gatheredPorts) inOrder() []*gatheredPort {
	all := []*gatheredPort{g.backbones, g.sequences, g.earlierModels, g.earlierScores, g.models, g.scores}
	return slices.DeleteFunc(all, func(p *gatheredPort) bool { return p == nil })
}

// gather joins all ports by index: one candidate for each index that a
// sequence, model or score table has, in order, with all that was measured of
// it. perBackbone is how many were to be made for each backbone: one of which
// nothing came counts as so many; 0: not known, and it counts as one.
func gather(ctx context.Context, g gatheredPorts, perBackbone int) ([]*candidate, *columns, error) {
	if err := g.joined(); err != nil {
		return nil, nil, err
	}
	backboneDepth := -1
	if g.backbones != nil {
		backboneDepth = 0
		for index := range g.backbones.items {
			backboneDepth = max(backboneDepth, depthOf(index))
		}
	}
	candidates := make([]*candidate, 0, len(g.models.items))
	table := &columns{}
	for n, index := range g.indexes(perBackbone, backboneDepth) {
		if n%100 == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		c := &candidate{index: index}
		c.name(backboneDepth)
		if err := g.fill(c, table); err != nil {
			return nil, nil, err
		}
		candidates = append(candidates, c)
	}
	return candidates, table, nil
}

// joined refuses ports of which no two items belong together.
func (g *gatheredPorts) joined() error {
	scores, models := 0, 0
	for _, item := range g.scores.items {
		if item.Failed == nil {
			scores++
		}
	}
	for index, item := range g.models.items {
		if item.Failed != nil {
			continue
		}
		models++
		if _, scored := g.scores.of(index, false); scored {
			return nil
		}
	}
	if scores > 0 && models > 0 {
		return refusef("No score table has the index of a model, so none can be joined; gather both from the same scatter.")
	}
	return nil
}

// indexes are those of the candidates, in order.
func (g *gatheredPorts) indexes(perBackbone, backboneDepth int) []string {
	all := indexes(g.sequences, g.models, g.scores)
	depth := 0
	for _, index := range all {
		depth = max(depth, depthOf(index))
	}
	if perBackbone > 0 {
		depth = max(depth, max(backboneDepth, 1)+1)
	}
	// What stands for all below it is no candidate by itself where these are
	// known.
	above := map[string]bool{}
	for _, index := range all {
		for p := index; p != ""; {
			p = parentIndex(p)
			above[p] = true
		}
	}
	var list []string
	for _, index := range all {
		switch {
		case above[index]:
		case perBackbone > 0 && depthOf(index) == depth-1:
			for i := range perBackbone {
				list = append(list, strings.TrimPrefix(fmt.Sprintf("%s.%d", index, i), "."))
			}
		default:
			list = append(list, index)
		}
	}
	return list
}

// fill gives a candidate what the ports have of it. What went wrong first
// comes first: without a model there is no score.
func (g *gatheredPorts) fill(c *candidate, table *columns) error {
	there := map[string]bool{}
	for _, p := range g.inOrder() {
		item, ok := p.of(c.index, p == g.backbones)
		if !ok {
			continue
		}
		if item.Failed != nil && c.outcome == "" {
			c.leftOut(item.Failed, p, table)
		}
		there[p.name] = item.Failed == nil
		made := p.makerOf(&item)
		switch p {
		case g.models:
			c.model, c.path = item.URI, item.Path
		case g.backbones:
			c.source = item.URI
		case g.sequences:
			c.readSequence(item.Path)
		}
		if item.Failed == nil && made != nil {
			if c.tools == nil {
				c.tools = map[string]string{}
			}
			c.tools[p.name] = p.node(made) + "." + made.Implementation
		}
		if p == g.scores && item.Path != "" {
			if err := c.readScores(p, made, item.Path, table); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(item.Metrics)) {
			if col := table.of(p, made, name); c.text(col) == "" {
				c.set(col, tool.FormatNumber(item.Metrics[name]))
			}
		}
	}
	switch {
	case c.outcome != "":
	case !there[g.models.name] && !there[g.scores.name]:
		c.fail(rankStage, "input", "There is a sequence but neither a model nor a score table of this index.")
	case !there[g.models.name]:
		c.fail(rankStage, "input", "There is a score table but no model of this index.")
	case !there[g.scores.name]:
		c.fail(rankStage, "input", "There is a model but no score table of this index.")
	}
	return nil
}

// leftOut takes over why an item did not come.
func (c *candidate) leftOut(f *manifestFailure, p *gatheredPort, table *columns) {
	node := oneLine(f.Node)
	if f.Code != codeFiltered || f.Value == nil || f.Threshold == nil {
		c.fail(node, oneLine(f.Code), f.Message)
		return
	}
	metric := node + "." + oneLine(f.Metric)
	for _, col := range table.list {
		// The port of the node itself has been read before, so that its columns
		// are known by now; a candidate has only those of its own tools.
		if col.node == node && col.name == f.Metric && c.text(col) != "" {
			metric = col.String()
		}
	}
	if m := p.madeBy; m != nil && p.node(m) == f.Node {
		metric = table.of(p, m, f.Metric).String()
	}
	c.filter(node, metric, f.Bound == "max" || f.Bound == "" && *f.Value > *f.Threshold, *f.Threshold, tool.FormatNumber(*f.Value))
}

// readScores reads a score table. One that cannot be read is the candidate's
// failure; where there is none to read, it is the ranking's.
func (c *candidate) readScores(p *gatheredPort, made *maker, path string, table *columns) error {
	row, err := readScoreRow(path)
	var refused refusal
	if errors.As(err, &refused) {
		if c.outcome == "" {
			c.fail(rankStage, "input", refused.Error())
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range row.columns {
		c.set(table.of(p, made, name), strings.TrimSpace(row.values[name]))
	}
	return nil
}

// readSequence reads what was designed. A file that holds no one sequence
// leaves the cell empty: the structure is what is ranked.
func (c *candidate) readSequence(path string) {
	if path == "" {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	records, err := mol.ReadFASTA(file, nil)
	if err != nil || len(records) != 1 {
		return
	}
	c.sequence, c.length = records[0].Residues, records[0].Len()
}
