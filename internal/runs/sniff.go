package runs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

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
