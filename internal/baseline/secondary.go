package baseline

import (
	"math"

	"github.com/ligase-bio/ligase/internal/mol"
)

// secondary is the secondary structure of a residue: helix, strand or coil.
type secondary byte

const (
	coil   secondary = 'C'
	helix  secondary = 'H'
	strand secondary = 'E'
)

// propensity is how much more frequent an amino acid is in this secondary
// structure than anywhere.
func (s secondary) propensity(a amino) float64 {
	switch {
	case a == unknown:
		return 1
	case s == helix:
		return helixPropensity[a]
	case s == strand:
		return strandPropensity[a]
	}
	return turnPropensity[a]
}

// chainBreak is the distance between Cα atoms, in Å, over which two residues
// that follow each other in a file are not bound to each other. It is 3.8 Å
// across a trans peptide bond.
const chainBreak = 4.3

// assignSecondary finds helices and strands in a trace of Cα atoms by their
// distances and angles. It needs no hydrogen bonds, so it works on idealised
// and on roughly modelled backbones alike.
//
// Source: Labesse, Colloc'h, Pothier and Mornon (1997) Comput. Appl. Biosci.
// 13, 291–295 (P-SEA).
func assignSecondary(trace []mol.Vec) []secondary {
	states := make([]secondary, len(trace))
	for i := range states {
		states[i] = coil
	}
	for start := 0; start < len(trace); {
		end := start + 1
		for end < len(trace) && trace[end].Distance(trace[end-1]) <= chainBreak {
			end++
		}
		assignSegment(trace[start:end], states[start:end], trace)
		start = end
	}
	return states
}

// assignSegment assigns an unbroken stretch of chain; all is every Cα that a
// strand can lie beside.
func assignSegment(trace []mol.Vec, states []secondary, all []mol.Vec) {
	n := len(trace)
	helical, extended := make([]bool, n), make([]bool, n)
	helixEnd, strandEnd := make([]bool, n), make([]bool, n)
	for i := 1; i+1 < n; i++ {
		// Missing points at the end of the chain leave these out of reach.
		d3, d4, torsion := math.NaN(), math.NaN(), math.NaN()
		d2 := trace[i-1].Distance(trace[i+1])
		angle := degrees(mol.Angle(trace[i-1], trace[i], trace[i+1]))
		if i+2 < n {
			d3 = trace[i-1].Distance(trace[i+2])
			torsion = degrees(mol.Dihedral(trace[i-1], trace[i], trace[i+1], trace[i+2]))
		}
		if i+3 < n {
			d4 = trace[i-1].Distance(trace[i+3])
		}
		helixEnd[i] = within(d3, 5.3, 0.5) || within(angle, 89, 12)
		// Distances are the same in a left-handed helix, which no protein has.
		helical[i] = within(d3, 5.3, 0.5) && within(d4, 6.4, 0.6) && torsion > 0 ||
			withinTurn(torsion, 50, 20) && within(angle, 89, 12)
		strandEnd[i] = within(d3, 9.9, 0.9)
		extended[i] = within(d2, 6.7, 0.6) && within(d3, 9.9, 0.9) && within(d4, 12.4, 1.1) ||
			withinTurn(torsion, -170, 45) && within(angle, 124, 14)
	}
	for start, end := range runs(helical) {
		if end-start < 5 {
			continue
		}
		if start > 0 && helixEnd[start-1] {
			start--
		}
		if end < n && helixEnd[end] {
			end++
		}
		fill(states[start:end], helix)
	}
	for start, end := range runs(extended) {
		if end-start < 3 || end-start < 5 && besideStrand(trace[start:end], all) < 5 {
			continue
		}
		if start > 0 && strandEnd[start-1] {
			start--
		}
		if end < n && strandEnd[end] {
			end++
		}
		for i := start; i < end; i++ {
			if states[i] == coil {
				states[i] = strand
			}
		}
	}
}

// besideStrand counts the pairs of Cα atoms that lie as far from each other as
// in neighbouring strands of a sheet, 4.2–5.2 Å.
func besideStrand(trace, all []mol.Vec) int {
	count := 0
	for _, p := range trace {
		for _, q := range all {
			if d2 := p.Distance2(q); d2 >= 4.2*4.2 && d2 <= 5.2*5.2 {
				count++
			}
		}
	}
	return count
}

// runs yields the start and end of each stretch of true.
func runs(flags []bool) func(func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		for start := 0; start < len(flags); start++ {
			if !flags[start] {
				continue
			}
			end := start
			for end < len(flags) && flags[end] {
				end++
			}
			if !yield(start, end) {
				return
			}
			start = end
		}
	}
}

func fill(states []secondary, s secondary) {
	for i := range states {
		states[i] = s
	}
}

func within(x, centre, tolerance float64) bool { return math.Abs(x-centre) <= tolerance }

// withinTurn is within, for angles in degrees.
func withinTurn(x, centre, tolerance float64) bool {
	return math.Abs(math.Remainder(x-centre, 360)) <= tolerance
}

func degrees(radians float64) float64 { return radians * 180 / math.Pi }
func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// segmentRule is what a stretch of one secondary structure costs and how long
// it is at least.
type segmentRule struct {
	state   secondary
	minimum int
	opening float64 // log-odds of beginning one
}

// segmentRules make of the propensities of single residues a partition into
// segments. The least lengths are near the nuclei of Chou and Fasman's rules;
// the openings are set so that random sequences with the composition of
// proteins come out 39 % helix and 29 % strand, a little more than proteins.
var segmentRules = [...]segmentRule{
	{helix, 6, -1.5},
	{strand, 4, -1.0},
	{coil, 1, 0},
}

// turnWeight tempers the turn propensities, which stand in for those of all
// that is neither helix nor strand: turns are its most selective part.
const turnWeight = 0.6

// predictSecondary predicts the secondary structure of a sequence: the
// partition into helices, strands and coil for which the product of the
// conformational parameters of Chou and Fasman (1978) is greatest. Their
// rules of nucleation and extension look for the same by hand; here dynamic
// programming finds the best partition. About half of all residues come out
// right, which is what these parameters hold (Kabsch and Sander (1983) FEBS
// Lett. 155, 179–182).
func predictSecondary(sequence []amino) []secondary {
	n := len(sequence)
	var sums [len(segmentRules)][]float64 // of log propensities before a position
	for r, rule := range segmentRules {
		sums[r] = make([]float64, n+1)
		for i, a := range sequence {
			score := math.Log(rule.state.propensity(a))
			if rule.state == coil {
				score *= turnWeight
			}
			sums[r][i+1] = sums[r][i] + score
		}
	}

	type choice struct {
		score    float64
		start    int // of the last segment
		previous int // rule of the segment before it, -1 for none
	}
	best := make([][len(segmentRules)]choice, n+1) // by the end and rule of the last segment
	for end := 1; end <= n; end++ {
		for r, rule := range segmentRules {
			c := choice{score: math.Inf(-1)}
			for start := end - rule.minimum; start >= 0; start-- {
				own := sums[r][end] - sums[r][start] + rule.opening
				if start == 0 {
					if own > c.score {
						c = choice{own, 0, -1}
					}
					break
				}
				for p := range segmentRules {
					if p != r && best[start][p].score+own > c.score {
						c = choice{best[start][p].score + own, start, p}
					}
				}
			}
			best[end][r] = c
		}
	}

	states := make([]secondary, n)
	if n == 0 {
		return states
	}
	last := 0
	for r := range segmentRules {
		if best[n][r].score > best[n][last].score {
			last = r
		}
	}
	for end := n; end > 0; {
		c := best[end][last]
		fill(states[c.start:end], segmentRules[last].state)
		end, last = c.start, c.previous
	}
	return states
}

// fractionOf is the fraction of residues in a secondary structure, 0–1.
func fractionOf(states []secondary, s secondary) float64 {
	if len(states) == 0 {
		return 0
	}
	count := 0
	for _, x := range states {
		if x == s {
			count++
		}
	}
	return float64(count) / float64(len(states))
}
