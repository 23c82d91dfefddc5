#!/usr/bin/env python3
"""Loads a model directory that rapt saved with transformers and compares logits. Run by hand:

    check_transformers.py DIRECTORY ID...           prints the logits of the last position, best first
    check_transformers.py DIRECTORY --logits FILE   compares with a JSON file {"ids": [...], "logits": [...]}
    check_transformers.py DIRECTORY --like OTHER    compares with another directory on random tokens

The golden tests save what they loaded into the folder RAPT_SAVED, for the last form.
Needs torch and transformers."""
import argparse
import json
import pathlib
import sys

import torch
import transformers

TOLERANCE = 1e-4


def load(directory):
    """By the class that config.json names, which may be missing no tensor and find none that it does not know."""
    name = json.loads((directory / "config.json").read_text(encoding="utf-8"))["architectures"][0]
    model, info = getattr(transformers, name).from_pretrained(directory, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        names = [str(name) for name in info.get(kind, ()) if str(name) != "lm_head.weight"]
        if names:
            sys.exit(f"{directory}: {kind.replace('_', ' ')}: {', '.join(sorted(names))}")
    return model.eval()


def logits_of(model, ids):
    """Logits, or an encoder's states; a sequence-to-sequence model gets the ids on both sides."""
    rows = torch.tensor(ids).reshape(-1, len(ids[0]) if isinstance(ids[0], list) else len(ids))
    more = {"decoder_input_ids": rows.flip(1)} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        out = model(rows, **more)
    return out.logits if "logits" in out else out.last_hidden_state


def compare(got, want):
    if got.numel() != want.numel():
        sys.exit(f"{want.numel()} logits expected, {got.numel()} computed")
    difference = (got.reshape(-1) - want.reshape(-1)).abs().max().item()
    print(f"{got.numel()} logits, largest difference {difference:.3g}")
    if not difference <= TOLERANCE:
        sys.exit(f"more than {TOLERANCE}")


def main():
    parser = argparse.ArgumentParser(description="Compare a saved model with transformers.")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("ids", type=int, nargs="*")
    parser.add_argument("--logits", type=pathlib.Path)
    parser.add_argument("--like", type=pathlib.Path)
    arguments = parser.parse_args()
    model = load(arguments.directory)
    if arguments.logits:
        data = json.loads(arguments.logits.read_text(encoding="utf-8"))
        compare(logits_of(model, data["ids"]), torch.tensor(data["logits"]))
    elif arguments.like:
        torch.manual_seed(0)
        ids = torch.randint(0, model.config.vocab_size, (4, min(getattr(model.config, "max_position_embeddings", 16), 64))).tolist()
        compare(logits_of(model, ids), logits_of(load(arguments.like), ids))
    elif arguments.ids:
        best = logits_of(model, arguments.ids)[0, -1].sort(descending=True)
        for value, token in list(zip(best.values.tolist(), best.indices.tolist()))[:10]:
            print(f"{token:6d} {value:.6f}")
    else:
        parser.error("give token ids, --logits or --like")


if __name__ == "__main__":
    main()
