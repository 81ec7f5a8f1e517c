package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/ligase-bio/ligase/steps"
)

const (
	metricsBytes = 16 << 20
	metricsMost  = 1000 // of the task, or of one item
)

// measure reads what the command measured. A file that is not there, or
// speaks of a port that is not, is noted in the log of the program: numbers
// about the work are not the work. One that is there and does not read
// strictly fails the attempt, for then the numbers would be wrong.
func (a *attempt) measure(c *collected, counts map[string]int) *steps.Failure {
	return a.measureIn(a.work(), c, counts)
}

func (a *attempt) measureIn(root string, c *collected, counts map[string]int) *steps.Failure {
	name := a.task.Implementation.Metrics
	if name == "" {
		return nil
	}
	bad := func(format string, args ...any) *steps.Failure {
		return fail(steps.FailOutputContract, a.endedWell()+", but its metrics (%s) "+format, append([]any{name}, args...)...)
	}
	if !fs.ValidPath(name) {
		return bad("are not below the work folder.")
	}
	if _, err := os.Lstat(root + "/" + name); errors.Is(err, fs.ErrNotExist) {
		a.worker.options.Log.Info("no metrics", "run_id", a.task.RunID, "node", a.task.Node, "index", a.task.Index, "file", name)
		return nil
	}
	m, err := readMetrics(root, name)
	if err != nil {
		return bad("do not count: %s", sentence(err))
	}
	c.metrics = m.Metrics
	next := map[string]int{}
	for i := range c.files {
		f := &c.files[i]
		if items := m.Items[f.port.Name]; f.item >= 0 && items != nil {
			if len(items) != counts[f.port.Name] {
				return bad("list %d items of `%s`, of which there are %d.", len(items), f.port.Name, counts[f.port.Name])
			}
			f.metrics = items[next[f.port.Name]]
			next[f.port.Name]++
		}
	}
	for port := range m.Items {
		if next[port] == 0 && len(m.Items[port]) > 0 {
			a.worker.options.Log.Info("metrics of what is no output", "run_id", a.task.RunID, "node", a.task.Node, "port", port)
		}
	}
	return nil
}

func readMetrics(root, name string) (*MetricsFile, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	info, err := dir.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	file, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, metricsBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > metricsBytes {
		return nil, fmt.Errorf("it is larger than %d MiB", metricsBytes>>20)
	}
	return parseMetrics(b)
}

// parseMetrics reads strictly: numbers only, finite (JSON has no others, and
// what Python writes for them, NaN and Infinity, is no JSON), known fields.
func parseMetrics(b []byte) (*MetricsFile, error) {
	// null would read as 0; a pointer tells them apart.
	var raw struct {
		Metrics map[string]*float64              `json:"metrics"`
		Items   map[string][]map[string]*float64 `json:"items"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("not the JSON of numbers that it should be (NaN and Infinity are none): %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows after the JSON")
	}
	m := &MetricsFile{}
	var err error
	if m.Metrics, err = numbers(raw.Metrics); err != nil {
		return nil, err
	}
	for port, items := range raw.Items {
		if m.Items == nil {
			m.Items = map[string][]map[string]float64{}
		}
		list := make([]map[string]float64, len(items))
		for i, item := range items {
			if list[i], err = numbers(item); err != nil {
				return nil, fmt.Errorf("item %d of %s: %w", i, port, err)
			}
		}
		m.Items[port] = list
	}
	return m, nil
}

func numbers(raw map[string]*float64) (map[string]float64, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) > metricsMost {
		return nil, fmt.Errorf("%d metrics are more than %d", len(raw), metricsMost)
	}
	m := make(map[string]float64, len(raw))
	for name, v := range raw {
		if v == nil {
			return nil, fmt.Errorf("%.80q is null, not a number", name)
		}
		if !plainName.MatchString(name) {
			return nil, fmt.Errorf("%.80q is not the name of a metric: small letters, digits and _, at most 40", name)
		}
		m[name] = *v
	}
	return m, nil
}
