//go:build tools

package tools

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestToolsFindPlantedVariants simulates a cohort, calls it, and counts.
func TestToolsFindPlantedVariants(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	g := l.genomeFiles(t)
	s := l.run(t, rehearsal()...)
	demand(t, s, judge(t, l, s))
	consequences(t, g, l.output(t, s, "table"))
}

// TestToolsCallACohortOfFiles: somebody comes with reads of several samples,
// one of them compressed, and names for them.
func TestToolsCallACohortOfFiles(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.genomeFiles(t)
	simulated := l.run(t, "simulate_reads", "reference=@genome.fasta", "num_samples=2", "coverage=8", "seed=5")
	reads := l.outputs(t, simulated, "reads")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(read(t, reads[0]))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	l.write(t, "mother.fastq.gz", packed.Bytes())
	if err := os.Rename(reads[1], filepath.Join(l.dir, "child.fastq")); err != nil {
		t.Fatal(err)
	}
	call := func(names string) summary {
		return l.run(t, "call_cohort", "reference=@genome.fasta", "genes=@genes.gff3",
			"reads=@mother.fastq.gz", "reads=@child.fastq", "samples="+names, "min_quality=30")
	}
	s := call("mother,child")
	vcf := l.output(t, s, "variants")
	if got := header(t, vcf)[9:]; !slices.Equal(got, []string{"mother", "child"}) {
		t.Errorf("the samples of the VCF are %v", got)
	}
	if got := carriers(t, l.output(t, s, "table")); !slices.Equal(got, []string{"child", "mother"}) {
		t.Errorf("the carriers in the table are %v", got)
	}
	for _, f := range rows(t, vcf, "\t") {
		if quality, err := strconv.ParseFloat(f[5], 64); err != nil || quality < 30 {
			t.Errorf("a site of quality %s, and 30 was asked for", f[5])
		}
	}
	again := call("mother,child")
	if diff := cmp.Diff(read(t, vcf), read(t, l.output(t, again, "variants"))); diff != "" {
		t.Errorf("the same call gives another VCF:\n%.2000s", diff)
	}
}

// TestToolsAnnotateVariantsOfOthers: a VCF without samples, depths, or order,
// with SNPs side by side in one codon. Each is judged by itself.
func TestToolsAnnotateVariantsOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	g := l.genomeFiles(t)
	var b strings.Builder
	b.WriteString("##fileformat=VCFv4.2\n")
	for _, name := range g.names {
		fmt.Fprintf(&b, "##contig=<ID=%s,length=%d>\n", name, len(g.sequences[name]))
	}
	b.WriteString("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
	n := 0
	for i := len(g.genes) - 1; i >= 0; i-- {
		for _, pos := range []int{g.genes[i].start - 50, g.genes[i].start + 1, g.genes[i].start + 300, g.genes[i].start + 301, g.genes[i].start + 450, g.genes[i].end - 1} {
			ref := g.sequences[g.genes[i].chrom][pos-1]
			fmt.Fprintf(&b, "%s\t%d\t.\t%c\t%c\t.\t.\t.\n", g.genes[i].chrom, pos, ref, complement(ref))
			n++
		}
	}
	l.write(t, "others.vcf", []byte(b.String()))
	s := l.run(t, "annotate_variants", "reference=@genome.fasta", "genes=@genes.gff3", "variants=@others.vcf")
	if int(s.Metrics["n_variants"]) != n || int(s.Metrics["n_in_genes"]) != n*5/6 {
		t.Errorf("of %d variants, %d of them in genes, it counts %v", n, n*5/6, s.Metrics)
	}
	table := l.output(t, s, "table")
	seen := map[string]bool{}
	for _, f := range rows(t, table, "\t") {
		pos, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		gene, consequence, change := g.effect(f[0], pos, f[3][0])
		if f[8] != gene || f[10] != consequence || f[11] != change {
			t.Errorf("%s:%d %s>%s is said to be %q %q in %q, and is %q %q in %q", f[0], pos, f[2], f[3], f[10], f[11], f[8], consequence, change, gene)
		}
		if f[4]+f[5]+f[6]+f[7]+f[12] != "" {
			t.Errorf("%s:%d has what nobody told: %q", f[0], pos, f)
		}
		seen[consequence] = true
	}
	for _, consequence := range []string{"", "missense", "synonymous", "start_lost", "stop_lost"} {
		if !seen[consequence] {
			t.Errorf("no variant of this test is %q: it proves less than it says", consequence)
		}
	}
}
