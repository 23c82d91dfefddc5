#!/usr/bin/env python3
"""Makes tests/golden/gpt2-tiny/: a tiny GPT2LMHeadModel as transformers saves it, and what PyTorch computes with it.

Run by hand, with torch and transformers installed; the result is kept in the repository."""
import json
import os
import pathlib
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel

CONTEXT, VOCABULARY, BATCH, STEPS = 12, 30, 2, 10


def loss_of(model, ids, labels):
    logits = model(ids).logits
    return logits, torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), labels.reshape(-1))


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "gpt2-tiny")
    torch.manual_seed(20)
    torch.set_num_threads(1)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).train()
    # Away from the start, so that biases, norms and attention all matter.
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.15)
    model.save_pretrained(target)
    for name in os.listdir(target):
        if name not in ("config.json", "model.safetensors"):
            os.remove(target / name)

    tokens = torch.randint(0, VOCABULARY, (BATCH, CONTEXT + 1))
    ids, labels = tokens[:, :-1], tokens[:, 1:]
    logits, loss = loss_of(model, ids, labels)
    loss.backward()
    expected = {
        "ids": ids.tolist(), "labels": labels.tolist(), "logits": flat(logits), "loss": float(loss.detach()),
        "gradients": {name: flat(p.grad) for name, p in model.named_parameters()},
    }
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of(model, ids, labels)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    expected["losses"], expected["norms"] = losses, norms
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    print(f"loss {losses[0]:.6f} to {losses[-1]:.6f}, norm {norms[0]:.4f}")


if __name__ == "__main__":
    main()
