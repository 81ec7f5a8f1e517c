package tasks

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

const (
	// maxPacked keeps a definition within what Linux takes as one variable of
	// a process's environment (128 KiB), with room for its name.
	maxPacked = 127 << 10
	// maxUnpacked is far more than maxPacked of text unpacks to, and far less
	// than a bomb does.
	maxUnpacked = 32 << 20
)

// EncodeCompiled packs a compiled pipeline for its pods: JSON without what
// they do not need (the bodies of implementations, which are in the steps'
// templates, and words for people), as base64 of gzip in the URL's alphabet.
// The same pipeline gives the same text. The error is problem.Problems when it
// is too large for a pod's environment.
func EncodeCompiled(c *pipelines.Compiled) (string, error) {
	small := pipelines.Compiled{
		Tool: c.Tool, Inputs: barePorts(c.Inputs), Params: bareParams(c.Params), Types: c.Types, Nodes: c.Nodes,
		Steps: make(map[string]*steps.Step, len(c.Steps)), Outputs: make([]pipelines.CompiledOutput, len(c.Outputs)),
	}
	for i, o := range c.Outputs {
		o.Port.Description = ""
		small.Outputs[i] = o
	}
	for key, s := range c.Steps {
		bare := bareStep(s)
		bare.Implementations = make([]steps.Implementation, len(s.Implementations))
		for i := range s.Implementations {
			bare.Implementations[i] = steps.Implementation{Name: s.Implementations[i].Name}
		}
		small.Steps[key] = bare
	}
	data, err := json.Marshal(&small)
	if err != nil {
		return "", fmt.Errorf("compiled pipeline %s: %w", c.Tool, err)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(packed.Bytes())
	if len(text) > maxPacked {
		return "", problem.Problems{{
			Path: "nodes", Code: problem.TooLarge,
			Message: fmt.Sprintf("%s is too large for a cluster: packed it has %d bytes, and a pod's environment takes %d.", c.Tool.Name, len(text), maxPacked),
			Fix:     "Split it into pipelines of fewer nodes.",
		}}
	}
	return text, nil
}

// DecodeCompiled reads what [EncodeCompiled] wrote. Its implementations have
// names and nothing else.
func DecodeCompiled(text string) (*pipelines.Compiled, error) {
	data, err := unpack(text)
	if err != nil {
		return nil, fmt.Errorf("the compiled pipeline cannot be read: %w", err)
	}
	return pipelines.DecodeCompiled(data)
}

func unpack(text string) ([]byte, error) {
	packed, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxUnpacked {
		return nil, fmt.Errorf("it unpacks to more than %d bytes", maxUnpacked)
	}
	return data, nil
}

// packedStep is a step with one implementation, and the types of its ports.
type packedStep struct {
	Step  *steps.Step  `json:"step"`
	Types *steps.Types `json:"types"`
}

// EncodeStep writes a step with one of its implementations ("": the default)
// and the types of its ports with what they are kinds of, as JSON that nobody
// on the way evaluates, like [Call.Encode]. Words for people are left out, and
// the image: the pod runs in it.
func EncodeStep(s *steps.Step, implementation string, types *steps.Types) (string, error) {
	impl := s.Implementation(implementation)
	if impl == nil {
		return "", fmt.Errorf("%s has no implementation %q", s.Name, implementation)
	}
	one := *impl
	one.Title, one.Description, one.Image, one.License, one.Citation = "", "", "", "", ""
	bare := bareStep(s)
	bare.Implementations = []steps.Implementation{one}
	var names []string
	for _, ports := range [][]steps.Port{s.Inputs, s.Outputs} {
		for i := range ports {
			names = append(names, ports[i].Type)
		}
	}
	text, err := encodeInert(packedStep{Step: bare, Types: types.Of(names...)})
	if err != nil {
		return "", fmt.Errorf("step %s: %w", s.Name, err)
	}
	if len(text) > maxPacked {
		return "", problem.Problems{{
			Path: "implementations." + impl.Name, Code: problem.TooLarge,
			Message: fmt.Sprintf("%s is too large for a cluster: as text it has %d bytes, and a pod's environment takes %d.", s.Name, len(text), maxPacked),
			Fix:     "Move long texts of its command into the image.",
		}}
	}
	return text, nil
}

// DecodeStep reads what [EncodeStep] wrote.
func DecodeStep(text string) (*steps.Step, *steps.Types, error) {
	var p packedStep
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&p)
	if err == nil && d.More() {
		err = errors.New("something follows after it")
	}
	if err == nil && (p.Step == nil || p.Types == nil || len(p.Step.Implementations) != 1) {
		err = errors.New("it must be a step with one implementation, and its types")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the step cannot be read: %w", err)
	}
	return p.Step, p.Types, nil
}

// SameInterface reports whether two steps have the same name, version, ports
// and parameters, apart from words for people, from the ways to run them, and
// from what a pipeline makes of ports where it splits or joins files.
func SameInterface(a, b *steps.Step) bool {
	shape := func(s *steps.Step) string {
		bare := bareStep(s)
		bare.Title, bare.Metrics, bare.Implementations = "", nil, nil
		bare.Inputs, bare.Outputs = asWritten(bare.Inputs), asWritten(bare.Outputs)
		data, err := json.Marshal(bare)
		if err != nil {
			return err.Error() // of values that JSON does not have, which no step holds
		}
		return string(data)
	}
	return shape(a) == shape(b)
}

// bareStep is a step without words for people, but for those about metrics:
// they go with the numbers to whoever gathers them, see [steps.Maker].
func bareStep(s *steps.Step) *steps.Step {
	bare := *s
	bare.Description, bare.Duration = "", ""
	bare.Inputs, bare.Outputs, bare.Params = barePorts(s.Inputs), barePorts(s.Outputs), bareParams(s.Params)
	return &bare
}

func barePorts(ports []steps.Port) []steps.Port {
	bare := append([]steps.Port(nil), ports...)
	for i := range bare {
		bare[i].Description = ""
	}
	return bare
}

// asWritten are ports as their step's definition has them.
func asWritten(ports []steps.Port) []steps.Port {
	ports = slices.DeleteFunc(ports, func(p steps.Port) bool { return p.RecordsOf != "" })
	for i := range ports {
		ports[i].Unjoin()
	}
	return ports
}

func bareParams(params []steps.Param) []steps.Param {
	bare := append([]steps.Param(nil), params...)
	for i := range bare {
		bare[i].Description = ""
	}
	return bare
}
