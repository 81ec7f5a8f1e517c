package report

import (
	"math"
	"strconv"
	"strings"
)

// number writes a number in four significant digits, without zeros that say
// nothing.
func number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if a := math.Abs(x); a >= 1e-3 && a < 1e6 {
		decimals := max(0, 3-int(math.Floor(math.Log10(a))))
		s := strconv.FormatFloat(x, 'f', decimals, 64)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// coordinate writes a number of a drawing.
func coordinate(x float64) string {
	return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64)
}

// count writes a whole number with thin spaces between thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "\u202f" + s[at:]
	}
	return s
}

// axis is a scale from low to high, with a tick at every step from the first.
type axis struct {
	low, high, step, first float64
}

// axisOver is a scale over numbers from low to high with about n steps of 1, 2
// or 5 times a power of ten.
func axisOver(low, high float64, n int) axis {
	if !(high > low) {
		d := math.Max(math.Abs(low)*0.05, 0.5)
		low, high = low-d, high+d
	}
	base := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	step := base
	for _, m := range []float64{1, 2, 5, 10} {
		if step = base * m; (high-low)/step <= float64(n) {
			break
		}
	}
	low = math.Floor(low/step) * step
	return axis{low, math.Ceil(high/step) * step, step, low}
}

// wholeAxis is a scale over whole numbers, each of which has its place with as
// much room to its left as to its right.
func wholeAxis(low, high float64, n int) axis {
	a := axisOver(low, high, n)
	step := math.Max(1, math.Round(a.step))
	first := math.Ceil(low/step) * step
	return axis{low - 0.5, high + 0.5, step, first}
}

// ticks are the round numbers of the scale.
func (a axis) ticks() []float64 {
	var at []float64
	for i := 0; ; i++ {
		x := a.first + float64(i)*a.step
		if x > a.high+a.step*1e-6 {
			return at
		}
		at = append(at, x)
	}
}

// at is where a number lies between from and to.
func (a axis) at(x, from, to float64) float64 {
	return from + (x-a.low)/(a.high-a.low)*(to-from)
}
