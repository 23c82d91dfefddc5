#!/usr/bin/env python3
"""Makes tests/golden/char_rnn.json: small recurrent language models trained by truncated backpropagation through time.

RNN, GRU and LSTM are torch.nn's; the LSTM with peepholes (Gers et al. 2002) and the augmented LSTM (Sherstinsky 2020: external
input gate, window of inputs, projection) are written here from their equations. Of each: parameters, logits and gradients of the
first piece, the losses of ten pieces read one after the other with plain gradient descent and carried states, and the last states.
Run by hand, with torch installed; the result is kept in the repository."""
import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

V, FEATURES, UNITS, PROJECTION, WINDOW, T, B, PIECES, RATE = 9, 4, 6, 4, 3, 5, 3, 10, 0.5
KINDS = ["rnn", "gru", "lstm", "peepholes", "augmented"]


class Written(nn.Module):
    """An LSTM with peepholes, gates i, f, g, o and, if augmented, the external input gate x; parameters as torch.nn.LSTM's."""

    def __init__(self, augmented):
        super().__init__()
        self.augmented = augmented
        self.window = WINDOW if augmented else 1
        gates, out = (5, PROJECTION) if augmented else (4, UNITS)
        self.weight_ih_l0 = nn.Parameter(torch.empty(gates * UNITS, self.window * FEATURES))
        self.weight_hh_l0 = nn.Parameter(torch.empty(gates * UNITS, out))
        self.bias_ih_l0 = nn.Parameter(torch.empty(gates * UNITS))
        self.bias_hh_l0 = nn.Parameter(torch.empty(gates * UNITS))
        self.peephole_l0 = nn.Parameter(torch.empty(gates - 1, UNITS))
        self.weight_hr_l0 = nn.Parameter(torch.empty(PROJECTION, UNITS)) if augmented else None
        for p in self.parameters():
            nn.init.uniform_(p, -0.4, 0.4)

    def forward(self, x, state):
        h, c = state[0][0], state[1][0]
        outputs = []
        for t in range(x.shape[0] - self.window + 1):
            seen = torch.cat([x[t + i] for i in range(self.window)], -1)
            fed = F.linear(h, self.weight_hh_l0, self.bias_ih_l0 + self.bias_hh_l0).chunk(5 if self.augmented else 4, -1)
            new = F.linear(seen, self.weight_ih_l0).chunk(5 if self.augmented else 4, -1)
            i = torch.sigmoid(new[0] + fed[0] + self.peephole_l0[0] * c)
            f = torch.sigmoid(new[1] + fed[1] + self.peephole_l0[1] * c)
            gate = torch.sigmoid(new[4] + fed[4] + self.peephole_l0[3] * c) if self.augmented else 1
            g = torch.tanh(gate * new[2] + fed[2])
            c = f * c + i * g
            h = torch.sigmoid(new[3] + fed[3] + self.peephole_l0[2] * c) * torch.tanh(c)
            if self.augmented:
                h = F.linear(h, self.weight_hr_l0)
            outputs.append(h)
        return torch.stack(outputs), (h[None], c[None])


def layer_of(kind):
    if kind in ("peepholes", "augmented"):
        return Written(kind == "augmented")
    return {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](FEATURES, UNITS)


class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.table = nn.Embedding(V, FEATURES)
        self.rnn = layer_of(kind)
        self.head = nn.Linear(PROJECTION if kind == "augmented" else UNITS, V)

    def forward(self, ids, state):
        y, state = self.rnn(self.table(ids), state)
        return self.head(y), state


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def run(kind):
    model, ahead = Model(kind), WINDOW - 1 if kind == "augmented" else 0
    ids = torch.randint(V, (B * T * PIECES + 1 + ahead,))
    rows = [ids[r * T * PIECES :] for r in range(B)]
    out = PROJECTION if kind == "augmented" else UNITS
    state = torch.zeros(1, B, out)
    if kind not in ("rnn", "gru"):
        state = (state, torch.zeros(1, B, UNITS))
    result = {"kind": kind, "ids": ids.tolist(), "losses": [],
              "parameters": {name: flat(p) for name, p in model.named_parameters()}}
    for piece in range(PIECES):
        at = piece * T
        seen = torch.stack([row[at : at + T + ahead] for row in rows], 1)
        labels = torch.stack([row[at + 1 + ahead : at + 1 + ahead + T] for row in rows], 1)
        logits, state = model(seen, state)
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        loss = F.cross_entropy(logits.reshape(-1, V), labels.reshape(-1))
        model.zero_grad()
        loss.backward()
        result["losses"].append(float(f"{loss.item():.9g}"))
        if piece == 0:
            result["logits"] = flat(logits)
            result["gradients"] = {name: flat(p.grad) for name, p in model.named_parameters()}
        with torch.no_grad():
            for p in model.parameters():
                p -= RATE * p.grad
    result["states"] = flat(torch.cat([s.reshape(-1) for s in state])) if isinstance(state, tuple) else flat(state)
    return result


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "char_rnn.json")
    torch.manual_seed(37)
    torch.set_num_threads(1)
    with open(target, "w") as f:
        json.dump([run(kind) for kind in KINDS], f, separators=(",", ":"))
        f.write("\n")


main()
