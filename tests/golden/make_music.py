#!/usr/bin/env python3
"""Makes tests/golden/music.json: recurrent nets over piano rolls as PyTorch computes them in double precision.

For tanh, LSTM and GRU units: weights, a padded batch of two pieces, logits, the mean loss a frame, all gradients, and
ten updates of RMSProp with clipping. The network is the class of bench/twins/gru-music.py. Run by hand, with torch
installed; the result is kept in the repository."""
import importlib.util
import json
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("twin", HERE.parents[1] / "bench" / "twins" / "gru-music.py")
twin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(twin)

UNITS, LENGTHS, STEPS, RATE, DECAY, EPS, CLIP = 3, [5, 3], 10, 0.02, 0.9, 1e-5, 1.0


def flat(tensor):
    return [float("%.8g" % x) for x in tensor.detach().reshape(-1).tolist()]


def run(cell, frames, lengths):
    model = twin.MusicRNN(cell, UNITS)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(flat(p)).reshape(p.shape))  # the very values of the file
    model = model.double()
    result = {"cell": cell, "parameters": {k: flat(v) for k, v in model.named_parameters()}}
    before = torch.cat([torch.zeros_like(frames[:1]), frames[:-1]])
    result["logits"] = flat(torch.cat([model(before, lengths)[:n, i] for i, n in enumerate(lengths.tolist())]))
    loss = twin.frame_sum(model, frames, lengths) / lengths.sum()
    loss.backward()
    result["gradients"] = {k: flat(p.grad) for k, p in model.named_parameters()}
    optimizer = torch.optim.RMSprop(model.parameters(), lr=RATE, alpha=DECAY, eps=EPS)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = twin.frame_sum(model, frames, lengths) / lengths.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(float("%.12g" % loss.item()))
    result["losses"] = losses
    return result


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "music.json"
    torch.manual_seed(11)
    torch.set_num_threads(1)
    lengths = torch.tensor(LENGTHS)
    pieces = [(torch.rand(n, twin.NOTES) < 0.1).double() for n in LENGTHS]
    frames = torch.nn.utils.rnn.pad_sequence(pieces)
    result = {"units": UNITS, "rate": RATE, "decay": DECAY, "eps": EPS, "clip": CLIP,
              "pieces": [[[i for i, x in enumerate(row) if x] for row in piece.tolist()] for piece in pieces],
              "nets": [run(cell, frames, lengths) for cell in ("tanh", "lstm", "gru")]}
    with open(target, "w") as f:
        json.dump(result, f, separators=(",", ":"))
        f.write("\n")


main()
