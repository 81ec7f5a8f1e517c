package steps

import (
	"fmt"
	"strconv"
	"strings"
)

// Threshold bounds a metric: what lies outside is filtered. It is committed
// like any other result, but nothing takes it.
type Threshold struct {
	Port   string   `json:"port,omitempty"` // an output that gives many, whose items are judged one by one; empty: the task as a whole
	Metric string   `json:"metric"`
	Min    *float64 `json:"min,omitempty"` // the least that stays
	Max    *float64 `json:"max,omitempty"` // the most that stays
}

// String says what stays: "agreement ≥ 50", "energy of sequences ≤ 0".
func (t Threshold) String() string {
	what := t.Metric
	if t.Port != "" {
		what += " of " + t.Port
	}
	var bounds []string
	if t.Min != nil {
		bounds = append(bounds, what+" ≥ "+short(*t.Min))
	}
	if t.Max != nil {
		bounds = append(bounds, what+" ≤ "+short(*t.Max))
	}
	return strings.Join(bounds, " and ")
}

// Judge says whether what measured these metrics stays: nil when it does. The
// error says that the metric is missing.
func (t *Threshold) Judge(metrics map[string]float64) (*Filtered, error) {
	value, measured := metrics[t.Metric]
	switch {
	case t.Min == nil && t.Max == nil:
		return nil, nil
	case !measured:
		return nil, fmt.Errorf("the metric %q, by which it is to be filtered, was not measured", t.Metric)
	case t.Min != nil && value < *t.Min:
		return &Filtered{Metric: t.Metric, Value: value, Threshold: *t.Min, Bound: LowerBound}, nil
	case t.Max != nil && value > *t.Max:
		return &Filtered{Metric: t.Metric, Value: value, Threshold: *t.Max, Bound: UpperBound}, nil
	}
	return nil, nil
}

// Bound says on which side of a threshold it is that nothing stays.
type Bound string

const (
	LowerBound Bound = "min" // below it
	UpperBound Bound = "max" // above it
)

// Filtered says which threshold something did not meet.
type Filtered struct {
	Metric    string  `json:"metric"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	Bound     Bound   `json:"bound"`
}

// Sentence says so: "`agreement` is 41.2, below 50."
func (f *Filtered) Sentence() string {
	side := "below"
	if f.Bound == UpperBound {
		side = "above"
	}
	return fmt.Sprintf("`%s` is %s, %s %s.", f.Metric, short(f.Value), side, short(f.Threshold))
}

// short is a number as people read it, with the digits that it has, but at
// most six.
func short(x float64) string {
	if s := strconv.FormatFloat(x, 'f', -1, 64); len(s) <= 8 {
		return s
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
