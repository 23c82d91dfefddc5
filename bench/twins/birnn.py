#!/usr/bin/env python3
"""A twin of the recipe birnn in plain PyTorch: bidirectional, delayed and merged nets (Schuster & Paliwal 1997).

Same data, networks and settings as the recipe's defaults, written apart from the C code; initial weights, the order of
sequences and the numbers of the regression come from PyTorch's generator. Features of speech come from
tests/golden/make_mfcc.py. Prints one line of JSON. Needs torch and numpy.
Example: birnn.py regression; birnn.py vowels --data FOLDER; birnn.py digits --data recordings.tar.gz
"""
import argparse, gzip, io, json, math, pathlib, sys, tarfile, time, wave

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"))


class Net(nn.Module):
    """A tanh layer that reads forwards, backwards or both ways, with learnt first states, under a linear layer."""

    def __init__(self, inputs, units, outputs, direction):
        super().__init__()
        self.direction, ways = direction, 2 if direction == "both" else 1
        self.rnn = nn.RNN(inputs, units, bidirectional=ways == 2)
        self.start = nn.ParameterDict({"h": nn.Parameter(torch.zeros(ways, 1, units))})
        self.output = nn.Linear(ways * units, outputs)
        nn.init.normal_(self.output.weight, std=1 / math.sqrt(ways * units))
        nn.init.zeros_(self.output.bias)

    def turn(self, x, lengths):
        return pad_sequence([x[:n, i].flip(0) for i, n in enumerate(lengths.tolist())])

    def forward(self, x, lengths):
        back = self.direction == "backward"
        packed = pack_padded_sequence(self.turn(x, lengths) if back else x, lengths, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.rnn(packed, self.start["h"].expand(-1, x.shape[1], -1).contiguous())[0])
        return self.output(self.turn(h, lengths) if back else h)


def answers(net, xs, delay):
    """Outputs of each sequence, read `delay` frames late; zeros are fed behind the end."""
    padded = [F.pad(x, (0, 0, 0, delay)) for x in xs]
    out = net(pad_sequence(padded), torch.tensor([len(x) for x in padded]))
    return [out[delay:delay + len(x), i] for i, x in enumerate(xs)]


def loss_of(net, xs, ys, delay):
    out, y = torch.cat(answers(net, xs, delay)), torch.cat(ys)
    if y.dtype == torch.int64:
        return F.cross_entropy(out, y)
    return 0.5 * (out - y).square().sum(-1).mean()


def rate(step, a):
    if step < a.warmup:
        return a.lr * (step + 1) / a.warmup
    part = (step - a.warmup) / max(1, a.steps - a.warmup)
    return a.min_lr + 0.5 * (a.lr - a.min_lr) * (1 + math.cos(math.pi * part))


@torch.no_grad()
def run(net, xs, delay):
    out = []
    for i in range(0, len(xs), 50):
        out += answers(net, xs[i:i + 50], delay)
    return out


@torch.no_grad()
def mean_loss(net, xs, ys, delay):
    frames = [len(y) for y in ys]
    return sum(loss_of(net, xs[i:i + 50], ys[i:i + 50], delay).item() * sum(frames[i:i + 50])
               for i in range(0, len(xs), 50)) / sum(frames)


def train(data, direction, delay, units, outputs, a):
    torch.manual_seed(a.seed)
    (xs, ys), valid = data["train"], data["valid"]
    net = Net(xs[0].shape[1], units, outputs, direction)
    optimizer = torch.optim.Adam(net.parameters(), lr=a.lr, betas=(0.9, 0.999), eps=1e-8)
    best, state, work, batches = math.inf, None, time.process_time(), len(xs) // a.batch
    for step in range(a.steps):
        if step % batches == 0:
            order = torch.randperm(len(xs)).tolist()
        rows = order[step % batches * a.batch:][:a.batch]
        for group in optimizer.param_groups:
            group["lr"] = rate(step, a)
        optimizer.zero_grad(set_to_none=True)
        loss_of(net, [xs[i] for i in rows], [ys[i] for i in rows], delay).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % a.eval_every == 0 or step + 1 == a.steps:
            loss = mean_loss(net, *valid, delay)
            if loss < best:
                best, state = loss, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    print("%s, delay %d: validation %.5g, %.0f s" % (direction, delay, best, time.process_time() - work),
          file=sys.stderr, flush=True)
    return net, best


# ---- Data: {"train", "valid", "test"} -> lists of (frames, inputs) and of answers ----

def regression_data(a):
    torch.manual_seed(a.seed)
    ahead = torch.tensor([(1 - d / 20) / 20 for d in range(20)])
    back = torch.tensor([(1 - d / 10) / 10 for d in range(10, 0, -1)])
    window = torch.cat([back, ahead])

    def make(count):
        xs = [torch.rand(250, 1) for _ in range(count)]
        return xs, [F.conv1d(F.pad(x.T[None], (10, 19)), window[None, None])[0].T for x in xs]
    return {"train": make(30), "valid": make(10), "test": make(40)}


def vowels_data(a):
    def read(part):
        xs, ys = [], []
        for line in gzip.open(pathlib.Path(a.data) / ("JapaneseVowels_%s.ts.gz" % part), "rt"):
            if line[0] in "#@\n":
                continue
            *channels, label = line.strip().split(":")
            xs.append(torch.tensor([[float(v) for v in c.split(",")] for c in channels]).T.contiguous())
            ys.append(torch.full((len(xs[-1]),), int(label) - 1))
        return xs, ys
    xs, ys = read("TRAIN")
    split = {"train": [i for i in range(len(xs)) if i % 5 != 4], "valid": list(range(4, len(xs), 5))}
    data = {k: ([xs[i] for i in v], [ys[i] for i in v]) for k, v in split.items()}
    return data | {"test": data["valid"] if a.no_test else read("TEST")}


def digits_data(a):
    import make_mfcc
    data = {"train": ([], []), "valid": ([], []), "test": ([], [])}
    with tarfile.open(a.data) as tar:
        for member in tar:
            name = pathlib.Path(member.name).stem.split("_")
            if not member.isfile():
                continue
            with wave.open(io.BytesIO(tar.extractfile(member).read())) as sound:
                samples = torch.frombuffer(bytearray(sound.readframes(sound.getnframes())), dtype=torch.int16)
            x = torch.tensor(make_mfcc.features((samples.double() / 32768).numpy(), 8000)).float()
            part = "test" if int(name[2]) < 5 else "valid" if int(name[2]) < 10 else "train"
            data[part][0].append(x)
            data[part][1].append(torch.full((len(x),), int(name[0])))
    every = torch.cat(data["train"][0])
    mean, deviation = every.mean(0), every.std(0, correction=0)
    for part, (xs, ys) in data.items():
        keep = 100 if part == "train" else 10 ** 6
        data[part] = ([((x - mean) / deviation)[:keep] for x in xs], [y[:keep] for y in ys])
    if a.no_test:
        data["test"] = data["valid"]
    return data


# ---- Experiments ----

def one_way(units, inputs, outputs):
    """Units of one direction that give about the parameters of so many in each of two."""
    def size(n, ways):
        return ways * (n * (inputs + n + 2) + n + n * outputs) + outputs
    return min(range(units, 4 * units), key=lambda n: abs(size(n, 1) - size(units, 2)))


def frame_error(out, ys):
    return (torch.cat(out).argmax(-1) != torch.cat(ys)).double().mean().item()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("experiment", choices=("regression", "digits", "vowels"))
    p.add_argument("--data")
    p.add_argument("--no-test", action="store_true", help="errors are those on validation sequences")
    for name, kind, value in (("steps", int, 6000), ("batch", int, 10), ("lr", float, 3e-3), ("min-lr", float, 3e-5),
                              ("warmup", int, 100), ("units", int, 32), ("eval-every", int, 250),
                              ("seed", int, 1)):
        p.add_argument("--" + name, type=kind, default=value)
    a = p.parse_args()
    torch.set_num_threads(1)
    data = {"regression": regression_data, "digits": digits_data, "vowels": vowels_data}[a.experiment](a)
    xs, ys = data["test"]
    outputs = {"regression": 1, "digits": 10, "vowels": 9}[a.experiment]
    single = one_way(a.units, xs[0].shape[1], outputs)
    nets = {"regression": [("forward", d) for d in range(0, 31, 5)] + [("backward", 0), ("both", 0)],
            "digits": [("forward", d) for d in (0, 5, 10, 20, 40)] + [("backward", 0), ("both", 0)],
            "vowels": [("forward", 0), ("both", 0)]}[a.experiment]
    results, outs = {}, {}
    for direction, delay in nets:
        net, valid = train(data, direction, delay, a.units if direction == "both" else single, outputs, a)
        out = outs[direction, delay] = run(net, xs, delay)
        name = direction if direction != "forward" else "delay-%d" % delay
        if a.experiment == "regression":
            results[name] = float("%.4g" % (torch.cat(out) - torch.cat(ys)).square().mean().item())
        elif a.experiment == "digits":
            results[name] = round(frame_error(out, ys), 4)
        else:
            right = [F.log_softmax(o, -1).sum(0).argmax().item() == y[0].item() for o, y in zip(out, ys)]
            results[name] = round(sum(right) / len(right), 4)
    if a.experiment == "digits":
        pair = [[F.log_softmax(o, -1) for o in outs[k]] for k in (("forward", 0), ("backward", 0))]
        results["linear pool"] = round(frame_error([u.exp() + v.exp() for u, v in zip(*pair)], ys), 4)
        results["logarithmic pool"] = round(frame_error([u + v for u, v in zip(*pair)], ys), 4)
    print(json.dumps({"experiment": a.experiment, "results": results, "torch": torch.__version__,
                      "settings": {k: v for k, v in vars(a).items() if k != "data"}}))


if __name__ == "__main__":
    main()
