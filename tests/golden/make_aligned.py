#!/usr/bin/env python3
"""Makes tests/golden/aligned.json: small recurrent translation models over aligned sequences (Sundermeyer et al. 2014), written with
torch.nn.LSTM: a language model, the source to the left, all of the source, the same with an LSTM above, and over phrases; the output
layer is factored into classes. Of each: parameters, a batch, log-probabilities of its labels and of whole sequences, gradients of the
mean loss, and the losses of ten steps of plain gradient descent. Run by hand, with torch installed; the result is kept in the
repository."""
import json
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

SOURCES, TARGETS, FEATURES, UNITS, CLASSES, RATE, STEPS = 9, 11, 4, 5, 4, 0.5, 10
BEGIN, END, LINKED, FIRST = 0, 1, 3, 5
NETS = [
    {"kind": "lm", "sources": 0, "words": 1, "bidirectional": False, "deep": False, "history": True},
    {"kind": "left", "sources": SOURCES, "words": 1, "bidirectional": False, "deep": False, "history": True},
    {"kind": "both, without history", "sources": SOURCES, "words": 1, "bidirectional": True, "deep": False, "history": False},
    {"kind": "both", "sources": SOURCES, "words": 1, "bidirectional": True, "deep": False, "history": True},
    {"kind": "deep", "sources": SOURCES, "words": 1, "bidirectional": True, "deep": True, "history": True},
    {"kind": "phrases", "sources": SOURCES, "words": 2, "bidirectional": True, "deep": False, "history": True},
]


def run_lstm(lstm, x, lengths, reverse):
    """x (T, B, I). Padding is neither read nor written, in both directions."""
    if reverse:
        turned = torch.stack([torch.cat([x[:n, b].flip(0), x[n:, b]]) for b, n in enumerate(lengths)], 1)
        y = run_lstm(lstm, turned, lengths, False)
        return torch.stack([torch.cat([y[:n, b].flip(0), y[n:, b]]) for b, n in enumerate(lengths)], 1)
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    return pad_packed_sequence(lstm(packed)[0], total_length=x.shape[0])[0]


class Net(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.places = 1 if net["words"] == 1 else net["words"] + 1
        self.size = math.ceil(TARGETS / CLASSES)
        width = UNITS * (2 if net["bidirectional"] else 1)
        if net["sources"]:
            self.source_table = nn.Embedding(SOURCES, FEATURES)
        if net["history"]:
            self.target_table = nn.Embedding(TARGETS, FEATURES)
        self.forward_lstm = nn.LSTM(FEATURES, UNITS)
        if net["bidirectional"]:
            self.backward_lstm = nn.LSTM(FEATURES, UNITS)
        if net["deep"]:
            self.above = nn.LSTM(width, UNITS)
            width = UNITS
        if self.places > 1:
            self.places_layer = nn.Linear(width, self.places * UNITS)
            width = UNITS
        self.class_layer = nn.Linear(width, math.ceil(TARGETS / self.size))
        self.word_layer = nn.Linear(width, TARGETS)
        for p in self.parameters():
            nn.init.uniform_(p, -0.4, 0.4)

    def names(self):
        """Ours for every parameter."""
        renamed = {"forward_lstm": "forward", "backward_lstm": "backward", "places_layer": "places", "class_layer": "head.class",
                   "word_layer": "head"}
        for name, p in self.named_parameters():
            module, part = name.split(".")
            yield f"{renamed.get(module, module)}.{part}", p

    def summed(self, table, ids):
        return (table(ids.clamp(min=0)) * (ids >= 0)[..., None]).sum(2)

    def forward(self, batch):
        net, lengths = self.net, batch["lengths"]
        source = self.summed(self.source_table, batch["source"]) if net["sources"] else 0
        target = self.summed(self.target_table, batch["before"]) if net["history"] else 0
        h = run_lstm(self.forward_lstm, source + target, lengths, False)
        if net["bidirectional"]:
            h = torch.cat([h, run_lstm(self.backward_lstm, source, lengths, True)], -1)
        if net["deep"]:
            h = run_lstm(self.above, h, lengths, False)
        if self.places > 1:
            h = torch.tanh(self.places_layer(h))
        h = h.reshape(*h.shape[:2], self.places, -1)
        labels = batch["labels"].clamp(min=0)
        classes = F.log_softmax(self.class_layer(h), -1)
        scores = self.word_layer(h)
        mine = torch.arange(TARGETS) // self.size == (labels // self.size)[..., None]
        words = F.log_softmax(scores.masked_fill(~mine, -math.inf), -1)
        found = classes.gather(-1, (labels // self.size)[..., None]) + words.gather(-1, labels[..., None])
        return torch.where(batch["labels"] >= 0, found.squeeze(-1), torch.zeros(()))


def sequences_of(net):
    """Flat ids of both sides, as tasks/aligned.h has them."""
    words = net["words"]
    pairs = []
    for steps in [4, 2, 5, 3]:
        source, target = [], []
        for _ in range(steps - 1):
            read = torch.randint(FIRST, SOURCES, (int(torch.randint(1, words + 1, ())),)).tolist()
            said = torch.randint(FIRST, TARGETS, (int(torch.randint(1, words + 1, ())),)).tolist()
            source += read + [-1] * (words - len(read))
            target += said if words == 1 else said + [LINKED] + [-1] * (words - len(said))
        source += [END] + [-1] * (words - 1)
        target += [END] + [-1] * (words if words > 1 else 0)
        pairs.append((source, target))
    return pairs


def batch_of(net, pairs):
    words = net["words"]
    places = 1 if words == 1 else words + 1
    lengths = [len(source) // words for source, _ in pairs]
    t, b = max(lengths), len(pairs)
    source, before = torch.full((t, b, words), -1), torch.full((t, b, words), -1)
    labels = torch.full((t, b, places), -100)
    for row, (f, e) in enumerate(pairs):
        for i in range(lengths[row]):
            source[i, row] = torch.tensor(f[i * words : (i + 1) * words])
            said = torch.tensor(e[i * places : (i + 1) * places])
            labels[i, row] = torch.where(said >= 0, said, torch.tensor(-100))
            if i == 0:
                before[i, row, 0] = BEGIN
            else:
                before[i, row] = torch.tensor(e[(i - 1) * places : (i - 1) * places + words])
    return {"source": source, "before": before, "lengths": lengths, "labels": labels}


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def run(net):
    model, pairs = Net(net), sequences_of(net)
    batch = batch_of(net, pairs)
    found = model(batch)
    result = {**net, "steps": batch["source"].shape[0], "rows": len(pairs), "pairs": pairs, "losses": [],
              "batch": {name: torch.as_tensor(value).reshape(-1).tolist() for name, value in batch.items()},
              "parameters": {name: flat(p) for name, p in model.names()},
              "log_probs": flat(found), "scores": flat(found.sum((0, 2)))}
    for step in range(STEPS):
        loss = -model(batch).sum() / (batch["labels"] >= 0).sum()
        model.zero_grad()
        loss.backward()
        result["losses"].append(float(f"{loss.item():.9g}"))
        if step == 0:
            result["gradients"] = {name: flat(p.grad) for name, p in model.names()}
        with torch.no_grad():
            for p in model.parameters():
                p -= RATE * p.grad
    return result


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "aligned.json")
    torch.manual_seed(43)
    torch.set_num_threads(1)
    with open(target, "w") as f:
        json.dump([run(net) for net in NETS], f, separators=(",", ":"))
        f.write("\n")


main()
