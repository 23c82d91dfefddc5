#!/usr/bin/env python3
"""Makes tests/golden/direct-hmm-zero/ and direct-hmm-first/: the direct hidden Markov model (Wang et al. 2018, 2021) written in
PyTorch the long way, with a softmax over the vocabulary for every pair of a target and a source position, and what it computes.

Run by hand, with torch and safetensors installed; the result is kept in the repository."""
import json
import math
import pathlib
import sys

import pair_golden
import torch
from safetensors.torch import save_file

SOURCE, TARGET, WIDTH, HEADS, INNER, LAYERS, JUMP, SMOOTHING = 13, 15, 8, 2, 10, 2, 2, 0.1


def parameters(first, cross):
    shapes = {"model.encoder.embed_tokens.weight": (SOURCE, WIDTH), "model.decoder.embed_tokens.weight": (TARGET, WIDTH)}

    def norm(name):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (WIDTH,), (WIDTH,)

    def dense(name, inputs, outputs, bias=True):
        shapes[f"{name}.weight"] = (outputs, inputs)
        if bias:
            shapes[f"{name}.bias"] = (outputs,)

    for side in ("encoder", "decoder"):
        for i in range(LAYERS):
            layer = f"model.{side}.layers.{i}"
            for kind in ["self_attn"] + ["encoder_attn"] * (side == "decoder" and i < cross):
                for part in "qkv":
                    dense(f"{layer}.{kind}.{part}_proj", WIDTH, WIDTH)
                dense(f"{layer}.{kind}.out_proj", WIDTH, WIDTH)
                norm(f"{layer}.{kind}_layer_norm")
            dense(f"{layer}.fc1", WIDTH, INNER)
            dense(f"{layer}.fc2", INNER, WIDTH)
            norm(f"{layer}.final_layer_norm")
    dense("hmm.lexicon", WIDTH, WIDTH)
    dense("hmm.key", WIDTH, WIDTH, bias=False)
    dense("hmm.query", WIDTH, WIDTH)
    if first:
        dense("hmm.past", WIDTH, WIDTH, bias=False)
        dense("hmm.mix", WIDTH, WIDTH, bias=False)
        shapes["hmm.begin"], shapes["hmm.jump.weight"] = (WIDTH,), (2 * JUMP + 1, 1)
    values = {}
    for name, shape in shapes.items():
        value = torch.randn(shape) * 0.4
        values[name] = (value + 1 if name.endswith("norm.weight") else value).requires_grad_()
    return values


def dense(p, name, x):
    y = x @ p[f"{name}.weight"].T
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def norm(p, name, x):
    return torch.nn.functional.layer_norm(x, (WIDTH,), p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)


def attend(p, name, x, y, mask):
    """x (T, C) looks at y (S, C); mask (T, S): where it may not."""
    n = WIDTH // HEADS
    q, k, v = (dense(p, f"{name}.{part}_proj", z).view(-1, HEADS, n).transpose(0, 1)
               for part, z in (("q", x), ("k", y), ("v", y)))
    scores = (q @ k.transpose(1, 2) / math.sqrt(n)).masked_fill(mask, -math.inf)
    return dense(p, f"{name}.out_proj", (scores.softmax(-1) @ v).transpose(0, 1).reshape(-1, WIDTH))


def embed(p, side, ids):
    angles = torch.arange(len(ids))[:, None] / 10000 ** (2 * torch.arange(WIDTH // 2) / WIDTH)
    places = torch.cat([angles.sin(), angles.cos()], 1)
    return p[f"model.{side}.embed_tokens.weight"][ids] * math.sqrt(WIDTH) + places


def stack(p, side, x, memory, cross):
    causal = torch.ones(len(x), len(x)).triu(1).bool() if side == "decoder" else torch.zeros(len(x), len(x)).bool()
    for i in range(LAYERS):
        layer = f"model.{side}.layers.{i}"
        x = norm(p, f"{layer}.self_attn_layer_norm", x + attend(p, f"{layer}.self_attn", x, x, causal))
        if i < cross:
            seen = torch.zeros(len(x), len(memory)).bool()
            x = norm(p, f"{layer}.encoder_attn_layer_norm", x + attend(p, f"{layer}.encoder_attn", x, memory, seen))
        x = norm(p, f"{layer}.final_layer_norm", x + dense(p, f"{layer}.fc2", dense(p, f"{layer}.fc1", x).relu()))
    return x


def tables(p, source, target, first, cross):
    """Of one pair: log p(word | i, j) (T, S, V) and log p(j | i) (T, S) or log p(j | i, j') (T, S', S), log p(j_1) (S)."""
    h = stack(p, "encoder", embed(p, "encoder", source), None, 0)
    s = stack(p, "decoder", embed(p, "decoder", target), h, cross)
    both = s[:, None] + dense(p, "hmm.lexicon", h)[None]
    lexicon = (both @ p["model.decoder.embed_tokens.weight"].T).log_softmax(-1)
    keys, query = dense(p, "hmm.key", h) / math.sqrt(WIDTH), dense(p, "hmm.query", s)
    if not first:
        return lexicon, (query @ keys.T).log_softmax(-1), None
    asked = torch.tanh(query[:, None] + dense(p, "hmm.past", h)[None])
    at = torch.arange(len(h))
    jumps = p["hmm.jump.weight"][(at[:, None] - at[None]).clamp(-JUMP, JUMP) + JUMP, 0]
    moves = (dense(p, "hmm.mix", asked) @ keys.T + jumps).log_softmax(-1)
    start = (dense(p, "hmm.mix", torch.tanh(query[0] + p["hmm.begin"])) @ keys.T).log_softmax(-1)
    return lexicon, moves, start


def forward(lexicon, moves, start, labels):
    """log p(word | words before) (T, V), and the sum with smoothed labels."""
    rows, total, alpha, beta = [], 0, None, None  # beta: alpha with smoothed words
    smoothed = torch.stack([(1 - SMOOTHING) * x[:, y] + SMOOTHING * x.mean(-1) for x, y in zip(lexicon, labels)])
    for i, word in enumerate(labels):
        if start is None:
            prior = moves[i]
            total = total + (prior + smoothed[i]).logsumexp(-1)
        else:
            prior = start if i == 0 else (alpha.log_softmax(-1)[:, None] + moves[i]).logsumexp(0)
            alpha = prior + lexicon[i, :, word]
            beta = (start if i == 0 else (beta[:, None] + moves[i]).logsumexp(0)) + smoothed[i]
        rows.append((prior[:, None] + lexicon[i]).logsumexp(0))
    return torch.stack(rows), total if start is None else beta.logsumexp(0)


def sentences(p, batch, first, cross):
    for source, n, target, m, labels in zip(*(batch[k] for k in ("source", "source_lengths", "target", "target_lengths",
                                                                 "labels"))):
        yield forward(*tables(p, source[:n], target[:m], first, cross), labels[:m])


def logits_of(p, batch, first, cross):
    width = batch["target"].shape[1]
    rows = [torch.nn.functional.pad(r, (0, 0, 0, width - len(r))) for r, _ in sentences(p, batch, first, cross)]
    return torch.stack(rows)


def loss_of(p, batch, first, cross):
    return -sum(total for _, total in sentences(p, batch, first, cross)) / (batch["labels"] >= 0).sum()


def make(target, first, cross):
    target.mkdir(exist_ok=True)
    torch.manual_seed(23 + first)
    p = parameters(first, cross)
    save_file({name: value.detach().clone() for name, value in p.items()}, target / "model.safetensors")
    config = {"architectures": ["DirectHMM"], "model_type": "direct-hmm", "vocab_size": SOURCE, "decoder_vocab_size": TARGET,
              "max_position_embeddings": 16, "encoder_layers": LAYERS, "decoder_layers": LAYERS, "d_model": WIDTH,
              "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS, "encoder_ffn_dim": INNER,
              "decoder_ffn_dim": INNER, "dropout": 0.0, "activation_function": "relu",
              "share_encoder_decoder_embeddings": False, "scale_embedding": True,
              "alignment_order": "first" if first else "zero", "cross_attention_layers": cross, "max_jump": JUMP}
    (target / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    batch = pair_golden.random_batch(SOURCE, TARGET, [6, 3, 5], [4, 7, 3])
    pair_golden.write(target, batch, lambda b: logits_of(p, b, first, cross), p,
                      own_loss=lambda b: loss_of(p, b, first, cross), smoothing=SMOOTHING)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)
    make(root / "direct-hmm-zero", False, 0)
    make(root / "direct-hmm-first", True, 1)


if __name__ == "__main__":
    main()
