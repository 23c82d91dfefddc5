#!/usr/bin/env python3
"""A twin of the recipe gpt in plain PyTorch: the same network, data split, schedule and budget, written apart from the C code.

It says what a careful PyTorch run reaches in a budget, so that pass marks can be set before rapt is measured. Only the validation
windows are shared with rapt (same seed, same windows); initial weights and training windows come from PyTorch's generator.
Prints one line of JSON. Needs torch. Example: gpt.py --data input.txt --steps 2000 --lr 3e-3 --seed 1
"""
import argparse, json, math, sys, time

import torch
from torch import nn
from torch.nn import functional as F

from philox import below

STREAM_EVAL = 3 << 32


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm_a, self.norm_f = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def drop(self, x):
        return F.dropout(x, self.dropout, self.training) if self.dropout else x

    def forward(self, x):
        b, t, width = x.shape
        q, k, v = self.qkv(self.norm_a(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.drop(self.merge(y.transpose(1, 2).reshape(b, t, width)))
        return x + self.drop(self.down(F.gelu(self.up(self.norm_f(x)), approximate="tanh")))


class GPT(nn.Module):
    def __init__(self, vocabulary, context, layers, heads, width, dropout):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, p in self.named_parameters():
            if p.ndim == 2:  # branches that add to the residual stream start smaller
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if "merge" in name or "down" in name else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        if self.blocks:
            x = self.blocks[0].drop(x)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


def rate(step, steps, a):
    if step < a.warmup:
        return a.lr * (step + 1) / a.warmup
    part = min(1.0, (step - a.warmup) / (steps - a.warmup)) if steps > a.warmup else 1.0
    return a.min_lr + 0.5 * (a.lr - a.min_lr) * (1 + math.cos(math.pi * part))


def windows(ids, starts, context):
    rows = torch.stack([ids[s : s + context + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


def loss_of(model, pair):
    x, y = pair
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


@torch.no_grad()
def judge(model, valid, a):
    """The mean over rapt's evaluation windows, and over the whole held-out text cut into windows."""
    model.eval()
    starts = [below(a.seed, STREAM_EVAL, i, len(valid) - a.context) for i in range(a.evals * a.batch)]
    drawn = sum(loss_of(model, windows(valid, starts[i : i + a.batch], a.context)).item()
                for i in range(0, len(starts), a.batch)) / a.evals
    total, cuts = 0.0, list(range(0, len(valid) - a.context, a.context))
    for i in range(0, len(cuts), 64):
        part = cuts[i : i + 64]
        total += loss_of(model, windows(valid, part, a.context)).item() * len(part)
    model.train()
    return drawn, total / len(cuts)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="a text file")
    for name, kind, value in (
        ("context", int, 64), ("layers", int, 4), ("heads", int, 4), ("width", int, 128), ("dropout", float, 0.0),
        ("batch", int, 12), ("steps", int, 2000), ("lr", float, 3e-3), ("min-lr", float, 1e-4), ("warmup", int, 100),
        ("beta1", float, 0.9), ("beta2", float, 0.99), ("decay", float, 0.1), ("clip", float, 1.0), ("evals", int, 20),
        ("eval-every", int, 0), ("threads", int, 1), ("seed", int, 1)):
        p.add_argument("--" + name, type=kind, default=value)
    p.add_argument("--minutes", type=float, default=0, help="> 0: as many steps as fit, timed over steps 11 to 60")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)

    text = open(a.data, encoding="utf-8", newline="").read()
    letters = {c: i for i, c in enumerate(sorted(set(text)))}
    ids = torch.tensor([letters[c] for c in text])
    held = int(len(ids) * 0.1)
    train, valid = ids[: len(ids) - held], ids[len(ids) - held :]

    model = GPT(len(letters), a.context, a.layers, a.heads, a.width, a.dropout)
    matrices = [w for w in model.parameters() if w.ndim >= 2]
    vectors = [w for w in model.parameters() if w.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": a.decay}, {"params": vectors, "weight_decay": 0.0}],
                                  lr=a.lr, betas=(a.beta1, a.beta2), eps=1e-8, fused=True)
    steps, step, times = a.steps, 0, []
    begin, work = time.perf_counter(), time.process_time()
    while step < steps:
        now = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, a)
        optimizer.zero_grad(set_to_none=True)
        starts = torch.randint(len(train) - a.context, (a.batch,)).tolist()
        loss_of(model, windows(train, starts, a.context)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), a.clip)
        optimizer.step()
        step += 1
        times.append(time.perf_counter() - now)
        if a.minutes > 0 and step == 60:
            each = sorted(times[10:])[25]
            steps = step + int((60 * a.minutes - (time.perf_counter() - begin)) * 0.98 / each)
            print("%.2f ms a step: %d steps" % (each * 1e3, steps), file=sys.stderr, flush=True)
        if a.eval_every and step % a.eval_every == 0:
            print("step %d: %.4f, %.0f s" % (step, judge(model, valid, a)[0], time.perf_counter() - begin),
                  file=sys.stderr, flush=True)
    seconds, work = time.perf_counter() - begin, time.process_time() - work
    drawn, whole = judge(model, valid, a)
    print(json.dumps({"validation_nats": round(drawn, 4), "whole_validation_nats": round(whole, 4), "steps": steps,
                      "seconds": round(seconds, 1), "cpu_seconds": round(work, 1), "median_step_ms": round(sorted(times)[len(times) // 2] * 1e3, 2),
                      "parameters": sum(w.numel() for w in model.parameters()), "torch": torch.__version__,
                      "settings": vars(a) | {"data": a.data.rsplit("/", 1)[-1]}}))


if __name__ == "__main__":
    main()
