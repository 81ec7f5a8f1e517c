package runs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/dag"
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

// inlineValue is a value given in the call, to be written once the run is
// claimed.
type inlineValue struct {
	at      uris.URI
	content []byte
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

// stranger looks at an object that no run of ours made.
func (s *Service) stranger(ctx context.Context, port *steps.Port, in *pipelines.Input) (*problem.Problem, error) {
	found, err := s.blobs.Stat(ctx, in.URI)
	if err == nil && found.IsFolder {
		return &problem.Problem{Code: problem.NotAccessible, Message: fmt.Sprintf("%s is a folder.", in.URI), Fix: "Give the URI of an object in it."}, nil
	}
	var head []byte
	if err == nil {
		in.Size = found.Size
		head, err = s.blobs.Head(ctx, in.URI, headBytes)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, problem.ErrUnavailable):
		return nil, err
	case err != nil:
		return &problem.Problem{Code: problem.NotAccessible, Message: sentence(err), Fix: "Check the URI and that it can be read from here."}, nil
	}
	tf, p := s.sniff(port, in.URI.Base(), head, int64(len(head)) >= found.Size)
	in.Type, in.Format = tf.Type, tf.Format
	return p, nil
}

// sniff decides, by a name and the first bytes, as what a port can take an
// object. Where it cannot, it either says why, or gives the type that the
// object seems to have: then binding says that this does not fit.
func (s *Service) sniff(port *steps.Port, name string, head []byte, whole bool) (steps.TypeFormat, *problem.Problem) {
	types := s.catalog.Types()
	ext := extension(name)
	formats := s.accepted(port)
	var refused error
	for _, format := range formats {
		f := types.FormatOf(port.Type, format)
		if f == nil || !f.Anything() || ext == "" || s.tellsFormat(name) {
			continue // what is of another format is not meant
		}
		if refused = types.CheckPort(*port, format, head, whole); refused == nil {
			return steps.TypeFormat{Type: port.Type, Format: format}, nil
		}
	}
	for _, byExtension := range []bool{true, false} {
		for _, name := range formats {
			f := types.FormatOf(port.Type, name)
			if f == nil || slices.Contains(f.Extensions, ext) != byExtension {
				continue
			}
			if !byExtension && ext != "" {
				continue // a name that says something else is believed
			}
			err := types.CheckPort(*port, name, head, whole)
			if err == nil && (byExtension || s.couldBe(head, whole, port.Type)) {
				return steps.TypeFormat{Type: port.Type, Format: name}, nil
			}
			if refused == nil {
				refused = err // nil when the content rather looks like something else
			}
		}
	}
	if refused != nil {
		message := sentence(refused)
		if name != "" {
			message = quoted(name) + ": " + message
		}
		return steps.TypeFormat{}, &problem.Problem{Code: problem.Invalid, Message: message}
	}
	if guesses := types.Guess(name, head, whole); len(guesses) > 0 {
		for _, g := range guesses {
			if !types.Related(g.Type, port.Type) || !slices.Contains(formats, g.Format) || types.CheckPort(*port, g.Format, head, whole) != nil {
				continue
			}
			if !types.Fits(g.Type, port.Type) {
				g.Type = port.Type // of the kinds of what it looks like, the one that is wanted
			}
			return g, nil
		}
		return guesses[0], nil
	}
	what, is, fix := "The value given", "of no type that is known here", "Name the file with the extension of its format."
	if name != "" {
		what = quoted(name)
	}
	switch before := strings.TrimSuffix(name, path.Ext(name)); {
	case ext == "gz" && bytes.HasPrefix(head, []byte("\x1f\x8b")) && s.tellsFormat(before): // RFC 1952
		is, fix = "compressed with gzip", "Decompress it (gunzip), and give what comes out."
	case ext != "" && !s.tellsFormat(before): // it may be any, also one that only its name would tell
		for _, format := range formats {
			if f := types.FormatOf(port.Type, format); f != nil && f.Wrapped() && types.CheckPort(*port, format, head, whole) == nil {
				return steps.TypeFormat{Type: port.Type, Format: format}, nil
			}
		}
	}
	return steps.TypeFormat{}, &problem.Problem{
		Code:    problem.TypeMismatch,
		Message: fmt.Sprintf("%s is %s; `%s` takes %s.", what, is, port.Name, dag.Describe(types, port.Type, formats)),
		Fix:     fix,
	}
}

// tellsFormat reports whether some format's files are named like that.
func (s *Service) tellsFormat(name string) bool {
	types := s.catalog.Types()
	name = strings.ToLower(name)
	for _, typ := range types.Names() {
		for _, f := range types.Lookup(typ).Formats {
			if slices.ContainsFunc(f.Extensions, func(ext string) bool { return strings.HasSuffix(name, "."+ext) }) {
				return true
			}
		}
	}
	return false
}

// couldBe reports whether content without a name that says what it is could
// be of a type: it could, unless it looks like others only. Formats as loose
// as CSV take nearly any text.
func (s *Service) couldBe(head []byte, whole bool, typ string) bool {
	types := s.catalog.Types()
	looks := types.Guess("", head, whole)
	return len(looks) == 0 || slices.ContainsFunc(looks, func(g steps.TypeFormat) bool { return types.Related(g.Type, typ) })
}

func extension(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
}

// quoted is the name of a file as sentences have it, cut when it is long. A name
// can hold what drives a terminal, ends a line or turns it round.
func quoted(name string) string {
	const most = 100
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
	if utf8.RuneCountInString(name) > most {
		name = string([]rune(name)[:most]) + "…"
	}
	return "`" + name + "`"
}

func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// inline looks at a value that the call itself brings.
func (s *Service) inline(ctx context.Context, out *looked, port *steps.Port, v InputValue, measured bool) {
	if v.Name == port.Name { // not the name of a file: the path of a problem has it
		v.Name = ""
	}
	in := &out.input
	in.Origin = "the value given"
	if v.Name != "" {
		in.Origin = quoted(v.Name)
	}
	if int64(len(v.Inline)) > s.o.MaxInline {
		out.problem = &problem.Problem{Code: problem.TooLarge,
			Message: fmt.Sprintf("%s has %d bytes; a value given in a call has at most %d.", capital(in.Origin), len(v.Inline), s.o.MaxInline),
			Fix:     "Put it into the store and give its URI."}
		return
	}
	content := normalised(v.Inline)
	tf, p := s.sniff(port, v.Name, content[:min(len(content), headBytes)], len(content) <= headBytes)
	if p != nil {
		if completed, ok := s.completed(port, v.Name, content); ok {
			content = completed
			tf, p = s.sniff(port, v.Name, content[:min(len(content), headBytes)], len(content) <= headBytes)
		}
	}
	if port.Many && (p != nil || tf.Type != "" && !s.catalog.Types().Fits(tf.Type, port.Type)) {
		split, err := s.split(ctx, out, port, v.Name, int64(len(content)), func() ([]byte, error) { return content, nil })
		if err != nil && p == nil {
			p = &problem.Problem{Code: problem.Invalid, Message: sentence(err)}
		}
		if split {
			return
		}
	}
	if out.problem = p; p != nil {
		return
	}
	out.extension = tf.Format
	if f := s.catalog.Types().FormatOf(tf.Type, tf.Format); f != nil {
		if !f.Text {
			content = v.Inline
		}
		if len(f.Extensions) > 0 {
			out.extension = f.Extensions[0]
		}
	}
	sum := sha256.Sum256(content)
	in.SHA256, in.Size, in.Type, in.Format = hex.EncodeToString(sum[:]), int64(len(content)), tf.Type, tf.Format
	p, err := s.counted(ctx, port, in, measured, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		p = &problem.Problem{Code: problem.Invalid, Message: sentence(err)}
	}
	if out.problem = p; p == nil {
		out.content = content
	}
}

// completed is a bare value (a sequence without a header) as the format that
// the port takes it in has it.
func (s *Service) completed(port *steps.Port, name string, content []byte) ([]byte, bool) {
	types := s.catalog.Types()
	for _, format := range s.accepted(port) {
		f := types.FormatOf(port.Type, format)
		if ext := extension(name); f == nil || ext != "" && !slices.Contains(f.Extensions, ext) {
			continue
		}
		if completed, ok := types.Bare(port.Type, format, content); ok {
			return completed, true
		}
	}
	return nil, false
}

// normalised is a text as Unix tools expect it: no byte order mark, lines that
// end in a newline, the last one too. What holds a NUL is no text and stays.
func normalised(content []byte) []byte {
	if bytes.IndexByte(content, 0) >= 0 {
		return content
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(content, '\r') >= 0 {
		content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
		content = bytes.ReplaceAll(content, []byte("\r"), []byte("\n"))
	}
	if len(content) > 0 && content[len(content)-1] != '\n' {
		content = append(slices.Clip(content), '\n')
	}
	return content
}

// counted holds an input against the port's max_length, and notes its length.
// What is measured only for predictions is so where that takes no time.
func (s *Service) counted(ctx context.Context, port *steps.Port, in *pipelines.Input, measured bool, open func() (io.ReadCloser, error)) (*problem.Problem, error) {
	types := s.catalog.Types()
	if port.MaxLength <= 0 && (!measured || in.Size > maxMeasured) || in.Type == "" || !types.Fits(in.Type, port.Type) || !types.HasLength(in.Type, in.Format) {
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
	n, err := types.Length(in.Type, in.Format, io.LimitReader(r, s.o.MaxCounted))
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

// writeInline puts a value into the run's folder. Doing it twice is harmless:
// the claim has fixed its digest.
func (s *Service) writeInline(ctx context.Context, w inlineValue) error {
	if _, err := s.blobs.Put(ctx, w.at, bytes.NewReader(w.content)); err != nil {
		return fmt.Errorf("writing the input %s: %w", w.at.Base(), err)
	}
	return nil
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
