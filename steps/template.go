package steps

import (
	"fmt"
	"slices"
	"strings"
)

// Template is one element of a command as written: text with references.
type Template []Part

// Part is a stretch of literal text or one reference.
type Part struct {
	Kind PartKind
	Text string // Literal: the text
	Name string // Input, ParamRef: the port or parameter
	Sub  string // Input: "", "dir", "manifest"; of a foreign template "uri", "uris" too
}

// PartKind tells what a part of a template stands for.
type PartKind int

const (
	Literal  PartKind = iota
	InputRef          // $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest); see [ForeignArgument] too
	ParamRef          // $(params.y)
	WorkRef           // $(work)
)

// ParseTemplate reads a template: see [Arg]. The error is a sentence.
func ParseTemplate(s string) (Template, error) {
	var t Template
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			t = append(t, Part{Kind: Literal, Text: text.String()})
			text.Reset()
		}
	}
	for rest := s; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "$$("):
			text.WriteString("$(")
			rest = rest[3:]
		case strings.HasPrefix(rest, "$("):
			ref, after, closed := strings.Cut(rest[2:], ")")
			if !closed {
				return nil, fmt.Errorf("A $( has no ) after it; write $$( for the characters themselves.")
			}
			part, err := parseRef(ref)
			if err != nil {
				return nil, err
			}
			flush()
			t = append(t, part)
			rest = after
		default:
			next := strings.IndexByte(rest[1:], '$') + 1
			if next == 0 {
				next = len(rest)
			}
			text.WriteString(rest[:next])
			rest = rest[next:]
		}
	}
	flush()
	return t, nil
}

// inputSubs are what can follow the name of an input.
var inputSubs = []string{"dir", "manifest", "uri", "uris"}

func parseRef(ref string) (Part, error) {
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case "work":
		if ref == "work" {
			return Part{Kind: WorkRef}, nil
		}
		return Part{}, fmt.Errorf("$(%.60s) is not known; write $(work) and a path after it: $(work)/out.", ref)
	case "params":
		if ValidName(name) {
			return Part{Kind: ParamRef, Name: name}, nil
		}
	case "inputs":
		name, sub, dotted := strings.Cut(name, ".")
		if ValidName(name) && (!dotted || slices.Contains(inputSubs, sub)) {
			return Part{Kind: InputRef, Name: name, Sub: sub}, nil
		}
	case "outputs":
		return Part{}, fmt.Errorf("$(%.60s) is not known; let the command write below $(work), and name the file in collect.", ref)
	}
	return Part{}, fmt.Errorf("$(%.60s) is not known; there are $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest), $(params.y) and $(work), and $$( for the characters themselves.", ref)
}

// String writes the template as it is read.
func (t Template) String() string {
	var b strings.Builder
	for _, p := range t {
		switch p.Kind {
		case Literal:
			b.WriteString(strings.ReplaceAll(p.Text, "$(", "$$("))
		case WorkRef:
			b.WriteString("$(work)")
		case ParamRef:
			b.WriteString("$(params." + p.Name + ")")
		case InputRef:
			b.WriteString("$(inputs." + p.Name)
			if p.Sub != "" {
				b.WriteString("." + p.Sub)
			}
			b.WriteString(")")
		}
	}
	return b.String()
}
