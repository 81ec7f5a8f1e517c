package mol

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// WritePDB writes the structure as a PDB file (format 3.30) of ATOM, TER and
// END records, preceded by the remarks as REMARK 99. Numbers that do not fit
// their columns are written in hybrid-36, which cctbx, PyMOL and this package
// read. The bytes depend on the arguments only.
func WritePDB(w io.Writer, s *Structure, remarks ...string) error {
	out := bufio.NewWriter(w)
	for _, r := range remarks {
		for len(r) > 0 {
			n := min(len(r), 68)
			fmt.Fprintf(out, "REMARK  99 %s\n", r[:n])
			r = r[n:]
		}
	}
	serial := 0
	for i := range s.Chains {
		c := &s.Chains[i]
		id := c.ID
		if id == "" {
			id = " "
		}
		if len(id) != 1 {
			return fmt.Errorf("chain id %q is longer than the one character that a PDB file has for it", id)
		}
		if len(c.Residues) == 0 {
			continue
		}
		for j := range c.Residues {
			r := &c.Residues[j]
			for k := range r.Atoms {
				serial++
				if err := writeAtom(out, serial, id, r, &r.Atoms[k]); err != nil {
					return err
				}
			}
		}
		serial++
		last := &c.Residues[len(c.Residues)-1]
		fmt.Fprintf(out, "TER   %s      %3.3s %s%s%c\n", hybrid36(serial, 5), last.Name, id, hybrid36(last.Number, 4), insertion(last))
	}
	out.WriteString("END\n")
	return out.Flush()
}

func writeAtom(w io.Writer, serial int, chain string, r *Residue, a *Atom) error {
	return writeRecord(w, "ATOM  ", " ", serial, chain, r, a, "")
}

func writeRecord(w io.Writer, record, alt string, serial int, chain string, r *Residue, a *Atom, charge string) error {
	for _, x := range a.Pos {
		if !fitsColumns(x) {
			return fmt.Errorf("atom %s of %s %d has the coordinate %g, which does not fit into a PDB file; move the structure near the origin", a.Name, r.Name, r.Number, x)
		}
	}
	name := a.Name
	if len(name) < 4 && len(a.Element) < 2 {
		name = " " + name // one-letter elements stand in column 14
	}
	fmt.Fprintf(w, "%s%s %-4.4s%s%3.3s %s%s%c   %8.3f%8.3f%8.3f%6.2f%6.2f          %2.2s%s\n",
		record, hybrid36(serial, 5), name, alt, r.Name, chain, hybrid36(r.Number, 4), insertion(r),
		a.Pos[0], a.Pos[1], a.Pos[2],
		clampColumn(a.Occupancy), clampColumn(a.B), a.Element, charge)
	return nil
}

// fitsColumns reports whether a coordinate fits into 8.3 columns, which hold
// -999.999 to 9999.999.
func fitsColumns(x float64) bool { return x > -999.9995 && x < 9999.9995 }

// FitsPDB reports whether all coordinates fit into a PDB file.
func (s *Structure) FitsPDB() bool {
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			for _, a := range s.Chains[i].Residues[j].Atoms {
				if !fitsColumns(a.Pos[0]) || !fitsColumns(a.Pos[1]) || !fitsColumns(a.Pos[2]) {
					return false
				}
			}
		}
	}
	return true
}

func insertion(r *Residue) byte {
	if r.Insertion == 0 {
		return ' '
	}
	return r.Insertion
}

// clampColumn keeps a value within what six columns with two decimals hold.
func clampColumn(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(-99.99, min(999.99, x))
}

// hybrid36 writes n in width columns: decimal while it fits, then base 36
// with a leading capital, then with a leading small letter (Grosse-Kunstleve,
// "Hybrid-36", cci.lbl.gov/hybrid_36).
func hybrid36(n, width int) string {
	ten, last := pow(10, width), 10*pow(36, width-1)
	switch {
	case -ten/10 < n && n < ten:
		return fmt.Sprintf("%*d", width, n)
	case n < 0:
		return fmt.Sprintf("%*d", width, -ten/10+1)
	case n-ten < 26*pow(36, width-1):
		return base36(n-ten+last, width, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	case n-ten < 52*pow(36, width-1):
		return base36(n-ten-26*pow(36, width-1)+last, width, "0123456789abcdefghijklmnopqrstuvwxyz")
	}
	return hybrid36(n%ten, width) // over 43 million atoms: serials start again
}

func base36(n, width int, digits string) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i] = digits[n%36]
		n /= 36
	}
	return string(b)
}

func pow(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}
