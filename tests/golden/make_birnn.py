#!/usr/bin/env python3
"""Makes tests/golden/birnn.json: recurrent nets over frames as PyTorch computes them in double precision.

Both ways with classes, forwards with answers two frames late and squares, backwards with classes: weights, sequences of
different length, outputs, all gradients, losses of ten updates of Adam. The network is the class of bench/twins/birnn.py.
Run by hand, with torch installed; the result is kept in the repository."""
import importlib.util
import json
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("twin", HERE.parents[1] / "bench" / "twins" / "birnn.py")
twin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(twin)

INPUTS, OUTPUTS, UNITS, LENGTHS, STEPS, RATE = 3, 4, 5, [6, 3, 1, 5], 10, 0.02


def flat(tensor):
    return [float("%.8g" % x) for x in tensor.detach().reshape(-1).tolist()]


def rounded(tensor):
    return torch.tensor(flat(tensor)).reshape(tensor.shape).double()


def run(direction, delay, classes):
    net = twin.Net(INPUTS, UNITS, OUTPUTS, direction).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(rounded(p + 0.3 * torch.randn_like(p)))
    xs = [rounded(torch.randn(n, INPUTS)) for n in LENGTHS]
    ys = [torch.randint(0, OUTPUTS, (n,)) if classes else rounded(torch.randn(n, OUTPUTS)) for n in LENGTHS]
    result = {"direction": direction, "delay": delay, "classes": classes,
              "x": [flat(x) for x in xs], "y": [y.tolist() if classes else flat(y) for y in ys],
              "parameters": {k: flat(p) for k, p in net.named_parameters()},
              "outputs": flat(torch.cat(twin.answers(net, xs, delay)))}
    twin.loss_of(net, xs, ys, delay).backward()
    result["gradients"] = {k: flat(p.grad) for k, p in net.named_parameters()}
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=RATE), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = twin.loss_of(net, xs, ys, delay)
        loss.backward()
        optimizer.step()
        losses.append(float("%.12g" % loss.item()))
    return result | {"losses": losses}


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "birnn.json"
    torch.manual_seed(23)
    torch.set_num_threads(1)
    nets = [run("both", 0, True), run("forward", 2, False), run("backward", 0, True)]
    with open(target, "w") as f:
        json.dump({"inputs": INPUTS, "outputs": OUTPUTS, "units": UNITS, "lengths": LENGTHS, "rate": RATE, "nets": nets},
                  f, separators=(",", ":"))
        f.write("\n")


main()
