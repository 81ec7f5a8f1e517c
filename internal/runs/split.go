package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// split makes several values of a file that holds them, where a port takes
// many: people have their sequences in one FASTA file. It reports whether that
// is what the file is; then what is wrong with it is about its records. name
// is the file's, "" when it has none.
func (s *Service) split(ctx context.Context, out *looked, port *steps.Port, name string, size int64, read func() ([]byte, error)) (bool, error) {
	types := s.catalog.Types()
	ext := extension(name)
	holding := slices.DeleteFunc(types.Holding(port), func(h steps.TypeFormat) bool {
		if out.problem == nil && out.input.Type != "" {
			return !types.Fits(out.input.Type, h.Type) || out.input.Format != h.Format
		}
		return ext != "" && s.tellsFormat(name) && !slices.Contains(types.FormatOf(h.Type, h.Format).Extensions, ext)
	})
	if len(holding) == 0 {
		return false, nil
	}
	file := "the value given"
	if name != "" {
		file = quoted(name)
	}
	if size > s.o.MaxInline {
		out.problem = &problem.Problem{Code: problem.TooLarge,
			Message: fmt.Sprintf("%s has %d bytes; of files that hold several values at most %d are split.", capital(file), size, s.o.MaxInline),
			Fix:     "Split it, and give the parts."}
		return true, nil
	}
	content, err := read()
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, problem.ErrUnavailable):
		return false, err
	case err != nil:
		return false, nil // what is wrong with it has been said
	}
	content = normalised(content)
	for _, h := range holding {
		whole := steps.Port{Name: port.Name, Type: h.Type}
		if types.CheckPort(whole, h.Format, content[:min(len(content), headBytes)], len(content) <= headBytes) != nil {
			continue
		}
		records := types.Records(h.Type, h.Format)
		if cut := records.Cut(content); len(cut) > 1 {
			s.take(ctx, out, port, file, steps.TypeFormat{Type: records.Each, Format: h.Format}, cut)
			return true, nil
		}
	}
	return false, nil
}

// take makes inputs of records, or says what is wrong with the first that is
// none.
func (s *Service) take(ctx context.Context, out *looked, port *steps.Port, file string, as steps.TypeFormat, records [][]byte) {
	out.problem = nil
	if len(records) > pipelines.MaxInputs {
		out.problem = &problem.Problem{Code: problem.TooLarge, Message: fmt.Sprintf("%s has %d records; at most %d values are taken.", capital(file), len(records), pipelines.MaxInputs),
			Fix: "Split the work into several runs."}
		return
	}
	ext := as.Format
	if f := s.catalog.Types().FormatOf(as.Type, as.Format); f != nil && len(f.Extensions) > 0 {
		ext = f.Extensions[0]
	}
	out.parts = make([]part, 0, len(records))
	for i, content := range records {
		one := looked{}
		s.inline(ctx, &one, &steps.Port{Name: port.Name, Type: port.Type, Formats: []string{as.Format}, MaxLength: port.MaxLength, Columns: port.Columns}, InputValue{Inline: content, Name: "record." + ext}, true)
		origin := fmt.Sprintf("record %d of %s", i+1, file)
		if one.problem != nil {
			out.parts, out.problem = nil, one.problem
			out.problem.Message = strings.Replace(out.problem.Message, capital(quoted("record."+ext)), capital(origin), 1)
			return
		}
		one.input.Origin, one.input.Split, one.input.Record = origin, file, i+1
		out.parts = append(out.parts, one.part)
	}
}
