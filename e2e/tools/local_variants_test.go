//go:build tools

package tools

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
