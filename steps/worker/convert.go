package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/steps"
)

// conversion is an input's value that comes in a format its port does not take
// and can be made into one that it does.
type conversion struct {
	*steps.Conversion
	port     *steps.Port
	given    steps.Port // the port as if it took the value as it is
	item     *Item
	from, to string // paths
}

// formatFor is the format that a port is given a value in.
func (a *attempt) formatFor(port *steps.Port, format string) string {
	if c := a.task.Types.Conversion(port, "", format); c != nil {
		return c.To
	}
	return format
}

// conversionOf says how an item of an input comes to be the file at a path;
// nil when it is staged as it is.
func (a *attempt) conversionOf(input *Input, k int, path string) *conversion {
	c := a.task.Types.Conversion(&input.Port, "", input.Items[k].Format)
	if c == nil {
		return nil
	}
	given := input.Port
	// What the port says of columns and lengths it says of what it is given in
	// the end.
	given.Formats, given.Columns, given.MaxLength = []string{c.From}, nil, 0
	from := filepath.Join(a.folder, "in", fmt.Sprintf(".%s-%d.%s", input.Port.Name, k, a.extension(&given, c.From)))
	return &conversion{Conversion: c, port: &input.Port, given: given, item: &input.Items[k], from: from, to: path}
}

// conversions are the commands that make inputs into formats that their ports
// take. What they print, such as what they had no place for, is in the
// attempt's log.
func (a *attempt) conversions() ([]part, *steps.Failure) {
	var parts []part
	for i := range a.task.Inputs {
		staged := a.staged[a.task.Inputs[i].Port.Name]
		if staged == nil {
			continue // nothing was there to join
		}
		for k := range staged.conversions {
			c := &staged.conversions[k]
			argv := c.Argv(c.from, c.to)
			p := part{noun: fmt.Sprintf("The conversion of the input `%s` (%s)", c.port.Name, c), argv: argv, own: argv[0] == "ligase"}
			p.done = func() *steps.Failure { return a.converted(c, p.noun) }
			var f *steps.Failure
			if argv[0], f = a.program(argv); f != nil {
				return nil, f
			}
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// converted checks what a conversion made as any staged input.
func (a *attempt) converted(c *conversion, noun string) *steps.Failure {
	if _, err := os.Lstat(c.to); err != nil {
		return fail(steps.FailInput, "%s ended well, but made no file.", noun)
	}
	if err := os.Remove(c.from); err != nil {
		return storageFailure("The input before its conversion could not be removed", err)
	}
	return a.checkStaged(c.port, c.item.URI.String(), c.To, c.to)
}

// convert runs the conversions by themselves, for a command that runs
// elsewhere.
func (a *attempt) convert(ctx context.Context) *steps.Failure {
	parts, f := a.conversions()
	if f != nil || len(parts) == 0 {
		return f
	}
	if err := os.MkdirAll(a.work(), 0o700); err != nil {
		return storageFailure("The attempt's private folder could not be made", err)
	}
	if err := os.MkdirAll(filepath.Join(a.folder, "tmp"), 0o700); err != nil {
		return storageFailure("The attempt's private folder could not be made", err)
	}
	a.log = &attemptLog{folder: a.folder, segment: max(a.worker.options.MaxLog/2, 1)}
	var err error
	if a.watch, err = a.worker.patterns.watcher(&a.task.Implementation, nil); err != nil {
		return fail(steps.FailImage, "The implementation %q of %s cannot be used: %v.", a.task.Implementation.Name, a.task.Step, err)
	}
	if f := a.runParts(ctx, parts); f != nil {
		return f
	}
	a.uploadLog(ctx)
	return nil
}
