"""A process that makes a GPT with random weights, does a few training steps, prints one line and ends; for rows that look at
processes. Usage: torch_process.py eager|compile LAYERS HEADS WIDTH POSITIONS VOCABULARY BATCH TOKENS STEPS THREADS"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
mode = sys.argv[1]
*size, batch, tokens, steps, threads = map(int, sys.argv[2:])
os.environ["OMP_NUM_THREADS"] = str(threads)

import torch

from peers import common, gpt

torch.set_num_threads(threads)
torch.manual_seed(1)
model = gpt.make_module(torch, *size)
for parameter in model.parameters():
    if parameter.ndim == 2:
        torch.nn.init.normal_(parameter, std=0.02)
inputs = torch.randint(0, size[-1], (batch, tokens)), torch.randint(0, size[-1], (batch, tokens))
meta = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}
function = model if mode == "eager" else common.compiled_best(torch, model)
step = common.step_function(torch, model, lambda: function(*inputs), common.adamw(torch, model, meta), 1.0)
for _ in range(steps):
    loss = step().item()
print(loss, flush=True)
