#!/usr/bin/env python3
"""Makes tests/golden/recurrent.json: outputs, last states and all gradients of torch.nn.LSTM, GRU and RNN.

Run by hand, with torch installed; the result is kept in the repository."""
import json
import pathlib
import sys

import torch

T, I, H = 5, 3, 4
# name, class, cell, layers, bidirectional, rows, lengths, keyword arguments
CASES = [
    ("lstm", torch.nn.LSTM, "lstm", 2, True, 5, [5, 2, 4, 1, 3], {}),
    ("gru", torch.nn.GRU, "gru", 2, True, 5, [3, 5, 1, 4, 4], {}),
    ("rnn_tanh", torch.nn.RNN, "rnn_tanh", 2, True, 5, [3, 5, 1, 4, 4], {}),
    ("rnn_relu", torch.nn.RNN, "rnn_relu", 2, False, 5, None, {"nonlinearity": "relu"}),
    ("lstm_projected", torch.nn.LSTM, "lstm", 2, True, 5, [5, 2, 4, 1, 3], {"proj_size": 3}),
    ("lstm_one_row", torch.nn.LSTM, "lstm", 1, False, 1, None, {}),
    ("gru_two_rows", torch.nn.GRU, "gru", 2, True, 2, [2, 5], {}),
    ("gru_without_bias", torch.nn.GRU, "gru", 1, False, 7, None, {"bias": False}),
]


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def run(name, make, cell, layers, both, rows, lengths, extra):
    net = make(I, H, num_layers=layers, bidirectional=both, **extra)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(2)
    stacked, width = layers * (2 if both else 1), extra.get("proj_size", H)
    x = torch.randn(T, rows, I, requires_grad=True)
    states = [torch.randn(stacked, rows, width, requires_grad=True)]
    if cell == "lstm":
        states.append(torch.randn(stacked, rows, H, requires_grad=True))
    initial = tuple(states) if cell == "lstm" else states[0]
    fed = x
    if lengths:
        fed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, last = net(fed, initial)
    if lengths:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=T)
    outputs = {"y": y, "h_n": last[0] if cell == "lstm" else last}
    if cell == "lstm":
        outputs["c_n"] = last[1]
    weights = {key: torch.randn_like(value) for key, value in outputs.items()}
    sum((outputs[key] * weights[key]).sum() for key in outputs).backward()
    inputs = dict(zip(("x", "h0", "c0"), [x] + states))
    result = {"name": name, "cell": cell, "steps": T, "rows": rows, "inputs": I, "units": H, "layers": layers,
              "bidirectional": both, "projection": extra.get("proj_size", 0), "bias": extra.get("bias", True)}
    if lengths:
        result["lengths"] = lengths
    result["given"] = {key: flat(value) for key, value in inputs.items()}
    result["parameters"] = {key: flat(value) for key, value in net.named_parameters()}
    result["outputs"] = {key: flat(value) for key, value in outputs.items()}
    result["weights"] = {key: flat(value) for key, value in weights.items()}
    result["gradients"] = {key: flat(value.grad) for key, value in inputs.items()}
    result["gradients"].update({key: flat(value.grad) for key, value in net.named_parameters()})
    return result


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "recurrent.json")
    torch.manual_seed(57)
    torch.set_num_threads(1)
    with open(target, "w") as f:
        json.dump([run(*case) for case in CASES], f, separators=(",", ":"))
        f.write("\n")


main()
