package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// resolution is what was found of a call's inputs.
type resolution struct {
	inputs   map[string][]pipelines.Input
	makers   map[string]*steps.Maker // of inputs that are outputs of runs, see [pipelines.Input]
	writes   []inlineValue
	problems problem.Problems
}

const (
	headBytes = 64 << 10 // what content checks look at
	looking   = 16       // objects looked at in parallel
	maxValues = 100_000  // of one port

	maxMeasured = 64 << 20 // bytes of an input that is read through for predictions only
)

// resolve looks at each input: objects by their commit record, else by name
// and first bytes; content given in the call is normalised, checked and given
// its place in folder. Inputs that are wrong are in problems, and in inputs as
// far as they are known, so that binding finds what else is wrong. What an
// earlier call has seen is taken as it was then.
func (s *Service) resolve(ctx context.Context, tenant string, c *pipelines.Compiled, folder uris.RunFolder, given map[string][]InputValue, earlier seen) (*resolution, error) {
	r := &resolution{inputs: map[string][]pipelines.Input{}}
	group, asking := errgroup.WithContext(ctx) // which ends with the group
	group.SetLimit(looking)
	results := map[string][]looked{}
	names := slices.Sorted(maps.Keys(given))
	for _, name := range names {
		values := given[name]
		if len(values) > maxValues {
			r.problems.Addf(problem.Pos{}, "inputs."+name, problem.TooLarge, "Split the call.", "There are %d values; at most %d are taken.", len(values), maxValues)
			values = values[:1]
		}
		results[name] = make([]looked, len(values))
		port := inputPort(c, name)
		for i, v := range values {
			out := &results[name][i]
			switch {
			case port == nil: // binding says that there is no such input
				out.input = pipelines.Input{URI: v.URI}
			case v.URI.IsZero():
				s.inline(asking, out, port, v, c.Measured(name))
			case earlier.recall(out, name, v.URI):
			default:
				group.Go(func() error { return s.object(asking, out, tenant, port, v.URI, c.Measured(name)) })
			}
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	origins := s.newProvenance()
	for _, name := range names {
		port := inputPort(c, name)
		many := port != nil && port.Many
		inputs := make([]pipelines.Input, 0, len(results[name]))
		for i := range results[name] {
			l := &results[name][i]
			if l.problem != nil {
				l.problem.Path = "inputs." + name
				if many {
					l.problem.Path = fmt.Sprintf("inputs.%s[%d]", name, i)
				}
				r.problems.Add(*l.problem)
			}
			for _, part := range l.all() {
				if part.content != nil {
					item := -1
					if many {
						item = len(inputs)
					}
					part.input.URI = folder.Input(name, item, part.extension)
					r.writes = append(r.writes, inlineValue{at: part.input.URI, content: part.content})
				}
				if many && part.committed {
					if err := origins.of(ctx, &part.input); err != nil {
						return nil, err
					}
				}
				inputs = append(inputs, part.input)
			}
		}
		r.inputs[name] = inputs
	}
	if len(origins.makers) > 0 {
		r.makers = origins.makers
	}
	return r, nil
}

// looked is what was found of one value of a call.
type looked struct {
	part
	parts   []part // when it is a file that holds several: these instead
	problem *problem.Problem
}

// part is one input.
type part struct {
	input     pipelines.Input
	content   []byte // to be written to the run's folder; nil: it lies in the store
	extension string // of the file that the content becomes
	committed bool   // by a run of ours
}

func (l *looked) all() []part {
	if l.parts != nil {
		return l.parts
	}
	return []part{l.part}
}

// inputPort is an input of the whole, with the formats that it takes.
func inputPort(c *pipelines.Compiled, name string) *steps.Port {
	p := steps.FindPort(c.Inputs, name)
	if p == nil || len(p.Formats) > 0 {
		return p
	}
	port := *p
	if g := c.Graph(); g != nil {
		port.Formats = g.InputFormats(name)
	}
	return &port
}

// accepted are the formats that a port takes.
func (s *Service) accepted(port *steps.Port) []string {
	if len(port.Formats) > 0 {
		return port.Formats
	}
	var names []string
	if t := s.catalog.Types().Lookup(port.Type); t != nil {
		for i := range t.Formats {
			names = append(names, t.Formats[i].Name)
		}
	}
	return names
}

// object looks at an input that is given by its URI.
func (s *Service) object(ctx context.Context, out *looked, tenant string, port *steps.Port, u uris.URI, measured bool) error {
	in := &out.input
	*in = pipelines.Input{URI: u, Origin: quoted(u.Base())}
	if err := s.blobs.Allowed(u, false); err != nil {
		out.problem = &problem.Problem{Code: problem.NotAllowed, Message: sentence(err)}
		return nil
	}
	known, err := s.record(ctx, tenant, u)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		out.problem = &problem.Problem{Code: problem.NotAccessible, Message: sentence(err), Fix: "Check the URI; a run's summary has those of its outputs."}
		return nil
	case err != nil:
		return err
	case known != nil:
		*in, out.committed = *known, true
	default:
		if out.problem, err = s.stranger(ctx, port, in); err != nil {
			return err
		}
	}
	if port.Many && (out.problem != nil || in.Type != "" && !s.catalog.Types().Fits(in.Type, port.Type)) {
		split, err := s.split(ctx, out, port, u.Base(), in.Size, func() ([]byte, error) { return s.blobs.ReadAll(ctx, u, s.o.MaxInline) })
		if split || err != nil {
			for i := range out.parts {
				out.parts[i].input.SplitURI = u
			}
			return err
		}
	}
	if out.problem == nil {
		out.problem, err = s.counted(ctx, port, in, measured, func() (io.ReadCloser, error) { return s.blobs.Open(ctx, in.URI) })
	}
	return err
}

// record looks up what a run says of an object below our own root: nil when
// it is none of ours. Another tenant's object is not found, word for word as
// one that is not there.
func (s *Service) record(ctx context.Context, tenant string, u uris.URI) (*pipelines.Input, error) {
	if !s.layout.Root.Join("runs").Contains(u) {
		return nil, nil
	}
	absent := fmt.Errorf("%s: %w", u, problem.ErrNotFound)
	if ref, err := s.store.Output(ctx, tenant, u); err == nil {
		return inputOf(ref.Object, ref.Node, ref.Port, string(ref.RunID)), nil
	} else if !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	rel, _ := s.layout.Root.Rel(u)
	parts := strings.SplitN(rel, "/", 4)
	if len(parts) < 4 {
		return nil, absent
	}
	if owns, err := s.owns(ctx, tenant, ID(parts[1])); err != nil || !owns {
		return nil, cmp.Or(err, absent)
	}
	if parts[2] == "input" { // what an earlier call brought along: looked at like any file
		return nil, nil
	}
	// The index does not have it (yet): the commit record is what counts.
	ref, ok := s.layout.Object(u)
	if !ok {
		return nil, absent
	}
	data, err := s.blobs.ReadAll(ctx, s.layout.Run(ref.RunID).Result(ref.Node, ref.Index), maxMeta)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	var result steps.Result
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, fmt.Errorf("the commit record of %s in %s: %w", ref.Node, ref.RunID, err)
	}
	for _, o := range result.Outputs[ref.Port] {
		if o.URI == u {
			return inputOf(o, ref.Node, ref.Port, ref.RunID), nil
		}
	}
	return nil, absent
}

// owns reports whether a run folder is the tenant's: by the store, or, for
// runs that it does not know, by the claim.
func (s *Service) owns(ctx context.Context, tenant string, id ID) (bool, error) {
	if _, err := s.store.Get(ctx, tenant, id); err == nil {
		return true, nil
	} else if !errors.Is(err, problem.ErrNotFound) {
		return false, err
	}
	c, err := s.readClaim(ctx, id)
	if errors.Is(err, problem.ErrNotFound) {
		return false, nil
	}
	return err == nil && c.Tenant == tenant, err
}

func inputOf(o steps.Object, node, port, run string) *pipelines.Input {
	return &pipelines.Input{
		URI: o.URI, SHA256: o.SHA256, Size: o.Size, Type: o.Type, Format: o.Format,
		Origin: fmt.Sprintf("`%s.%s` of %s", node, port, run),
	}
}

// counted holds an input against the port's max_length, and notes its length.
// What is measured only for predictions is so where that takes no time.
func (s *Service) counted(ctx context.Context, port *steps.Port, in *pipelines.Input, measured bool, open func() (io.ReadCloser, error)) (*problem.Problem, error) {
	types := s.catalog.Types()
	as := port.Type // of what is of a kind of it, too: one record's length is not that of a file of them
	if types.FormatOf(as, in.Format) == nil {
		as = in.Type
	}
	if port.MaxLength <= 0 && (!measured || in.Size > maxMeasured) || in.Type == "" || !types.Fits(in.Type, port.Type) || !types.HasLength(as, in.Format) {
		return nil, nil
	}
	if port.MaxLength > 0 && in.Size > s.o.MaxCounted {
		return &problem.Problem{Code: problem.TooLarge,
			Message: fmt.Sprintf("%s has %d bytes, and at most %d are read to see that it has no more than the %d that `%s` takes.", capital(in.Origin), in.Size, s.o.MaxCounted, port.MaxLength, port.Name),
			Fix:     "Split it."}, nil
	}
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n, err := types.Length(as, in.Format, io.LimitReader(r, s.o.MaxCounted))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, problem.ErrUnavailable):
		return nil, err
	case err != nil:
		return &problem.Problem{Code: problem.Invalid, Message: fmt.Sprintf("%s: %s", capital(in.Origin), sentence(err))}, nil
	case port.MaxLength > 0 && n > port.MaxLength:
		return &problem.Problem{Code: problem.OutOfRange,
			Message: fmt.Sprintf("%s has a length of %d; `%s` takes at most %d.", capital(in.Origin), n, port.Name, port.MaxLength),
			Fix:     "Shorten or split it."}, nil
	}
	in.Length = n
	return nil, nil
}

// Describe says what an object is, for "what can I do next with it?": the type
// that its run committed it as, else those that its name and first bytes
// suggest.
func (s *Service) Describe(ctx context.Context, tenant string, u uris.URI) ([]steps.TypeFormat, error) {
	if err := s.blobs.Allowed(u, false); err != nil {
		return nil, err
	}
	known, err := s.record(ctx, tenant, u)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return []steps.TypeFormat{{Type: known.Type, Format: known.Format}}, nil
	}
	found, err := s.blobs.Stat(ctx, u)
	if err != nil {
		return nil, err
	}
	head, err := s.blobs.Head(ctx, u, headBytes)
	if err != nil {
		return nil, err
	}
	return s.catalog.Types().Guess(u.Base(), head, int64(len(head)) >= found.Size), nil
}

// sentence makes a sentence of an error's text.
func sentence(err error) string {
	text := err.Error()
	if text == "" || strings.ContainsRune(".!?", rune(text[len(text)-1])) {
		return text
	}
	return text + "."
}
