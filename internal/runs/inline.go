package runs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// inlineValue is a value given in the call, to be written once the run is
// claimed.
type inlineValue struct {
	at      uris.URI
	content []byte
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

// writeInline puts a value into the run's folder. Doing it twice is harmless:
// the claim has fixed its digest.
func (s *Service) writeInline(ctx context.Context, w inlineValue) error {
	if _, err := s.blobs.Put(ctx, w.at, bytes.NewReader(w.content)); err != nil {
		return fmt.Errorf("writing the input %s: %w", w.at.Base(), err)
	}
	return nil
}
