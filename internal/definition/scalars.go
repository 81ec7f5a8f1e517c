package definition

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Text reads a string. A plain number or truth value is refused rather than
// guessed at: version 1.10 would become 1.1.
func (n *Node) Text() string {
	switch n.shape {
	case Text:
		return n.text
	case Number, Bool:
		n.refuse(problem.Invalid, fmt.Sprintf("Put it in quotes: %q.", n.text),
			"This is %s where text is wanted.", n.describe())
	case List, Mapping:
		n.refuse(problem.Invalid, "Write a single word or a text in quotes.",
			"This is %s where text is wanted.", n.describe())
	}
	return ""
}

// Texts reads a list of strings, or a single one. Items that are not text are
// reported and left out.
func (n *Node) Texts() []string {
	var out []string
	for _, item := range n.ListOrOne() {
		if s := item.Text(); item.shape == Text {
			out = append(out, s)
		}
	}
	return out
}

// Bool reads true or false.
func (n *Node) Bool() bool {
	switch n.shape {
	case Bool:
		return strings.EqualFold(n.text, "true")
	case Absent, Null, broken:
		return false
	}
	fix := "Write true or false."
	switch strings.ToLower(n.text) {
	case "yes", "y", "on", "true", "1":
		fix = "Write true."
	case "no", "n", "off", "false", "0":
		fix = "Write false."
	}
	n.refuse(problem.Invalid, fix, "This is %s where true or false is wanted.", n.describe())
	return false
}

// Int reads a whole number between lo and hi, both included. 1e3 and 1.0 are
// whole numbers too. An absent node gives 0, whatever the limits.
func (n *Node) Int(lo, hi int64) int64 {
	text, ok := n.number("a whole number")
	if !ok {
		return 0
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		switch {
		case ferr != nil || math.Abs(f) > 1<<53:
			n.refuse(problem.OutOfRange, between(lo, hi), "%.60s is too large.", n.text)
			return 0
		case f != math.Trunc(f):
			n.refuse(problem.Invalid, fmt.Sprintf("Write %d or %d.", int64(math.Floor(f)), int64(math.Ceil(f))),
				"%.60s is not a whole number.", n.text)
			return 0
		}
		v = int64(f)
	}
	if v < lo || v > hi {
		n.refuse(problem.OutOfRange, between(lo, hi), "%d is outside the limits.", v)
		return 0
	}
	return v
}

func between(lo, hi int64) string {
	switch {
	case hi == math.MaxInt64:
		return fmt.Sprintf("Write a number of at least %d.", lo)
	case lo == math.MinInt64:
		return fmt.Sprintf("Write a number of at most %d.", hi)
	}
	return fmt.Sprintf("Write a number from %d to %d.", lo, hi)
}

// Float reads a finite number.
func (n *Node) Float() float64 {
	text, ok := n.number("a number")
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		n.refuse(problem.OutOfRange, "Write a smaller number.", "%.60s is too large.", n.text)
		return 0
	}
	return v
}

var decimal = regexp.MustCompile(`^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$`)

func isDecimal(text string) bool { return decimal.MatchString(text) }

// number gives a number's text when everyone reads it the same: YAML's octal,
// hexadecimal, binary and underscored forms, infinities and NaN are refused.
func (n *Node) number(want string) (text string, ok bool) {
	switch n.shape {
	case Absent, Null, broken:
		return "", false
	case Number:
		if !isDecimal(n.text) {
			n.refuse(problem.Invalid, "Write it as a plain decimal number.",
				"%.60s is not a plain decimal number.", n.text)
			return "", false
		}
		return n.text, true
	case Text:
		if isDecimal(n.text) {
			n.refuse(problem.Invalid, fmt.Sprintf("Remove the quotes: %s.", n.text),
				"This is %s where %s is wanted.", n.describe(), want)
			return "", false
		}
	}
	n.refuse(problem.Invalid, "Write "+want+".", "This is %s where %s is wanted.", n.describe(), want)
	return "", false
}

// Literal reads a value of whatever kind stands there: string, int64,
// float64, bool, or []any of these; nil when absent. A mapping is refused.
func (n *Node) Literal() any {
	switch n.shape {
	case Text:
		return n.text
	case Bool:
		return n.Bool()
	case Number:
		text, ok := n.number("a number")
		if !ok {
			return nil
		}
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			return v
		}
		return n.Float()
	case List:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			if item.shape == List || item.shape == Null {
				item.Problem(problem.Invalid, "Write a text, a number, true or false.",
					"This is %s inside a list of values.", item.describe())
				continue
			}
			out = append(out, item.Literal())
		}
		return out
	case Mapping:
		n.refuse(problem.Invalid, "Write a text, a number, true, false or a list of these.",
			"This is a mapping where a value is wanted.")
	}
	return nil
}

// OneOf reads a string that must be one of a few.
func OneOf[T ~string](n *Node, allowed ...T) T {
	if n.shape == Bool || n.shape == Number {
		// on/off words of YAML 1.1 tools end here; the list of words is the
		// better answer than advice on quotes.
		n.refuse(problem.Invalid, problem.DidYouMean(n.text, texts(allowed)),
			"This is %s where one of a few words is wanted.", n.describe())
		return ""
	}
	s := T(n.Text())
	if n.shape != Text || slices.Contains(allowed, s) {
		return s
	}
	n.refuse(problem.Invalid, problem.DidYouMean(string(s), texts(allowed)), "%.60q is not known here.", s)
	return ""
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// Duration reads a span of time with its unit, "90s", "10m", "1h30m" or "2d",
// longer than nothing.
func (n *Node) Duration() time.Duration {
	const fix = "Write a number with its unit: 90s, 10m, 2h, 1d."
	switch n.shape {
	case Absent, Null, broken:
		return 0
	case Number:
		n.refuse(problem.Invalid, fmt.Sprintf("Add the unit: %ss for seconds, %sm for minutes.", n.text, n.text),
			"%s has no unit.", n.text)
		return 0
	}
	text := n.Text()
	if n.shape != Text {
		return 0
	}
	d, err := parseDuration(text)
	switch {
	case err != nil:
		n.refuse(problem.Invalid, fix, "%.60q is not a span of time.", text)
		return 0
	case d <= 0:
		n.refuse(problem.OutOfRange, "Write a time longer than nothing.", "%.60q is not longer than nothing.", text)
		return 0
	}
	return d
}

func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	whole, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("days of %q: %w", text, err)
	}
	d := time.Duration(whole) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err == nil && more < 0 {
		err = fmt.Errorf("%q has a sign inside", text)
	}
	return d + more, err
}

var (
	byteSize  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$`)
	byteUnits = map[string]float64{
		"": 1, "b": 1,
		"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
		"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
	}
)

// Bytes reads an amount of memory or disk: "512Mi", "32Gi", "1.5G" or a plain
// number of bytes. Ki, Mi, Gi and Ti are powers of 1024, K, M, G and T of
// 1000; a B at the end changes nothing.
func (n *Node) Bytes() int64 {
	switch n.shape {
	case Absent, Null, broken:
		return 0
	case Number:
		return n.Int(0, math.MaxInt64)
	}
	text := n.Text()
	if n.shape != Text {
		return 0
	}
	m := byteSize.FindStringSubmatch(text)
	if m == nil {
		n.refuse(problem.Invalid, "Write a number with its unit: 512Mi, 32Gi.", "%.60q is not an amount of bytes.", text)
		return 0
	}
	if m[2] == "m" { // Kubernetes: thousandths
		n.refuse(problem.Invalid, fmt.Sprintf("Did you mean %q?", m[1]+"Mi"), "%.60q is in thousandths of a byte.", text)
		return 0
	}
	unit := strings.ToLower(m[2])
	if len(unit) > 1 {
		unit = strings.TrimSuffix(unit, "b")
	}
	factor, known := byteUnits[unit]
	if !known {
		n.refuse(problem.Invalid, "Write Ki, Mi, Gi or Ti.", "%.20q is not a unit of bytes.", m[2])
		return 0
	}
	amount, err := strconv.ParseFloat(m[1], 64)
	if err != nil || amount*factor >= math.MaxInt64 {
		n.refuse(problem.OutOfRange, "Write a smaller amount.", "%.60q is too large.", text)
		return 0
	}
	return int64(amount * factor)
}
