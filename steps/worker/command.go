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

// argv renders the implementation's command. What a user gave becomes, whole
// and as it is, (a part of) one element: no shell ever reads it.
func (a *attempt) argv() ([]string, *steps.Failure) {
	var argv []string
	for _, arg := range a.task.Implementation.Command {
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
			return nil, fail(steps.FailImage, "The command of implementation %q of %s cannot be made: %v.", a.task.Implementation.Name, a.task.Step, err)
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

// value resolves one reference: inputs.x, params.y, work.
func (a *attempt) value(ref string) (string, error) {
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case "work":
		if name == "" {
			return a.work(), nil
		}
	case "params":
		v, ok := a.task.Params[name]
		if !ok {
			return "", fmt.Errorf("parameter %s %w", name, errUnset)
		}
		return v.String(), nil
	case "inputs":
		name, what, _ := strings.Cut(name, ".")
		in := a.staged[name]
		switch {
		case in == nil:
			return "", fmt.Errorf("input %s %w", name, errUnset)
		case what == "" && !in.many:
			return in.paths[0], nil
		case what == "dir" && in.many:
			return in.folder, nil
		case what == "manifest" && in.many:
			return in.manifest, nil
		}
	}
	return "", fmt.Errorf("$(%s) names nothing that can stand there", ref)
}

// environment is what the command sees: nothing of ours but PATH, and what
// the implementation and the engine say, the engine last.
func (a *attempt) environment() []string {
	tmp := filepath.Join(a.folder, "tmp")
	vars := map[string]string{
		"PATH": a.worker.options.Path,
		"HOME": tmp, "TMPDIR": tmp,
		"LANG": "C.UTF-8", "TZ": "UTC",
	}
	for _, more := range []map[string]string{a.task.Implementation.Env, a.hooks.Env} {
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
func (a *attempt) program(name string) (string, *steps.Failure) {
	if name == "ligase" {
		return a.worker.options.Self, nil
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
