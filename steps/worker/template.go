package worker

import (
	"fmt"
	"strings"
)

// render makes the argv elements of one template.
func (a *attempt) render(template string) ([]string, error) {
	if ref, ok := strings.CutPrefix(template, "$(inputs."); ok {
		if name, ok := strings.CutSuffix(ref, ")"); ok {
			if in := a.staged[name]; in != nil && in.many {
				return in.paths, nil
			}
		}
	}
	var b strings.Builder
	for rest := template; rest != ""; {
		at := strings.Index(rest, "$(")
		if at < 0 {
			b.WriteString(rest)
			break
		}
		end := strings.IndexByte(rest[at:], ')')
		if end < 0 {
			return nil, fmt.Errorf("%q has a $( without its )", template)
		}
		end += at
		if at > 0 && rest[at-1] == '$' {
			b.WriteString(rest[:at-1] + rest[at:end+1])
		} else {
			v, err := a.value(rest[at+2 : end])
			if err != nil {
				return nil, err
			}
			b.WriteString(rest[:at] + v)
		}
		rest = rest[end+1:]
	}
	return []string{b.String()}, nil
}
