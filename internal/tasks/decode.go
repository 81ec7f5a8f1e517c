package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

var (
	runIDForm  = definition.NewForm(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`, 251) // it becomes a folder
	digestForm = definition.NewForm(`^[0-9a-f]+$`, 64)
)

func isDigest(s string) bool { return len(s) == 64 && digestForm.MatchString(s) }

// DecodeCall reads a call, as [Call.Encode] wrote it or by hand: an input is a
// URI, an object as in [pipelines.Input], or a list of these. It is strict:
// unknown and repeated fields are mistakes. The error is problem.Problems.
func DecodeCall(text string) (Call, error) {
	var d callDecoder
	c := d.call(text)
	if err := d.problems.Err(); err != nil {
		return Call{}, err
	}
	return c, nil
}

type callDecoder struct{ problems problem.Problems }

func (d *callDecoder) add(path string, code problem.Code, fix, format string, args ...any) {
	d.problems.Addf(problem.Pos{}, path, code, fix, format, args...)
}

func (d *callDecoder) call(text string) (c Call) {
	if len(text) > MaxCall {
		d.add("", problem.TooLarge, "Split the work into several runs.", "The call has %d bytes; at most %d can be.", len(text), MaxCall)
		return c
	}
	if err := checkJSON([]byte(text)); err != nil {
		d.add("", problem.Syntax, `Write JSON such as {"inputs":{"sequence":"s3://bucket/a.fasta"},"params":{"seed":1}}.`, "The call cannot be read: %v.", err)
		return c
	}
	fields, ok := d.object("", json.RawMessage(text))
	if !ok {
		return c
	}
	known := []string{"run_id", "root", "inputs", "params", "makers", "lies"}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		raw := fields[name]
		switch name {
		case "run_id":
			c.RunID = d.text(name, raw)
			if c.RunID != "" && !runIDForm.MatchString(c.RunID) {
				d.add(name, problem.Invalid, "Leave it out, or use letters, digits, - and _.", "%.60q cannot be the id of a run: it names a folder.", c.RunID)
			}
		case "root":
			if s := d.text(name, raw); s != "" {
				c.Root = d.uri(name, s)
			}
		case "inputs":
			c.Inputs = d.inputs(raw)
		case "params":
			c.Params = d.params(raw)
		case "makers":
			c.Makers = d.makers(raw)
		case "lies":
			if c.Lies = d.text(name, raw); c.Lies != "" && !isDigest(c.Lies) {
				d.add(name, problem.Invalid, "Leave it out.", "%.80q is not a SHA-256 in 64 hex digits.", c.Lies)
			}
		default:
			d.add(short(name), problem.UnknownField, problem.DidYouMean(short(name), known), "A call has no %q.", short(name))
		}
	}
	if c.Lies != "" && (len(c.Inputs) > 0 || len(c.Params) > 0 || c.RunID == "") {
		d.add("lies", problem.Invalid, "Remove one of them.", "A call whose inputs and parameters lie in the run folder names its run and has none beside.")
	}
	return c
}

func (d *callDecoder) inputs(raw json.RawMessage) map[string][]pipelines.Input {
	fields, ok := d.object("inputs", raw)
	if !ok || len(fields) == 0 {
		return nil
	}
	out := make(map[string][]pipelines.Input, len(fields))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		path := "inputs." + short(name)
		raw := fields[name]
		if raw[0] != '[' {
			out[name] = []pipelines.Input{d.input(path, raw)}
			continue
		}
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			d.add(path, problem.Syntax, "", "It cannot be read: %v.", err)
			continue
		}
		if total += len(items); total > pipelines.MaxInputs {
			d.add("inputs", problem.TooLarge, "Split the work into several runs.", "There are more than %d input values.", pipelines.MaxInputs)
			return nil
		}
		list := make([]pipelines.Input, len(items))
		for i, item := range items {
			list[i] = d.input(fmt.Sprintf("%s[%d]", path, i), item)
		}
		out[name] = list
	}
	return out
}

// input reads one value: a URI, or all that is known of it.
func (d *callDecoder) input(path string, raw json.RawMessage) (in pipelines.Input) {
	switch raw[0] {
	case '"':
		in.URI = d.uri(path, d.text(path, raw))
		return in
	case '{':
	default:
		d.add(path, problem.Invalid, "Put the value into a file and give its URI.", "An input is a URI in quotes, not %.40s.", raw)
		return in
	}
	fields, _ := d.object(path, raw)
	known := []string{"uri", "sha256", "size", "type", "format", "metrics", "made_by"}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := path + "." + short(name)
		switch value := fields[name]; name {
		case "uri":
			in.URI = d.uri(at, d.text(at, value))
		case "sha256":
			if in.SHA256 = d.text(at, value); in.SHA256 != "" && !isDigest(in.SHA256) {
				d.add(at, problem.Invalid, "Leave it out when it is not known.", "%.80q is not a SHA-256 in 64 hex digits.", in.SHA256)
			}
		case "size":
			if err := json.Unmarshal(value, &in.Size); err != nil || in.Size < 0 {
				d.add(at, problem.Invalid, "Leave it out when it is not known.", "%.40s is not a number of bytes.", value)
			}
		case "type":
			in.Type = d.text(at, value)
		case "format":
			in.Format = d.text(at, value)
		case "metrics":
			if err := json.Unmarshal(value, &in.Metrics); err != nil {
				d.add(at, problem.Invalid, "Leave them out when they are not known.", "%.40s is not numbers by their names.", value)
			}
		case "made_by":
			in.MadeBy = d.text(at, value)
		default:
			d.add(at, problem.UnknownField, problem.DidYouMean(short(name), known), "An input has no %q.", short(name))
		}
	}
	if _, given := fields["uri"]; !given {
		d.add(path, problem.Missing, `Write {"uri": "s3://…"}, or just the URI.`, "The input has no URI.")
	}
	return in
}

// makers reads what made inputs.
func (d *callDecoder) makers(raw json.RawMessage) map[string]*steps.Maker {
	var out map[string]*steps.Maker
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&out); err != nil {
		d.add("makers", problem.Invalid, "Leave them out: they only say what made the inputs.", "They cannot be read: %v.", err)
		return nil
	}
	for name, m := range out {
		if m == nil {
			d.add("makers."+short(name), problem.Invalid, "Leave it out.", "It says nothing.")
		}
	}
	return out
}

func (d *callDecoder) params(raw json.RawMessage) map[string]steps.Value {
	fields, ok := d.object("params", raw)
	if !ok || len(fields) == 0 {
		return nil
	}
	out := make(map[string]steps.Value, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var v steps.Value
		if err := json.Unmarshal(fields[name], &v); err != nil {
			d.add("params."+short(name), problem.Invalid, "Give a text, a number, true, false, or a list of texts or numbers.", "This value cannot be used: %v.", err)
			continue
		}
		if !v.IsZero() { // null is the same as not giving it
			out[name] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (d *callDecoder) object(path string, raw json.RawMessage) (fields map[string]json.RawMessage, ok bool) {
	if string(raw) == "null" {
		return nil, true
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		what := "The call"
		if path != "" {
			what = "This"
		}
		d.add(path, problem.Invalid, "", "%s must be a JSON object: {…}.", what)
		return nil, false
	}
	return fields, true
}

func (d *callDecoder) text(path string, raw json.RawMessage) (s string) {
	if err := json.Unmarshal(raw, &s); err != nil {
		d.add(path, problem.Invalid, "Put it in quotes.", "This must be a text, not %.40s.", raw)
	}
	return s
}

func (d *callDecoder) uri(path, s string) uris.URI {
	u, err := uris.Parse(s)
	if err != nil {
		d.add(path, problem.Invalid, "", "%v", err)
	}
	return u
}

// short is a name from outside as messages repeat it.
func short(name string) string {
	const most = 60
	if len(name) <= most {
		return name
	}
	return string(bytes.ToValidUTF8([]byte(name[:most]), nil)) + "…"
}

// maxDepth is how deep a call nests: inputs, a port, an item, its fields.
const maxDepth = 8

// checkJSON refuses what encoding/json would let pass: a second document,
// fields given twice, of which the last would win, and depths that no call
// has. The error is the end of a sentence.
func checkJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var open []map[string]bool // by depth: the fields so far; nil in a list
	key := false               // whether a field's name comes next
	for begun := false; ; begun = true {
		token, err := decoder.Token()
		switch {
		case err == io.EOF && !begun:
			return errors.New("it is empty")
		case err == io.EOF && len(open) == 0:
			return nil
		case err == io.EOF:
			return errors.New("it ends too early")
		case err != nil:
			return fmt.Errorf("it is not JSON (%v)", err)
		case begun && len(open) == 0:
			return errors.New("something follows after it")
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				if len(open) == maxDepth {
					return fmt.Errorf("it nests more than %d deep", maxDepth)
				}
				var fields map[string]bool
				if token == '{' {
					fields = map[string]bool{}
				}
				open, key = append(open, fields), token == '{'
				continue
			default:
				open = open[:len(open)-1]
			}
		case string:
			if key {
				fields := open[len(open)-1]
				if fields[token] {
					return fmt.Errorf("%q is given twice", short(token))
				}
				fields[token] = true
				key = false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}
