#!/usr/bin/env python3
"""Makes tests/golden/rnnsearch-tiny/: Bahdanau et al.'s RNNsearch (2015, appendix A) written in PyTorch, and what it computes.

Run by hand, with torch and safetensors installed; the result is kept in the repository."""
import json
import pathlib
import sys

import pair_golden
import torch
from safetensors.torch import save_file

SOURCE, TARGET, EMBED, WIDTH, ALIGN, MAXOUT = 17, 19, 6, 8, 7, 5


def parameters():
    gates, both = 3 * WIDTH, 2 * WIDTH
    shapes = {"encoder.embed.weight": (SOURCE, EMBED)}
    for way in ("", "_reverse"):
        shapes |= {f"encoder.rnn.weight_ih_l0{way}": (gates, EMBED), f"encoder.rnn.weight_hh_l0{way}": (gates, WIDTH),
                   f"encoder.rnn.bias_ih_l0{way}": (gates,), f"encoder.rnn.bias_hh_l0{way}": (gates,)}
    shapes |= {
        "decoder.attention.key.weight": (ALIGN, both), "decoder.attention.query.weight": (ALIGN, WIDTH),
        "decoder.attention.score.weight": (1, ALIGN), "decoder.first.weight": (WIDTH, WIDTH), "decoder.first.bias": (WIDTH,),
        "decoder.embed.weight": (TARGET, EMBED), "decoder.rnn.weight_ih_l0": (gates, EMBED + both),
        "decoder.rnn.weight_hh_l0": (gates, WIDTH), "decoder.rnn.bias_ih_l0": (gates,), "decoder.rnn.bias_hh_l0": (gates,),
        "decoder.readout.weight": (2 * MAXOUT, WIDTH + EMBED + both), "decoder.readout.bias": (2 * MAXOUT,),
        "decoder.head.weight": (TARGET, MAXOUT), "decoder.head.bias": (TARGET,)}
    return {name: (torch.randn(shape) * 0.4).requires_grad_() for name, shape in shapes.items()}


def cell(p, name, way, x, h):
    """Cho et al. 2014: the reset gate inside the product."""
    w, u = p[f"{name}.weight_ih_l0{way}"], p[f"{name}.weight_hh_l0{way}"]
    a = x @ w.T + p[f"{name}.bias_ih_l0{way}"]
    b = p[f"{name}.bias_hh_l0{way}"]
    n = WIDTH
    r = torch.sigmoid(a[:, :n] + h @ u[:n].T + b[:n])
    z = torch.sigmoid(a[:, n : 2 * n] + h @ u[n : 2 * n].T + b[n : 2 * n])
    new = torch.tanh(a[:, 2 * n :] + (r * h) @ u[2 * n :].T + b[2 * n :])
    return (1 - z) * new + z * h


def annotations(p, source, lengths):
    rows = []
    for ids, length in zip(source, lengths):
        x, length = p["encoder.embed.weight"][ids], int(length)
        forward, backward, h = [], [], torch.zeros(1, WIDTH)
        for t in range(length):
            h = cell(p, "encoder.rnn", "", x[t : t + 1], h)
            forward.append(h)
        h = torch.zeros(1, WIDTH)
        for t in reversed(range(length)):
            h = cell(p, "encoder.rnn", "_reverse", x[t : t + 1], h)
            backward.insert(0, h)
        rows.append((torch.cat([torch.cat(forward), torch.cat(backward)], 1), h))
    return rows


def logits_of(p, batch):
    out = []
    for (h, first), ids in zip(annotations(p, batch["source"], batch["source_lengths"]), batch["target"]):
        keys = h @ p["decoder.attention.key.weight"].T
        s, row = torch.tanh(first @ p["decoder.first.weight"].T + p["decoder.first.bias"]), []
        for word in ids:
            e = p["decoder.embed.weight"][word][None]
            hidden = torch.tanh(keys + s @ p["decoder.attention.query.weight"].T)
            weights = torch.softmax(hidden @ p["decoder.attention.score.weight"].T, 0)
            c = (weights * h).sum(0, keepdim=True)
            t = torch.cat([s, e, c], 1) @ p["decoder.readout.weight"].T + p["decoder.readout.bias"]
            t = torch.maximum(t[:, :MAXOUT], t[:, MAXOUT:])
            row.append(t @ p["decoder.head.weight"].T + p["decoder.head.bias"])
            s = cell(p, "decoder.rnn", "", torch.cat([e, c], 1), s)
        out.append(torch.cat(row))
    return torch.stack(out)


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "rnnsearch-tiny")
    target.mkdir(exist_ok=True)
    torch.manual_seed(22)
    torch.set_num_threads(1)
    p = parameters()
    save_file({name: value.detach().clone() for name, value in p.items()}, target / "model.safetensors")
    config = {"architectures": ["RNNSearch"], "model_type": "rnnsearch", "vocab_size": SOURCE, "decoder_vocab_size": TARGET,
              "max_position_embeddings": 16, "embedding_size": EMBED, "hidden_size": WIDTH, "attention_size": ALIGN,
              "maxout_size": MAXOUT, "dropout": 0.0, "cell": "gru-before", "score": "additive", "normaliser": "softmax"}
    (target / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    batch = pair_golden.random_batch(SOURCE, TARGET, [7, 4, 6], [5, 11, 3])
    pair_golden.write(target, batch, lambda b: logits_of(p, b), p)


if __name__ == "__main__":
    main()
