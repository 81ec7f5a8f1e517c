package worker_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

func threshold(port, metric string, least, most *float64) steps.Threshold {
	return steps.Threshold{Port: port, Metric: metric, Min: least, Max: most}
}

func number(x float64) *float64 { return &x }

// What does not meet a threshold is committed with all that it gave, and says
// why it goes no further.
func TestFilter(t *testing.T) {
	measured := `{"metrics":{"a":1.5,"b":7},"items":{"o":[{"n":1},{"n":2},{"n":3}]}}`
	for _, c := range []struct {
		name  string
		keep  []steps.Threshold
		whole string
		items [3]string
	}{
		{name: "within", keep: []steps.Threshold{threshold("", "a", number(1.5), number(1.5)), threshold("o", "n", number(1), number(3))}},
		{name: "below", keep: []steps.Threshold{threshold("", "a", number(1.6), nil)}, whole: "`a` is 1.5, below 1.6."},
		{name: "above, by the first that it does not meet", keep: []steps.Threshold{threshold("", "a", nil, number(1)), threshold("", "b", number(8), nil)}, whole: "`a` is 1.5, above 1."},
		{name: "items", keep: []steps.Threshold{threshold("o", "n", number(2), number(2.5))}, items: [3]string{0: "`n` is 1, below 2.", 2: "`n` is 3, above 2.5."}},
		{name: "no bound", keep: []steps.Threshold{threshold("", "nobody", nil, nil)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, nil)
			task := l.task(`echo x | tee 1.txt 2.txt >3.txt; printf '%s' "$1" >m.json`, measured)
			task.Outputs = []steps.Port{notes("o", 1, 0)}
			task.Implementation.Collect = map[string]string{"o": "*.txt"}
			task.Implementation.Metrics = "m.json"
			task.Keep = c.keep
			r := l.must(task, nil)
			whole := ""
			if r.Filtered != nil {
				whole = r.Filtered.Sentence()
			}
			var items [3]string
			for i, o := range r.Outputs["o"] {
				if o.Filtered != nil {
					items[i] = o.Filtered.Sentence()
				}
				if l.read(o.URI) != "x\n" {
					t.Errorf("item %d is not stored", i)
				}
			}
			if whole != c.whole || items != c.items {
				t.Errorf("filtered %q and %q, want %q and %q", whole, items, c.whole, c.items)
			}
			// The record says it to whoever comes later.
			again := l.must(task, nil)
			if (r.Filtered == nil) != (again.Filtered == nil) || len(again.Outputs["o"]) != 3 {
				t.Errorf("the record says %+v, was told %+v", again, r)
			}
			for i, o := range again.Outputs["o"] {
				if diff := gocmp.Diff(r.Outputs["o"][i].Filtered, o.Filtered); diff != "" {
					t.Errorf("of item %d the record says otherwise:\n%s", i, diff)
				}
			}
		})
	}
}

// What cannot be judged must not pass.
func TestFilterWithoutItsMetric(t *testing.T) {
	for _, c := range []struct {
		keep    steps.Threshold
		message string
	}{
		{threshold("", "a", number(1), nil), "the metric \"a\", by which it is to be filtered, was not measured"},
		{threshold("o", "a", nil, number(1)), "of item 0 of `o` the metric \"a\""},
	} {
		l := newLab(t, nil)
		task := l.task(`echo x >1.txt; echo '{"metrics":{"b":1}}' >m.json`)
		task.Outputs = []steps.Port{notes("o", 1, 0)}
		task.Implementation.Collect = map[string]string{"o": "*.txt"}
		task.Implementation.Metrics = "m.json"
		task.Keep = []steps.Threshold{c.keep}
		l.wants(task, steps.FailOutputContract, c.message)
	}
}

// A gather sees what was filtered: not the file, but where it lies, what was
// measured of it, and why it is not there.
func TestManifestOfFiltered(t *testing.T) {
	l := newLab(t, nil)
	there, gone := l.put("a.txt", "a\n"), l.put("b.txt", "b\n")
	there.Index, gone.Index = "0", "1"
	gone.Metrics = map[string]float64{"n": 3}
	gone.Failed = worker.FilteredAt("made", &steps.Filtered{Metric: "n", Value: 3, Threshold: 2, Bound: steps.UpperBound})
	task := l.task(`ls "$1" | tr '\n' ' ' >out.txt; grep -c "$2" "$3" >>out.txt; tr -d ' \n' <"$3" >>out.txt`, "$(inputs.in.dir)", "/given/b.txt", "$(inputs.in.manifest)")
	task.Inputs = []worker.Input{{Port: notes("in", 1, 0), Items: []worker.Item{there, gone}}}
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "out.txt"}
	got := l.read(l.must(task, nil).Outputs["o"][0].URI)
	want := `{"index":"1","uri":"` + gone.URI.String() + `","metrics":{"n":3},"failed":{"node":"made","code":"filtered","message":"` + "`n`is3,above2." + `","metric":"n","value":3,"threshold":2,"bound":"max"}}]}`
	if len(got) < len(want) || got[:8] != "0.txt 1\n" || got[len(got)-len(want):] != want {
		t.Errorf("got\n%s\nwanted it to end with\n%s", got, want)
	}
}
