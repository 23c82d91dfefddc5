#!/usr/bin/env python3
"""Makes tests/golden/rctm/: small recurrent continuous translation models and what PyTorch computes with them in double
precision.

The network is written here sentence by sentence, with grouped one-dimensional convolutions, without padding or masks. Of
each net: weights, one batch of sources and targets of different lengths, scores, gradients of the mean loss, ten updates
of AdamW with clipping. Run by hand, with torch and safetensors installed; the result is kept in the repository.
"""
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
SOURCE, TARGET, STEPS, CONTEXT = 13, 11, 10, 7
LR, CLIP, DECAY = 0.02, 0.7, 0.1
SOURCE_LENGTHS, TARGET_LENGTHS = [7, 2, 5, 1], [6, 3, 1, 4]
NETS = {
    "sentence": dict(source="sentence", width=6, classes=0),
    "ngrams": dict(source="ngrams", width=5, classes=3),
    "bigrams": dict(source="ngrams", width=4, classes=6, levels=1),
    "none": dict(source="none", width=6, classes=2),
}


def flat(tensor):
    return [float("%.9g" % x) for x in tensor.detach().reshape(-1).tolist()]


def split(vocabulary, classes):
    wanted = min(classes or math.ceil(math.sqrt(vocabulary)), vocabulary)
    size = math.ceil(vocabulary / wanted)
    return math.ceil(vocabulary / size), size


def removed(size):
    """Columns that kernels of 2 to size - 1 columns take away."""
    return sum(i - 1 for i in range(2, size))


def largest_top(n):
    size = 2
    while removed(size) + size < n:
        size += 1
    return size


def make_weights(o):
    n, levels = o["width"], o.get("levels", 2)
    classes, _ = split(TARGET, o["classes"])
    shapes = {"target.embed.weight": (TARGET, n), "head.weight": (TARGET, n), "head.bias": (TARGET,),
              "head.class.weight": (classes, n), "head.class.bias": (classes,)}
    inputs = n if o["source"] == "none" else 2 * n
    shapes.update({"rnn.weight_ih_l0": (n, inputs), "rnn.weight_hh_l0": (n, n), "rnn.bias_ih_l0": (n,),
                   "rnn.bias_hh_l0": (n,)})
    if o["source"] != "none":
        shapes["source.embed.weight"] = (SOURCE, n)
    if o["source"] == "sentence":
        most = largest_top(CONTEXT)
        shapes["source.top.weight"] = (most, most, n)
        for size in range(2, most):
            shapes["source.kernel.%d.weight" % size] = (size, n)
    if o["source"] == "ngrams":
        for size in range(2, levels + 2):
            shapes["source.kernel.%d.weight" % size] = shapes["target.kernel.%d.weight" % size] = (size, n)
        shapes.update({"transfer.weight": (n, n), "transfer.bias": (n,), "length.weight": (CONTEXT + 1, 1)})
    weights = {k: torch.randn(v) * 0.6 for k, v in sorted(shapes.items())}
    if o["source"] == "ngrams":  # the likely lengths are those of the batch, so that steps can be compared
        weights["length.weight"] = torch.randn(CONTEXT + 1, 1) * 0.1
        for k, m in zip(SOURCE_LENGTHS, TARGET_LENGTHS):
            weights["length.weight"][k] = math.log((m - 0.5) / k)
    return weights


def convolve(columns, kernel, transposed=False):
    """columns (N, C), kernel (size, C): a convolution for every feature."""
    x, k = columns.t().unsqueeze(0), kernel.t().unsqueeze(1)
    f = F.conv_transpose1d if transposed else F.conv1d
    return torch.tanh(f(x, k, groups=k.shape[0]))[0].t()


def sentence_vector(w, x):
    size = 2
    while len(x) > size:
        x = convolve(x, w["source.kernel.%d.weight" % size])
        size += 1
    return torch.tanh((x * w["source.top.weight"][len(x) - 1, :len(x)]).sum(0))


def word_vectors(w, x, m, levels):
    g = 1 + levels * (levels + 1) // 2
    if len(x) < g:
        x = torch.cat([x, torch.zeros(g - len(x), x.shape[1], dtype=x.dtype)])
    for size in range(2, levels + 2):
        x = convolve(x, w["source.kernel.%d.weight" % size])
    x = torch.tanh(x @ w["transfer.weight"].t() + w["transfer.bias"])
    wide = max(m - g + 1, 1)
    x = F.interpolate(x.t().unsqueeze(0), size=wide, mode="linear", align_corners=False)[0].t()
    for size in range(levels + 1, 1, -1):
        x = convolve(x, w["target.kernel.%d.weight" % size], transposed=True)
    return x


def log_probs(w, h, o):
    classes, size = split(TARGET, o["classes"])
    of_class = F.log_softmax(h @ w["head.class.weight"].t() + w["head.class.bias"], -1)
    parts = []
    for c in range(classes):
        members = slice(c * size, min((c + 1) * size, TARGET))
        z = h @ w["head.weight"][members].t() + w["head.bias"][members]
        parts.append(F.log_softmax(z, -1) + of_class[:, c:c + 1])
    return torch.cat(parts, -1)


def run(w, o, batch):
    """The mean loss over target words and ends, and log-probabilities of all words at all places."""
    source, target, labels = batch
    total, count, scores = 0, 0, []
    for row in range(len(source)):
        k, m = SOURCE_LENGTHS[row], TARGET_LENGTHS[row]
        e = w["target.embed.weight"][target[row]]
        x = None if o["source"] == "none" else w["source.embed.weight"][source[row, :k]]
        if o["source"] == "sentence":
            e = torch.cat([e, sentence_vector(w, x).expand(len(e), -1)], 1)
        if o["source"] == "ngrams":
            s = word_vectors(w, x, m, o.get("levels", 2))[:len(e)]
            e = torch.cat([e, torch.cat([s, torch.zeros(len(e) - len(s), s.shape[1], dtype=s.dtype)])], 1)
            mean = k * torch.exp(w["length.weight"][k, 0])
            total = total - ((m - 1) * torch.log(mean) - mean - math.lgamma(m))
        h, states = torch.zeros(o["width"], dtype=e.dtype), []
        for t in range(len(e)):
            h = torch.tanh(w["rnn.weight_ih_l0"] @ e[t] + w["rnn.bias_ih_l0"] + w["rnn.weight_hh_l0"] @ h +
                           w["rnn.bias_hh_l0"])
            states.append(h)
        p = log_probs(w, torch.stack(states), o)
        scores.append(p)
        for t in range(m):
            total = total - p[t, labels[row, t]]
            count += 1
    return total / count, scores


def make(o, batch, path):
    weights = make_weights(o)
    save_file({k: v.contiguous() for k, v in weights.items()}, path)
    w = {k: v.double().requires_grad_() for k, v in weights.items()}
    loss, scores = run(w, o, batch)
    loss.backward()
    gradients = {k: flat(p.grad) for k, p in w.items()}
    plain = [p for k, p in w.items() if p.dim() == 1 or k == "length.weight"]
    decays = [p for p in w.values() if not any(p is q for q in plain)]
    groups = [{"params": decays, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.99), eps=1e-8)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        step_loss, _ = run(w, o, batch)
        step_loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), CLIP)
        optimizer.step()
        losses.append(float(step_loss.detach()))
    return {"settings": ["model.context=%d" % CONTEXT] + ["model.%s=%s" % (k, v) for k, v in o.items()],
            "logits": flat(torch.stack(scores)), "loss": float(loss.detach()), "gradients": gradients, "losses": losses}


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "rctm"
    directory.mkdir(exist_ok=True)
    torch.manual_seed(11)
    torch.set_num_threads(1)
    rows = len(SOURCE_LENGTHS)
    source, target = torch.full((rows, max(SOURCE_LENGTHS)), 1), torch.full((rows, max(TARGET_LENGTHS)), 1)
    labels = torch.full(target.shape, -100)
    for row in range(rows):
        k, m = SOURCE_LENGTHS[row], TARGET_LENGTHS[row]
        source[row, :k - 1] = torch.randint(4, SOURCE, (k - 1,))
        source[row, k - 1] = 2
        words = torch.randint(4, TARGET, (m - 1,))
        target[row, 0], target[row, 1:m] = 0, words
        labels[row, :m - 1], labels[row, m - 1] = words, 2
    expected = {"source_vocabulary": SOURCE, "vocabulary": TARGET, "smoothing": 0.0, "lr": LR, "clip": CLIP,
                "decay": DECAY, "source": source.tolist(), "source_lengths": SOURCE_LENGTHS, "target": target.tolist(),
                "target_lengths": TARGET_LENGTHS, "labels": labels.tolist(),
                "nets": {name: make(o, (source, target, labels), directory / (name + ".safetensors"))
                         for name, o in NETS.items()}}
    (directory / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
