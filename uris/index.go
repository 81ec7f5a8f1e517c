package uris

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Index says which item of nested scatters a task or a value is: "" for
// something that is not scattered, "3" for the fourth item, "3.5" for the
// sixth item of what the fourth became. It is comparable and so can be a map
// key; order it with [Index.Compare], never as text.
type Index string

// MaxIndexDepth is how deep scatters may nest.
const MaxIndexDepth = 8

// ParseIndex reads an index: decimal numbers without leading zeros, joined by
// dots; the empty string is the index of what is not scattered.
func ParseIndex(s string) (Index, error) {
	if s == "" {
		return "", nil
	}
	parts := strings.Split(s, ".")
	if len(parts) > MaxIndexDepth {
		return "", fmt.Errorf("index %.40q is more than %d deep", s, MaxIndexDepth)
	}
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != p {
			return "", fmt.Errorf("index %.40q is not numbers joined by dots, like 3.5", s)
		}
	}
	return Index(s), nil
}

// Child is the index of item i below ix.
func (ix Index) Child(i int) Index {
	if ix == "" {
		return Index(strconv.Itoa(i))
	}
	return ix + "." + Index(strconv.Itoa(i))
}

// Depth is how many scatters the index is the item of.
func (ix Index) Depth() int {
	if ix == "" {
		return 0
	}
	return strings.Count(string(ix), ".") + 1
}

// Prefix is the index cut to the outer depth levels: "3.5".Prefix(1) is "3".
// A depth at or over the index's own returns it whole.
func (ix Index) Prefix(depth int) Index {
	if depth <= 0 {
		return ""
	}
	at := 0
	for i := 0; i < len(ix); i++ {
		if ix[i] == '.' {
			if at++; at == depth {
				return ix[:i]
			}
		}
	}
	return ix
}

// Last is the item number at the innermost level, or -1 for the empty index.
func (ix Index) Last() int {
	if ix == "" {
		return -1
	}
	s := string(ix)
	n, err := strconv.Atoi(s[strings.LastIndexByte(s, '.')+1:])
	if err != nil {
		return -1
	}
	return n
}

// Compare orders indexes by their numbers: "2" before "10", "3" before "3.0".
func (ix Index) Compare(other Index) int {
	a, b := string(ix), string(other)
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		// Without leading zeros a longer number is a greater one.
		if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
