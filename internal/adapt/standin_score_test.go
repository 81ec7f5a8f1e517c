package adapt_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
)

// standInRelax follows colabfold/relax.py: it reads as AlphaFold's
// protein.from_pdb_string does, adds hydrogens and moves atoms a little.
func standInRelax(_ string, args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	s, err := mol.ReadPDB(file, nil)
	if err != nil {
		return err
	}
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			r := &s.Chains[i].Residues[j]
			if r.Insertion != 0 {
				return errors.New("ValueError: PDB contains an insertion code, which is not supported.")
			}
			if r.Name == "MSE" || r.Code == 'X' {
				return fmt.Errorf("ValueError: No template found for residue %d (%s)", r.Number, r.Name)
			}
			for k := range r.Atoms {
				r.Atoms[k].Pos[j%3] += 0.05 * float64(1-2*(j%2))
				r.Atoms[k].B = 0
			}
			if n := r.Atom("N"); n != nil {
				r.Atoms = append(r.Atoms, mol.Atom{Name: "H", Element: "H", Occupancy: 1, Pos: n.Pos.Add(mol.Vec{0, 0, 1})})
			}
		}
	}
	return writeStructure(args[1], s)
}

// standInFoldseek writes the table that --format-output asks for; files of a
// folder are called by their names, with the chain where there are several.
func standInFoldseek(mood string, args []string) error {
	if args[0] != "easy-search" {
		return fmt.Errorf("foldseek %v", args)
	}
	entries, err := os.ReadDir(args[2])
	if err != nil {
		return err
	}
	var lines []string
	for i, e := range entries {
		name := e.Name()
		if mood == "chains" {
			name = strings.TrimSuffix(name, ".pdb") + "_B"
		}
		if mood == "a stranger" {
			name = "1abc.pdb"
		}
		values := map[string]string{
			"target": name, "prob": "0.998", "evalue": "1.234E-07", "bits": "345", "fident": "0.421", "alnlen": "70",
			"qstart": "1", "qend": "70", "tstart": "3", "tend": "72", "qtmscore": fmt.Sprintf("%.3f", 0.9-0.1*float64(i)), "ttmscore": "0.61", "lddt": "0.75",
		}
		var fields []string
		for _, column := range strings.Split(option(args, "--format-output"), ",") {
			fields = append(fields, values[column])
		}
		lines = append(lines, strings.Join(fields, "\t"))
	}
	if mood == "nothing" {
		return os.WriteFile(args[3], nil, 0o666)
	}
	return writeLines(args[3], lines...)
}

// standInTMscore prints what TMscore 20190822 prints.
func standInTMscore(mood string, args []string) error {
	count := func(path string) int {
		data, _ := os.ReadFile(path)
		return strings.Count(string(data), " CA ")
	}
	common := count(args[0])
	if mood == "fewer" {
		common--
	}
	fmt.Printf(`
Structure1: model.pdb   Length= %4d
Structure2: reference.  Length= %4d (by which all scores are normalized)
Number of residues in common= %4d
RMSD of  the common residues=    1.234

TM-score    = 0.8765  (d0= 3.08)
MaxSub-score= 0.8000  (d0= 3.50)
GDT-TS-score= 0.9000 %%(d<1)=0.8000 %%(d<2)=0.9000 %%(d<4)=0.9500 %%(d<8)=0.9500
`, count(args[0]), count(args[1]), common)
	return nil
}

// standInDSSP is as particular about the first line as mkdssp 4, and writes the
// classic format for residues with a whole backbone.
func standInDSSP(_ string, args []string) error {
	data, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(data), "HEADER") {
		return errors.New("Since the file did not start with a valid PDB HEADER line mmCIF was assumed, but that failed.")
	}
	s, err := mol.ReadPDB(strings.NewReader(string(data)), nil)
	if err != nil {
		return err
	}
	lines := []string{
		"==== Secondary Structure Definition by the program DSSP, NKI version 4.2                           ==== DATE=2026-11-27        .",
		"  #  RESIDUE AA STRUCTURE BP1 BP2  ACC     N-H-->O    O-->H-N    N-H-->O    O-->H-N    TCO  KAPPA ALPHA  PHI   PSI    X-CA   Y-CA   Z-CA",
	}
	n := 0
	for c, chain := range s.Chains {
		if c > 0 {
			n++
			lines = append(lines, fmt.Sprintf("%5d        !*             0   0    0      0, 0.0     0, 0.0     0, 0.0     0, 0.0   0.000 360.0 360.0 360.0 360.0    0.0    0.0    0.0", n))
		}
		for i, r := range chain.Residues {
			n++
			code, state, phi, psi := string(r.Code), []string{"H", "E", " ", "T", "G"}[i%5], -60.1, 140.2
			if r.Code == 'C' {
				code = "a"
			}
			if i == 0 {
				phi = 360
			}
			insertion := byte(' ')
			if r.Insertion != 0 {
				insertion = r.Insertion
			}
			lines = append(lines, fmt.Sprintf("%5d%5d%c%s %s  %s           0   0  %3d      0, 0.0    16,-2.9     0, 0.0     2,-0.3   0.000 360.0 360.0 %5.1f %5.1f   26.3   25.4    2.8",
				n, r.Number, insertion, chain.ID, code, state, 10+i, phi, psi))
		}
	}
	return writeLines(args[3], lines...)
}
