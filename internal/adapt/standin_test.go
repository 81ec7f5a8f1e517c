package adapt_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ligase-bio/ligase/internal/mol"
)

// The stand-ins write the trees that the tools' own documentation and sources
// describe, from the arguments that they are given. They know nothing of the
// adapters, and end with an exit code as the tools do.

// standIn is the program of a tool; a mood is a way in which it goes.
func standIn(tool, mood string, args []string) int {
	do := map[string]func(mood string, args []string) error{
		"rfdiffusion": standInRFdiffusion,
		"proteinmpnn": standInProteinMPNN,
		"ligandmpnn":  standInLigandMPNN,
		"esm-fold":    standInESMFold,
		"esmfold_hf":  standInESMFoldHF,
		"colabfold":   standInColabFold,
		"boltz":       standInBoltz,
		"relax":       standInRelax,
		"foldseek":    standInFoldseek,
		"tmscore":     standInTMscore,
		"mkdssp":      standInDSSP,
	}[tool]
	if err := do(mood, args); err != nil {
		fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\n", err)
		return 1
	}
	return 0
}

// option is the value behind --name, or name=VALUE.
func option(args []string, name string) string {
	for i, a := range args {
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
		if value, ok := strings.CutPrefix(a, name+"="); ok {
			return value
		}
	}
	return ""
}

func optionInt(args []string, name string) int {
	n, err := strconv.Atoi(option(args, name))
	if err != nil {
		panic(fmt.Sprintf("%s of %v: %v", name, args, err))
	}
	return n
}

func writeLines(path string, lines ...string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666)
}

// chainOf is a chain along a line, every atom of a residue's backbone.
func chainOf(id, sequence string, first int, b func(i int) float64) mol.Chain {
	c := mol.Chain{ID: id}
	for i := range len(sequence) {
		x := 3.4 * float64(i)
		residue := mol.Residue{Name: mol.ThreeLetter(sequence[i]), Code: sequence[i], Number: first + i}
		for k, name := range []string{"N", "CA", "C", "O"} {
			residue.Atoms = append(residue.Atoms, mol.Atom{
				Name: name, Element: name[:1], Occupancy: 1, B: b(i),
				Pos: mol.Vec{x + 1.1*float64(k), 2 * math.Sin(float64(i)), 8 * float64(id[0]-'A')},
			})
		}
		c.Residues = append(c.Residues, residue)
	}
	return c
}

func writeStructure(path string, s *mol.Structure) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(mol.WritePDB(file, s), file.Close())
}

// fastaOf reads a FASTA file as simple readers do: a header, a line.
func fastaOf(path string) (header, sequence string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], ">") {
		return "", "", fmt.Errorf("not a header and a line: %q", data)
	}
	return lines[0][1:], lines[1], nil
}

// standInRFdiffusion follows scripts/run_inference.py: design_{i}.pdb of ATOM
// records only, 66 columns, glycine, B-factor 0; design_{i}.trb, a pickle. Each
// design is seeded by its number under inference.deterministic.
func standInRFdiffusion(mood string, args []string) error {
	if filepath.Base(args[0]) != "run_inference.py" {
		return fmt.Errorf("python3.9 was not given RFdiffusion's script but %s", args[0])
	}
	prefix, num, start := option(args, "inference.output_prefix"), optionInt(args, "inference.num_designs"), optionInt(args, "inference.design_startnum")
	contigs := option(args, "contigmap.contigs")
	least, most, ok := strings.Cut(strings.Trim(contigs, "[]"), "-")
	if !ok || least != most {
		return fmt.Errorf("contigs %q", contigs)
	}
	length, err := strconv.Atoi(least)
	if err != nil {
		return err
	}
	if mood == "short" {
		length--
	}
	if err := os.MkdirAll(filepath.Join(filepath.Dir(prefix), "traj"), 0o777); err != nil {
		return err
	}
	for i := start; i < start+num; i++ {
		if mood == "one fewer" && i == start+num-1 {
			break
		}
		seed := float64(os.Getpid()) // no seed: never the same twice
		if option(args, "inference.deterministic") == "True" {
			seed = float64(i)
		}
		var b strings.Builder
		serial := 0
		for r := range length {
			for k, name := range []string{"N", "CA", "C", "O"} {
				if mood == "no oxygen" && name == "O" && r == 3 {
					continue
				}
				serial++
				fmt.Fprintf(&b, "ATOM  %5d  %-3s GLY A%4d    %8.3f%8.3f%8.3f  1.00  0.00\n", serial, name, r+1,
					3.4*float64(r)+1.1*float64(k), 5*math.Sin(seed+float64(r)), 5*math.Cos(seed*float64(r)))
			}
		}
		if err := os.WriteFile(fmt.Sprintf("%s_%d.pdb", prefix, i), []byte(b.String()), 0o666); err != nil {
			return err
		}
		// To open this is to wait for ever; to load what others write is to
		// run it.
		if err := syscall.Mkfifo(fmt.Sprintf("%s_%d.trb", prefix, i), 0o666); err != nil {
			return err
		}
		fmt.Println("Finished design in 0.18 minutes")
	}
	if mood == "memory" {
		return errors.New("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")
	}
	return nil
}

// standInProteinMPNN follows protein_mpnn_run.py with --jsonl_path: designed
// chains only, in the order of their letters, joined by '/'; the input first;
// X where the structure has '-'.
func standInProteinMPNN(mood string, args []string) error {
	if filepath.Base(args[0]) != "protein_mpnn_run.py" {
		return fmt.Errorf("python was not given ProteinMPNN's script but %s", args[0])
	}
	data, err := os.ReadFile(option(args, "--jsonl_path"))
	if err != nil {
		return err
	}
	if n := strings.Count(string(data), "\n"); n != 1 {
		return fmt.Errorf("%d lines", n)
	}
	var parsed map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(data), "NaN", "null")), &parsed); err != nil {
		return err
	}
	name := parsed["name"].(string)
	var chains map[string][2][]string
	var fixed map[string]map[string][]int
	for path, into := range map[string]any{option(args, "--chain_id_jsonl"): &chains, option(args, "--fixed_positions_jsonl"): &fixed} {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return err
		}
	}
	seed := optionInt(args, "--seed")
	if seed == 0 {
		seed = os.Getpid()
	}
	letters := slices.Clone(chains[name][0])
	slices.Sort(letters)
	all := ""
	write := func(make func(native byte, chain string, at int) byte) string {
		var parts []string
		for _, letter := range letters {
			native := parsed["seq_chain_"+letter].(string)
			coordinates := parsed["coords_chain_"+letter].(map[string]any)
			for _, atom := range []string{"N", "CA", "C", "O"} {
				if got := len(coordinates[atom+"_chain_"+letter].([]any)); got != len(native) {
					panic(fmt.Sprintf("%d coordinates of %s of %d residues", got, atom, len(native)))
				}
			}
			var b strings.Builder
			for i := range len(native) {
				switch {
				case native[i] == '-':
					b.WriteByte('X')
				case slices.Contains(fixed[name][letter], i+1) && mood != "careless":
					b.WriteByte(native[i])
				default:
					b.WriteByte(make(native[i], letter, i))
				}
			}
			parts = append(parts, b.String())
		}
		return strings.Join(parts, "/")
	}
	for key, value := range parsed {
		if strings.HasPrefix(key, "seq_chain_") {
			all += value.(string)
		}
	}
	if got := parsed["seq"].(string); len(got) != len(all) {
		return fmt.Errorf("seq has %d residues and the chains %d", len(got), len(all))
	}
	lines := []string{
		fmt.Sprintf(">%s, score=1.1705, global_score=1.2045, fixed_chains=%s, designed_chains=%s, model_name=%s, git_hash=unknown, seed=%d",
			name, pyList(chains[name][1]), pyList(letters), option(args, "--model_name"), seed),
		write(func(native byte, _ string, _ int) byte { return native }),
	}
	num := optionInt(args, "--num_seq_per_target")
	if mood == "one fewer" {
		num--
	}
	for n := range num {
		lines = append(lines, fmt.Sprintf(">T=%s, sample=%d, score=%.4f, global_score=%.4f, seq_recovery=%.4f", option(args, "--sampling_temp"), n+1, 0.7+0.1*float64(n), 0.9+0.1*float64(n), 0.5+0.1*float64(n)),
			write(func(_ byte, _ string, i int) byte { return mol.AminoAcids[(seed+7*n+3*i)%20] }))
	}
	return writeLines(filepath.Join(option(args, "--out_folder"), "seqs", name+".fa"), lines...)
}

// pyList writes ['A', 'B'].
func pyList(items []string) string {
	var quoted []string
	for _, i := range items {
		quoted = append(quoted, "'"+i+"'")
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// standInLigandMPNN follows LigandMPNN's run.py: all chains, in the order of
// their letters, joined by ':'; the input first; no line end after the last.
func standInLigandMPNN(_ string, args []string) error {
	if filepath.Base(args[0]) != "run.py" || option(args, "--model_type") != "ligand_mpnn" {
		return fmt.Errorf("not LigandMPNN: %v", args)
	}
	var targets map[string]string
	var fixed map[string][]string
	for path, into := range map[string]any{option(args, "--pdb_path_multi"): &targets, option(args, "--fixed_residues_multi"): &fixed} {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return err
		}
	}
	seed := optionInt(args, "--seed")
	for path := range targets {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		ligand := 0
		for in := bufio.NewScanner(file); in.Scan(); {
			if strings.HasPrefix(in.Text(), "HETATM") && !strings.Contains(in.Text(), "HOH") {
				ligand++
			}
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		s, err := mol.ReadPDB(file, nil)
		if err != nil {
			return err
		}
		slices.SortFunc(s.Chains, func(a, b mol.Chain) int { return strings.Compare(a.ID, b.ID) })
		chosen := strings.Split(option(args, "--chains_to_design"), ",")
		write := func(make func(i int) byte) string {
			var parts []string
			for _, c := range s.Chains {
				var b strings.Builder
				for i := range c.Residues {
					r := &c.Residues[i]
					id := fmt.Sprintf("%s%d", c.ID, r.Number)
					switch {
					case r.Atom("CA") == nil:
					case slices.Contains(fixed[path], id), chosen[0] != "" && !slices.Contains(chosen, c.ID):
						b.WriteByte(r.Code)
					default:
						b.WriteByte(make(i))
					}
				}
				parts = append(parts, b.String())
			}
			return strings.Join(parts, ":")
		}
		name := strings.TrimSuffix(filepath.Base(path), ".pdb")
		native := strings.ReplaceAll(s.Sequence(), "/", ":")
		lines := []string{fmt.Sprintf(">%s, T=%s, seed=%d, num_res=%d, num_ligand_res=%d, use_ligand_context=True, ligand_cutoff_distance=8.0, batch_size=1, number_of_batches=%s, model_path=%s",
			name, option(args, "--temperature"), seed, s.Len(), min(ligand, 5), option(args, "--number_of_batches"), option(args, "--checkpoint_ligand_mpnn")), native}
		out := option(args, "--out_folder")
		for n := range optionInt(args, "--number_of_batches") {
			lines = append(lines, fmt.Sprintf(">%s, id=%d, T=%s, seed=%d, overall_confidence=%.4f, ligand_confidence=%.4f, seq_rec=%.4f", name, n+1, option(args, "--temperature"), seed, 0.4+0.1*float64(n), 0.3, 0.25),
				write(func(i int) byte { return mol.AminoAcids[(seed+7*n+3*i)%20] }))
			if err := writeStructure(filepath.Join(out, "backbones", fmt.Sprintf("%s_%d.pdb", name, n+1)), s); err != nil {
				return err
			}
		}
		path := filepath.Join(out, "seqs", name+".fa")
		if err := writeLines(path, lines...); err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.TrimSuffix(string(data), "\n")), 0o666)
	}
	return errors.New("no target")
}
