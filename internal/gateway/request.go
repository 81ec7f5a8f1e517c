package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// request reads the arguments of a call of a step or pipeline.
func request(d *catalog.Tool, args *arguments, tenant string) (runs.SubmitRequest, error) {
	req := runs.SubmitRequest{Tenant: tenant, Tool: d.Name, Inputs: map[string][]runs.InputValue{}, Params: map[string]any{}}
	if !takes(d, argRequestID) {
		req.RequestID = args.text(argRequestID, 0xffff)
	}
	if len(d.Implementations) > 1 && !takes(d, argImplementation) {
		if choice := args.text(argImplementation, 200); choice != "" {
			req.Implementations = map[string]string{d.Name: choice}
		}
	}
	if d.Kind == pipelines.KindPipeline && !takes(d, argChoices) {
		req.Implementations = choices(args)
	}
	for i := range d.Inputs {
		if values := input(&d.Inputs[i], args); values != nil {
			req.Inputs[d.Inputs[i].Name] = values
		}
	}
	for i := range d.Params {
		if v, given := args.take(d.Params[i].Name); given {
			req.Params[d.Params[i].Name] = v
		}
	}
	for name := range args.values {
		if !slices.Contains(args.known, name) {
			args.wrong(name, problem.UnknownName, unknownFix(d, name, args.known), "%s has no argument %s.", d.Name, quoted(name))
		}
	}
	return req, args.problems.Err()
}

// choices reads which implementations the nodes of a pipeline are to use.
func choices(args *arguments) map[string]string {
	v, given := args.take(argChoices)
	if !given {
		return nil
	}
	const fix = `Give {"node or step": "implementation", …}.`
	object, is := v.(map[string]any)
	if !is {
		args.wrong(argChoices, problem.Invalid, fix, "%s is %s.", argChoices, kindOf(v))
		return nil
	}
	out := map[string]string{}
	for name, v := range object {
		if choice, is := v.(string); is && choice != "" {
			out[name] = choice
		} else {
			args.wrong(argChoices+"."+name, problem.Invalid, fix, "It is %s.", kindOf(v))
		}
	}
	return out
}

// unknownFix says what was probably meant by an argument that there is not.
func unknownFix(d *catalog.Tool, name string, known []string) string {
	if p := steps.FindPort(d.Inputs, name); p != nil {
		return fmt.Sprintf("Give a URI as %s.", steps.URIArgument(*p))
	}
	return orElse(problem.DidYouMean(name, known), "Leave it out.")
}

func takes(d *catalog.Tool, name string) bool {
	return steps.FindPort(d.Inputs, name) != nil || steps.FindParam(d.Params, name) != nil
}

// input reads what a call gives to an input port: x_uri or x_uris, or where
// the port takes them inline values as x.
func input(p *steps.Port, args *arguments) []runs.InputValue {
	name := steps.URIArgument(*p)
	byURI, hasURI := args.take(name)
	var inline any
	var hasInline bool
	if p.Inline {
		inline, hasInline = args.take(p.Name)
	}
	switch {
	case hasURI && hasInline:
		args.wrong(p.Name, problem.Duplicate, "Give the one or the other.", "Both %s and %s are given.", name, p.Name)
	case hasURI:
		var out []runs.InputValue
		for _, text := range texts(p, name, byURI, args) {
			if u, ok := uriOf(p, name, text, args); ok {
				out = append(out, runs.InputValue{URI: u})
			}
		}
		return out
	case hasInline:
		var out []runs.InputValue
		for _, text := range texts(p, p.Name, inline, args) {
			if looksLikeURI.MatchString(text) {
				args.wrong(p.Name, problem.Invalid, fmt.Sprintf("Give it as %s.", name), "%s takes the content itself, and this is a URI.", p.Name)
				continue
			}
			out = append(out, runs.InputValue{Inline: []byte(text), Name: p.Name})
		}
		return out
	}
	return nil
}

// texts are the values of an argument: one, or a list where the port takes
// many.
func texts(p *steps.Port, name string, v any, args *arguments) []string {
	list, is := v.([]any)
	if s, text := v.(string); text {
		list, is = []any{s}, true
	} else if is && !p.Many {
		if len(list) != 1 {
			args.wrong(name, problem.Cardinality, "Give one; submit once for each, or submit a pipeline that scatters.", "%s takes one value, and this is a list of %d.", name, len(list))
			return nil
		}
	}
	if !is {
		args.wrong(name, problem.Invalid, "Give a text.", "%s is %s.", name, kindOf(v))
		return nil
	}
	var out []string
	for i, item := range list {
		s, is := item.(string)
		if !is {
			args.wrong(fmt.Sprintf("%s[%d]", name, i), problem.Invalid, "Give a text.", "It is %s.", kindOf(item))
			continue
		}
		out = append(out, s)
	}
	return out
}

// looksLikeURI tells "s3://bucket/key" from a value.
var looksLikeURI = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9+.-]*:/`)

// looksLikePath tells what is meant as a file of the caller's.
var looksLikePath = regexp.MustCompile(`^(\.{0,2}/|~|[A-Za-z]:\\|@)|^[^\s>]+\.[A-Za-z0-9]{1,6}$`)

func uriOf(p *steps.Port, name, text string, args *arguments) (uris.URI, bool) {
	u, err := uris.Parse(strings.TrimSpace(text))
	if err == nil {
		return u, true
	}
	fix := "Give the URI of a run's output, as its summary has it, or of an object in a place that this gateway may read."
	if p.Inline {
		fix = fmt.Sprintf("Give its content as %s if it is small, or the URI of a run's output.", p.Name)
	}
	switch {
	case looksLikeURI.MatchString(text):
		args.wrong(name, problem.NotAllowed, "", "%v", err)
	case looksLikePath.MatchString(text):
		args.wrong(name, problem.NotAllowed, fix, "%s is a path of a file, and this gateway reads none of yours.", quoted(text))
	default:
		args.wrong(name, problem.Invalid, fix, "%s is no URI.", quoted(text))
	}
	return uris.URI{}, false
}
