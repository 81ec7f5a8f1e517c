package steps

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// https://semver.org, version 2.0.0
	versionForm = regexp.MustCompile(`^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})` +
		`(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?` +
		`(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
)

const nameRule = "Use lower-case letters, digits and _, a letter first, at most 40 characters."

// ValidName reports whether s can name a step, pipeline, port, parameter,
// node or implementation: [a-z][a-z0-9_]{0,39}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > maxName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

const maxName = 40

// ValidTypeName reports whether s can name a type: up to four names joined by
// dots.
func ValidTypeName(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) <= 4 && !slices.ContainsFunc(parts, func(p string) bool { return !ValidName(p) })
}

// ValidVersion reports whether s is a semantic version.
func ValidVersion(s string) bool { return len(s) <= 64 && versionForm.MatchString(s) }
