package baseline

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Weights of the terms of a design's energy. The environment of a residue and
// the composition of proteins decide; contacts tell apart what fits both.
const (
	weightState       = 1.0  // of −ln propensity for the secondary structure
	weightBurial      = 1.2  // of Janin's burial energies
	weightContact     = 0.08 // of Miyazawa and Jernigan's contact energies
	weightComposition = 1.5  // of the divergence from the composition of proteins
	weightRepeat      = 0.7  // of a residue like the one before it; grows with the run
)

// designed is a sequence made for a target.
type designed struct {
	sequence string  // chains separated by '/'
	energy   float64 // kT per residue
	recovery float64 // fraction of free positions as in the input, 0–1; NaN when the input does not say
}

// siteEnergy is what an amino acid costs at a site by itself, in kT.
func (s *site) siteEnergy(a amino) float64 {
	e := -weightState*math.Log(s.state.propensity(a)) -
		// Janin's energies are those of the whole way from surface to core.
		weightBurial*s.burial*burialEnergy[a]/(2*kT)
	if s.outside != nil {
		e += weightContact * s.outside[a]
	}
	return e
}

// compositionTerm is the share of one amino acid, occurring n times, in the
// length times the Kullback–Leibler divergence of the sequence's composition
// from that of proteins. Without it every site would take the one amino acid
// that is best there.
func compositionTerm(a amino, n, length int) float64 {
	if n == 0 {
		return 0
	}
	return weightComposition * float64(n) * math.Log(float64(n)/(float64(length)*background[a]))
}

// repeatTerm is the cost of all runs of one amino acid that touch position i.
func (t *designTarget) repeatTerm(sequence []amino, i int) float64 {
	cost := 0.0
	for j := max(i-2, 0); j <= min(i+2, len(sequence)-1); j++ {
		if j == 0 || sequence[j] != sequence[j-1] || t.sites[j].chain != t.sites[j-1].chain {
			continue
		}
		cost += weightRepeat
		if j > 1 && sequence[j-2] == sequence[j] && t.sites[j].chain == t.sites[j-2].chain {
			cost += 4 * weightRepeat
		}
	}
	return cost
}

// energy is that of a sequence on the target, in kT.
func (t *designTarget) energy(sequence []amino) float64 {
	total := 0.0
	var counts [numAminos]int
	for i := range t.sites {
		s := &t.sites[i]
		counts[sequence[i]]++
		total += s.siteEnergy(sequence[i])
		for _, c := range s.contacts {
			total += 0.5 * weightContact * c.weight * contactEnergy(sequence[i], sequence[c.site])
		}
		if i > 0 && sequence[i] == sequence[i-1] && s.chain == t.sites[i-1].chain {
			total += weightRepeat
			if i > 1 && sequence[i-2] == sequence[i] && s.chain == t.sites[i-2].chain {
				total += 4 * weightRepeat
			}
		}
	}
	for a := range counts {
		total += compositionTerm(amino(a), counts[a], len(sequence))
	}
	return total
}

// Schedule of the annealing: it starts where anything goes and cools
// geometrically.
const (
	hotTemperature = 4.0 // in the units of the energy, kT
	coolingSweeps  = 120
	finalSweeps    = 10 // at the temperature asked for
)

// distinctTries is how often a sequence that is there already is tried anew;
// with few free positions there may be no other.
const distinctTries = 20

// anneal makes the design of that index: a random sequence, cooled to the
// temperature. The same seed and index give the same sequence, apart from
// those in seen, which it avoids and joins.
func (t *designTarget) anneal(ctx context.Context, temperature float64, seed uint64, index int, seen map[string]bool) (designed, error) {
	var d designed
	for try := range distinctTries {
		random := rand.New(rand.NewPCG(seed, uint64(index)<<16|uint64(try)))
		sequence, err := t.annealOnce(ctx, temperature, random)
		if err != nil {
			return designed{}, err
		}
		d = t.describe(sequence)
		if !seen[d.sequence] {
			break
		}
	}
	seen[d.sequence] = true
	return d, nil
}

func (t *designTarget) annealOnce(ctx context.Context, temperature float64, random *rand.Rand) ([]amino, error) {
	sequence := make([]amino, len(t.sites))
	var counts [numAminos]int
	var free []int
	own := make([][numAminos]float64, len(t.sites))
	for i := range t.sites {
		s := &t.sites[i]
		if s.fixed {
			sequence[i] = s.native
		} else {
			sequence[i] = amino(random.IntN(numAminos))
			free = append(free, i)
			for a := range own[i] {
				own[i][a] = s.siteEnergy(amino(a))
			}
		}
		counts[sequence[i]]++
	}
	if len(free) == 0 {
		return sequence, nil
	}

	hot := max(hotTemperature, temperature)
	for sweep := range coolingSweeps + finalSweeps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cooled := min(1, float64(sweep)/coolingSweeps)
		now := hot * math.Pow(temperature/hot, cooled)
		for range free {
			i := free[random.IntN(len(free))]
			from := sequence[i]
			to := amino(random.IntN(numAminos - 1))
			if to >= from {
				to++
			}
			delta := own[i][to] - own[i][from] - t.repeatTerm(sequence, i)
			for _, c := range t.sites[i].contacts {
				other := sequence[c.site]
				delta += weightContact * c.weight * (contactEnergy(to, other) - contactEnergy(from, other))
			}
			n := len(sequence)
			delta += compositionTerm(to, counts[to]+1, n) - compositionTerm(to, counts[to], n) +
				compositionTerm(from, counts[from]-1, n) - compositionTerm(from, counts[from], n)
			sequence[i] = to
			delta += t.repeatTerm(sequence, i)
			if delta > 0 && random.Float64() >= math.Exp(-delta/now) {
				sequence[i] = from
				continue
			}
			counts[from]--
			counts[to]++
		}
	}
	return sequence, nil
}

// describe turns a sequence into what is told about it.
func (t *designTarget) describe(sequence []amino) designed {
	d := designed{energy: t.energy(sequence) / float64(len(sequence)), recovery: math.NaN()}
	letters := make([]byte, 0, len(sequence)+len(t.lengths))
	recovered := 0
	for i, a := range sequence {
		s := &t.sites[i]
		if i > 0 && s.chain != t.sites[i-1].chain {
			letters = append(letters, mol.ChainSeparator...)
		}
		letters = append(letters, a.code())
		if !s.fixed && s.native == a {
			recovered++
		}
	}
	d.sequence = string(letters)
	if t.known > 0 {
		d.recovery = float64(recovered) / float64(t.known)
	}
	return d
}
