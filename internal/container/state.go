package container

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// State is how a container is.
type State struct {
	Status    string // created, running, exited …
	Running   bool
	OOMKilled bool
	ExitCode  int
	Error     string
	StartedAt time.Time
}

// Started reports whether its command ever ran.
func (s *State) Started() bool { return s.StartedAt.Year() > 1 }

// ReadState reads what Inspect was answered.
func ReadState(out string) (*State, error) {
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), inspected); ok {
			var s State
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				return nil, err
			}
			return &s, nil
		}
	}
	if reason := Reason(out); reason != "" {
		return nil, errors.New(reason)
	}
	return nil, errors.New("it said nothing")
}

// Reason is what a program said at its end, without its "Error: ": why it
// failed.
func Reason(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	reason := strings.TrimSpace(lines[len(lines)-1])
	for i := len(lines) - 1; i >= 0; i-- {
		// docker says how to get help, after the reason.
		line := strings.TrimSpace(lines[i])
		if strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "docker: ") || strings.HasPrefix(line, "Cannot connect") {
			reason = line
			break
		}
	}
	for _, prefix := range []string{"docker: ", "Error: ", "Error response from daemon: "} {
		reason = strings.TrimPrefix(reason, prefix)
	}
	return strings.TrimRight(reason, ".")
}

// unstarted are what the first process of a container says when the command
// is not there to be started: that process itself has run.
var unstarted = [...]string{"(catatonit:", "[FATAL tini"}

// Unstarted finds what the container's first process said in a log's tail
// about a command that it could not start; "" when it said nothing like it.
func Unstarted(tail string) string {
	lines := strings.Split(strings.TrimSpace(tail), "\n")
	last := lines[len(lines)-1]
	for _, sign := range unstarted {
		if i := strings.Index(last, sign); i >= 0 && strings.Contains(last, "exec") {
			_, said, _ := strings.Cut(last[i:], "exec ")
			_, why, found := strings.Cut(said, ": ")
			if !found {
				why = said
			}
			return strings.TrimRight(why, ".")
		}
	}
	return ""
}
