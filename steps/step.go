package steps

import (
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Step is a single tool's interface: what it takes and gives, with the ways
// to run it. It is immutable once read.
type Step struct {
	Name            string           `json:"name"`
	Version         string           `json:"version"` // semantic version
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	Duration        Duration         `json:"duration,omitempty"`
	Inputs          []Port           `json:"inputs,omitempty"` // in the order written
	Params          []Param          `json:"params,omitempty"`
	Outputs         []Port           `json:"outputs"`
	Metrics         []Metric         `json:"metrics,omitempty"`
	Implementations []Implementation `json:"implementations"` // the first is the default
	Pos             problem.Pos      `json:"-"`
	Gaps            Gaps             `json:"-"` // what [DecodeStep] could not read; nil for a sound step
}

// PortsKnown reports whether the inputs, outputs and parameters are all that
// the definition means to have: always, but for a step with gaps among them.
func (s *Step) PortsKnown() bool {
	return s.Gaps == nil || !s.Gaps.Within("inputs") && !s.Gaps.Within("params") && !s.Gaps.Within("outputs")
}

// Duration is the order of magnitude a step usually takes, for people and
// agents to plan by.
type Duration string

const (
	Seconds Duration = "seconds"
	Minutes Duration = "minutes"
	Hours   Duration = "hours"
)

// Metric returns the metric of that name, or nil.
func (s *Step) Metric(name string) *Metric {
	for i := range s.Metrics {
		if s.Metrics[i].Name == name {
			return &s.Metrics[i]
		}
	}
	return nil
}

// Measures reports whether an implementation measures a metric.
func (s *Step) Measures(implementation, metric string) bool {
	m := s.Metric(metric)
	return m != nil && (len(m.By) == 0 || slices.Contains(m.By, implementation))
}

// Input returns the input port of that name, or nil.
func (s *Step) Input(name string) *Port { return FindPort(s.Inputs, name) }

// Output returns the output port of that name, or nil.
func (s *Step) Output(name string) *Port { return FindPort(s.Outputs, name) }

// Param returns the parameter of that name, or nil.
func (s *Step) Param(name string) *Param { return FindParam(s.Params, name) }

// Implementation returns the implementation of that name; "" asks for the
// default, the first. It returns nil when there is none of that name.
func (s *Step) Implementation(name string) *Implementation {
	for i := range s.Implementations {
		if name == "" || s.Implementations[i].Name == name {
			return &s.Implementations[i]
		}
	}
	return nil
}

// Port is a named, typed input or output.
type Port struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`              // semantic type: protein.structure
	Formats      []string `json:"formats,omitempty"` // what an input accepts (empty: any of the type's); an output has exactly one
	Description  string   `json:"description,omitempty"`
	Many         bool     `json:"many,omitempty"`          // carries a list of values
	Optional     bool     `json:"optional,omitempty"`      // inputs: may be left unbound; outputs: may be absent
	Inline       bool     `json:"inline,omitempty"`        // inputs: a small value may be given in the call itself
	MaxLength    int      `json:"max_length,omitempty"`    // inputs: most residues or records, as the type counts them; 0: no limit
	MinItems     int      `json:"min_items,omitempty"`     // of a Many port; defaults to 1 when read from YAML
	MaxItems     int      `json:"max_items,omitempty"`     // of a Many port; 0: no limit
	Count        string   `json:"count,omitempty"`         // outputs: the integer parameter that says how many items come out
	Length       string   `json:"length,omitempty"`        // outputs: the input that its values are as long as, or the integer parameter that says how long; for predictions only
	LengthUnless string   `json:"length_unless,omitempty"` // the parameter that, when given, makes Length say nothing
	Columns      []string `json:"columns,omitempty"`       // tables: the columns that must be there

	// What a pipeline makes of a step's ports where its wires need it; nobody
	// writes these.
	RecordsOf string `json:"records_of,omitempty"` // outputs: the output whose file's records these are
	Joined    bool   `json:"joined,omitempty"`     // inputs: it takes many, which the step is given as the records of one file

	Pos problem.Pos `json:"-"`
}

// FindPort returns the port of that name in ports, or nil.
func FindPort(ports []Port, name string) *Port {
	for i := range ports {
		if ports[i].Name == name {
			return &ports[i]
		}
	}
	return nil
}

// FindParam returns the parameter of that name in params, or nil.
func FindParam(params []Param, name string) *Param {
	for i := range params {
		if params[i].Name == name {
			return &params[i]
		}
	}
	return nil
}

// Metric describes a number that a step measures. One that several of its
// implementations measure means the same from each of them; what means
// something else from another tool has another name.
type Metric struct {
	Name        string   `json:"name"`
	Unit        string   `json:"unit,omitempty"`    // "Å", "kcal/mol"; empty for a bare number
	Minimum     *float64 `json:"minimum,omitempty"` // it is never less
	Maximum     *float64 `json:"maximum,omitempty"` // it is never more
	Better      string   `json:"better,omitempty"`  // higher, lower, or empty when neither
	By          []string `json:"by,omitempty"`      // the implementations that measure it; empty: all
	Description string   `json:"description,omitempty"`
}
