// Package catalog is the registry of what can be run.
//
// A [Catalog] is read from sources (the built-in library, folders of YAML) and
// immutable: it finds definitions by name, compiles them once, and answers
// what agents and scientists ask of it: what is there ([Catalog.Search]), what
// fits this output ([Catalog.Next]), how to get from here to there
// ([Catalog.Chains]).
package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Catalog holds steps, pipelines and the types that they speak of. It is
// immutable and safe for concurrent use.
type Catalog struct {
	types     *steps.Types
	steps     map[string][]*steps.Step         // by name, newest version first
	pipelines map[string][]*pipelines.Pipeline // by name, newest version first
	origins   map[string]string                // "name@version" → source
	tools     []*Tool                          // newest versions, by name

	mu       sync.Mutex
	compiled map[string]*compiling // by tool and implementation choices
}

// compiling lets one caller compile while others wait for the same thing.
type compiling struct {
	once sync.Once
	out  *pipelines.Compiled
	err  error
}

// Tool is a step or a pipeline as its users see it.
type Tool struct {
	pipelines.Ref
	Title           string
	Description     string
	Duration        steps.Duration
	Inputs          []steps.Port
	Params          []steps.Param
	Outputs         []steps.Port
	Metrics         []steps.Metric         // of a pipeline: none of its own
	Implementations []steps.Implementation // of a pipeline: none of its own
	Origin          string                 // the source that it came from
	Pos             problem.Pos
}

// Types is the lattice of types.
func (c *Catalog) Types() *steps.Types { return c.types }

// Step returns a step by "name" (its newest version) or "name@version", or
// nil.
func (c *Catalog) Step(name string) *steps.Step {
	return find(c.steps, name, func(s *steps.Step) string { return s.Version })
}

// Pipeline returns a pipeline by "name" (its newest version) or
// "name@version", or nil.
func (c *Catalog) Pipeline(name string) *pipelines.Pipeline {
	return find(c.pipelines, name, func(p *pipelines.Pipeline) string { return p.Version })
}

func find[D any](byName map[string][]*D, name string, version func(*D) string) *D {
	base, wanted, versioned := strings.Cut(name, "@")
	for _, d := range byName[base] {
		if !versioned || version(d) == wanted {
			return d
		}
	}
	return nil
}

// Names lists what there is of a kind, sorted.
func (c *Catalog) Names(kind pipelines.Kind) []string {
	var names []string
	for _, t := range c.tools {
		if t.Kind == kind {
			names = append(names, t.Name)
		}
	}
	return names
}

// Tools lists the newest version of each step and pipeline, by name.
func (c *Catalog) Tools() []*Tool { return slices.Clone(c.tools) }

// Tool returns a step or pipeline by "name" or "name@version". The error
// wraps problem.ErrNotFound and suggests what was meant.
func (c *Catalog) Tool(name string) (*Tool, error) {
	if !strings.Contains(name, "@") {
		if i, found := slices.BinarySearchFunc(c.tools, name, func(t *Tool, name string) int {
			return strings.Compare(t.Name, name)
		}); found {
			return c.tools[i], nil
		}
		return nil, c.notFound(name)
	}
	compiled, err := c.Compile(name, nil)
	if err != nil {
		return nil, err
	}
	return c.tool(compiled), nil
}

func (c *Catalog) notFound(name string) error {
	base, version, versioned := strings.Cut(name, "@")
	if versioned {
		if have := c.versions(base); len(have) > 0 {
			return fmt.Errorf("version %s of %q is %w; there are: %s", version, base, problem.ErrNotFound, strings.Join(have, ", "))
		}
	}
	names := make([]string, len(c.tools))
	for i, t := range c.tools {
		names[i] = t.Name
	}
	return fmt.Errorf("tool %q is %w in the catalog. %s", base, problem.ErrNotFound, problem.DidYouMean(base, names))
}

// versions lists the versions of a name, newest first.
func (c *Catalog) versions(name string) []string {
	var out []string
	for _, s := range c.steps[name] {
		out = append(out, s.Version)
	}
	for _, p := range c.pipelines[name] {
		out = append(out, p.Version)
	}
	return out
}

// Compile compiles a step or pipeline, once for each choice of
// implementations (by node id or step name; nil for the defaults). The error
// wraps problem.ErrNotFound or is problem.Problems.
func (c *Catalog) Compile(name string, implementations map[string]string) (*pipelines.Compiled, error) {
	var key strings.Builder
	key.WriteString(name)
	for _, node := range slices.Sorted(maps.Keys(implementations)) {
		fmt.Fprintf(&key, "\x00%s\x00%s", node, implementations[node])
	}
	c.mu.Lock()
	entry := c.compiled[key.String()]
	if entry == nil {
		if len(c.compiled) >= maxCompiled {
			clear(c.compiled) // choices come from callers: the cache must not grow without end
		}
		entry = new(compiling)
		c.compiled[key.String()] = entry
	}
	c.mu.Unlock()
	entry.once.Do(func() {
		entry.out, entry.err = c.compile(name, &pipelines.CompileOptions{Implementations: implementations})
	})
	return entry.out, entry.err
}

// maxCompiled bounds the cache of compiled definitions.
const maxCompiled = 1024

func (c *Catalog) compile(name string, o *pipelines.CompileOptions) (*pipelines.Compiled, error) {
	if s := c.Step(name); s != nil {
		return pipelines.CompileStep(s, c, o)
	}
	if p := c.Pipeline(name); p != nil {
		return pipelines.Compile(p, c, o)
	}
	return nil, c.notFound(name)
}

// tool describes a compiled definition to its users.
func (c *Catalog) tool(compiled *pipelines.Compiled) *Tool {
	t := &Tool{Ref: compiled.Tool, Inputs: compiled.Inputs, Params: compiled.Params,
		Origin: c.origins[compiled.Tool.Name+"@"+compiled.Tool.Version]}
	for _, o := range compiled.Outputs {
		t.Outputs = append(t.Outputs, o.Port)
	}
	name := t.Name + "@" + t.Version
	if t.Kind == pipelines.KindStep {
		s := c.Step(name)
		t.Title, t.Description, t.Duration, t.Pos = s.Title, s.Description, s.Duration, s.Pos
		t.Metrics, t.Implementations = s.Metrics, s.Implementations
		// What the default takes is not what all of them take: each says by
		// itself where it takes less.
		t.Inputs = slices.Clone(t.Inputs)
		for i := range t.Inputs {
			t.Inputs[i].MaxLength = s.Input(t.Inputs[i].Name).MaxLength
		}
	} else {
		p := c.Pipeline(name)
		t.Title, t.Description, t.Duration, t.Pos = p.Title, p.Description, p.Duration, p.Pos
	}
	return t
}

// compareVersions orders semantic versions (semver.org, item 11) by their
// numbers, a pre-release before its release.
func compareVersions(a, b string) int {
	a, _, _ = strings.Cut(a, "+")
	b, _, _ = strings.Cut(b, "+")
	aCore, aPre, aHas := strings.Cut(a, "-")
	bCore, bPre, bHas := strings.Cut(b, "-")
	if c := compareDotted(aCore, bCore); c != 0 {
		return c
	}
	switch {
	case aHas && !bHas:
		return -1
	case !aHas && bHas:
		return 1
	}
	return compareDotted(aPre, bPre)
}

func compareDotted(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, xErr := strconv.ParseUint(as[i], 10, 64)
		y, yErr := strconv.ParseUint(bs[i], 10, 64)
		c := 0
		switch {
		case xErr == nil && yErr == nil:
			c = cmp.Compare(x, y)
		case xErr == nil: // numbers come before words
			c = -1
		case yErr == nil:
			c = 1
		default:
			c = strings.Compare(as[i], bs[i])
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// problemsOf unpacks an error of Compile; an error that is no list of
// problems becomes one.
func problemsOf(err error, pos problem.Pos, path string) problem.Problems {
	if err == nil {
		return nil
	}
	var ps problem.Problems
	if errors.As(err, &ps) {
		return ps
	}
	return problem.Problems{{Pos: pos, Path: path, Code: problem.Invalid, Message: err.Error()}}
}
