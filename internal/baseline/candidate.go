package baseline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// What becomes of a candidate. Every one that was promised ends as one of
// these.
const (
	accepted = "accepted"
	filtered = "filtered"
	failed   = "failed"
	// An item whose result was taken over from an earlier run. There are none:
	// runs take nothing over from each other, and what a retry finds committed
	// is its own run's. The ledger has a place for it all the same.
	cached = "cached"
)

// candidate is an item on its way through the ranking.
type candidate struct {
	index    string
	id       string // bb003_seq02
	backbone string // number of its backbone; empty when that is not known
	number   string // of the sequence among those of its backbone

	sequence string // chains joined by /
	length   int    // residues; 0 when the sequence is not known

	model, source string // URIs of the model and of the backbone
	path          string // of the model's file
	values        []string
	tools         map[string]string // what made its models and scores, by port: "fold.baseline"

	outcome string
	rank    int    // from 1, of those accepted
	stage   string // where it was filtered or failed: a node of the pipeline, or "rank"

	metric    string // what it was filtered by: a column, or a cap of the ranking
	most      bool   // the threshold is a maximum, else a minimum
	threshold float64
	value     string // that it had there

	code    string // of those that failed
	message string
}

// rankStage is the name of the ranking itself among the stages.
const rankStage = "rank"

func (c *candidate) fail(stage, code, message string) {
	c.outcome, c.stage, c.code, c.message = failed, stage, code, message
}

func (c *candidate) filter(stage, metric string, most bool, threshold float64, value string) {
	c.outcome, c.stage = filtered, stage
	c.metric, c.most, c.threshold, c.value = metric, most, threshold, value
}

// bound says which way the threshold binds: min or max.
func (c *candidate) bound() string {
	switch {
	case c.outcome != filtered:
		return ""
	case c.most:
		return "max"
	}
	return "min"
}

// reason is why a candidate was left out, for a reader.
func (c *candidate) reason() string {
	switch c.outcome {
	case filtered:
		op := ">="
		if c.most {
			op = "<="
		}
		return fmt.Sprintf("%s %s %s", c.metric, op, tool.FormatNumber(c.threshold))
	case failed:
		return c.code
	}
	return ""
}

// group is the outermost level of the index: in a campaign, the backbone.
func (c *candidate) group() string {
	group, _, _ := strings.Cut(c.index, ".")
	return group
}

// text is what a candidate has in a column; empty when it has nothing there.
func (c *candidate) text(col *column) string {
	if col == nil || col.at >= len(c.values) {
		return ""
	}
	return c.values[col.at]
}

func (c *candidate) set(col *column, text string) {
	for len(c.values) <= col.at {
		c.values = append(c.values, "")
	}
	c.values[col.at] = text
}

// name gives a candidate its id and numbers. backboneDepth is how many levels
// of an index tell the backbone; -1: no backbones are known, and the outermost
// of two levels is taken to be theirs.
//
// Numbers are those of the index, from 0, so that an id leads back to the
// items of a run. They are of a fixed least width, so that a candidate's id
// does not depend on how many others there are.
func (c *candidate) name(backboneDepth int) {
	var levels []string
	if c.index != "" {
		levels = strings.Split(c.index, ".")
	}
	if backboneDepth < 0 {
		backboneDepth = max(len(levels)-1, 0)
	}
	var parts []string
	above := min(backboneDepth, len(levels))
	for _, n := range levels[:above] {
		parts = append(parts, "bb"+padded(n, 3))
	}
	if above > 0 {
		c.backbone = strings.Join(levels[:above], ".")
	}
	rest := levels[above:]
	for _, n := range rest {
		parts = append(parts, "seq"+padded(n, 2))
	}
	c.number = strings.Join(rest, ".")
	if len(parts) == 0 {
		parts, c.number = []string{"seq00"}, "0"
	}
	c.id = strings.Join(parts, "_")
}

// padded is a number with zeros before it.
func padded(number string, width int) string {
	n, err := strconv.Atoi(number)
	if err != nil {
		return number
	}
	return fmt.Sprintf("%0*d", width, n)
}
