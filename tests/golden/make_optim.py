"""Writes optim.json: 16 parameters after 1,000 updates by torch.optim, in double precision.

Start of parameter i: sin(i + 1). Gradient at update t (from 1): sin(0.37 t + 1.3 i) + 0.1 cos(0.011 t i) + 0.3 p.
Run: python3 tests/golden/make_optim.py > tests/golden/optim.json
"""
import json
import math

import torch

N, STEPS = 16, 1000
CASES = {
    "adamw": (torch.optim.AdamW, dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
    "adam": (torch.optim.Adam, dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)),
    "adamax": (torch.optim.Adamax, dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)),
    "sgd": (torch.optim.SGD, dict(lr=1e-2, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=1e-3, alpha=0.99, eps=1e-8, momentum=0.9, weight_decay=0.01)),
    "adagrad": (torch.optim.Adagrad, dict(lr=1e-2, eps=1e-10, weight_decay=0.01)),
    "adadelta": (torch.optim.Adadelta, dict(lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.01)),
}

out = {}
for name, (method, options) in CASES.items():
    p = torch.tensor([math.sin(i + 1) for i in range(N)], dtype=torch.float64, requires_grad=True)
    optimizer = method([p], **options)
    for t in range(1, STEPS + 1):
        fixed = [math.sin(0.37 * t + 1.3 * i) + 0.1 * math.cos(0.011 * t * i) for i in range(N)]
        p.grad = torch.tensor(fixed, dtype=torch.float64) + 0.3 * p.detach()
        optimizer.step()
    out[name] = p.tolist()
print(json.dumps(out, indent=1))
