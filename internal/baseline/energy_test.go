package baseline

import (
	"math"
	"testing"
)

func TestContactEnergies(t *testing.T) {
	// Entries as in the paper's table.
	for _, c := range []struct {
		a, b byte
		want float64
	}{
		{'L', 'L', -7.37}, {'K', 'K', -0.12}, {'C', 'C', -5.44}, {'F', 'F', -7.26},
		{'I', 'L', -7.04}, {'R', 'D', -2.29}, {'K', 'E', -1.80}, {'P', 'P', -1.75},
		{'G', 'A', -2.31}, {'W', 'H', -3.98}, {'C', 'P', -3.07}, {'H', 'H', -3.05},
		{'D', 'D', -1.21}, {'S', 'T', -1.96}, {'Q', 'N', -1.71}, {'Y', 'V', -4.62},
	} {
		if got := contactEnergy(aminoOf(c.a), aminoOf(c.b)); got != c.want {
			t.Errorf("e(%c,%c) = %g, want %g", c.a, c.b, got, c.want)
		}
	}
	for a := range amino(numAminos) {
		for b := range amino(numAminos) {
			e := contactEnergy(a, b)
			if e != contactEnergy(b, a) {
				t.Errorf("e(%c,%c) is not symmetric", a.code(), b.code())
			}
			if e > -0.12 || e < -7.37 {
				t.Errorf("e(%c,%c) = %g is outside the paper's range", a.code(), b.code(), e)
			}
		}
	}
	if e := contactEnergy(aminoOf('X'), aminoOf('L')); e != 0 {
		t.Errorf("an unknown residue has the contact energy %g", e)
	}
}

func TestScales(t *testing.T) {
	sum := 0.0
	for _, f := range background {
		sum += f
	}
	if math.Abs(sum-1) > 0.01 {
		t.Errorf("the background composition adds up to %g", sum)
	}
	for _, c := range []struct {
		name      string
		scale     aminoScale
		high, low byte
	}{
		{"helix", helixPropensity, 'E', 'G'},
		{"strand", strandPropensity, 'V', 'E'},
		{"turn", turnPropensity, 'N', 'I'},
		{"burial", burialEnergy, 'C', 'K'},
		{"hydropathy", hydropathy, 'I', 'R'},
		{"background", background, 'L', 'W'},
	} {
		for a, x := range c.scale {
			if x > c.scale[aminoOf(c.high)] || x < c.scale[aminoOf(c.low)] {
				t.Errorf("%s: %c has %g, outside %c … %c", c.name, alphabet[a], x, c.low, c.high)
			}
		}
	}
}

func TestContactWeight(t *testing.T) {
	last := 1.0
	for d := 0.0; d < 12; d += 0.1 {
		w := contactWeight(d)
		if w < 0 || w > last {
			t.Fatalf("contactWeight(%g) = %g after %g", d, w, last)
		}
		last = w
	}
	if contactWeight(contactFull) != 1 || last != 0 {
		t.Errorf("a contact is not whole at %g Å or does not end", contactFull)
	}
}
