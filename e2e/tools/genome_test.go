//go:build tools || cluster

package tools

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// genome is a random reference with genes, so that everything about it is
// known.
type genome struct {
	names     []string
	sequences map[string][]byte
	genes     []gene
}

// gene is a single exon that codes for a protein: start codon, codons that
// are no stops, stop codon.
type gene struct {
	name, chrom string
	start, end  int // from 1, both inclusive
	minus       bool
}

const geneBases = 900

// newGenome makes a genome of that many bases in two sequences. The same seed
// gives the same genome.
func newGenome(seed uint64, bases int) *genome {
	r := rand.New(rand.NewPCG(seed, 0))
	g := &genome{sequences: map[string][]byte{}}
	for i, n := range []int{bases * 7 / 10, bases * 3 / 10} {
		name := fmt.Sprintf("chr%d", i+1)
		s := randomLetters(r, "ACGT", n)
		for start := 1500; start+geneBases+1500 < n; start += 3000 {
			one := gene{fmt.Sprintf("G%d", len(g.genes)+1), name, start + 1, start + geneBases, len(g.genes)%2 == 1}
			coding := openFrame(r)
			if one.minus {
				coding = reverseComplement(coding)
			}
			copy(s[start:], coding)
			g.genes = append(g.genes, one)
		}
		g.names, g.sequences[name] = append(g.names, name), s
	}
	return g
}

func randomLetters(r *rand.Rand, letters string, n int) []byte {
	s := make([]byte, n)
	for i := range s {
		s[i] = letters[r.IntN(len(letters))]
	}
	return s
}

// openFrame is the sequence of a gene, as it is read.
func openFrame(r *rand.Rand) []byte {
	s := []byte("ATG")
	for len(s) < geneBases-3 {
		if codon := randomLetters(r, "ACGT", 3); translate(codon) != '*' {
			s = append(s, codon...)
		}
	}
	return append(s, "TAA"...)
}

// code is the standard genetic code in the order of TCAG, as NCBI's table 1
// writes it.
const code = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"

func translate(codon []byte) byte {
	n := 0
	for _, base := range codon {
		n = n*4 + strings.IndexByte("TCAG", base)
	}
	return code[n]
}

func complement(base byte) byte { return "TGCA"[strings.IndexByte("ACGT", base)] }

func reverseComplement(s []byte) []byte {
	out := slices.Clone(s)
	slices.Reverse(out)
	for i := range out {
		out[i] = complement(out[i])
	}
	return out
}

// fasta writes the genome with 60 bases a line.
func (g *genome) fasta() []byte {
	var b strings.Builder
	for _, name := range g.names {
		fmt.Fprintf(&b, ">%s of a test\n", name)
		for line := range slices.Chunk(g.sequences[name], 60) {
			fmt.Fprintf(&b, "%s\n", line)
		}
	}
	return []byte(b.String())
}

// gff3 writes the genes as Ensembl does.
func (g *genome) gff3() []byte {
	var b strings.Builder
	b.WriteString("##gff-version 3\n")
	for _, one := range g.genes {
		strand := "+"
		if one.minus {
			strand = "-"
		}
		row := func(kind, phase, attributes string) {
			fmt.Fprintf(&b, "%s\ttest\t%s\t%d\t%d\t.\t%s\t%s\t%s\n", one.chrom, kind, one.start, one.end, strand, phase, attributes)
		}
		row("gene", ".", fmt.Sprintf("ID=gene:%s;Name=%s;biotype=protein_coding", one.name, one.name))
		row("mRNA", ".", fmt.Sprintf("ID=transcript:%s-T;Parent=gene:%s;biotype=protein_coding", one.name, one.name))
		row("exon", ".", fmt.Sprintf("Parent=transcript:%s-T", one.name))
		row("CDS", "0", fmt.Sprintf("Parent=transcript:%s-T", one.name))
	}
	return []byte(b.String())
}

// effect is what a SNP alone does to the gene that it lies in: missense,
// synonymous, stop_gained …, and the change as csq writes it; nothing outside
// of genes.
func (g *genome) effect(chrom string, pos int, alt byte) (gene, consequence, change string) {
	for _, one := range g.genes {
		if one.chrom != chrom || pos < one.start || pos > one.end {
			continue
		}
		coding, at := slices.Clone(g.sequences[chrom][one.start-1:one.end]), pos-one.start
		if one.minus {
			coding, at, alt = reverseComplement(coding), one.end-pos, complement(alt)
		}
		codon := at / 3
		was := translate(coding[3*codon : 3*codon+3])
		coding[at] = alt
		is := translate(coding[3*codon : 3*codon+3])
		change = fmt.Sprintf("%d%c>%d%c", codon+1, was, codon+1, is)
		switch {
		case was == is && was == '*':
			return one.name, "stop_retained", fmt.Sprintf("%d%c", codon+1, was)
		case was == is:
			return one.name, "synonymous", fmt.Sprintf("%d%c", codon+1, was)
		case codon == 0:
			return one.name, "start_lost", "" // what comes of it, nobody can tell
		case was == '*':
			return one.name, "stop_lost", change
		case is == '*':
			return one.name, "stop_gained", change
		}
		return one.name, "missense", change
	}
	return "", "", ""
}
