#!/usr/bin/env python3
"""rapt's GPT training step beside PyTorch's eager one, alternating in one run at one thread; the least of many repetitions.

Needs torch and transformers in the interpreter's environment. Usage: compare.py [PATH-OF-RAPT] [ROUNDS]; ends with one line of JSON.
"""
import json, os, subprocess, sys, time

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
import torch
import transformers

torch.set_num_threads(1)
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
rapt = sys.argv[1] if len(sys.argv) > 1 else os.path.join(top, "build", "release", "rapt")
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
WORK = "GPT step (4 x 128, context 64, batch 12)"

config = transformers.GPT2Config(vocab_size=65, n_positions=64, n_embd=128, n_layer=4, n_head=4, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
model = transformers.GPT2LMHeadModel(config).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
ids, labels = torch.randint(0, 65, (12, 64)), torch.randint(0, 65, (12, 64))


def torch_step():
    begin = time.perf_counter()
    logits = model(ids).logits
    torch.nn.functional.cross_entropy(logits.view(-1, 65), labels.view(-1)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - begin


def rapt_step():
    out = subprocess.run([rapt, "bench", "--json", "--threads", "1"], check=True, capture_output=True, text=True).stdout
    return next(t["seconds"] for t in json.loads(out) if t["name"] == WORK)


ours, theirs = [], []
for _ in range(rounds):
    ours.append(rapt_step())
    theirs.append(min(torch_step() for _ in range(25)))
row = {"work": WORK, "peer": "torch %s eager" % torch.__version__, "threads": 1, "rapt_s": min(ours), "peer_s": min(theirs)}
row["ratio"] = row["peer_s"] / row["rapt_s"]
print("%s: rapt %.1f ms, %s %.1f ms, ratio %.2f" % (WORK, row["rapt_s"] * 1e3, row["peer"], row["peer_s"] * 1e3, row["ratio"]))
print(json.dumps([row]))
