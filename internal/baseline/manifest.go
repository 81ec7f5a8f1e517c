package baseline

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// manifest lists the items that a step gathers, as the worker writes it for
// $(inputs.x.manifest); the JSON keys are the contract.
type manifest struct {
	Port   string         `json:"port"`
	MadeBy *maker         `json:"made_by,omitempty"` // absent where nobody knows
	Items  []manifestItem `json:"items"`
}

type manifestItem struct {
	Index   string             `json:"index"`             // "3.5": the sixth item of the fourth
	Path    string             `json:"path,omitempty"`    // of the file; empty when the item did not come
	URI     string             `json:"uri,omitempty"`     // of one that did not come, where the port's own node filtered it
	Metrics map[string]float64 `json:"metrics,omitempty"` // that its task measured
	MadeBy  *maker             `json:"made_by,omitempty"` // where it differs from the port's
	Failed  *manifestFailure   `json:"failed,omitempty"`
}

// manifestFailure says why an item did not come: it failed in a node, or was
// filtered there by a threshold on one of its metrics.
type manifestFailure struct {
	Node      string   `json:"node"`
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Metric    string   `json:"metric,omitempty"` // what follows: of an item with the code filtered
	Value     *float64 `json:"value,omitempty"`
	Threshold *float64 `json:"threshold,omitempty"`
	Bound     string   `json:"bound,omitempty"` // min or max
}

// codeFiltered is the code of an item that a threshold of its node left out.
const codeFiltered = "filtered"

// maker is what made the items of a port.
type maker struct {
	Node           string         `json:"node,omitempty"`
	Step           string         `json:"step"`
	Version        string         `json:"version"`
	Implementation string         `json:"implementation"`
	Params         map[string]any `json:"params,omitempty"`
	Metrics        []metricWords  `json:"metrics,omitempty"` // what the step measures
	Keep           []interval     `json:"keep,omitempty"`    // thresholds of the node
}

// metricWords describe a number that a step measures.
type metricWords struct {
	Name        string   `json:"name"`
	Unit        string   `json:"unit,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"` // it is never less
	Maximum     *float64 `json:"maximum,omitempty"` // it is never more
	Better      string   `json:"better,omitempty"`  // higher, lower, or empty when neither
	Description string   `json:"description,omitempty"`
}

// scale is the unit of a metric, or what it lies between where it has none.
func (w metricWords) scale() string {
	if w.Unit == "" && w.Minimum != nil && w.Maximum != nil {
		return tool.FormatNumber(*w.Minimum) + "-" + tool.FormatNumber(*w.Maximum)
	}
	return w.Unit
}

// interval is what a metric must lie in; a bound that is absent does not bind.
type interval struct {
	Port   string   `json:"port,omitempty"` // whose items are judged; empty: the task as a whole
	Metric string   `json:"metric"`
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
}

// gatheredPort is a manifest, by index.
type gatheredPort struct {
	name   string // of the input
	madeBy *maker
	items  map[string]manifestItem
}

// readManifest reads the items of an input.
func readManifest(name, path string) (*gatheredPort, error) {
	const most = 256 << 20 // bytes
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, refusef("The manifest %s is over 256 MiB.", filepath.Base(path))
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, refusef("%s is not a manifest (JSON with \"items\"): %v.", filepath.Base(path), err)
	}
	port := &gatheredPort{name: name, madeBy: m.MadeBy, items: make(map[string]manifestItem, len(m.Items))}
	for _, item := range m.Items {
		if _, twice := port.items[item.Index]; twice {
			return nil, refusef("The manifest %s lists item %q twice.", filepath.Base(path), item.Index)
		}
		if !validIndex(item.Index) {
			return nil, refusef("The manifest %s has the item %.40q; an index is numbers joined by dots.", filepath.Base(path), item.Index)
		}
		if item.Path == "" && item.Failed == nil {
			return nil, refusef("The manifest %s has neither a path nor a failure for item %q.", filepath.Base(path), item.Index)
		}
		port.items[item.Index] = item
	}
	return port, nil
}

// makerOf is what made an item; nil when nobody knows.
func (p *gatheredPort) makerOf(item *manifestItem) *maker { return cmp.Or(item.MadeBy, p.madeBy) }

// node is what messages and columns call the source of a port: the node that
// made it, or the port itself where that is not known.
func (p *gatheredPort) node(m *maker) string {
	switch {
	case m == nil:
		return p.name
	case m.Node != "":
		return m.Node
	}
	return m.Step
}

// of is the item of an index: its own, or the failure of one that it would
// have come from. above takes it from one above in any case.
func (p *gatheredPort) of(index string, above bool) (manifestItem, bool) {
	if p == nil {
		return manifestItem{}, false
	}
	item, ok := p.items[index]
	for !ok && index != "" {
		index = parentIndex(index)
		if item, ok = p.items[index]; ok && item.Failed == nil && !above {
			return manifestItem{}, false
		}
	}
	return item, ok
}

func validIndex(index string) bool {
	if index == "" {
		return true
	}
	for part := range strings.SplitSeq(index, ".") {
		if n, err := strconv.Atoi(part); err != nil || n < 0 {
			return false
		}
	}
	return true
}

// depthOf is how many scatters an index is an item of.
func depthOf(index string) int {
	if index == "" {
		return 0
	}
	return strings.Count(index, ".") + 1
}

// parentIndex is the index without its innermost level.
func parentIndex(index string) string {
	if at := strings.LastIndexByte(index, '.'); at >= 0 {
		return index[:at]
	}
	return ""
}

// compareIndex orders indexes by their numbers: 2 before 10, 3 before 3.0.
func compareIndex(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if c := cmp.Compare(m, n); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b)) // one of them is empty
}

// indexes returns every index of the ports, in order.
func indexes(ports ...*gatheredPort) []string {
	var all []string
	for _, p := range ports {
		if p == nil {
			continue
		}
		for index := range p.items {
			all = append(all, index)
		}
	}
	slices.SortFunc(all, compareIndex)
	return slices.Compact(all)
}
