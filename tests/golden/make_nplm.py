#!/usr/bin/env python3
"""Makes tests/golden/nplm-tiny/: small nets of Bengio et al. 2003 and what PyTorch computes with them in double precision.

The network is the class of bench/twins/nplm.py. Two nets, without and with direct connections: weights under the paper's letters,
one batch, its loss and gradients, the log-probabilities, ten updates of SGD (decay of the matrices, a rate that falls as 1 / (1 + r t)
as in the paper) and of AdamW with clipping. Run by hand, with torch and safetensors installed; the result is kept in the repository.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "twins"))
from nplm import NPLM

WORDS, ORDER, FEATURES, HIDDEN, BATCH, STEPS = 23, 4, 6, 7, 9, 10
CLIP = 0.7  # bites in the first updates and lets the later ones through


def copy_of(model):
    other = NPLM(WORDS, ORDER, FEATURES, HIDDEN, model.W is not None).double()
    other.load_state_dict(model.state_dict())
    return other


def loss_of(model, contexts, labels):
    return torch.nn.functional.cross_entropy(model(contexts), labels)  # label -100 is not counted


def losses_of(model, contexts, labels, optimizer, rates, clip):
    losses, norms = [], []
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = loss_of(model, contexts, labels)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), clip if clip else float("inf"))))
        optimizer.step()
        losses.append(float(loss.detach()))
    return {"rates": rates, "losses": losses, "norms": norms}


def flat(tensor):
    return [float("%.12g" % x) for x in tensor.detach().reshape(-1).tolist()]


def make(direct, contexts, labels, target, name):
    model = NPLM(WORDS, ORDER, FEATURES, HIDDEN, direct)
    with torch.no_grad():  # away from zero, so that every parameter matters
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.3)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, target / (name + ".safetensors"))
    model = model.double()  # the very values of the file
    loss = loss_of(model, contexts, labels)
    loss.backward()
    known = labels.clamp_min(0)
    log_p = torch.log_softmax(model(contexts), -1).gather(1, known[:, None])[:, 0]
    plain, adam = copy_of(model), copy_of(model)
    sgd = torch.optim.SGD(plain.groups(0.05), lr=1.0)
    adamw = torch.optim.AdamW(adam.groups(0.1), lr=1.0, betas=(0.9, 0.999), eps=1e-8)
    return {
        "direct": direct, "loss": float(loss.detach()), "log_probabilities": flat(log_p),
        "gradients": {k: flat(p.grad) for k, p in model.named_parameters()},
        "sgd": losses_of(plain, contexts, labels, sgd, [0.5 / (1 + 0.1 * t) for t in range(STEPS)], 0),
        "adamw": losses_of(adam, contexts, labels, adamw, [0.02 * min(1, (t + 1) / 3) for t in range(STEPS)], CLIP),
    }


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "nplm-tiny"
    target.mkdir(exist_ok=True)
    torch.manual_seed(3)
    torch.set_num_threads(1)
    contexts, labels = torch.randint(0, WORDS, (BATCH, ORDER - 1)), torch.randint(0, WORDS, (BATCH,))
    contexts[0], contexts[1, :2] = WORDS, WORDS  # <s> before a sentence
    labels[4] = -100  # a row past the end of a text
    expected = {"words": WORDS, "order": ORDER, "features": FEATURES, "hidden": HIDDEN, "contexts": contexts.tolist(),
                "labels": labels.tolist(),
                "nets": {name: make(name == "direct", contexts, labels, target, name) for name in ("plain", "direct")}}
    for file in target.glob("*.safetensors"):
        file.chmod(0o644)
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    for name, net in expected["nets"].items():
        print("%s: loss %.6f, after ten updates SGD %.6f, AdamW %.6f" % (
            name, net["loss"], net["sgd"]["losses"][-1], net["adamw"]["losses"][-1]))


if __name__ == "__main__":
    main()
