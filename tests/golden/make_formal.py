#!/usr/bin/env python3
"""Writes tests/golden/formal.json: PyTorch's answers, in double precision, to what the formal algorithms compute.

usage: make_formal.py [OUT]

Parts: scaled_dot_product_attention, MultiheadAttention, layer_norm, TransformerEncoderLayer with ReLU and GELU. Whole
models: the encoder-decoder, BERT's and GPT's kind, each with the loss of its training algorithm and the gradient of every
parameter by autograd. A model's parameters are one list in the order of src/explain/formal/params.c, drawn here and
written out.
"""
import json
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
RANDOM = np.random.default_rng(20220719)

D_E, HEADS, D_MLP, D_F, VOCAB, MAX_LENGTH = 4, 2, 5, 3, 7, 6
Z_IDS, X_IDS = [3, 0, 6, 3], [1, 4, 2, 4, 5]
MASK = 6
MASKED_IDS = [1, MASK, 2, 4, MASK]


class Parameters:
    """The list, handed out piece by piece in the order of the walk."""

    def __init__(self):
        self.pieces = []

    def take(self, *shape):
        value = torch.tensor(RANDOM.normal(0, 0.5, shape), requires_grad=True)
        self.pieces.append(value)
        return value

    def norm(self, size):
        return self.take(size), self.take(size)

    def attention(self):
        size = D_E // HEADS
        heads = [[self.take(size, D_E) if i % 2 == 0 else self.take(size) for i in range(6)] for _ in range(HEADS)]
        return heads, self.take(D_E, D_E), self.take(D_E)

    def mlp(self):
        return self.take(D_MLP, D_E), self.take(D_MLP), self.take(D_E, D_MLP), self.take(D_E)

    def layer(self):
        return self.attention(), self.norm(D_E), self.mlp(), self.norm(D_E)

    def values(self):
        return torch.cat([p.detach().reshape(-1) for p in self.pieces]).tolist()

    def gradients(self):
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.pieces]
        return torch.cat([g.reshape(-1) for g in grads]).tolist()


def swap(module, values):
    """The module as a function of our tensors, so that their gradients are those of the list."""
    return lambda *args, **kwargs: torch.func.functional_call(module, values, args, kwargs)


def packed(attention, prefix):
    """MultiheadAttention keeps the heads' projections below each other, queries, keys and values in one matrix."""
    heads, w_o, b_o = attention
    return {
        prefix + "in_proj_weight": torch.cat([h[i] for i in (0, 2, 4) for h in heads]),
        prefix + "in_proj_bias": torch.cat([h[i] for i in (1, 3, 5) for h in heads]),
        prefix + "out_proj.weight": w_o,
        prefix + "out_proj.bias": b_o,
    }


def named(prefix, weight, bias):
    return {prefix + ".weight": weight, prefix + ".bias": bias}


def feed_forward(mlp):
    return named("linear1", mlp[0], mlp[1]) | named("linear2", mlp[2], mlp[3])


def options(activation):
    return dict(d_model=D_E, nhead=HEADS, dim_feedforward=D_MLP, dropout=0.0, activation=activation, layer_norm_eps=0.0,
                batch_first=True)


def encoder_layer(layer, activation, norm_first=False):
    attention, norm_1, mlp, norm_2 = layer
    module = nn.TransformerEncoderLayer(norm_first=norm_first, **options(activation))
    return swap(module, packed(attention, "self_attn.") | feed_forward(mlp)
                | named("norm1", *norm_1) | named("norm2", *norm_2))


def decoder_layer(parameters):
    own, norm_3 = parameters.attention(), parameters.norm(D_E)
    cross, norm_4 = parameters.attention(), parameters.norm(D_E)
    mlp, norm_5 = parameters.mlp(), parameters.norm(D_E)
    module = nn.TransformerDecoderLayer(**options("relu"))
    return swap(module, packed(own, "self_attn.") | packed(cross, "multihead_attn.") | named("norm1", *norm_3)
                | named("norm2", *norm_4) | feed_forward(mlp) | named("norm3", *norm_5))


def embedded(w_e, w_p, ids):
    return (F.embedding(torch.tensor(ids), w_e) + w_p[:len(ids)])[None]


def causal(length):
    return nn.Transformer.generate_square_subsequent_mask(length, dtype=torch.float64)


def finish(parameters, scores, targets):
    """targets: place and id of each term of the loss."""
    places, ids = zip(*targets)
    loss = F.cross_entropy(scores[list(places)], torch.tensor(ids), reduction="sum")
    loss.backward()
    return {"theta": parameters.values(), "gradient": parameters.gradients(), "loss": loss.item(),
            "p": F.softmax(scores.detach(), -1).tolist()}


def next_ids(ids):
    return list(enumerate(ids[1:]))


def encoder_decoder():
    p = Parameters()
    w_e, w_p = p.take(VOCAB, D_E), p.take(MAX_LENGTH, D_E)
    encoder = [encoder_layer(p.layer(), "relu") for _ in range(2)]
    decoder = [decoder_layer(p) for _ in range(2)]
    w_u = p.take(VOCAB, D_E)
    z, x = embedded(w_e, w_p, Z_IDS), embedded(w_e, w_p, X_IDS)
    for layer in encoder:
        z = layer(z)
    for layer in decoder:
        x = layer(x, z, tgt_mask=causal(len(X_IDS)), tgt_is_causal=True)
    return finish(p, x[0] @ w_u.T, next_ids(X_IDS))


def encoder_only():
    p = Parameters()
    w_e, w_p = p.take(VOCAB, D_E), p.take(MAX_LENGTH, D_E)
    layers = [encoder_layer(p.layer(), "gelu") for _ in range(2)]
    w_f, b_f, (gamma, beta), w_u = p.take(D_F, D_E), p.take(D_F), p.norm(D_F), p.take(VOCAB, D_F)
    x = embedded(w_e, w_p, MASKED_IDS)
    for layer in layers:
        x = layer(x)
    x = F.layer_norm(F.gelu(F.linear(x, w_f, b_f)), (D_F,), gamma, beta, eps=0.0)
    return finish(p, x[0] @ w_u.T, [(t, X_IDS[t]) for t, i in enumerate(MASKED_IDS) if i == MASK])


def decoder_only():
    p = Parameters()
    w_e, w_p = p.take(VOCAB, D_E), p.take(MAX_LENGTH, D_E)
    layers = [encoder_layer(p.layer(), "gelu", norm_first=True) for _ in range(2)]
    (gamma, beta), w_u = p.norm(D_E), p.take(VOCAB, D_E)
    x = embedded(w_e, w_p, X_IDS)
    for layer in layers:
        x = layer(x, src_mask=causal(len(X_IDS)), is_causal=True)
    x = F.layer_norm(x, (D_E,), gamma, beta, eps=0.0)
    return finish(p, x[0] @ w_u.T, next_ids(X_IDS))


def lists(**tensors):
    return {name: t.detach().reshape(-1).tolist() for name, t in tensors.items()}


def dot_products():
    """Queries, keys and values as they are: the plain code gets projections that change nothing."""
    q, k, v = (torch.tensor(RANDOM.normal(0, 1, (length, D_E))) for length in (5, 5, 5))
    other_k, other_v = (torch.tensor(RANDOM.normal(0, 1, (3, D_E))) for _ in range(2))
    attend = F.scaled_dot_product_attention
    return lists(q=q, k=k, v=v, other_k=other_k, other_v=other_v, plain=attend(q, k, v),
                 causal=attend(q, k, v, is_causal=True), cross=attend(q, other_k, other_v))


def multihead():
    p = Parameters()
    module = swap(nn.MultiheadAttention(D_E, HEADS, batch_first=True), packed(p.attention(), ""))
    x, z = (torch.tensor(RANDOM.normal(0, 1, (length, D_E))) for length in (5, 4))

    def heads(context, mask=None):
        y, weights = module(x[None], context[None], context[None], attn_mask=mask, average_attn_weights=False)
        return y, weights

    plain, plain_weights = heads(x)
    masked, masked_weights = heads(x, causal(5))
    cross, cross_weights = heads(z)
    return {"theta": p.values()} | lists(x=x, z=z, plain=plain, plain_weights=plain_weights, causal=masked,
                                         causal_weights=masked_weights, cross=cross, cross_weights=cross_weights)


def norms():
    x, gamma, beta = (torch.tensor(RANDOM.normal(0, 1, shape)) for shape in ((4, D_E), D_E, D_E))
    return lists(x=x, gamma=gamma, beta=beta, y=F.layer_norm(x, (D_E,), gamma, beta, eps=0.0))


def layers():
    p = Parameters()
    layer, x = p.layer(), torch.tensor(RANDOM.normal(0, 1, (5, D_E)))
    return {"theta": p.values()} | lists(x=x, relu=encoder_layer(layer, "relu")(x[None]),
                                         gelu=encoder_layer(layer, "gelu")(x[None]))


def main():
    golden = {
        "torch": torch.__version__,
        "sizes": {"d_e": D_E, "heads": HEADS, "d_mlp": D_MLP, "d_f": D_F, "vocab": VOCAB, "max_length": MAX_LENGTH},
        "z": Z_IDS, "x": X_IDS, "masked": MASKED_IDS, "mask_token": MASK,
        "dot_products": dot_products(), "multihead": multihead(), "norm": norms(), "layer": layers(),
        "ed": encoder_decoder(), "e": encoder_only(), "d": decoder_only(),
    }
    out = sys.argv[1] if len(sys.argv) > 1 else __file__.replace("make_formal.py", "formal.json")
    with open(out, "w", encoding="utf-8") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
