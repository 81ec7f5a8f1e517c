package steps

import (
	"cmp"
	"math"
	"slices"
)

// Cost is what an attempt takes, by how long what it works on is: a table from
// which predictions are made before anything runs.
//
// Between two points of the table a figure is taken to grow with a power of the
// length (a straight line when both are logarithmic: the memory and time of
// attention, of pair representations and of all-against-all comparisons do).
// Beyond the last point the growth of the last two goes on; of a single point,
// what is known is that the figure grows at least as the length does. Below
// the first point a figure is at most that of the first.
type Cost struct {
	By     string      `json:"by"`               // the input whose length it goes by, as its type counts it; or an integer parameter
	Times  string      `json:"times,omitempty"`  // an integer parameter that the time is proportional to: the seconds are those of 1
	Points []CostPoint `json:"points,omitempty"` // in order of length; none: only finished runs tell
	Source string      `json:"source,omitempty"` // where the figures are from: a machine, a paper
}

// CostPoint are the figures of one length. One that is 0 is not known.
type CostPoint struct {
	Length    int     `json:"length"`
	Seconds   float64 `json:"seconds,omitempty"`
	Memory    int64   `json:"memory,omitempty"`     // bytes of main memory, at most
	GPUMemory int64   `json:"gpu_memory,omitempty"` // bytes on each of its GPUs, at most
}

// GPU is a device that attempts can get.
type GPU struct {
	Name   string `json:"name,omitempty"`   // as its driver names the product: "NVIDIA A100-SXM4-40GB"
	Memory int64  `json:"memory,omitempty"` // bytes; 0: not known
}

// Work is how much an attempt had to do, as its implementation's [Cost] counts
// it.
type Work struct {
	Length int `json:"length"`
	Times  int `json:"times,omitempty"` // 0: its cost does not go by any
}

// Spent is what a finished attempt took.
type Spent struct {
	Work
	Seconds float64 `json:"seconds"`          // of its commands
	Memory  int64   `json:"memory,omitempty"` // bytes; 0: not known
}

// SpentOn is what a committed attempt took whose work is known.
func SpentOn(r *Result) Spent {
	return Spent{Work: *r.Work, Seconds: r.Timings.Run, Memory: r.Usage.PeakMemory}
}

// Side says on which side of the truth an estimate lies.
type Side string

const (
	About   Side = ""
	AtMost  Side = "at most"
	AtLeast Side = "at least"
)

// Estimate is a figure that is predicted; 0: nothing is known.
type Estimate struct {
	Value float64 `json:"value"`
	Side  Side    `json:"side,omitempty"`
}

// Exceeds reports whether the estimate is known to be over a limit.
func (e Estimate) Exceeds(limit float64) bool { return e.Value > limit && e.Side != AtMost }

// Expected is what an attempt is predicted to take.
type Expected struct {
	Seconds   Estimate `json:"seconds,omitzero"`
	Memory    Estimate `json:"memory,omitzero"`     // bytes
	GPUMemory Estimate `json:"gpu_memory,omitzero"` // bytes on each GPU
	Runs      int      `json:"runs,omitempty"`      // how many finished attempts went into the seconds and the memory
	Beyond    bool     `json:"beyond,omitempty"`    // it is longer than anything that is known
}

// fewest is how many finished attempts make a prediction: fewer may have been
// held up by something else.
const fewest = 3

// Expect predicts what an attempt takes, from the table and what finished
// attempts took: time and main memory where there are some of about the length
// from these, elsewhere from the table, corrected by how far it was off. The
// memory of a GPU goes by the table alone: what frameworks take of it says
// little about what they need.
func (c *Cost) Expect(w Work, finished []Spent) Expected {
	seconds := column(c.Points, func(p CostPoint) float64 { return p.Seconds })
	memory := column(c.Points, func(p CostPoint) float64 { return float64(p.Memory) })
	gpu := column(c.Points, func(p CostPoint) float64 { return float64(p.GPUMemory) })

	var e Expected
	var n int
	alike, side := like(finished, w.Times)
	e.Seconds, n = refined(seconds, w.Length, samples(alike, func(s Spent) float64 { return s.Seconds / float64(max(s.Times, 1)) }))
	e.Seconds.Value *= float64(max(w.Times, 1))
	if n > 0 && e.Seconds.Side == About {
		e.Seconds.Side = side
	}
	e.Memory, e.Runs = refined(memory, w.Length, samples(finished, func(s Spent) float64 { return float64(s.Memory) }))
	e.Runs = max(e.Runs, n)
	e.GPUMemory = at(gpu, w.Length)

	longest := 0
	if len(c.Points) > 0 {
		longest = c.Points[len(c.Points)-1].Length
	}
	for _, s := range finished {
		longest = max(longest, s.Length)
	}
	e.Beyond = longest > 0 && w.Length > longest
	return e
}

// Knows reports whether there is anything to predict from.
func (c *Cost) Knows(finished []Spent) bool { return len(c.Points) > 0 || len(finished) >= fewest }

// Longest is the greatest length, up to most, that is not known to need more
// than so many bytes on each GPU.
func (c *Cost) Longest(gpuMemory int64, most int) int {
	gpu := column(c.Points, func(p CostPoint) float64 { return float64(p.GPUMemory) })
	// The figures never fall with the length, so the first that is too long is
	// found by halving.
	low, high := 0, most
	for low < high {
		middle := low + (high-low+1)/2
		if at(gpu, middle).Exceeds(float64(gpuMemory)) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	return low
}

// sample is one known value of a figure.
type sample struct{ length, value float64 }

// column are the points that have a figure.
func column(points []CostPoint, figure func(CostPoint) float64) []sample {
	var out []sample
	for _, p := range points {
		if v := figure(p); v > 0 {
			out = append(out, sample{float64(p.Length), v})
		}
	}
	return out
}

func samples(finished []Spent, figure func(Spent) float64) []sample {
	var out []sample
	for _, s := range finished {
		if v := figure(s); v > 0 && s.Length > 0 {
			out = append(out, sample{float64(s.Length), v})
		}
	}
	return out
}

// steepest is the greatest power of the length that a figure is taken to grow
// with beyond what is known.
const steepest = 4

// at reads a figure off a table.
func at(table []sample, length int) Estimate {
	n := float64(length)
	if len(table) == 0 || length < 1 {
		return Estimate{}
	}
	first, last := table[0], table[len(table)-1]
	switch {
	case n == first.length:
		return Estimate{Value: first.value}
	case n < first.length:
		return Estimate{first.value, AtMost}
	case len(table) == 1:
		return Estimate{first.value * n / first.length, AtLeast}
	case n > last.length:
		before := table[len(table)-2]
		power := math.Log(last.value/before.value) / math.Log(last.length/before.length)
		return Estimate{Value: last.value * math.Pow(n/last.length, min(max(power, 0), steepest))}
	}
	k, _ := slices.BinarySearchFunc(table, n, func(s sample, n float64) int { return cmp.Compare(s.length, n) })
	a, b := table[k-1], table[k]
	return Estimate{Value: a.value * math.Pow(b.value/a.value, math.Log(n/a.length)/math.Log(b.length/a.length))}
}

// like are the finished attempts that did about as many of what the time is
// proportional to as an attempt has to: the time of one is not the same of few,
// among which the start of a program is shared. Where there are too few of
// these, the nearest are taken, and the side says what that makes of the time.
func like(finished []Spent, times int) ([]Spent, Side) {
	const alike = 2 // within this factor
	if times <= 0 {
		return finished, About
	}
	off := func(s Spent) float64 { return math.Log(float64(max(s.Times, 1)) / float64(times)) }
	sorted := slices.Clone(finished)
	slices.SortStableFunc(sorted, func(a, b Spent) int { return cmp.Compare(math.Abs(off(a)), math.Abs(off(b))) })
	n := 0
	for n < len(sorted) && (n < fewest || math.Abs(off(sorted[n])) <= math.Log(alike)) {
		n++
	}
	sorted = sorted[:n]
	fewer, more := 0, 0
	for _, s := range sorted {
		if off(s) < -math.Log(alike) {
			fewer++
		} else if off(s) > math.Log(alike) {
			more++
		}
	}
	switch {
	case 2*fewer > n:
		return sorted, AtMost
	case 2*more > n:
		return sorted, AtLeast
	}
	return sorted, About
}

// refined reads a figure off a table that finished attempts correct, or off
// what they took, and says how many they were. Where there are attempts, what
// they took is believed before the table; beyond them the table goes on, by as
// much more or less as they took than it says.
func refined(table []sample, length int, took []sample) (Estimate, int) {
	if len(took) < fewest {
		return at(table, length), 0
	}
	ratio := 1.0
	var off []float64
	for _, t := range took {
		if e := at(table, int(t.length)); e.Value > 0 && e.Side == About {
			off = append(off, t.value/e.Value)
		}
	}
	if len(off) >= fewest {
		ratio = median(off)
	}
	seen := gathered(took)
	first, last := seen[0].length, seen[len(seen)-1].length
	var all []sample
	for _, s := range table {
		if s.length < first {
			all = append(all, sample{s.length, min(s.value*ratio, seen[0].value)})
		}
	}
	all = append(all, seen...)
	for _, s := range table {
		if s.length > last { // what is longer takes no less
			all = append(all, sample{s.length, max(s.value*ratio, all[len(all)-1].value)})
		}
	}
	return at(all, length), len(took)
}

// gathered makes a table of single values: one point for those of about one
// length, and of no fewer than make a prediction, so that noise does not look
// like growth.
func gathered(took []sample) []sample {
	const alike = 1.5 // lengths within this factor
	took = slices.Clone(took)
	slices.SortFunc(took, func(a, b sample) int { return cmp.Or(cmp.Compare(a.length, b.length), cmp.Compare(a.value, b.value)) })
	var table []sample
	for len(took) > 0 {
		n := 1
		for n < len(took) && (n < fewest || took[n].length <= alike*took[0].length) {
			n++
		}
		if len(took)-n < fewest { // the rest would be too few
			n = len(took)
		}
		var lengths, values []float64
		for _, t := range took[:n] {
			lengths, values = append(lengths, t.length), append(values, t.value)
		}
		point := sample{median(lengths), median(values)}
		if k := len(table); k > 0 { // what is longer takes no less
			point.value = max(point.value, table[k-1].value)
			if point.length <= table[k-1].length {
				took = took[n:]
				continue
			}
		}
		table = append(table, point)
		took = took[n:]
	}
	return table
}

// median is the middle of what is not empty.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
