package baseline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// What becomes of an item. Every one that was promised ends as one of these.
const (
	accepted = "accepted"
	filtered = "filtered"
	failed   = "failed"
)

// candidate is an item on its way through the ranking.
type candidate struct {
	index   string
	uri     string // of the model
	path    string // of the model
	row     scoreRow
	outcome string
	rank    int // from 1, of those accepted

	threshold string // that filtered it: "tm_score >= 0.5"
	value     string // that it had there

	stage   string // where it failed: a node of the pipeline, or "rank"
	code    string
	message string
}

func (c *candidate) fail(stage, code, message string) {
	c.outcome, c.stage, c.code, c.message = failed, stage, code, message
}

func (c *candidate) filter(threshold, value string) {
	c.outcome, c.threshold, c.value = filtered, threshold, value
}

// group is the outermost level of the index: in a campaign, the backbone.
func (c *candidate) group() string {
	group, _, _ := strings.Cut(c.index, ".")
	return group
}

// criterion is a threshold that a candidate must meet.
type criterion struct {
	column string
	most   bool // the limit is a maximum, else a minimum
	limit  float64
}

func (c criterion) String() string {
	op := ">="
	if c.most {
		op = "<="
	}
	return fmt.Sprintf("%s %s %s", c.column, op, tool.FormatNumber(c.limit))
}

// parseCriterion reads "column>=number" or "column<=number".
func parseCriterion(s string) (criterion, error) {
	for _, op := range []string{">=", "<="} {
		column, limit, found := strings.Cut(s, op)
		if !found {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(limit), 64)
		if column = strings.TrimSpace(column); err == nil && x == x && column != "" {
			return criterion{column, op == "<=", x}, nil
		}
	}
	return criterion{}, fmt.Errorf("%.60q is no threshold; write one like mean_b_factor>=70 or clashes<=5", s)
}

// rankOptions say how candidates are ranked.
type rankOptions struct {
	by          string
	lowerBetter bool
	criteria    []criterion
	perGroup    int // most accepted of one group; 0: any number
	top         int // most accepted; 0: any number
}

// lowerIsBetter tells the direction of a column of the score step; of other
// columns more is taken to be better.
func lowerIsBetter(column string) bool {
	switch column {
	case "ca_rmsd", "clashes", "radius_of_gyration":
		return true
	}
	return false
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
		if c.outcome == failed {
			continue
		}
		by, ok := c.row.number(o.by)
		if !ok {
			c.fail("rank", "input", missing(c, o.by))
			continue
		}
		for _, k := range o.criteria {
			x, ok := c.row.number(k.column)
			if !ok {
				c.fail("rank", "input", missing(c, k.column))
				continue next
			}
			if k.most && x > k.limit || !k.most && x < k.limit {
				c.filter(k.String(), strings.TrimSpace(c.row.values[k.column]))
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
			c.filter(fmt.Sprintf("max_per_group <= %d", o.perGroup), strconv.Itoa(place))
		case o.top > 0 && len(best) == o.top:
			eligible++
			c.filter(fmt.Sprintf("top <= %d", o.top), strconv.Itoa(eligible))
		default:
			eligible++
			c.outcome, c.rank = accepted, len(best)+1
			best = append(best, c.candidate)
		}
		ofGroup[c.group()] = place
	}
	return best
}

// missing says that a candidate has no number in a column.
func missing(c *candidate, column string) string {
	text, there := c.row.values[column]
	switch {
	case !there:
		return fmt.Sprintf("Its score table has no column %s; it has %s.", column, strings.Join(c.row.columns, ", "))
	case strings.TrimSpace(text) == "":
		return fmt.Sprintf("Its %s is empty.", column)
	}
	return fmt.Sprintf("Its %s is %.40q, which is no number.", column, text)
}
