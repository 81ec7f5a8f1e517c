package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

// errUnset says that a reference names an input or parameter without a value.
var errUnset = errors.New("is not set")

// A part is one command of an attempt: a conversion of an input, what prepares,
// the command of the implementation, or what finishes.
type part struct {
	noun string                // begins a sentence about it
	argv []string              // the program's path, and its arguments
	own  bool                  // the program is ligase itself: what its exit code means is known
	main bool                  // it is the implementation's command
	last bool                  // it finishes: what it is given is what the command made
	done func() *steps.Failure // looks at what it made, when it ended well; nil: nobody does yet

	boxed bool // it runs in a container of the image, where its program is looked for
}

// parts renders the commands of the attempt. All are looked at before the
// first one runs: after hours of work it is too late to find that a program is
// not there.
func (a *attempt) parts() ([]part, *steps.Failure) {
	nouns := [...]string{"The preparation of the command", "The command", "The finish of the command"}
	parts, f := a.conversions()
	if f != nil {
		return nil, f
	}
	for i, args := range a.task.Implementation.Commands() {
		if len(args) == 0 && i != 1 {
			continue
		}
		argv, f := a.argv(args)
		if f != nil {
			return nil, f
		}
		p := part{noun: nouns[i], argv: argv, own: argv[0] == "ligase", main: i == 1, last: i == 2}
		p.boxed = a.worker.options.Containers.Contains(a.task.Implementation.Image, argv[0])
		if !p.boxed {
			if argv[0], f = a.program(argv); f != nil {
				return nil, f
			}
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// argv renders a command. What a user gave becomes, whole and as it is, (a
// part of) one element: no shell ever reads it.
func (a *attempt) argv(command []steps.Arg) ([]string, *steps.Failure) {
	var argv []string
	for _, arg := range command {
		var rendered []string
		var err error
		for _, template := range arg.Templates {
			var elements []string
			if elements, err = a.render(template); err != nil {
				break
			}
			rendered = append(rendered, elements...)
		}
		if arg.Group && errors.Is(err, errUnset) {
			continue
		}
		if err != nil {
			return nil, fail(steps.FailImage, "The command of implementation %q of %s cannot be made: %s", a.task.Implementation.Name, a.task.Step, sentence(err))
		}
		argv = append(argv, rendered...)
	}
	if len(argv) == 0 {
		return nil, fail(steps.FailImage, "The implementation %q of %s has no command.", a.task.Implementation.Name, a.task.Step)
	}
	for _, s := range argv {
		if strings.ContainsRune(s, 0) {
			return nil, fail(steps.FailInput, "A value holds a NUL character, which no command can be given.")
		}
	}
	return argv, nil
}

// render makes the argv elements of one template: one, or, where it is exactly
// the files of a port that takes many, as many as there are files.
func (a *attempt) render(text string) ([]string, error) {
	template, err := steps.ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	if len(template) == 1 && template[0].Kind == steps.InputRef && template[0].Sub == "" {
		if in := a.staged[template[0].Name]; in != nil && in.many {
			return in.paths, nil
		}
	}
	var b strings.Builder
	for _, part := range template {
		s, err := a.value(part)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return []string{b.String()}, nil
}

// value is what one part of a template stands for.
func (a *attempt) value(part steps.Part) (string, error) {
	switch part.Kind {
	case steps.Literal:
		return part.Text, nil
	case steps.WorkRef:
		return a.work(), nil
	case steps.ParamRef:
		v, ok := a.task.Params[part.Name]
		if !ok {
			return "", fmt.Errorf("the parameter %s %w", part.Name, errUnset)
		}
		return v.String(), nil
	}
	in := a.staged[part.Name]
	switch {
	case in == nil:
		return "", fmt.Errorf("the input %s %w", part.Name, errUnset)
	case in.many && part.Sub == "dir":
		return in.folder, nil
	case in.many && part.Sub == "manifest":
		return in.manifest, nil
	case !in.many && part.Sub == "":
		return in.paths[0], nil
	}
	return "", fmt.Errorf("%q does not fit the input %s", steps.Template{part}, part.Name)
}

// environment is what the command sees: nothing of ours but PATH, and what
// the options, the implementation and the engine say, the engine last.
func (a *attempt) environment() []string {
	tmp := filepath.Join(a.folder, "tmp")
	ours := map[string]string{
		"PATH": a.worker.options.Path,
		"HOME": tmp, "TMPDIR": tmp,
		"LANG": "C.UTF-8", "TZ": "UTC",
	}
	vars := map[string]string{}
	for _, more := range []map[string]string{a.worker.options.Env, ours, a.task.Implementation.Env, a.hooks.Env} {
		for k, v := range more {
			vars[k] = v
		}
	}
	vars[markVariable] = a.folder
	env := make([]string, 0, len(vars))
	for k, v := range vars {
		env = append(env, k+"="+v)
	}
	slices.Sort(env)
	return env
}

// program finds what a command's first element names: this program itself, an
// absolute path, or a name on the command's PATH.
func (a *attempt) program(argv []string) (string, *steps.Failure) {
	name := argv[0]
	if name == "ligase" {
		name = a.worker.options.Self
		if adapters := a.worker.options.Adapters; adapters != "" && len(argv) > 1 && argv[1] == "adapt" {
			name = adapters
		}
	}
	if filepath.IsAbs(name) {
		return name, nil
	}
	path := a.worker.options.Path
	if p, ok := a.task.Implementation.Env["PATH"]; ok {
		path = p
	}
	if p, ok := a.hooks.Env["PATH"]; ok {
		path = p
	}
	if !strings.Contains(name, "/") {
		for _, dir := range filepath.SplitList(path) {
			candidate := filepath.Join(dir, name)
			// An entry that is not absolute would be looked up in a folder
			// that changes with the attempt.
			if info, err := os.Stat(candidate); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return candidate, nil
			}
		}
	}
	f := fail(steps.FailImage, "The command %q was not found here.", name)
	f.Hint = fmt.Sprintf("Install it where the step runs, so that it is on PATH (%s), or choose another implementation of %s.", path, a.task.Step)
	return "", f
}
