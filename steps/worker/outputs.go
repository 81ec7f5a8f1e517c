package worker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// output is a file that the command made for a port.
type output struct {
	port    *steps.Port
	format  string
	item    int    // of a port that gives many, else -1
	path    string // absolute, symbolic links resolved
	metrics map[string]float64
	preview []string
	origin  string // what it is to a person; empty: its path in the work folder

	filtered *steps.Filtered
}

const (
	previewLines = 8
	previewBytes = 1 << 10
	previewItems = 3 // of a port that gives many: a record stays readable with 10,000 items
)

// collected is what the command made, checked.
type collected struct {
	files   []output
	metrics map[string]float64
}

// collect finds and checks every declared output.
func (a *attempt) collect() (*collected, *steps.Failure) {
	c, counts, f := a.collectFrom(a.find)
	if f != nil {
		return nil, f
	}
	return c, a.measure(c, counts)
}

// collectFrom checks what find finds for each port, and counts it. The records
// of a file are found in that.
func (a *attempt) collectFrom(find func(*steps.Port) ([]output, *steps.Failure)) (*collected, map[string]int, *steps.Failure) {
	c, counts := &collected{}, map[string]int{}
	for i := range a.task.Outputs {
		port := &a.task.Outputs[i]
		var files []output
		var f *steps.Failure
		if port.RecordsOf == "" {
			files, f = find(port)
		} else if whole := slices.IndexFunc(c.files, func(o output) bool { return o.port.Name == port.RecordsOf }); whole >= 0 {
			files, f = a.cut(&c.files[whole], port)
		} else if !port.Optional {
			f = fail(steps.FailImage, "The task is to give the records of `%s`, which is no output of its step.", port.RecordsOf)
		}
		for k := 0; f == nil && k < len(files); k++ {
			f = a.inspect(&files[k])
		}
		if f != nil {
			return nil, nil, f
		}
		counts[port.Name] = len(files)
		c.files = append(c.files, files...)
	}
	return c, counts, nil
}

// find lists the files of a port and checks how many there are.
func (a *attempt) find(port *steps.Port) ([]output, *steps.Failure) {
	return a.findIn(a.work(), a.task.Implementation.Collect[port.Name], port)
}

// findIn lists the files of a port that lie in a folder.
func (a *attempt) findIn(folder, pattern string, port *steps.Port) ([]output, *steps.Failure) {
	if !fs.ValidPath(pattern) {
		return nil, fail(steps.FailOutputContract, "The implementation says of `%s` to collect %q, which is not a path below the work folder.", port.Name, pattern)
	}
	names, err := fs.Glob(os.DirFS(folder), pattern)
	if err != nil {
		return nil, fail(steps.FailOutputContract, "The implementation says of `%s` to collect %q, which is not a valid pattern.", port.Name, pattern)
	}
	// A * does not mean what tools hide: editors' and file systems' droppings.
	names = slices.DeleteFunc(names, func(name string) bool {
		return strings.HasPrefix(path.Base(name), ".") && !strings.HasPrefix(path.Base(pattern), ".")
	})
	if len(names) == 0 && port.Optional {
		return nil, nil
	}
	if f := a.checkCount(port, pattern, len(names)); f != nil {
		return nil, f
	}
	slices.SortFunc(names, compareNatural)
	files := make([]output, len(names))
	root, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, storageFailure("The work folder could not be read", err)
	}
	for k, name := range names {
		real, f := regular(root, name, port.Name)
		if f != nil {
			return nil, f
		}
		files[k] = output{port: port, item: -1, path: real}
		if len(port.Formats) > 0 {
			files[k].format = port.Formats[0]
		}
		if port.Many {
			files[k].item = k
		}
	}
	return files, nil
}

// checkCount compares how many files there are with how many were promised.
func (a *attempt) checkCount(port *steps.Port, pattern string, n int) *steps.Failure {
	contract := func(format string, args ...any) *steps.Failure {
		return fail(steps.FailOutputContract, a.endedWell()+", but "+format, args...)
	}
	if !port.Many {
		switch {
		case n == 0:
			return contract("`%s` (%s) is not there.", port.Name, pattern)
		case n > 1:
			return contract("`%s` is one file and %d match %s.", port.Name, n, pattern)
		}
		return nil
	}
	if port.Count != "" {
		if v, ok := a.task.Params[port.Count]; ok {
			if want, ok := v.Any().(int64); ok && int64(n) != want {
				return contract("`%s` (%s) has %s where %s = %d promises %d.", port.Name, pattern, files(n), port.Count, want, want)
			}
		}
	}
	switch {
	case n < port.MinItems && n == 0:
		return contract("no file of `%s` (%s) is there.", port.Name, pattern)
	case n < port.MinItems:
		return contract("`%s` (%s) has %s of at least %d.", port.Name, pattern, files(n), port.MinItems)
	case port.MaxItems > 0 && n > port.MaxItems:
		return contract("`%s` (%s) has %s of at most %d.", port.Name, pattern, files(n), port.MaxItems)
	}
	return nil
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// regular resolves a name below root (itself resolved) to a regular file that
// lies there too. No process of the attempt lives any more, so what is seen
// stays.
func regular(root, name, port string) (string, *steps.Failure) {
	real, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fail(steps.FailOutputContract, "The output `%s` (%s) is a link to something that is not there.", port, name)
	}
	if err != nil {
		return "", fail(steps.FailOutputContract, "The output `%s` (%s) could not be followed: %v.", port, name, err)
	}
	if !strings.HasPrefix(real, root+string(filepath.Separator)) {
		return "", fail(steps.FailOutputContract, "The output `%s` (%s) is a link that leads out of the work folder.", port, name)
	}
	info, err := os.Lstat(real)
	switch {
	case err != nil:
		return "", storageFailure(fmt.Sprintf("The output `%s` (%s) could not be read", port, name), err)
	case info.IsDir():
		return "", fail(steps.FailOutputContract, "The output `%s` (%s) is a folder, not a file.", port, name)
	case !info.Mode().IsRegular():
		return "", fail(steps.FailOutputContract, "The output `%s` (%s) is not a regular file.", port, name)
	}
	return real, nil
}

// inspect checks an output's content and cuts its preview.
func (a *attempt) inspect(o *output) *steps.Failure {
	head, whole, err := headOf(o.path)
	if err != nil {
		return storageFailure(fmt.Sprintf("The output `%s` could not be read", o.port.Name), err)
	}
	types := a.task.Types
	if err := types.CheckPort(*o.port, o.format, head, whole); err != nil {
		name := o.origin
		if name == "" {
			var relErr error
			if name, relErr = filepath.Rel(a.work(), o.path); relErr != nil {
				name = filepath.Base(o.path)
			}
		}
		return fail(steps.FailOutputContract, "%s, but `%s` (%s) is not what it should be: %s", a.endedWell(), o.port.Name, name, sentence(err))
	}
	if f := types.FormatOf(o.port.Type, o.format); f != nil && f.Text && o.item < previewItems {
		o.preview = uris.Preview(head, previewLines, previewBytes)
	}
	return nil
}

// endedWell begins a sentence about what is wrong all the same.
func (a *attempt) endedWell() string {
	if a.task.Implementation.Template != nil {
		return "The template ended well"
	}
	return "The command ended with exit code 0"
}

// sentence is an error's text as the end of a sentence of ours.
func sentence(err error) string {
	text := strings.TrimSpace(err.Error())
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}

// compareNatural orders names as people count: model_2 before model_10.
func compareNatural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), strings.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
