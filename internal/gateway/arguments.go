package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// arguments are those of one call. What is wrong with them is collected, so
// that a caller hears of all of it at once.
type arguments struct {
	values   map[string]any // as JSON has them, with json.Number
	known    []string
	problems problem.Problems
}

func decode(raw json.RawMessage) (*arguments, error) {
	a := &arguments{values: map[string]any{}}
	if len(bytes.TrimSpace(raw)) == 0 {
		return a, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&a.values); err != nil {
		return nil, problem.Problems{{Path: "arguments", Code: problem.Syntax, Message: "The arguments are not a JSON object.", Fix: `Give {"name": value, …}.`}}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, problem.Problems{{Path: "arguments", Code: problem.Syntax, Message: "There is something after the arguments.", Fix: "Give one JSON object."}}
	}
	return a, nil
}

// take returns an argument, and whether it was given; null is not.
func (a *arguments) take(name string) (any, bool) {
	a.known = append(a.known, name)
	v := a.values[name]
	return v, v != nil
}

func (a *arguments) wrong(name string, code problem.Code, fix, format string, args ...any) {
	a.problems.Addf(problem.Pos{}, name, code, fix, format, args...)
}

// text reads an argument that is a text of at most so many bytes.
func (a *arguments) text(name string, most int) string {
	v, given := a.take(name)
	if !given {
		return ""
	}
	s, is := v.(string)
	if !is {
		a.wrong(name, problem.Invalid, "Give a text.", "%s is %s.", name, kindOf(v))
		return ""
	}
	if len(s) > most {
		a.wrong(name, problem.TooLarge, "Shorten it.", "%s has %d bytes; at most %d are taken.", name, len(s), most)
		return ""
	}
	return s
}

// whole reads an argument that is a whole number within limits.
func (a *arguments) whole(name string, least, most, otherwise int) int {
	v, given := a.take(name)
	if !given {
		return otherwise
	}
	f := math.NaN()
	switch v := v.(type) {
	case json.Number:
		f, _ = v.Float64()
	case string: // some models write numbers so
		if n := json.Number(strings.TrimSpace(v)); n != "" {
			if x, err := n.Float64(); err == nil {
				f = x
			}
		}
	}
	if f != math.Trunc(f) || f < float64(least) || f > float64(most) || math.IsNaN(f) {
		a.wrong(name, problem.OutOfRange, fmt.Sprintf("Give a whole number from %d to %d.", least, most), "%s cannot be %s.", name, kindOf(v))
		return otherwise
	}
	return int(f)
}

// flag reads an argument that is true or false.
func (a *arguments) flag(name string) bool {
	v, given := a.take(name)
	switch v {
	case true, "true":
		return true
	case false, "false":
		return false
	}
	if given {
		a.wrong(name, problem.Invalid, "Give true or false.", "%s is %s.", name, kindOf(v))
	}
	return false
}

// choices reads an argument that is one of some words, or several of them.
func (a *arguments) choices(name string, from ...string) []string {
	v, given := a.take(name)
	if !given {
		return nil
	}
	list, is := v.([]any)
	if !is {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		s, is := item.(string)
		if !is || !slices.Contains(from, s) {
			a.wrong(name, problem.Invalid, "Give one of "+strings.Join(from, ", ")+".", "%s cannot be %s.", name, kindOf(item))
			continue
		}
		out = append(out, s)
	}
	return out
}

// runID reads the run that a call is about.
func (a *arguments) runID() runs.ID {
	text := a.text("run_id", 200)
	if text == "" {
		if len(a.problems) == 0 {
			a.wrong("run_id", problem.Missing, "Give the run_id that submit_… answered with; list_runs has them.", "It is not said which run.")
		}
		return ""
	}
	id, err := runs.ParseID(strings.TrimSpace(text))
	if err != nil {
		a.problems = append(a.problems, problem.Of(err)...)
	}
	return id
}

// index reads which item of a scattered node is meant.
func (a *arguments) index(name string) uris.Index {
	text := a.text(name, 200)
	index, err := uris.ParseIndex(text)
	if err != nil {
		a.wrong(name, problem.Invalid, "Give it as 3, or 3.5 where scatters nest.", "%v", err)
	}
	return index
}

// done is what is wrong with all of the arguments, those that nobody takes
// among them.
func (a *arguments) done() error {
	for name := range a.values {
		if !slices.Contains(a.known, name) {
			a.wrong(name, problem.UnknownName, orElse(problem.DidYouMean(name, a.known), "Leave it out."), "There is no argument %s.", quoted(name))
		}
	}
	return a.problems.Err()
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// kindOf says what a value is, in a sentence.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return "the text " + quoted(v)
	case bool, json.Number:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	}
	return "an object"
}
