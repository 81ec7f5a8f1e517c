package steps_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

// foldings is a table that grows with the square of the length.
var foldings = steps.Cost{By: "sequence", Points: []steps.CostPoint{
	{Length: 100, Seconds: 1, GPUMemory: 8 << 30},
	{Length: 400, Seconds: 16, GPUMemory: 16 << 30},
	{Length: 800, Seconds: 64},
}}

func TestExpect(t *testing.T) {
	spent := func(length, times int, seconds float64, mib int64, n int) []steps.Spent {
		return slices.Repeat([]steps.Spent{{Work: steps.Work{Length: length, Times: times}, Seconds: seconds, Memory: mib << 20}}, n)
	}
	none := steps.Cost{By: "sequence", Times: "models"}
	for _, c := range []struct {
		name     string
		cost     steps.Cost
		work     steps.Work
		finished []steps.Spent
		seconds  steps.Estimate
		gpu      float64 // GiB
		mib      float64
		runs     int
		beyond   bool
	}{
		{name: "a point", cost: foldings, work: steps.Work{Length: 400}, seconds: steps.Estimate{Value: 16}, gpu: 16},
		{name: "between", cost: foldings, work: steps.Work{Length: 200}, seconds: steps.Estimate{Value: 4}, gpu: 8 * math.Sqrt2},
		{name: "shorter", cost: foldings, work: steps.Work{Length: 10}, seconds: steps.Estimate{Value: 1, Side: steps.AtMost}, gpu: 8},
		{name: "longer", cost: foldings, work: steps.Work{Length: 1600}, seconds: steps.Estimate{Value: 256}, gpu: 32, beyond: true},
		{name: "times", cost: foldings, work: steps.Work{Length: 400, Times: 5}, seconds: steps.Estimate{Value: 80}, gpu: 16},
		{name: "corrected by the median", cost: foldings, work: steps.Work{Length: 400},
			finished: slices.Concat(spent(200, 0, 8, 300, 3), spent(400, 0, 1000, 300, 1)), seconds: steps.Estimate{Value: 32}, gpu: 16, mib: 600, runs: 4},
		{name: "too few", cost: foldings, work: steps.Work{Length: 400}, finished: spent(200, 0, 8, 0, 2), seconds: steps.Estimate{Value: 16}, gpu: 16},
		{name: "none that the table speaks of", cost: foldings, work: steps.Work{Length: 400}, finished: spent(10, 0, 8, 0, 9), seconds: steps.Estimate{Value: 16}, gpu: 16, runs: 9},
		{name: "shorter than the table, as finished took", cost: foldings, work: steps.Work{Length: 10}, finished: spent(10, 0, 0.25, 0, 9), seconds: steps.Estimate{Value: 0.25}, gpu: 8, runs: 9},
		{name: "between what finished and the table", cost: foldings, work: steps.Work{Length: 50}, finished: spent(25, 0, 0.25, 0, 9), seconds: steps.Estimate{Value: 0.5}, gpu: 8, runs: 9},
		{name: "longer than a table of one, as finished took", cost: steps.Cost{By: "sequence", Points: foldings.Points[:1]}, work: steps.Work{Length: 200},
			finished: spent(200, 0, 5, 0, 3), seconds: steps.Estimate{Value: 5}, gpu: 16, runs: 3},
		{name: "of few, asked for many", cost: none, work: steps.Work{Length: 100, Times: 1000}, finished: slices.Concat(spent(100, 4, 1, 0, 5), spent(100, 8, 1, 0, 2)),
			seconds: steps.Estimate{Value: 125, Side: steps.AtMost}, runs: 3},
		{name: "of many, asked for few", cost: none, work: steps.Work{Length: 100, Times: 1}, finished: spent(100, 100, 50, 0, 3), seconds: steps.Estimate{Value: 0.5, Side: steps.AtLeast}, runs: 3},
		{name: "of as many among others", cost: none, work: steps.Work{Length: 100, Times: 100}, finished: slices.Concat(spent(100, 1, 3, 0, 9), spent(100, 80, 80, 0, 3)), seconds: steps.Estimate{Value: 100}, runs: 3},
		{name: "of finished alone", cost: none, work: steps.Work{Length: 200, Times: 2},
			finished: slices.Concat(spent(100, 4, 4, 100, 2), spent(101, 4, 400, 100, 1), spent(400, 1, 16, 200, 3)), seconds: steps.Estimate{Value: 8}, mib: 141.4, runs: 6},
		{name: "of one length", cost: none, work: steps.Work{Length: 300, Times: 1}, finished: spent(100, 1, 2, 0, 3), seconds: steps.Estimate{Value: 6, Side: steps.AtLeast}, runs: 3, beyond: true},
		{name: "nothing known", cost: none, work: steps.Work{Length: 300, Times: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := c.cost.Expect(c.work, c.finished)
			near := func(what string, got, want float64) {
				t.Helper()
				if math.Abs(got-want) > 0.02*want {
					t.Errorf("%s is %g, want %g", what, got, want)
				}
			}
			near("the time", e.Seconds.Value, c.seconds.Value)
			near("the memory of the GPU", e.GPUMemory.Value/(1<<30), c.gpu)
			if c.mib > 0 || c.finished == nil {
				near("the memory", e.Memory.Value/(1<<20), c.mib)
			}
			if e.Seconds.Side != c.seconds.Side || e.Runs != c.runs || e.Beyond != c.beyond {
				t.Errorf("%+v, want side %q, runs %d, beyond %v", e, c.seconds.Side, c.runs, c.beyond)
			}
		})
	}
}

func TestKnows(t *testing.T) {
	none := steps.Cost{By: "sequence"}
	if none.Knows(make([]steps.Spent, 2)) || !none.Knows(make([]steps.Spent, 3)) || !foldings.Knows(nil) {
		t.Error("it knows what it does not, or the other way round")
	}
}

func TestLongest(t *testing.T) {
	one := steps.Cost{By: "sequence", Points: []steps.CostPoint{{Length: 1000, GPUMemory: 16 << 30}}}
	for _, c := range []struct {
		name string
		cost steps.Cost
		gib  int64
		most int
		want int
	}{
		{"between points", foldings, 12, 2000, 225},
		{"beyond them", foldings, 32, 2000, 1600},
		{"all that is asked", foldings, 32, 500, 500},
		{"shorter than any point is not known to need more", foldings, 4, 2000, 99},
		{"of a single point", one, 32, 5000, 2000},
		{"of none", steps.Cost{By: "sequence"}, 1, 700, 700},
	} {
		if got := c.cost.Longest(c.gib<<30, c.most); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestParseCost(t *testing.T) {
	const form = `
name: s
version: 1.0.0
title: A step
description: Of one implementation.
inputs: {sequence: {type: protein.sequence}, extra: {type: protein.sequence, optional: true}, all: {type: protein.sequence, many: true}}
params: {models: {type: integer, default: 5}, weight: {type: number, default: 1}}
outputs: {structure: {type: protein.structure, format: pdb, length: LENGTH}}
implementations:
  main:
    command: [tool, $(inputs.sequence), [$(inputs.extra)], $(inputs.all), $(params.models), $(params.weight)]
    collect: {structure: out.pdb}
    cost: COST
`
	parse := func(cost, length string) (*steps.Step, string) {
		s, ps := steps.ParseStep("s.yaml", []byte(strings.NewReplacer("COST", cost, "LENGTH", length).Replace(form)))
		var all []string
		for _, p := range ps {
			all = append(all, p.String())
		}
		return s, strings.Join(all, "\n")
	}
	s, problems := parse("{by: sequence, times: models, points: [{length: 10, seconds: 0.5}, {length: 20, gpu_memory: 2Gi}], source: a paper}", "models")
	if problems != "" {
		t.Fatal(problems)
	}
	if c := s.Implementations[0].Cost; c.By != "sequence" || c.Times != "models" || len(c.Points) != 2 || c.Points[1].GPUMemory != 2<<30 || s.Outputs[0].Length != "models" {
		t.Errorf("%+v", c)
	}
	for _, c := range []struct{ cost, length, want string }{
		{"{times: models}", "sequence", `"by" is missing`},
		{"{by: sequences}", "sequence", `There is no input or integer parameter "sequences". Did you mean "sequence"?`},
		{"{by: all}", "sequence", "all carries many, so there is no one length"},
		{"{by: extra}", "sequence", "extra may be left out"},
		{"{by: weight}", "sequence", "The parameter weight is no integer"},
		{"{by: sequence, times: sequence}", "sequence", `There is no integer parameter "sequence"`},
		{"{by: sequence}", "{of: sequence, unless: modles}", `There is no parameter "modles". Did you mean "models"?`},
		{"{by: sequence}", "{of: sequence}", `"unless" is missing`},
		{"{by: sequence}", "all", "all carries many, so there is no one length"},
		{"{by: sequence, points: [{length: 10, seconds: 1}]}", "sequence", "It does not say where its figures are from"},
		{"{by: sequence, source: x, points: [{length: 10}]}", "sequence", "The point says nothing about its length"},
		{"{by: sequence, source: x, points: [{length: 10, seconds: 2}, {length: 20, seconds: 1}]}", "sequence", "A point before it has a longer time"},
		{"{by: sequence, source: x, points: [{length: 10, seconds: 2}, {length: 10, seconds: 3}]}", "sequence", "A point before it has as great a length"},
		{"{by: sequence, source: x, points: [{length: 10, seconds: -2}]}", "sequence", "-2 seconds are outside the limits"},
		{"{by: sequence, source: x, points: [{length: 10, seconds: 1e-300}]}", "sequence", "seconds are outside the limits"},
		{"{by: sequence, source: x, points: [{length: 10, gpu_memory: 30}]}", "sequence", "This is 30 bytes"},
	} {
		if _, problems := parse(c.cost, c.length); !strings.Contains(problems, c.want) || strings.Count(problems, "\n") > 0 {
			t.Errorf("%s, %s:\n%s\nwant %s", c.cost, c.length, problems, c.want)
		}
	}
}
