package worker_test

import (
	"strings"
	"testing"
)

// A file's name is the command's: what it holds must not reach a terminal.
func TestFailuresAreCleanOfControlCharacters(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`printf x > "$(printf 'a\033]0;t\007\nb.txt')"; mkdir "$(printf 'd\033[31m.txt')"`)
	many := note("o")
	many.Many = true
	task.Outputs = append(task.Outputs, many)
	task.Implementation.Collect = map[string]string{"o": "*.txt"}
	_, f := l.Execute(t.Context(), task, nil)
	if f == nil || strings.ContainsAny(f.Message, "\x1b\x07\n") {
		t.Errorf("the failure is %+q", f)
	}
}
