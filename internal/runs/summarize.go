package runs

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Facts are what a summary is made of.
type Facts struct {
	Run     Run
	Plan    *pipelines.Plan
	Outputs map[string]OutputPage         // by output port of the whole: the first few objects, and how many there are
	Metrics map[string]map[string]float64 // by node that gives an output and is not scattered
	Next    []NextStep
	Stale   time.Time // since when nothing has been heard of a run that goes on; zero: it is fresh
}

// Caps on parts of a summary, before it is held against SummaryBytes.
const (
	maxMetrics     = 24
	previewLines   = 6
	previewColumns = 80
	maxMessage     = 600
	maxHint        = 300
	maxLogTail     = 1200
	maxWaiting     = 300
)

// Summarize folds a run into its summary. It is pure.
//
// Metrics are those of the nodes that give the outputs: by their own name
// where only one node measures it, as it always is for a single step, else as
// "node.name". Scattered nodes have theirs with each item, in the listing of
// the output.
func Summarize(f Facts) Summary {
	r := shown(f.Run)
	sum := Summary{
		RunID: r.ID, WorkflowName: r.Workflow, Tool: r.Tool.Name, Status: r.State,
		Waiting: cut(r.Waiting, maxWaiting), StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		Progress: r.Progress, Metrics: metricsOf(f.Metrics), Next: f.Next,
		Error: errorOf(r), ResourceURI: ResourceURI(r.ID),
	}
	if !r.State.Terminal() {
		sum.StaleSince = f.Stale
	}
	for _, o := range f.Plan.Compiled.Outputs {
		page := f.Outputs[o.Port.Name]
		if page.Total == 0 {
			continue
		}
		list := OutputList{Many: o.Port.Many || page.Total > 1, Count: page.Total}
		for _, ref := range page.Outputs[:min(len(page.Outputs), SummaryURIs)] {
			list.URIs = append(list.URIs, ref.Object.URI)
		}
		if list.Many {
			list.Resource = OutputResource(r.ID, o.Port.Name)
		}
		if sum.OutputURIs == nil {
			sum.OutputURIs = map[string]OutputList{}
		}
		sum.OutputURIs[o.Port.Name] = list
		if len(page.Outputs) > 0 {
			if lines := preview(page.Outputs[0].Object.Preview); lines != nil {
				if sum.Preview == nil {
					sum.Preview = map[string][]string{}
				}
				sum.Preview[o.Port.Name] = lines
			}
		}
	}
	shrink(&sum)
	return sum
}

func metricsOf(byNode map[string]map[string]float64) map[string]float64 {
	owners := map[string]int{}
	for _, metrics := range byNode {
		for name := range metrics {
			owners[name]++
		}
	}
	all := map[string]float64{}
	for node, metrics := range byNode {
		for name, v := range metrics {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue // JSON has no such numbers
			}
			if owners[name] > 1 {
				name = node + "." + name
			}
			all[name] = v
		}
	}
	return capMetrics(all, maxMetrics)
}

// capMetrics keeps the first n by name.
func capMetrics(m map[string]float64, n int) map[string]float64 {
	if len(m) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(m))
	for _, name := range names[min(n, len(names)):] {
		delete(m, name)
	}
	return m
}

func preview(lines []string) []string {
	var out []string
	for _, l := range lines[:min(len(lines), previewLines)] {
		out = append(out, cut(l, previewColumns))
	}
	return out
}

// errorOf is why the run failed, cut to size, with a hint in any case.
func errorOf(r Run) *steps.Failure {
	if r.State != Failed || r.Failure == nil {
		return nil
	}
	f := *r.Failure
	f.Message = cut(f.Message, maxMessage)
	if f.Hint == "" {
		f.Hint = hint(f.Code)
	}
	f.Hint = cut(f.Hint, maxHint)
	f.LogTail = tail(f.LogTail, maxLogTail)
	return &f
}

// hint says what to do about a class of failure when nothing closer to it did.
func hint(code steps.FailureCode) string {
	switch code {
	case steps.FailOOM:
		return "It ran out of memory. Give it a smaller input, or an implementation or machine with more memory."
	case steps.FailGPUOOM:
		return "It ran out of GPU memory. Give it a smaller input, or a larger GPU."
	case steps.FailDisk:
		return "It wrote more than it may, or the disk was full. Give it a smaller input, or free some space, then retry the run."
	case steps.FailPreempted:
		return "The machine went away under it. Retry the run: what is done stays done."
	case steps.FailImage:
		return "The command or image could not be started. See that it is installed, or choose another implementation."
	case steps.FailUnschedulable:
		return "No machine has what the step asks for. Choose an implementation that asks for less."
	case steps.FailDeadline:
		return "It took longer than its timeout. Give it a smaller input, or retry when the machine is less busy."
	case steps.FailOutputContract:
		return "The command ended well but did not write what it declares. Look at its log."
	case steps.FailInput:
		return "An input is not what the step takes. Look at the message and give another."
	case steps.FailExit:
		return "Look at the step's log, mend the arguments and submit again."
	case steps.FailStorage:
		return "The store could not be read or written. Retry the run once it can."
	case steps.FailUpstream:
		return "Everything before it failed. Look at the failures of those tasks."
	}
	return "Look at the step's log; a retry may help."
}

// cut shortens a text to at most n bytes, at a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n = max(0, n-len(mark))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// tail keeps the last n bytes, from the beginning of a line if there is one.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	if i := strings.IndexByte(s, '\n'); i >= 0 && i+1 < len(s) {
		return s[i+1:]
	}
	for s != "" && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

// shrink leaves out what matters least until the summary is small enough.
func shrink(sum *Summary) {
	for _, less := range []func(*Summary){
		func(s *Summary) { capPreviews(s, 2) },
		func(s *Summary) { s.Next = s.Next[:min(len(s.Next), 3)] },
		func(s *Summary) { s.Preview = nil },
		func(s *Summary) {
			if s.Error != nil {
				s.Error.LogTail = tail(s.Error.LogTail, 400)
			}
		},
		func(s *Summary) { capMetrics(s.Metrics, 8) },
		func(s *Summary) { capURIs(s, 1) },
		func(s *Summary) { s.Next = nil },
		func(s *Summary) { capURIs(s, 0) },
		func(s *Summary) { capMetrics(s.Metrics, 0) },
		func(s *Summary) {
			if s.Error != nil {
				s.Error.LogTail, s.Error.Message = "", cut(s.Error.Message, 300)
			}
		},
	} {
		if fits(sum) {
			return
		}
		less(sum)
	}
	// Very many output ports: the resource has them all.
	for len(sum.OutputURIs) > 0 && !fits(sum) {
		names := slices.Sorted(maps.Keys(sum.OutputURIs))
		for _, name := range names[len(names)/2:] {
			delete(sum.OutputURIs, name)
		}
	}
}

func fits(sum *Summary) bool {
	data, err := json.Marshal(sum)
	return err != nil || len(data) <= SummaryBytes
}

func capPreviews(s *Summary, lines int) {
	for port, p := range s.Preview {
		s.Preview[port] = p[:min(len(p), lines)]
	}
}

// capURIs shows fewer URIs of ports that give many.
func capURIs(s *Summary, n int) {
	for port, l := range s.OutputURIs {
		if l.Many {
			l.URIs = l.URIs[:min(len(l.URIs), n)]
			s.OutputURIs[port] = l
		}
	}
}
