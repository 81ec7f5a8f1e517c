//go:build tools || cluster

package tools

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// snp is a single base of a sample that is not the reference's.
type snp struct {
	chrom string
	pos   int // from 1
	alt   byte
}

const (
	samples = 2
	seed    = 37
	depth   = 10   // a planted SNP counts above it
	enough  = 0.95 // of the planted, and of the called
)

// rehearsal is the call of the example, with settings that the test repeats.
func rehearsal() []string {
	return []string{
		"rehearse_cohort", "reference=@genome.fasta", "genes=@genes.gff3",
		fmt.Sprintf("num_samples=%d", samples), fmt.Sprintf("seed=%d", seed), "coverage=30", "read_length=100", "error_rate=0.005", "mutation_rate=0.001",
	}
}

// genomeFiles writes a genome of 100,000 bases into the user's folder.
func (l *lab) genomeFiles(t *testing.T) *genome {
	t.Helper()
	g := newGenome(1, 100_000)
	l.write(t, "genome.fasta", g.fasta())
	l.write(t, "genes.gff3", g.gff3())
	return g
}

// planted is what wgsim itself says that it planted into a sample: it is run
// again here, and nothing of the example stands between.
func planted(t *testing.T, l *lab, sample int) map[snp]string {
	t.Helper()
	told := tool(t, l.dir, "wgsim", "-N", "15000", "-1", "100", "-2", "100", "-d", "400", "-s", "50", "-r", "0.001", "-R", "0.1", "-e", "0.005",
		"-S", strconv.Itoa(seed+sample), "genome.fasta", "/dev/null", "/dev/null")
	bases := map[byte]string{'A': "A", 'C': "C", 'G': "G", 'T': "T", 'R': "AG", 'Y': "CT", 'S': "CG", 'W': "AT", 'K': "GT", 'M': "AC"}
	out := map[snp]string{}
	for _, line := range strings.Split(strings.TrimSpace(told), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			t.Fatalf("wgsim says %q", line)
		}
		if f[2] == "-" || f[3] == "-" {
			continue // an insertion or deletion
		}
		genotype := map[string]string{"-": "1/1", "+": "0/1"}[f[4]]
		alt := strings.ReplaceAll(bases[f[3][0]], f[2], "")
		if len(f[2]) != 1 || len(alt) != 1 || genotype == "" {
			t.Fatalf("wgsim says %q", line)
		}
		pos, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		out[snp{f[0], pos, alt[0]}] = genotype
	}
	return out
}

// called are the SNPs that a VCF says that a sample has.
func called(t *testing.T, vcf string, sample int) map[snp]string {
	t.Helper()
	out := map[snp]string{}
	for _, f := range rows(t, vcf, "\t") {
		pos, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		genotype, _, _ := strings.Cut(f[9+sample], ":")
		for i, alt := range strings.Split(f[4], ",") {
			if len(f[3]) == 1 && len(alt) == 1 && strings.Contains(genotype, strconv.Itoa(i+1)) {
				out[snp{f[0], pos, alt[0]}] = genotype
			}
		}
	}
	return out
}

// depths are how many reads lie over each base, of those whose place is
// certain.
func depths(t *testing.T, bam string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(tool(t, "", "samtools", "depth", "-a", "-Q", "20", bam)), "\n") {
		f := strings.Split(line, "\t")
		n, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		out[f[0]+":"+f[1]] = n
	}
	return out
}

// figures are how many planted SNPs a run has found.
type figures struct{ planted, covered, found, called, right, genotypes int }

func (f figures) recall() float64    { return float64(f.found) / float64(f.covered) }
func (f figures) precision() float64 { return float64(f.right) / float64(f.called) }

func (f figures) String() string {
	return fmt.Sprintf("%d SNPs planted, %d above depth %d, %d of them found: recall %.4f; %d called, %d of them planted: precision %.4f; %d genotypes right",
		f.planted, f.covered, depth, f.found, f.recall(), f.called, f.right, f.precision(), f.genotypes)
}

// judge counts for itself what a run of rehearse_cohort has found.
func judge(t *testing.T, l *lab, s summary) figures {
	t.Helper()
	vcf, alignments := l.output(t, s, "variants"), l.outputs(t, s, "alignments")
	if len(alignments) != samples {
		t.Fatalf("%d alignments of %d samples", len(alignments), samples)
	}
	var sum figures
	for k := range samples {
		truth, calls, over := planted(t, l, k), called(t, vcf, k), depths(t, alignments[k])
		for v := range truth {
			sum.planted++
			if over[fmt.Sprintf("%s:%d", v.chrom, v.pos)] <= depth {
				continue
			}
			sum.covered++
			if _, there := calls[v]; there {
				sum.found++
			}
		}
		for v, genotype := range calls {
			sum.called++
			if want, there := truth[v]; there {
				sum.right++
				if want == genotype {
					sum.genotypes++
				}
			}
		}
	}
	return sum
}

// demand is what the figures must be, and that the example's own agree.
func demand(t *testing.T, s summary, f figures) {
	t.Helper()
	t.Log(f)
	if f.planted < 100 || f.covered < f.planted*9/10 {
		t.Errorf("only %d SNPs were planted, %d of them above depth %d: that proves nothing", f.planted, f.covered, depth)
	}
	if f.recall() < enough || f.precision() < enough {
		t.Errorf("recall %.4f and precision %.4f, and both must be %.2f at least", f.recall(), f.precision(), enough)
	}
	if got := int(s.Metrics["n_planted"]); got != f.planted {
		t.Errorf("the example counts %d planted SNPs, wgsim %d", got, f.planted)
	}
	if got := int(s.Metrics["n_wrong"]); got != f.called-f.right {
		t.Errorf("the example counts %d wrong SNPs, and there are %d", got, f.called-f.right)
	}
	// The example counts those at depth 10 as well.
	if got := s.Metrics["recall"]; got < enough || got > 1 || int(s.Metrics["n_covered"]) < f.covered {
		t.Errorf("the example's recall is %.4f of %.0f SNPs, and here it is %.4f of %d", got, s.Metrics["n_covered"], f.recall(), f.covered)
	}
	if got, want := s.Metrics["genotype_concordance"], float64(f.genotypes)/float64(f.right); got < want-1e-6 || got > want+1e-6 {
		t.Errorf("the example's genotype concordance is %.6f, and it is %.6f", got, want)
	}
}

// consequences compares the table's words on every SNP in a gene with the
// genetic code.
func consequences(t *testing.T, g *genome, table string) {
	t.Helper()
	seen := map[string]int{}
	for _, f := range rows(t, table, "\t") {
		pos, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(f[2]) != 1 || len(f[3]) != 1 {
			continue
		}
		gene, consequence, change := g.effect(f[0], pos, f[3][0])
		if f[8] != gene || f[10] != consequence || f[11] != change {
			t.Errorf("%s:%d %s>%s is said to be %q %q in %q, and is %q %q in %q", f[0], pos, f[2], f[3], f[10], f[11], f[8], consequence, change, gene)
		}
		seen[consequence]++
	}
	if seen["missense"] < 20 || seen["synonymous"] < 5 || seen[""] < 50 {
		t.Errorf("too few to prove anything: %v", seen)
	}
	t.Logf("consequences as the genetic code has them: %v", seen)
}

// header is the last line of a VCF's header: its columns.
func header(t *testing.T, vcf string) []string {
	t.Helper()
	for _, line := range strings.Split(read(t, vcf), "\n") {
		if strings.HasPrefix(line, "#CHROM") {
			return strings.Split(line, "\t")
		}
	}
	t.Fatalf("%s has no header", vcf)
	return nil
}

// carriers are the samples that the table says have a variant.
func carriers(t *testing.T, table string) []string {
	t.Helper()
	var all []string
	for _, f := range rows(t, table, "\t") {
		all = append(all, strings.Split(f[12], ",")...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
