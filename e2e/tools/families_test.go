//go:build tools || cluster

package tools

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

const (
	aminoAcids = "ACDEFGHIKLMNPQRSTVWY"
	members    = 4
)

// family is an alignment of proteins that come from one ancestor, a fifth of
// the residues changed in each.
func family(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	ancestor := randomLetters(r, aminoAcids, 100)
	var b strings.Builder
	b.WriteString("# STOCKHOLM 1.0\n")
	for i := range 15 {
		s := strings.Builder{}
		for _, residue := range ancestor {
			if r.IntN(5) == 0 {
				residue = aminoAcids[r.IntN(len(aminoAcids))]
			}
			s.WriteByte(residue)
		}
		fmt.Fprintf(&b, "protein%d  %s\n", i+1, s.String())
	}
	b.WriteString("//\n")
	return []byte(b.String())
}

// sampling is the call of the example.
func sampling() []string {
	return []string{"sample_family", "alignment=@family.sto", fmt.Sprintf("num_sequences=%d", members), "seed=11"}
}

// score is a row of the ranking.
type score struct {
	name                        string
	bits, shuffledBest, distant float64
}

// ranking reads the table and checks its order.
func ranking(t *testing.T, table string) []score {
	t.Helper()
	var out []score
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i, f := range rows(t, table, ",") {
		s := score{f[2], number(f[4]), number(f[6]), number(f[8])}
		if f[0] != strconv.Itoa(i+1) || i > 0 && s.bits > out[i-1].bits {
			t.Errorf("row %d has rank %s and %.1f bits: not the best first", i+1, f[0], s.bits)
		}
		out = append(out, s)
	}
	return out
}

// standOut demands that drawn sequences are far above shuffled ones.
func standOut(t *testing.T, s summary, table string) (lowest float64) {
	t.Helper()
	ranked := ranking(t, table)
	if len(ranked) != members {
		t.Fatalf("%d of %d sequences are ranked", len(ranked), members)
	}
	for _, one := range ranked {
		t.Logf("%s: %.1f bits, best of its shuffled copies %.1f", one.name, one.bits, one.shuffledBest)
		if one.distant < 20 {
			t.Errorf("%s is only %.1f bits above its shuffled copies", one.name, one.distant)
		}
	}
	if s.Metrics["separated_fraction"] != 1 {
		t.Errorf("separated_fraction is %v", s.Metrics["separated_fraction"])
	}
	return ranked[members-1].bits
}
