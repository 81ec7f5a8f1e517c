package steps_test

import (
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

func TestThreshold(t *testing.T) {
	low, high := 0.25, 1234.5678
	for _, c := range []struct {
		steps.Threshold
		words string
		value float64
		why   string
	}{
		{steps.Threshold{Metric: "tm_score", Min: &low}, "tm_score ≥ 0.25", 0.25, ""},
		{steps.Threshold{Metric: "tm_score", Min: &low}, "tm_score ≥ 0.25", 0.1 + 0.1, "`tm_score` is 0.2, below 0.25."},
		{steps.Threshold{Metric: "tm_score", Min: &low}, "tm_score ≥ 0.25", 1.0 / 12, "`tm_score` is 0.0833333, below 0.25."},
		{steps.Threshold{Port: "sequences", Metric: "energy", Min: &low, Max: &high}, "energy of sequences ≥ 0.25 and energy of sequences ≤ 1234.57", 1e9, "`energy` is 1e+09, above 1234.57."},
		{steps.Threshold{Metric: "energy"}, "", 7, ""},
	} {
		if got := c.String(); got != c.words {
			t.Errorf("%+v is %q, want %q", c.Threshold, got, c.words)
		}
		got, err := c.Judge(map[string]float64{c.Metric: c.value})
		why := ""
		if got != nil {
			why = got.Sentence()
		}
		if err != nil || why != c.why {
			t.Errorf("%s of %g: %q %v, want %q", c.Threshold, c.value, why, err, c.why)
		}
	}
	unmeasured := steps.Threshold{Metric: "energy", Max: &high}
	if got, err := unmeasured.Judge(map[string]float64{"tm_score": 1}); err == nil {
		t.Errorf("what was not measured is %v", got)
	}
}
