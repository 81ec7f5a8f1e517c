package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// maxInlineFile is how large a local file may be to travel with the call.
const maxInlineFile = 64 << 20

// looksLikeURI tells "s3://bucket/key" from a value.
var looksLikeURI = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:/`)

// arguments reads what a command line gives a tool: "name=value" pairs, where
// an input takes name=@file, name=uri or name=text, and may be repeated when
// it takes many. inputs and params hold the pairs whose kind the caller said.
func arguments(tool *pipelines.Compiled, pairs, inputs, params []string) (map[string][]runs.InputValue, map[string]any, error) {
	inValues, paramValues := map[string][]runs.InputValue{}, map[string]any{}
	var ps problem.Problems
	var names []string
	for _, p := range tool.Inputs {
		names = append(names, p.Name)
	}
	for _, p := range tool.Params {
		names = append(names, p.Name)
	}
	add := func(pair, kind string) error {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return usagef("%q is not name=value. Inputs are given as name=@file, name=uri or name=text; parameters as name=value. %s takes: %s.",
				pair, tool.Tool.Name, strings.Join(names, ", "))
		}
		// What the tool does not take is refused with everything else that is
		// wrong, where the call is bound.
		isInput := kind == "input" || kind == "" && steps.FindPort(tool.Inputs, name) != nil
		switch {
		case isInput:
			v, err := inputValue(name, value)
			if err != nil {
				return err
			}
			inValues[name] = append(inValues[name], v)
		default:
			if _, twice := paramValues[name]; twice {
				ps.Addf(problem.Pos{}, "params."+name, problem.Duplicate, "Give it once.", "It is given twice.")
			}
			paramValues[name] = value
		}
		return nil
	}
	for _, group := range []struct {
		kind  string
		pairs []string
	}{{"", pairs}, {"input", inputs}, {"param", params}} {
		for _, pair := range group.pairs {
			if err := add(pair, group.kind); err != nil {
				return nil, nil, err
			}
		}
	}
	return inValues, paramValues, ps.Err()
}

// inputValue reads one value of an input.
func inputValue(name, value string) (runs.InputValue, error) {
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		return readInput(name, path)
	}
	if looksLikeURI.MatchString(value) {
		u, err := uris.Parse(value)
		if err != nil {
			return runs.InputValue{}, problem.Problems{{Path: "inputs." + name, Code: problem.NotAllowed, Message: err.Error()}}
		}
		return runs.InputValue{URI: u}, nil
	}
	if _, err := os.Stat(value); err == nil {
		return runs.InputValue{}, usagef("%s=%s names a file; write %s=@%s to give its content.", name, value, name, value)
	}
	return runs.InputValue{Inline: []byte(value), Name: name}, nil
}

// readInput reads a local file that is given as an input.
func readInput(name, path string) (runs.InputValue, error) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return runs.InputValue{}, fmt.Errorf("%s=@%s: the file is %w", name, path, problem.ErrNotFound)
	case err != nil:
		return runs.InputValue{}, fmt.Errorf("%s=@%s: %w", name, path, err)
	case info.IsDir():
		return runs.InputValue{}, usagef("%s=@%s is a folder; give a file.", name, path)
	case !info.Mode().IsRegular():
		return runs.InputValue{}, usagef("%s=@%s is a device or a pipe; save its content to a file and give that.", name, path)
	case info.Size() > maxInlineFile:
		abs, err := filepath.Abs(path)
		if err != nil {
			return runs.InputValue{}, err
		}
		return runs.InputValue{}, usagef("%s=@%s has %s, and a file that travels with the call at most %s. Give it by URI: %s --allow-root %s",
			name, path, size(info.Size()), size(maxInlineFile),
			quoted(name+"=file://"+filepath.ToSlash(abs)), quoted("file://"+filepath.ToSlash(filepath.Dir(abs))))
	}
	f, err := os.Open(path)
	if err != nil {
		return runs.InputValue{}, fmt.Errorf("%s=@%s: %w", name, path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInlineFile+1)) // it may grow while it is read
	if err != nil {
		return runs.InputValue{}, fmt.Errorf("%s=@%s: %w", name, path, err)
	}
	if len(data) > maxInlineFile {
		return runs.InputValue{}, usagef("%s=@%s has more than %s, the most that travels with the call.", name, path, size(maxInlineFile))
	}
	return runs.InputValue{Inline: data, Name: filepath.Base(path)}, nil
}

// choices reads "node=implementation" pairs.
func choices(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		node, implementation, ok := strings.Cut(pair, "=")
		if !ok || node == "" || implementation == "" {
			return nil, usagef("--impl %s is not node=implementation or step=implementation, like fold=baseline.", pair)
		}
		out[node] = implementation
	}
	return out, nil
}

// labels reads "key=value" pairs.
func labels(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--label %s is not key=value.", pair)
		}
		out[key] = value
	}
	return out, nil
}
