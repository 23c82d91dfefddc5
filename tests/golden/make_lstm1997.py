#!/usr/bin/env python3
"""Makes tests/golden/lstm1997.json: the net of 1997 by PyTorch's automatic differentiation, on line, in double precision.

Truncation is detach() on what gates and cells see of the step before. Weights change inside a sequence, as in the paper: every step
reads a copy of the weights of its own, and the change after step t is the sum of the gradients of E(t) with respect to all copies
so far. Run by hand, with torch installed; the result is kept in the repository."""
import json
import math
import pathlib
import sys

import torch

torch.set_default_dtype(torch.float64)
# name, inputs, outputs, blocks, cells of a block, gates seen, all biases, shortcuts, entropy, steps with a target (None: all)
CASES = [
    ("pairs", 7, 7, 3, 2, True, False, False, False, None),
    ("singles", 7, 7, 4, 1, True, False, False, False, None),
    ("all_biases", 2, 1, 2, 2, True, True, False, False, [11]),
    ("cells_alone", 3, 2, 2, 2, False, True, False, False, [4, 11]),
    ("shortcuts", 7, 7, 3, 2, False, True, True, True, None),
]
STEPS, SEQUENCES, RATE = 12, 10, 0.5


def first_weight(i):
    """What test and this script both fill weights with."""
    return 0.6 * math.sin(1.7 * i + 0.3)


def inputs_of(sequence, t, count):
    return [math.sin(0.9 * (sequence * STEPS + t) + 2.1 * k) if (sequence + t + k) % 3 else 0.0 for k in range(count)]


def targets_of(sequence, t, count):
    return [0.5 + 0.5 * math.cos(1.3 * (sequence * STEPS + t) + k) for k in range(count)]


def run(name, inputs, outputs, blocks, cells, gates_seen, all_biases, shortcuts, entropy, taught):
    size = 2 + cells
    units, fed = blocks * size, blocks * size if gates_seen else blocks * cells
    row = 1 + fed + inputs
    seen = 1 + blocks * cells + (inputs if shortcuts else 0)
    is_cell = [u % size >= 2 for u in range(units)]
    cell_rows = [u for u in range(units) if is_cell[u]]
    w = torch.tensor([first_weight(i) for i in range(units * row)]).view(units, row)
    v = torch.tensor([first_weight(1000 + i) for i in range(outputs * seen)]).view(outputs, -1)
    learnt_w, learnt_v = torch.ones_like(w), torch.ones_like(v)
    if not all_biases:
        for u in cell_rows:
            learnt_w[u, 0] = 0
        learnt_v[:, 0] = 0
        w, v = w * learnt_w, v * learnt_v
    losses, first = [], []
    for n in range(SEQUENCES):
        y, s, copies, loss = torch.zeros(units), torch.zeros(blocks, cells), [], 0.0
        for t in range(STEPS):
            wt, vt = w.clone().requires_grad_(), v.clone().requires_grad_()
            copies.append(wt)
            x = torch.tensor(inputs_of(n, t, inputs))
            before = y.detach() if gates_seen else y.detach()[cell_rows]
            net = (wt @ torch.cat([torch.ones(1), before, x])).view(blocks, size)
            gate_in, gate_out = torch.sigmoid(net[:, 0:1]), torch.sigmoid(net[:, 1:2])
            s = s + gate_in * (4 * torch.sigmoid(net[:, 2:]) - 2)
            cell = gate_out * (2 * torch.sigmoid(s) - 1)
            y = torch.cat([gate_in, gate_out, cell], 1).flatten()
            out = torch.sigmoid(vt @ torch.cat([torch.ones(1), cell.flatten()] + ([x] if shortcuts else [])))
            if taught is not None and t not in taught:
                continue
            target = torch.tensor(targets_of(n, t, outputs))
            if entropy:
                error = torch.nn.functional.binary_cross_entropy(out, target, reduction="sum")
            else:
                error = 0.5 * ((target - out) ** 2).sum()
            loss += error.item()
            grads = torch.autograd.grad(error, copies + [vt], retain_graph=True)
            w = w - RATE * sum(grads[:-1]) * learnt_w
            v = v - RATE * grads[-1] * learnt_v
            if n == 0:
                first.append(out.tolist())
        losses.append(loss)
    return {"name": name, "inputs": inputs, "outputs": outputs, "blocks": blocks, "cells": cells,
            "gates_seen": gates_seen, "all_biases": all_biases, "shortcuts": shortcuts, "entropy": entropy,
            "taught": taught or list(range(STEPS)),
            "first_outputs": first, "losses": losses, "weights": w.flatten().tolist(), "outward": v.flatten().tolist()}


def main():
    to = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("lstm1997.json"))
    cases = ",\n".join(json.dumps(run(*case)) for case in CASES)
    to.write_text(f'{{"torch": "{torch.__version__}", "steps": {STEPS}, "rate": {RATE}, "cases": [\n{cases}\n]}}\n')


main()
