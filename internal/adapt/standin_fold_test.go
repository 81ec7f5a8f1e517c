package adapt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
)

// standInESMFold follows facebookresearch/esm, scripts/fold.py: DIR/HEADER.pdb
// with pLDDT of 100 in the B-factors; out of memory is a line of the log, and
// exit code 0. Chains are joined by a linker of which the numbers are missing.
func standInESMFold(mood string, args []string) error {
	header, sequence, err := fastaOf(option(args, "-i"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(option(args, "-o"), 0o777); err != nil && !os.IsExist(err) {
		return err
	}
	fmt.Printf("26/11/27 09:00:00 | INFO | root | Loaded 1 sequences from %s\n", option(args, "-i"))
	if mood == "memory" {
		fmt.Printf("26/11/27 09:00:09 | INFO | root | Failed (CUDA out of memory) on sequence %s of length %d.\n", header, len(sequence))
		return nil
	}
	if strings.Trim(sequence, mol.AminoAcids+"X:") != "" {
		return fmt.Errorf("KeyError: %q", sequence)
	}
	scale := 1.0
	if mood == "fractions" { // as of transformers' EsmForProteinFolding
		scale = 0.01
	}
	s := &mol.Structure{}
	for i, chain := range strings.Split(sequence, ":") {
		s.Chains = append(s.Chains, chainOf(string(rune('A'+i)), chain, 1+537*i, func(k int) float64 { return scale * float64(60+k%20) }))
	}
	path := option(args, "-o") + "/" + header + ".pdb"
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	fmt.Fprintln(file, "PARENT N/A")
	return errors.Join(mol.WritePDB(file, s), file.Close())
}

// standInESMFoldHF stands for python3 with esmfold_hf.py, which the test of the
// program itself runs: OUT/model.pdb with chains and pLDDT of 100, and
// OUT/scores.json.
func standInESMFoldHF(mood string, args []string) error {
	if program, err := os.ReadFile(args[0]); err != nil || !strings.Contains(string(program), "EsmForProteinFolding") {
		return fmt.Errorf("python3 was not given the program but %s (%v)", args[0], err)
	}
	_, sequence, err := fastaOf(option(args, "--fasta"))
	if err != nil {
		return err
	}
	if option(args, "--weights") != "/weights/esmfold_hf" || option(args, "--random-weights") != "" || option(args, "--chunk-size") != "128" {
		return fmt.Errorf("arguments %v", args)
	}
	if mood == "memory" {
		return errors.New("esmfold_hf: CUDA out of memory: 76 residues do not fit NVIDIA T4 with --chunk-size 128.")
	}
	s := &mol.Structure{}
	for i, chain := range strings.Split(sequence, ":") {
		s.Chains = append(s.Chains, chainOf(string(rune('A'+i)), chain, 1, func(k int) float64 { return float64(60 + k%20) }))
	}
	weights := "/weights/esmfold_hf"
	if mood == "random" {
		weights = "random, seed 1"
	}
	scores := fmt.Sprintf(`{"ptm": 0.8765, "weights": %q, "seconds": 1.5, "seed": %d}`, weights, optionInt(args, "--seed"))
	return errors.Join(writeStructure(option(args, "--out")+"/model.pdb", s), writeLines(option(args, "--out")+"/scores.json", scores))
}

// standInColabFold follows colabfold/batch.py for a folder: jobs are called
// like the files in it. Without --msa-mode single_sequence or an alignment it
// would ask the public server.
func standInColabFold(mood string, args []string) error {
	in, out := args[len(args)-2], args[len(args)-1]
	if len(args) > 1 && strings.HasPrefix(args[len(args)-2], "--") {
		return errors.New("no input and results")
	}
	entries, err := os.ReadDir(in)
	if err != nil {
		return err
	}
	if len(entries) != 1 {
		return fmt.Errorf("%d files", len(entries))
	}
	name := entries[0].Name()
	job := strings.TrimSuffix(name, filepath.Ext(name))
	mode := "" // the last that is given, by Python's argparse
	for at, a := range args {
		if a == "--msa-mode" {
			mode = args[at+1]
		}
	}
	if filepath.Ext(name) != ".a3m" && mode != "single_sequence" {
		return errors.New("asked api.colabfold.com for an alignment")
	}
	chains, depth, err := colabfoldQuery(filepath.Join(in, name))
	if err != nil {
		return err
	}
	if mode == "single_sequence" {
		depth = 0 // it sets max_seq to 1, whatever the file has
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	if mood == "memory" {
		fmt.Printf("2026-11-27 09:00:00,000 Could not predict %s. Not Enough GPU memory? RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes.\n", job)
		return writeLines(filepath.Join(out, "log.txt"), "")
	}
	model := "alphafold2_ptm"
	if len(chains) > 1 {
		model = "alphafold2_multimer_v3"
	}
	for rank := 1; rank <= optionInt(args, "--num-models"); rank++ {
		tag := fmt.Sprintf("rank_%03d_%s_model_%d_seed_%03d", rank, model, 6-rank, optionInt(args, "--random-seed"))
		scale := 1.0
		if mood == "fractions" {
			scale = 0.01
		}
		plddt := func(k int) float64 { return scale * (95 - 10*float64(rank) - float64(k%10)) }
		s := &mol.Structure{}
		var values []float64
		for i, chain := range chains {
			start := len(values)
			s.Chains = append(s.Chains, chainOf(string(rune('A'+i)), chain, 1, func(k int) float64 { return plddt(start + k) }))
			for k := range len(chain) {
				values = append(values, math.Round(100*plddt(start+k))/100)
			}
		}
		// Each row of an alignment is worth something.
		scores := map[string]any{"plddt": values, "max_pae": 9.5, "ptm": 0.91 - 0.1*float64(rank) + 0.01*float64(depth)}
		pae := make([][]float64, len(values))
		for i := range pae {
			pae[i] = make([]float64, len(values))
			for j := range pae[i] {
				if i != j {
					pae[i][j] = 4
				}
				if len(chains) > 1 && (i < len(chains[0])) != (j < len(chains[0])) {
					pae[i][j] = 12
				}
			}
		}
		scores["pae"] = pae
		if len(chains) > 1 {
			scores["iptm"] = 0.66
		}
		data, err := json.Marshal(scores)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, job+"_scores_"+tag+".json"), data, 0o666); err != nil {
			return err
		}
		if err := writeStructure(filepath.Join(out, job+"_unrelaxed_"+tag+".pdb"), s); err != nil {
			return err
		}
	}
	for _, extra := range []string{".done.txt", ".a3m", "_coverage.png", "_predicted_aligned_error_v1.json"} {
		if err := writeLines(filepath.Join(out, job+extra), ""); err != nil {
			return err
		}
	}
	return writeLines(filepath.Join(out, "config.json"), "{}")
}

// standInBoltz follows docs/prediction.md: OUT/boltz_results_NAME/predictions/
// NAME, with a confidence of fractions beside a PDB file of pLDDT of 100.
func standInBoltz(mood string, args []string) error {
	if args[0] != "predict" {
		return fmt.Errorf("boltz %v", args)
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	type entity struct{ id, sequence, msa string }
	var entities []entity
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch key {
		case "- protein":
			entities = append(entities, entity{})
		case "id":
			entities[len(entities)-1].id = value
		case "sequence":
			if len(entities) > 0 {
				entities[len(entities)-1].sequence = value
			}
		case "msa":
			entities[len(entities)-1].msa = value
		}
	}
	if slices.Contains(args, "--use_msa_server") {
		return errors.New("asked api.colabfold.com for an alignment")
	}
	depth := 0
	for _, e := range entities {
		if e.msa == "" {
			return errors.New("RuntimeError: Missing MSA's in input and --use_msa_server flag not set.")
		}
		if i := slices.IndexFunc(entities, func(x entity) bool { return x.sequence == e.sequence }); entities[i].msa != e.msa {
			return errors.New("ValueError: All proteins with the same sequence must share the same MSA!")
		}
		if e.msa != "empty" {
			rows, err := boltzMSA(e.msa, e.sequence)
			if err != nil {
				return err
			}
			depth += len(rows) - 1
		}
	}
	// Chains of one sequence come together.
	slices.SortStableFunc(entities, func(a, b entity) int {
		first := func(e entity) int {
			return slices.IndexFunc(entities, func(x entity) bool { return x.sequence == e.sequence })
		}
		return first(a) - first(b)
	})
	name := strings.TrimSuffix(filepath.Base(args[1]), ".yaml")
	folder := filepath.Join(option(args, "--out_dir"), "boltz_results_"+name, "predictions", name)
	if mood == "memory" {
		fmt.Println("| WARNING: ran out of memory, skipping batch")
		fmt.Println("Number of failed examples: 1")
		return os.MkdirAll(filepath.Dir(folder), 0o777)
	}
	if option(args, "--output_format") != "pdb" {
		return errors.New("mmCIF was asked for")
	}
	for n := range optionInt(args, "--diffusion_samples") {
		s := &mol.Structure{}
		for _, e := range entities {
			s.Chains = append(s.Chains, chainOf(e.id, e.sequence, 1, func(int) float64 { return 80 - float64(n) }))
		}
		if err := writeStructure(filepath.Join(folder, fmt.Sprintf("%s_model_%d.pdb", name, n)), s); err != nil {
			return err
		}
		iptm := 0.0
		if len(entities) > 1 {
			iptm = 0.69
		}
		data, err := json.MarshalIndent(map[string]any{
			"confidence_score": 0.81, "ptm": 0.84 + 0.01*float64(depth), "iptm": iptm, "ligand_iptm": 0.0, "protein_iptm": iptm,
			"complex_plddt": 0.80 - 0.01*float64(n), "complex_iplddt": 0.79, "complex_pde": 0.9, "complex_ipde": 5.1,
			"chains_ptm": map[string]float64{"0": 0.85}, "pair_chains_iptm": map[string]any{},
		}, "", "    ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("confidence_%s_model_%d.json", name, n)), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}
