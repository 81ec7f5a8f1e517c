//go:build tools

package tools

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Exit codes of the program, as its help says.
const (
	exitInvalid = 3
	exitFailed  = 4
)

// wrong is a call with something wrong in it, and what the user is told.
type wrong struct {
	name string
	args []string
	exit int
	told string
}

// refuse makes the calls, all with one engine.
func refuse(t *testing.T, l *lab, calls []wrong) {
	t.Helper()
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, said, exit := l.ligase(t, append([]string{"run"}, c.args...)...)
			if exit != c.exit || !strings.Contains(said, c.told) {
				t.Errorf("ligase run %s: exit code %d, want %d and to be told: %s\nsaid:\n%s", strings.Join(c.args, " "), exit, c.exit, c.told, said)
			}
			if exit == exitFailed && !strings.Contains(said, "Mend the input") {
				t.Errorf("nobody says that it is the input:\n%s", said)
			}
		})
	}
}

// TestToolsRefuseWrongReads: what comes from other people's disks and
// downloads ends in a sentence, and never in a result.
func TestToolsRefuseWrongReads(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	g := l.genomeFiles(t)
	other := newGenome(2, 100_000)
	l.write(t, "other.fasta", other.fasta())
	sound := l.run(t, "rehearse_cohort", "reference=@genome.fasta", "genes=@genes.gff3", "num_samples=1", "coverage=10")
	bam := []byte(read(t, l.output(t, sound, "alignments")))
	vcf := read(t, l.output(t, sound, "variants"))
	simulated := l.run(t, "simulate_reads", "reference=@genome.fasta", "num_samples=1", "coverage=2")
	fastq := []byte(read(t, l.output(t, simulated, "reads")))

	l.write(t, "empty.fastq", nil)
	l.write(t, "reads.fastq", fastq)
	l.write(t, "cut.fastq", fastq[:len(fastq)/2])
	lines := bytes.SplitAfter(fastq, []byte("\n"))
	l.write(t, "short.fastq", append(bytes.Join(lines[:3], nil), append([]byte("88\n"), bytes.Join(lines[4:], nil)...)...))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(fastq); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	l.write(t, "cut.fastq.gz", packed.Bytes()[:packed.Len()/2])
	l.write(t, "protein.fasta", []byte(">protein\nMKVLAAGIVPLLLSTEQFIRKDEL\n"))

	l.write(t, "sound.bam", bam)
	l.write(t, "cut.bam", bam[:len(bam)*2/3])
	damaged := bytes.Clone(bam)
	for i := range 200 {
		damaged[len(damaged)/2+i] ^= 0x5a
	}
	l.write(t, "damaged.bam", damaged)
	tool(t, l.dir, "samtools", "sort", "-n", "-o", "byname.bam", "sound.bam")

	l.write(t, "variants.vcf", []byte(vcf))
	l.write(t, "cut.vcf", []byte(vcf[:len(vcf)*2/3-5]))
	genes := string(g.gff3())
	l.write(t, "names.gff3", []byte(strings.ReplaceAll(genes, "chr", "")))
	l.write(t, "plain.gff3", []byte(strings.NewReplacer("gene:", "", "transcript:", "").Replace(genes)))
	l.write(t, "genes.gtf.gff3", []byte(strings.Replace(genes, "##gff-version 3\n", "", 1)))

	align := func(reference, reads string) []string {
		return []string{"align_reads", "reference=@" + reference, "reads=@" + reads}
	}
	call := func(reference, alignment string, more ...string) []string {
		return append([]string{"call_variants", "reference=@" + reference, "alignments=@" + alignment}, more...)
	}
	annotate := func(reference, variants, genes string) []string {
		return []string{"annotate_variants", "reference=@" + reference, "variants=@" + variants, "genes=@" + genes}
	}
	refuse(t, l, []wrong{
		{"an empty FASTQ", align("genome.fasta", "empty.fastq"), exitInvalid, "inputs.reads: `empty.fastq`: It is empty."},
		{"a FASTQ cut off", align("genome.fasta", "cut.fastq"), exitFailed, "The FASTQ file is cut off or damaged: at line "},
		{"a record cut off", align("genome.fasta", "short.fastq"), exitFailed, "at line 4, a record has 100 bases and 2 qualities. Copy or download it again."},
		{"a compressed FASTQ cut off", align("genome.fasta", "cut.fastq.gz"), exitFailed, "The compressed reads are cut off or damaged: copy or download the file again."},
		{"reads of another genome", align("other.fasta", "reads.fastq"), exitFailed, "% of the reads align to the reference, and min_mapped asks for 50.0 %: they are of another genome"},
		{"a protein as a genome", align("protein.fasta", "reads.fastq"), exitInvalid, "inputs.reference: `protein.fasta`: It has letters that are no nucleotides; is it a protein?"},
		{"a genome as reads", align("genome.fasta", "genome.fasta"), exitInvalid, "inputs.reads: `genome.fasta`"},
		{"a BAM cut off", call("genome.fasta", "cut.bam"), exitFailed, "Alignment 0 is cut off or damaged, as its end is missing: copy or make the BAM file again."},
		{"a BAM damaged", call("genome.fasta", "damaged.bam"), exitFailed, "Alignment 0 cannot be indexed: sort it by position (samtools sort), or, if it is damaged, make it again."},
		{"a BAM by name", call("genome.fasta", "byname.bam"), exitFailed, "Alignment 0 cannot be indexed: sort it by position"},
		{"a BAM with another reference of the same names", call("other.fasta", "sound.bam"), exitFailed, "Alignment 0 was made with another reference: its sequence chr1 (70000 bases)"},
		{"reads as a BAM", call("genome.fasta", "reads.fastq"), exitInvalid, "inputs.alignments"},
		{"too few names", call("genome.fasta", "sound.bam", "alignments=@sound.bam", "samples=one"), exitFailed, "There are 1 names in samples, and the last alignment is number 2: give one for each, in order."},
		{"a name twice", call("genome.fasta", "sound.bam", "alignments=@sound.bam", "samples=one,one"), exitFailed, "The name one is in samples twice: give each sample its own."},
		{"a name that is no name", call("genome.fasta", "sound.bam", "samples=$(id)"), exitInvalid, "params.samples"},
		{"genes of other names", annotate("genome.fasta", "variants.vcf", "names.gff3"), exitFailed, "The annotation is of another genome: its first sequence is 1, that of the reference chr1"},
		{"genes not as Ensembl writes them", annotate("genome.fasta", "variants.vcf", "plain.gff3"), exitFailed, "The annotation cannot be used: bcftools csq reads GFF3 as Ensembl writes it"},
		{"genes without a version", annotate("genome.fasta", "variants.vcf", "genes.gtf.gff3"), exitInvalid, "It has no line ##gff-version 3, so it is no GFF3 file"},
		{"variants of another reference", annotate("other.fasta", "variants.vcf", "genes.gff3"), exitFailed, "The variants were called on another reference: give the one that they were called on."},
		{"a VCF cut off", annotate("genome.fasta", "cut.vcf", "genes.gff3"), exitFailed, "The VCF file cannot be read: it is cut off or damaged."},
		{"a reference shorter than a fragment", []string{"simulate_reads", "reference=>tiny\nACGTACGT\n"}, exitFailed, "Every sequence of the reference is shorter than a fragment"},
	})
}

// TestToolsRefuseWrongFamilies is the same of the other example.
func TestToolsRefuseWrongFamilies(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	alignment := string(family(3))
	l.write(t, "family.sto", []byte(alignment))
	profile := read(t, l.output(t, l.run(t, "build_profile", "alignment=@family.sto"), "profile"))
	l.write(t, "profile.hmm", []byte(profile))
	l.write(t, "cut.hmm", []byte(profile[:len(profile)/2]))
	l.write(t, "two.hmm", []byte(profile+profile))
	l.write(t, "old.hmm", []byte(strings.Replace(profile, "HMMER3/f", "HMMER2.0", 1)))
	l.write(t, "two.sto", []byte(alignment+alignment))
	l.write(t, "one.sto", []byte("# STOCKHOLM 1.0\nalone MKVLAGGGTTYY\n//\n"))
	l.write(t, "ragged.afa", []byte(">a\nMKVLA\n>b\nMKVLAAA\n"))
	l.write(t, "dna.afa", []byte(">a\nACGTACGT--ACGT\n>b\nACGTACGTACACGT\n"))
	l.write(t, "dna.fasta", []byte(">gene\nACGTACGTACGTACGTACGT\n"))

	build := func(alignment string) []string { return []string{"build_profile", "alignment=@" + alignment} }
	refuse(t, l, []wrong{
		{"sequences that are not aligned", build("ragged.afa"), exitFailed, "sequence b has alen 7; expected 5"},
		{"several alignments", build("two.sto"), exitFailed, "The file has several alignments: give one family at a time."},
		{"a single sequence", build("one.sto"), exitFailed, "The alignment has a single sequence: give two or more."},
		{"an alignment of DNA", build("dna.afa"), exitInvalid, "It looks like DNA or RNA (only the letters A, C, G, T, U and N); a family here is of proteins."},
		{"a profile cut off", []string{"emit_sequences", "profile=@cut.hmm"}, exitFailed, "Bad file format in HMM file"},
		{"a profile cut off, to score", []string{"score_sequence", "profile=@cut.hmm", "sequence=MKVLAAGIVPLLLSTEQF"}, exitFailed, "bad file format in HMM file"},
		{"two profiles", []string{"emit_sequences", "profile=@two.hmm"}, exitInvalid, "`two.hmm` has a length of 2; `profile` takes at most 1."},
		{"a profile of HMMER 2", []string{"emit_sequences", "profile=@old.hmm"}, exitInvalid, "It does not begin with HMMER3/, so it is no profile of HMMER 3"},
		{"a sequence of two chains", []string{"score_sequence", "profile=@profile.hmm", "sequence=MKVLAAGIVPLL/LSTEQFIRKDEL"}, exitFailed, "The sequence has several chains: give one at a time."},
		{"a gene for a protein", []string{"score_sequence", "profile=@profile.hmm", "sequence=@dna.fasta"}, exitInvalid, "It looks like DNA or RNA"},
	})
}

// TestToolsSeeTheFirstOfAPipeFail: programs that hand on what they make to
// another, and end badly or early. What they handed on is sound as far as it
// goes, so only how they ended, or a count, can tell.
func TestToolsSeeTheFirstOfAPipeFail(t *testing.T) {
	t.Parallel()
	whole := newLab(t)
	whole.genomeFiles(t)
	simulated := whole.run(t, "simulate_reads", "reference=@genome.fasta", "num_samples=1", "coverage=4")
	reads := whole.output(t, simulated, "reads")
	aligned := whole.run(t, "align_reads", "reference=@genome.fasta", "reads=@"+reads)
	bam := whole.output(t, aligned, "alignment")

	for _, c := range []struct {
		name, program, when, instead string
		args                         []string
		told                         string
	}{
		{"the aligner fails", "bwa", "mem", `"$real" "$@" | head -n 500; exit 3`,
			[]string{"align_reads", "reference=@genome.fasta", "reads=@" + reads}, "The command ended with exit code 3."},
		{"the aligner ends early", "bwa", "mem", `"$real" "$@" | head -n 500; exit 0`,
			[]string{"align_reads", "reference=@genome.fasta", "reads=@" + reads}, " are in the alignment."},
		{"the pile-up fails", "bcftools", "mpileup", `shift; "$real" mpileup -r chr1:1-20000 "$@"; exit 3`,
			[]string{"call_variants", "reference=@genome.fasta", "alignments=@" + bam}, "The command ended with exit code 3."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.genomeFiles(t)
			script := "#!/bin/sh\nreal=/usr/bin/" + c.program + "\nif [ \"$1\" = " + c.when + " ]; then " + c.instead + "; fi\nexec \"$real\" \"$@\"\n"
			path := l.write(t, filepath.Join("broken", c.program), []byte(script))
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
			for i, v := range l.env {
				if rest, is := strings.CutPrefix(v, "PATH="); is {
					l.env[i] = "PATH=" + filepath.Dir(path) + ":" + rest
				}
			}
			_, said, exit := l.ligase(t, append([]string{"run"}, c.args...)...)
			if exit != exitFailed || !strings.Contains(said, c.told) {
				t.Errorf("exit code %d, want %d and to be told: %s\n%s", exit, exitFailed, c.told, said)
			}
		})
	}
}
