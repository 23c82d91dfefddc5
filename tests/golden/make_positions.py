#!/usr/bin/env python3
"""Makes tests/golden/positions.json: what transformers and PyTorch compute with positions of every kind.

A small LlamaForCausalLM (rotary positions, grouped heads) under the parameter names of rapt's gpt2; T5's buckets; the slopes of
Bloom's ALiBi; and a small decoder in plain PyTorch with each other kind, positions written as loops over pairs of tokens.

Run by hand, with torch and transformers installed; the result is kept in the repository."""
import json
import math
import pathlib
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

VOCABULARY, CONTEXT, TIME, BATCH = 11, 9, 7, 2
WIDTH, HEADS, LAYERS, CLIP, BUCKETS, MAX_DISTANCE = 8, 2, 2, 3, 4, 6
STEPS = 10


def flat(tensor):
    return [float(f"{x:.8g}") for x in tensor.detach().reshape(-1).tolist()]


def llama():
    torch.manual_seed(31)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0})
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.3)
    tensors = {}
    state = model.state_dict()
    tensors["transformer.wte.weight"] = state["model.embed_tokens.weight"]
    tensors["transformer.ln_f.weight"] = state["model.norm.weight"]
    tensors["lm_head.weight"] = state["lm_head.weight"]
    for i in range(2):
        ours, theirs = f"transformer.h.{i}.", f"model.layers.{i}."
        attention = [state[theirs + f"self_attn.{x}_proj.weight"] for x in "qkv"]
        tensors[ours + "attn.c_attn.weight"] = torch.cat(attention).T
        tensors[ours + "attn.c_proj.weight"] = state[theirs + "self_attn.o_proj.weight"].T
        tensors[ours + "mlp.c_fc.weight"] = state[theirs + "mlp.gate_proj.weight"].T
        tensors[ours + "mlp.c_gate.weight"] = state[theirs + "mlp.up_proj.weight"].T
        tensors[ours + "mlp.c_proj.weight"] = state[theirs + "mlp.down_proj.weight"].T
        tensors[ours + "ln_1.weight"] = state[theirs + "input_layernorm.weight"]
        tensors[ours + "ln_2.weight"] = state[theirs + "post_attention_layernorm.weight"]
    ids = torch.randint(0, VOCABULARY, (1, CONTEXT))
    with torch.no_grad():
        logits = model(ids).logits
    return {"ids": ids.reshape(-1).tolist(), "tensors": {k: flat(v) for k, v in tensors.items()},
            "logits": flat(logits)}


def buckets():
    found = []
    for count, most, both in [(32, 128, False), (32, 128, True), (16, 64, False), (8, 20, True), (4, 6, False)]:
        distances = torch.arange(-150, 151)  # of the query from the key; T5 counts the other way round
        ids = T5Attention._relative_position_bucket(-distances, both, count, most)
        found.append({"buckets": count, "max_distance": most, "both": both, "first": -150, "ids": ids.tolist()})
    return found


def slopes():
    return [flat(build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]) for heads in range(1, 21)]


class Decoder(torch.nn.Module):
    """GPT-2's blocks without biases in linear layers, with positions of one kind."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.table = torch.nn.ParameterDict()
        add = self.add
        add("wte.weight", VOCABULARY, WIDTH)
        if kind == "t5":
            add("relative.weight", BUCKETS, HEADS)
        for i in range(LAYERS):
            add(f"h.{i}.ln_1.weight", WIDTH)
            add(f"h.{i}.attn.c_attn.weight", WIDTH, 3 * WIDTH)
            if kind == "shaw":
                add(f"h.{i}.attn.relative.weight", CLIP + 1, WIDTH // HEADS)
            if kind == "skew":
                add(f"h.{i}.attn.relative.weight", CONTEXT, WIDTH)
            add(f"h.{i}.attn.c_proj.weight", WIDTH, WIDTH)
            add(f"h.{i}.ln_2.weight", WIDTH)
            add(f"h.{i}.mlp.c_fc.weight", WIDTH, 2 * WIDTH)
            add(f"h.{i}.mlp.c_proj.weight", 2 * WIDTH, WIDTH)
        add("ln_f.weight", WIDTH)

    def add(self, name, *shape):
        start = torch.randn(*shape) * 0.3
        self.table[name.replace(".", "/")] = torch.nn.Parameter(start + 1 if len(shape) == 1 else start)

    def at(self, name):
        return self.table[name.replace(".", "/")]

    def norm(self, name, x):
        return torch.nn.functional.layer_norm(x, (WIDTH,), self.at(name), None, 1e-5)

    def score(self, layer, head, q, k, distance):
        d = WIDTH // HEADS
        if self.kind == "shaw":
            k = k + self.at(f"h.{layer}.attn.relative.weight")[min(distance, CLIP)]
        if self.kind == "skew":
            k = k + self.at(f"h.{layer}.attn.relative.weight")[distance, head * d:(head + 1) * d]
        score = (q * k).sum(-1) / math.sqrt(d)
        if self.kind == "alibi":
            score = score - distance * 2.0 ** (-8.0 * (head + 1) / HEADS)
        if self.kind == "t5":
            bucket = T5Attention._relative_position_bucket(torch.tensor(-distance), False, BUCKETS, MAX_DISTANCE)
            score = score + self.at("relative.weight")[bucket, head]
        return score

    def attend(self, layer, x):
        q, k, v = (x @ self.at(f"h.{layer}.attn.c_attn.weight")).split(WIDTH, dim=-1)
        d, heads = WIDTH // HEADS, []
        for h in range(HEADS):
            part = slice(h * d, (h + 1) * d)
            rows = []
            for i in range(x.shape[1]):
                scores = [self.score(layer, h, q[:, i, part], k[:, j, part], i - j) for j in range(i + 1)]
                weights = torch.softmax(torch.stack(scores, -1), -1)
                rows.append((weights.unsqueeze(-1) * v[:, :i + 1, part]).sum(1))
            heads.append(torch.stack(rows, 1))
        return torch.cat(heads, -1) @ self.at(f"h.{layer}.attn.c_proj.weight")

    def forward(self, ids):
        x = self.at("wte.weight")[ids]
        if self.kind == "sinusoid":
            places, columns = torch.arange(ids.shape[1]), torch.arange(WIDTH)
            angles = places.unsqueeze(1) * 10000.0 ** (-(columns - columns % 2) / WIDTH)
            x = x * math.sqrt(WIDTH) + torch.where(columns % 2 == 0, angles.sin(), angles.cos())
        for i in range(LAYERS):
            x = x + self.attend(i, self.norm(f"h.{i}.ln_1.weight", x))
            h = self.norm(f"h.{i}.ln_2.weight", x) @ self.at(f"h.{i}.mlp.c_fc.weight")
            x = x + torch.nn.functional.gelu(h) @ self.at(f"h.{i}.mlp.c_proj.weight")
        return self.norm("ln_f.weight", x) @ self.at("wte.weight").T


def decoder(kind):
    torch.manual_seed(32)
    model = Decoder(kind)
    tensors = {name.replace("/", "."): p for name, p in model.table.items()}
    found = {"tensors": {name: flat(p) for name, p in tensors.items()}}
    tokens = torch.randint(0, VOCABULARY, (BATCH, TIME + 1))
    ids, labels = tokens[:, :-1], tokens[:, 1:]

    def loss_of():
        logits = model(ids)
        return logits, torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), labels.reshape(-1))

    logits, loss = loss_of()
    loss.backward()
    found.update(ids=ids.reshape(-1).tolist(), labels=labels.reshape(-1).tolist(), logits=flat(logits),
                 gradients={name: flat(p.grad) for name, p in tensors.items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    found["losses"] = losses
    return found


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "positions.json")
    torch.set_num_threads(1)
    kinds = ["sinusoid", "shaw", "skew", "alibi", "t5"]
    result = {"llama": llama(), "buckets": buckets(), "slopes": slopes()}
    torch.set_default_dtype(torch.float64)  # so that ten steps are the exact ones
    result["decoders"] = {kind: decoder(kind) for kind in kinds}
    target.write_text(json.dumps(result) + "\n", encoding="utf-8")
    print({kind: [round(d["losses"][0], 4), round(d["losses"][-1], 4)] for kind, d in result["decoders"].items()})


if __name__ == "__main__":
    main()
