package steps

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Reads that several kinds of definitions share.

func checkName(n *definition.Node, what string) bool {
	if ValidName(n.Key()) {
		return true
	}
	n.KeyProblem(problem.Invalid, nameRule, "%.60q cannot name %s.", n.Key(), what)
	return false
}

const maxTitle = 120

func title(n *definition.Node) string {
	s := n.Text()
	if utf8.RuneCountInString(s) > maxTitle {
		n.Problem(problem.OutOfRange, "Shorten it; the description has room.",
			"The title has more than %d characters.", maxTitle)
	}
	return s
}

func matching(n *definition.Node, form form, fix string) string {
	s := n.Text()
	if s != "" && !form.MatchString(s) {
		n.Problem(problem.Invalid, fix, "%.60q has another form than is used here.", s)
	}
	return s
}

// form is what a text has to look like.
type form interface{ MatchString(string) bool }

// regex reads a regular expression; nil when absent or wrong.
func regex(n *definition.Node) *regexp.Regexp {
	s := n.Text()
	if s == "" {
		if n.Shape() == definition.Text {
			n.Problem(problem.Invalid, "Write a pattern or remove the field.", "The pattern is empty.")
		}
		return nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		n.Problem(problem.Invalid, "Write an RE2 pattern (https://github.com/google/re2/wiki/Syntax), best in single quotes.",
			"The pattern is not valid: %s.", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	return re
}
