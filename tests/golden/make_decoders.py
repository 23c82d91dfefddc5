#!/usr/bin/env python3
"""Makes tests/golden/decoders/: tiny models of the classes after Llama as transformers saves them, and what PyTorch computes
with them: logits, gradients, ten steps of AdamW, and a greedy continuation.

Run by hand, with torch and transformers installed; the result is kept in the repository."""
import json
import os
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM

BATCH, TIME, VOCABULARY, STEPS, MADE = 2, 11, 23, 10, 12
COMMON = dict(
    vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=20, max_position_embeddings=32, bos_token_id=0, eos_token_id=None, pad_token_id=None,
    attn_implementation="eager")

# name: class, what is special
MODELS = {
    "llama": ("Llama", dict(
        head_dim=6, attention_bias=True, tie_word_embeddings=False,
        rope_parameters={"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 24})),
    "mistral": ("Mistral", dict(
        head_dim=4, sliding_window=5, rope_parameters={"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.5})),
    "qwen2": ("Qwen2", dict(
        num_attention_heads=2, num_key_value_heads=1, use_sliding_window=True, sliding_window=4, max_window_layers=1,
        tie_word_embeddings=True)),
    "qwen3": ("Qwen3", dict(head_dim=8, tie_word_embeddings=True)),
    "gemma3": ("Gemma3", dict(
        num_hidden_layers=3, head_dim=4, query_pre_attn_scalar=7, sliding_window=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}})),
}


def flat(tensor):
    return [float(f"{x:.7g}") for x in tensor.detach().reshape(-1).tolist()]


def make(target, kind, special, seed):
    torch.manual_seed(seed)
    suffix = "TextConfig" if kind == "Gemma3" else "Config"
    config = getattr(transformers, kind + suffix)(**{**COMMON, **special})
    model = AutoModelForCausalLM.from_config(config).train()
    # Away from the start, so that biases, norms and attention all matter.
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.4)
    model.generation_config.eos_token_id = None
    tokens = torch.randint(0, VOCABULARY, (BATCH, TIME + 1))
    ids, labels = tokens[:, :-1], tokens[:, 1:]

    def loss_of():
        logits = model(ids).logits
        return logits, torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), labels.reshape(-1))

    prompt = ids[0, :7]
    made = model.eval().generate(prompt[None], max_new_tokens=MADE, do_sample=False)[0].tolist()
    if len(set(made[7:])) < 6:
        return False  # a continuation that repeats itself would show little
    model.save_pretrained(target)
    for name in os.listdir(target):
        if name not in ("config.json", "model.safetensors"):
            os.remove(target / name)
        else:
            os.chmod(target / name, 0o644)
    model.train()
    logits, loss = loss_of()
    loss.backward()
    expected = {
        "ids": ids.tolist(), "labels": labels.tolist(), "logits": flat(logits), "loss": float(loss.detach()),
        "gradients": {name: flat(p.grad) for name, p in model.named_parameters()},
        "prompt": prompt.tolist(), "greedy": made,
    }
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    expected["losses"], expected["norms"] = losses, norms
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    print(f"{kind}: loss {losses[0]:.6f} to {losses[-1]:.6f}, norm {norms[0]:.4f}, greedy {made[7:]}")
    return True


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "decoders")
    torch.set_num_threads(1)
    for name, (kind, special) in MODELS.items():
        seed = 30
        while not make(folder / name, kind, special, seed):
            seed += 1


if __name__ == "__main__":
    main()
