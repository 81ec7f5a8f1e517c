package baseline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// criterion is a threshold that a candidate must meet.
type criterion struct {
	column string // as it was asked for
	most   bool   // the limit is a maximum, else a minimum
	limit  float64
	col    *column // that this means
}

// parseCriterion reads "column>=number" or "column<=number".
func parseCriterion(s string) (criterion, error) {
	for _, op := range []string{">=", "<="} {
		name, limit, found := strings.Cut(s, op)
		if !found {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(limit), 64)
		if name = strings.TrimSpace(name); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) && name != "" {
			return criterion{column: name, most: op == "<=", limit: x}, nil
		}
	}
	return criterion{}, fmt.Errorf("%.60q is no threshold; write one like mean_b_factor>=70 or clashes<=5", s)
}

// rankOptions say how candidates are ranked.
type rankOptions struct {
	by          string
	better      string // higher or lower; empty: as the column says
	criteria    []criterion
	perGroup    int // most accepted of one group; 0: any number
	top         int // most accepted; 0: any number
	byColumn    *column
	lowerBetter bool
}

// resolve finds the columns that the options name. It refuses a name that no
// column has, which is a slip of the pen and must not look like a failure of
// every candidate; one that different tools measure; and to rank by what is
// better neither high nor low.
func (o *rankOptions) resolve(candidates []*candidate, t *columns) error {
	if !slices.ContainsFunc(candidates, func(c *candidate) bool { return c.outcome == "" }) {
		// Nothing is left to be ranked, and so perhaps no columns.
		o.byColumn, _ = t.find(o.by)
		for i := range o.criteria {
			o.criteria[i].col, _ = t.find(o.criteria[i].column)
		}
		return nil
	}
	var err error
	if o.byColumn, err = t.need(o.by); err != nil {
		return err
	}
	for i := range o.criteria {
		if o.criteria[i].col, err = t.need(o.criteria[i].column); err != nil {
			return err
		}
	}
	if o.better == "" {
		o.better = o.byColumn.Better
	}
	switch o.better {
	case "higher", "lower":
		o.lowerBetter = o.better == "lower"
	default:
		return refusef("%s is neither better high nor low by itself; say which with better: higher or lower.", o.byColumn)
	}
	return o.comparable(candidates)
}

// comparable refuses a column that is one tool's report of what another tool
// put into its files, where different tools made those files.
func (o *rankOptions) comparable(candidates []*candidate) error {
	const copied = "mean_b_factor" // a confidence, on the scale of the model's maker
	asked := []*column{o.byColumn}
	for _, k := range o.criteria {
		asked = append(asked, k.col)
	}
	if !slices.ContainsFunc(asked, func(c *column) bool { return c.name == copied }) {
		return nil
	}
	var tools []string
	for _, c := range candidates {
		if tool := c.tools["models"]; c.outcome == "" && tool != "" && !slices.Contains(tools, tool) {
			tools = append(tools, tool)
		}
	}
	if len(tools) < 2 {
		return nil
	}
	return refusef("The models were made by different tools (%s), each with a scale of its own in the B-factors, so they cannot be compared by %s; rank each tool's models by themselves.", listed(tools), copied)
}

// number is what a candidate has in a column, as a number.
func (c *candidate) valueOf(col *column) (float64, bool) {
	x, err := strconv.ParseFloat(strings.TrimSpace(c.text(col)), 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// decide gives every candidate its outcome and, to those accepted, a rank: by
// the column, of equals the lower index first. Thresholds come first, then the
// cap of each group, then the cap of all. It returns those accepted, best
// first.
func decide(candidates []*candidate, o rankOptions) []*candidate {
	type scored struct {
		*candidate
		by float64
	}
	var order []scored
next:
	for _, c := range candidates {
		if c.outcome != "" {
			continue
		}
		by, ok := c.valueOf(o.byColumn)
		if !ok {
			c.fail(rankStage, "input", c.lacks(o.byColumn))
			continue
		}
		for _, k := range o.criteria {
			x, ok := c.valueOf(k.col)
			if !ok {
				c.fail(rankStage, "input", c.lacks(k.col))
				continue next
			}
			if k.most && x > k.limit || !k.most && x < k.limit {
				c.filter(rankStage, k.col.String(), k.most, k.limit, c.text(k.col))
				continue next
			}
		}
		order = append(order, scored{c, by})
	}
	slices.SortFunc(order, func(a, b scored) int {
		byScore := cmp.Compare(b.by, a.by)
		if o.lowerBetter {
			byScore = -byScore
		}
		return cmp.Or(byScore, compareIndex(a.index, b.index))
	})
	var best []*candidate
	ofGroup := map[string]int{}
	eligible := 0 // met everything but, perhaps, the cap of all
	for _, c := range order {
		place := ofGroup[c.group()] + 1
		switch {
		case o.perGroup > 0 && place > o.perGroup:
			c.filter(rankStage, "max_per_group", true, float64(o.perGroup), strconv.Itoa(place))
		case o.top > 0 && len(best) == o.top:
			eligible++
			c.filter(rankStage, "top", true, float64(o.top), strconv.Itoa(eligible))
		default:
			eligible++
			c.outcome, c.rank = accepted, len(best)+1
			best = append(best, c.candidate)
		}
		ofGroup[c.group()] = place
	}
	return best
}

// lacks says that a candidate has no number in a column.
func (c *candidate) lacks(col *column) string {
	if text := c.text(col); text != "" {
		return fmt.Sprintf("Its %s is %.40q, which is no number.", col.name, text)
	}
	return fmt.Sprintf("It has no %s.", col)
}

// stage is what one stage made of the candidates that came to it: entered is
// passed + filtered + failed.
type stage struct {
	name                              string
	entered, passed, filtered, failed int
}

// stagesOf counts candidates stage by stage, in the order in which they go
// through them: that of the ports, each after the nodes whose losses it is the
// first to show.
func stagesOf(candidates []*candidate, g gatheredPorts) []stage {
	lost := map[string]*stage{}
	var names []string
	for _, c := range candidates {
		if c.outcome == accepted || c.stage == rankStage {
			continue
		}
		if lost[c.stage] == nil {
			lost[c.stage] = &stage{name: c.stage}
			names = append(names, c.stage)
		}
	}
	slices.Sort(names)
	var order []string
	add := func(name string) {
		if !slices.Contains(order, name) && name != rankStage {
			order = append(order, name)
		}
	}
	for _, p := range g.inOrder() {
		shown := map[string]bool{}
		for _, item := range p.items {
			if item.Failed != nil {
				shown[oneLine(item.Failed.Node)] = true
			}
		}
		own := ""
		if p.madeBy != nil {
			own = oneLine(p.node(p.madeBy))
		}
		for _, name := range names {
			if shown[name] && name != own {
				add(name)
			}
		}
		if own != "" {
			add(own)
		}
	}
	for _, name := range names {
		add(name)
	}
	list := make([]stage, 0, len(order)+1)
	at := map[string]int{}
	for i, name := range append(order, rankStage) {
		list = append(list, stage{name: name})
		at[name] = i
	}
	for _, c := range candidates {
		switch c.outcome {
		case filtered:
			list[at[c.stage]].filtered++
		case failed:
			list[at[c.stage]].failed++
		}
	}
	left := len(candidates)
	for i := range list {
		s := &list[i]
		s.entered = left
		left -= s.filtered + s.failed
		s.passed = left
	}
	return list
}
