//go:build tools

package tools

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestToolsDrawMembersOfAFamily: what is drawn from a profile scores far above
// its own residues shuffled, and above random proteins.
func TestToolsDrawMembersOfAFamily(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(t, "family.sto", family(3))
	s := l.run(t, sampling()...)
	lowest := standOut(t, s, l.output(t, s, "table"))
	l.write(t, "profile.hmm", []byte(read(t, l.output(t, s, "profile"))))

	r := rand.New(rand.NewPCG(4, 0))
	screen := []string{"screen_family", "profile=@profile.hmm"}
	for i := range 6 {
		name := fmt.Sprintf("random%d.fasta", i)
		l.write(t, name, fmt.Appendf(nil, ">random%d\n%s\n", i, randomLetters(r, aminoAcids, 100)))
		screen = append(screen, "sequences=@"+name)
	}
	all := l.run(t, screen...)
	highest := ranking(t, l.output(t, all, "table"))[0].bits
	t.Logf("the lowest of %d drawn sequences has %.1f bits, the highest of %d random proteins %.1f", members, lowest, len(screen)-2, highest)
	if lowest < highest+20 {
		t.Errorf("%.1f bits of a member are not far above %.1f of a random protein", lowest, highest)
	}

	// Among strangers, a threshold finds the one member.
	member := strings.Split(read(t, l.output(t, s, "members")), ">")[1]
	l.write(t, "member.fasta", []byte(">"+member))
	found := l.run(t, append(screen, "sequences=@member.fasta", "min_margin=10")...)
	if got := ranking(t, l.output(t, found, "table")); len(got) != 1 || got[0].name != strings.Fields(member)[0] {
		t.Errorf("with a threshold there are %v, and one is a member: %s", got, strings.Fields(member)[0])
	}
	if found.Metrics["n_sequences"] != 7 || found.Metrics["n_accepted"] != 1 || found.Metrics["n_scored"]+found.Metrics["n_unlike"] != 7 {
		t.Errorf("the counts of a screen of 7: %v", found.Metrics)
	}

	// A seed is a seed.
	draw := func(seed string) string {
		drawn := l.run(t, "emit_sequences", "profile=@profile.hmm", fmt.Sprintf("num_sequences=%d", members), "seed="+seed)
		var text strings.Builder
		for _, file := range l.outputs(t, drawn, "sequences") {
			text.WriteString(read(t, file))
		}
		return text.String()
	}
	first, again, another := draw("11"), draw("11"), draw("12")
	if first != again || first == another {
		t.Error("the same seed gives other sequences, or another seed the same")
	}
}
