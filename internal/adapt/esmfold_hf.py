#!/usr/bin/env python3
"""Predicts the structure of one protein with ESMFold as it is in transformers.

    esmfold_hf.py --fasta query.fasta --out raw --weights /weights/esmfold_hf

writes raw/model.pdb, with chains A, B, ... each numbered from 1 and the pLDDT
of each atom, 0-100, in the B-factor, and raw/scores.json. It needs torch and
transformers (from 4.27) and nothing else, so that any image with these will do.

Chains are joined by ":" in the FASTA file. ESMFold knows one chain; as its
authors do, chains are joined by 25 glycines, which are left out again, and
the numbers of the residues jump by 512 from chain to chain.

Weights are a folder with config.json and *.safetensors, or pytorch_model.bin
where there is no other; that is a pickle, of which only tensors are loaded.
ORG/NAME is a model of the hub (facebook/esmfold_v1).

    esmfold_hf.py --measure --random-weights 1

prints as JSON how long folding takes and how much GPU memory, by length.
Random weights are for that alone: what is made with them says so, and is no
prediction.

Exit codes: 0 done, 1 it failed (out of memory), 2 it cannot work on what it
was given.
"""

import argparse
import contextlib
import json
import os
import pickle
import random
import re
import sys
import time
from pathlib import Path

# The order of amino acids in the network. It knows X (any), too, but places no
# atoms of it.
ALPHABET = "ARNDCQEGHILKMFPSTWYV"
# facebookresearch/esm, esm/esmfold/v1/misc.py, encode_sequence.
LINKER = "G" * 25
GAP = 512
MOST_CHAINS = 26

# facebook/esmfold_v1, config.json: ESM-2 of 3 billion parameters, 48 blocks.
FULL_SIZE = {
    "attention_probs_dropout_prob": 0.0,
    "emb_layer_norm_before": False,
    "esmfold_config": {"embed_aa": True, "fp16_esm": False, "lddt_head_hid_dim": 128, "trunk": {
        "num_blocks": 48, "sequence_state_dim": 1024, "pairwise_state_dim": 128, "sequence_head_width": 32,
        "pairwise_head_width": 32, "position_bins": 32, "max_recycles": 4, "structure_module": {
            "sequence_dim": 384, "pairwise_dim": 128, "ipa_dim": 16, "resnet_dim": 128, "num_heads_ipa": 12,
            "num_qk_points": 4, "num_v_points": 8, "num_blocks": 8}}},
    "hidden_dropout_prob": 0.0,
    "hidden_size": 2560,
    "intermediate_size": 10240,
    "is_folding_model": True,
    "layer_norm_eps": 1e-05,
    "mask_token_id": 32,
    "max_position_embeddings": 1026,
    "num_attention_heads": 40,
    "num_hidden_layers": 36,
    "pad_token_id": 1,
    "position_embedding_type": "rotary",
    "token_dropout": True,
    "vocab_size": 33,
}


class Refusal(Exception):
    """What was given cannot be worked on; a sentence."""


class Failure(Exception):
    """It did not work out; a sentence."""


class OutOfMemory(Failure):
    """The GPU has too little memory."""


def read_chains(path, max_length):
    """The chains of the one sequence in a FASTA file."""
    headers, lines = 0, []
    for line in Path(path).read_text(encoding="ascii", errors="replace").splitlines():
        line = line.strip()
        if line.startswith(">"):
            headers += 1
        elif line:
            lines.append(line)
    if headers > 1:
        raise Refusal(f"{path} has {headers} sequences; give one.")
    chains = "".join(lines).upper().split(":")
    for chain in chains:
        if not chain:
            raise Refusal(f"{path} has a chain without residues.")
        odd = sorted(set(chain) - set(ALPHABET))
        if odd:
            raise Refusal(f"{path} has {' '.join(odd)}; ESMFold places the atoms of {ALPHABET} only.")
    if len(chains) > MOST_CHAINS:
        raise Refusal(f"{path} has {len(chains)} chains; {MOST_CHAINS} can be told apart.")
    length = sum(len(chain) for chain in chains)
    if length > max_length:
        raise Refusal(f"{path} has {length} residues, more than the {max_length} of --max-length.")
    return chains


def encode(chains):
    """What the network is given of chains: of each residue, those of linkers
    included, its amino acid, its position, and its place: (chain, number from
    1), or None of a linker."""
    types, positions, places = [], [], []
    for n, chain in enumerate(chains):
        linker = LINKER if n + 1 < len(chains) else ""
        for i, letter in enumerate(chain + linker):
            types.append(ALPHABET.index(letter))
            positions.append(len(positions) + n * GAP)
            places.append((n, i + 1) if i < len(chain) else None)
    return types, positions, places


def split_chains(pdb, places, remarks):
    """The PDB file of the chains, of one of residues that are numbered from 1
    through chains and linkers."""
    out, serial, last = [f"REMARK   1 {r}" for r in remarks], 0, None

    def end(line):
        out.append(f"TER   {serial + 1:>5}      {line[17:20]} {line[21]}{line[22:26]}")

    for line in pdb.splitlines():
        if not line.startswith("ATOM"):
            continue
        place = places[int(line[22:26]) - 1]
        if place is None:
            continue
        chain, number = place
        if last is not None and last[21] != chr(65 + chain):
            end(last)
            serial += 1
        serial += 1
        last = f"ATOM  {serial % 100000:>5}{line[11:21]}{chr(65 + chain)}{number:>4}{line[26:].rstrip()}"
        out.append(last)
    if last is not None:
        end(last)
    return "\n".join(out + ["END", ""])


def check(pdb, chains):
    """Raises ValueError unless it is a model of all residues, with finite
    coordinates in their columns and a pLDDT of 0-100."""
    traces = {}
    for line in pdb.splitlines():
        if line.startswith("ATOM"):
            x, y, z, b = (float(line[i:j]) for i, j in ((30, 38), (38, 46), (46, 54), (60, 66)))
            if not all(abs(v) < 9999 for v in (x, y, z)):
                raise ValueError(f"the coordinates {x} {y} {z} are no place")
            if not 0 <= b <= 100:
                raise ValueError(f"{b} is no pLDDT")
            if line[12:16] == " CA ":
                traces.setdefault(line[21], []).append(int(line[22:26]))
    want = {chr(65 + n): list(range(1, len(chain) + 1)) for n, chain in enumerate(chains)}
    if traces != want:
        raise ValueError(f"it has CA atoms of { {c: len(t) for c, t in traces.items()} } residues")


def random_config(path):
    return json.loads(Path(path).read_text()) if path else FULL_SIZE


def fetch(name):
    """The folder of a model of the hub, fetched unless it is there."""
    import huggingface_hub

    files = huggingface_hub.list_repo_files(name)
    wanted = [f for f in files if f.endswith((".safetensors", ".safetensors.index.json"))]
    if not wanted:
        wanted = [f for f in files if re.fullmatch(r"pytorch_model.*\.(bin|bin\.index\.json)", f)]
    return huggingface_hub.snapshot_download(name, allow_patterns=["config.json"] + wanted)


def read_weights(folder):
    """The tensors of a folder by name. No pickle is executed."""
    import torch

    tensors = {}
    files = sorted(Path(folder).glob("*.safetensors"))
    if files:
        from safetensors.torch import load_file

        for file in files:
            tensors.update(load_file(str(file)))
        return tensors
    files = sorted(Path(folder).glob("pytorch_model*.bin"))
    if not files:
        raise Refusal(f"{folder} has neither *.safetensors nor pytorch_model*.bin; mount the files of facebook/esmfold_v1 there.")
    for file in files:
        try:
            tensors.update(torch.load(str(file), map_location="cpu", weights_only=True))
        except pickle.UnpicklingError:
            raise Refusal(f"{file} holds more than tensors, so it is not loaded.") from None
    return tensors


def load(args):
    """The model, on its device, and where its weights are from."""
    import torch
    from transformers import EsmConfig, EsmForProteinFolding, logging

    logging.set_verbosity_error()
    if args.random_weights is not None:
        torch.manual_seed(args.random_weights)
        # Where it can, on the device: to make random weights takes a CPU minutes.
        with torch.device(args.device) if hasattr(torch, "set_default_device") else contextlib.nullcontext():
            model = EsmForProteinFolding(EsmConfig(**random_config(args.config)))
        origin = f"random, seed {args.random_weights}"
    else:
        origin = args.weights
        folder = origin if os.path.isdir(origin) else fetch(origin)
        # As a state: how transformers itself loads files, and in which
        # precision, has changed often.
        model, told = EsmForProteinFolding.from_pretrained(
            None, config=EsmConfig.from_pretrained(folder), state_dict=read_weights(folder),
            torch_dtype=torch.float32, output_loading_info=True)
        # The head for contacts is not in the published weights and not used.
        missing = [k for k in told["missing_keys"] if "contact_head" not in k and "position_ids" not in k]
        if missing:
            raise Refusal(f"{origin} has no weights for {missing[0]} and {len(missing) - 1} others: it is not ESMFold.")
    model = model.float().eval()
    if args.device == "cuda":
        # The published weights of the language model are of half precision.
        model.esm = model.esm.half()
    model = model.to(args.device)
    model.trunk.set_chunk_size(args.chunk_size or None)
    return model, origin


def ptm_of(logits, kept):
    """The predicted TM-score (Jumper et al. 2021, supplement 1.9.7) of the
    residues that are kept."""
    import torch

    n = len(kept)
    d0 = 1.24 * (max(n, 19) - 15) ** (1 / 3) - 1.8
    bounds = torch.linspace(0, 31, steps=logits.shape[-1] - 1, device=logits.device)
    step = bounds[1] - bounds[0]
    centers = torch.cat([bounds + step / 2, (bounds[-1] + 3 * step / 2)[None]])
    weights = 1 / (1 + (centers / d0) ** 2)
    best = 0.0
    for row in kept:  # row by row: the whole would take as much memory again
        expected = (logits[row, kept].float().softmax(-1) * weights).sum(-1)
        best = max(best, expected.mean().item())
    return best


def fold(model, chains, args):
    """The PDB text of a model of the chains, and its scores."""
    import torch

    types, positions, places = encode(chains)
    on = {"device": args.device}
    try:
        with torch.no_grad():
            ids = torch.tensor([types], **on)
            out = model(ids, attention_mask=torch.ones_like(ids), position_ids=torch.tensor([positions], **on),
                        num_recycles=args.recycles)
            kept = [i for i, place in enumerate(places) if place is not None]
            ptm = ptm_of(out["ptm_logits"][0], torch.tensor(kept, **on))
    except Exception as e:
        if out_of_memory(e):
            raise OutOfMemory(str(e)) from None
        raise
    # output_to_pdb copies all that it is given.
    few = {k: out[k] for k in ("positions", "aatype", "plddt", "atom14_atom_exists", "atom37_atom_exists",
                               "residx_atom14_to_atom37", "residx_atom37_to_atom14")}
    if float(few["plddt"].max()) <= 1:
        few["plddt"] = few["plddt"] * 100
    few["residue_index"] = torch.arange(len(types))[None]
    remarks = ["PREDICTED BY ESMFOLD (TRANSFORMERS); THE B-FACTOR IS ITS PLDDT, 0-100"]
    if args.random_weights is not None:
        remarks = [f"RANDOM WEIGHTS, SEED {args.random_weights}: NO PREDICTION"]
    return split_chains(model.output_to_pdb(few)[0], places, remarks), {"ptm": round(ptm, 4)}


def out_of_memory(e):
    return type(e).__name__ == "OutOfMemoryError" or isinstance(e, RuntimeError) and "out of memory" in str(e)


class Clock:
    """How long something took, and how much GPU memory at most."""

    def __init__(self, device):
        self.device = device

    def __enter__(self):
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.began = time.perf_counter()
        return self

    def __exit__(self, *_):
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()
        self.seen = {"seconds": round(time.perf_counter() - self.began, 3)}
        if self.device == "cuda":
            self.seen["gpu_memory_allocated"] = torch.cuda.max_memory_allocated()
            self.seen["gpu_memory_reserved"] = torch.cuda.max_memory_reserved()


def machine(args, origin):
    """What figures are figures of."""
    import torch
    import transformers

    about = {"weights": origin, "device": "cpu", "torch": torch.__version__, "transformers": transformers.__version__,
             "chunk_size": args.chunk_size, "recycles": args.recycles}
    if args.device == "cuda":
        gpu = torch.cuda.get_device_properties(0)
        about.update(device=gpu.name, gpu_memory=gpu.total_memory, language_model="float16")
    return about


def predict(args):
    chains = read_chains(args.fasta, args.max_length)
    import torch

    model, origin = load(args)
    torch.manual_seed(args.seed)
    clock = Clock(args.device)
    try:
        with clock:
            pdb, scores = fold(model, chains, args)
    except OutOfMemory as e:
        raise OutOfMemory(f"CUDA out of memory: {sum(map(len, chains))} residues do not fit {torch.cuda.get_device_name(0)} "
                          f"with --chunk-size {args.chunk_size}. Give a shorter sequence or a smaller chunk size. ({e})") from None
    try:
        check(pdb, chains)
    except ValueError as e:
        raise Failure(f"What came out is no model: {e}.") from None
    scores.update(machine(args, origin), **clock.seen, residues=sum(map(len, chains)), chains=len(chains), seed=args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.pdb").write_text(pdb)
    (out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(f"folded {scores['residues']} residues in {scores['seconds']} s on {scores['device']}, weights {origin}")


def measure(args):
    import torch

    model, origin = load(args)
    rows, letters = [], random.Random(args.random_weights)
    warm = True
    for length in sorted(args.lengths):
        chain = "".join(letters.choice(ALPHABET) for _ in range(length))
        if warm:  # the first pass loads the kernels
            fold(model, [chain], args)
            warm = False
        row, clock = {"length": length}, Clock(args.device)
        try:
            with clock:
                pdb, _ = fold(model, [chain], args)
            try:
                check(pdb, [chain])
                row["model"] = "sound"
            except ValueError as e:
                row["model"] = str(e)
        except OutOfMemory:
            row["model"] = "none: out of memory"
            torch.cuda.empty_cache()
        row.update(clock.seen)
        rows.append(row)
        print(f"{length} residues: {row['seconds']} s, {row['model']}", file=sys.stderr)
        if args.out and row["model"] == "sound":
            Path(args.out).mkdir(parents=True, exist_ok=True)
            (Path(args.out) / f"random_weights_{length}.pdb").write_text(pdb)
    table = {"about": "Speed and memory only: the weights are random.", **machine(args, origin), "lengths": rows}
    print(json.dumps(table, indent=2))


def whole(text):
    n = int(text)
    if n < 0:
        raise argparse.ArgumentTypeError("it must not be negative")
    return n


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], allow_abbrev=False)
    p.add_argument("--fasta", help="the sequence, chains joined by :")
    p.add_argument("--out", help="folder to write to")
    p.add_argument("--weights", default="/weights/esmfold_hf", help="folder, or ORG/NAME of the hub")
    p.add_argument("--recycles", type=whole, help="how often to go over the prediction again")
    p.add_argument("--chunk-size", type=whole, default=128, help="of axial attention: smaller takes less memory and more time; 0: whole")
    p.add_argument("--max-length", type=whole, default=2000, help="residues")
    p.add_argument("--seed", type=whole, default=0, help="of torch; the network has no randomness")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--measure", action="store_true", help="time and memory by length, with random weights")
    p.add_argument("--lengths", type=lambda s: [int(n) for n in s.split(",")], default=[64, 128, 256, 384, 512, 768, 1024], help="to measure")
    p.add_argument("--random-weights", type=whole, metavar="SEED", help="for speed and memory only: what comes out is no prediction")
    p.add_argument("--config", help="config.json of the network with random weights; else full size")
    args = p.parse_args(argv)
    if args.measure and args.random_weights is None:
        p.error("--measure takes --random-weights SEED")
    if not args.measure and not (args.fasta and args.out):
        p.error("give --fasta and --out, or --measure")
    if args.config and args.random_weights is None:
        p.error("--config is of --random-weights")
    return args


def main(argv):
    args = arguments(argv)
    try:
        named = re.fullmatch(r"[\w.-]+/[\w.-]+", args.weights) and not os.path.isdir(args.weights)
        if args.random_weights is None and not named and not os.path.isfile(os.path.join(args.weights, "config.json")):
            raise Refusal(f"There are no weights in {args.weights}: mount a folder there that has config.json and "
                          "*.safetensors of facebook/esmfold_v1, or name a model of the hub.")
        if not args.measure:
            read_chains(args.fasta, args.max_length)
        try:
            import torch
            import transformers  # noqa: F401
        except ImportError as e:
            raise Refusal(f"It takes Python with torch and transformers: {e}.") from None
        if args.device == "cuda" and not torch.cuda.is_available():
            raise Refusal("There is no GPU that torch can use. On a CPU it takes hours: ask for that by --device cpu.")
        measure(args) if args.measure else predict(args)
    except Refusal as e:
        print(f"esmfold_hf: {e}", file=sys.stderr)
        return 2
    except Failure as e:
        print(f"esmfold_hf: {e}", file=sys.stderr)
        return 1
    except Exception as e:
        if out_of_memory(e):  # while the weights were loaded
            print(f"esmfold_hf: CUDA out of memory as the weights were loaded. ({e})", file=sys.stderr)
            return 1
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
