package main

import (
	"math"
	"strconv"
	"strings"
)

// unit is what a value counts.
type unit int

const (
	absent unit = iota // there is no value
	seconds
	byteCount
	perSecond
	bytesPerSecond
)

// value is a measured number, or a goal's.
type value struct {
	of   float64
	unit unit
}

// String gives three digits and a unit that people read.
func (v value) String() string {
	switch v.unit {
	case seconds:
		return scaled(v.of, []scale{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}})
	case byteCount:
		return scaled(v.of, []scale{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}})
	case perSecond:
		return threeDigits(v.of) + " /s"
	case bytesPerSecond:
		return scaled(v.of, []scale{{1e9, "GB/s"}, {1e6, "MB/s"}})
	}
	return "—"
}

type scale struct {
	one  float64
	name string
}

// scaled writes x in the largest scale in which it is at least one.
func scaled(x float64, scales []scale) string {
	for _, s := range scales {
		if math.Abs(x) >= s.one {
			return threeDigits(x/s.one) + " " + s.name
		}
	}
	last := scales[len(scales)-1]
	return threeDigits(x/last.one) + " " + last.name
}

func threeDigits(x float64) string {
	decimals := 0
	for limit := 100.0; decimals < 2 && math.Abs(x) < limit; limit /= 10 {
		decimals++
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if decimals > 0 { // goals are round numbers and read better so
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func times(ratio float64) string { return threeDigits(ratio) + "×" }
