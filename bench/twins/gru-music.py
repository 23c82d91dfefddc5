#!/usr/bin/env python3
"""A twin of the recipe gru-music in plain PyTorch: tanh, LSTM and GRU layers over Bach's chorales (Chung et al. 2014).

Same data, networks and settings as the recipe's defaults, written apart from the C code. Weights, noise and the order of
the pieces come from PyTorch's generator. The net of the lowest validation loss is the one that is judged; the test pieces
are read after all nets are trained. Prints one line of JSON. Needs torch. Example: gru-music.py --data jsb-chorales-quarter.json
"""
import argparse, json, math, sys, time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LOWEST, NOTES = 21, 88
UNITS = {"tanh": 100, "lstm": 36, "gru": 46}


class MusicRNN(nn.Module):
    """Logits of the notes of frame t from the frames before it; named as rapt's model directory names its tensors."""

    def __init__(self, cell, units):
        super().__init__()
        self.rnn = {"tanh": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](NOTES, units)
        self.output = nn.Linear(units, NOTES)

    def forward(self, before, lengths):  # (T, B, NOTES), (B)
        packed = pack_padded_sequence(before, lengths, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.rnn(packed)[0], total_length=len(before))
        return self.output(h)


def frame_sum(model, frames, lengths):
    """The summed Bernoulli loss of padded frames (T, B, NOTES)."""
    before = torch.cat([torch.zeros_like(frames[:1]), frames[:-1]])
    mask = (torch.arange(len(frames))[:, None] < lengths[None]).to(frames.dtype)
    loss = F.binary_cross_entropy_with_logits(model(before, lengths), frames, reduction="none").sum(-1)
    return (loss * mask).sum()


def read(path, part):
    pieces = []
    for piece in json.load(open(path))[part]:
        roll = torch.zeros(len(piece), NOTES)
        for t, notes in enumerate(piece):
            for note in notes:
                roll[t, note - LOWEST] = 1
        pieces.append(roll)
    return pieces


def batch_of(pieces):
    return nn.utils.rnn.pad_sequence(pieces), torch.tensor([len(p) for p in pieces])


@torch.no_grad()
def mean_loss(model, pieces, batch=32):
    total = sum(frame_sum(model, *batch_of(pieces[i:i + batch])).item() for i in range(0, len(pieces), batch))
    return total / sum(len(p) for p in pieces)


def rate(step, a):
    if step < a.warmup:
        return a.lr * (step + 1) / a.warmup
    part = (step - a.warmup) / max(1, a.steps - a.warmup)
    return a.min_lr + 0.5 * (a.lr - a.min_lr) * (1 + math.cos(math.pi * part))


def train(cell, pieces, valid, a):
    torch.manual_seed(a.seed)
    model = MusicRNN(cell, UNITS[cell])
    optimizer = torch.optim.RMSprop(model.parameters(), lr=a.lr, alpha=a.beta2, eps=a.eps)
    best, best_state, best_step, worse, work, curve = math.inf, None, 0, 0, time.process_time(), []
    per_pass = len(pieces) // a.batch
    for step in range(a.steps):
        if step % per_pass == 0:
            order = torch.randperm(len(pieces)).tolist()
        at = step % per_pass * a.batch
        frames, lengths = batch_of([pieces[i] for i in order[at:at + a.batch]])
        for group in optimizer.param_groups:
            group["lr"] = rate(step, a)
        clean = [p.detach().clone() for p in model.parameters()]
        with torch.no_grad():
            for p in model.parameters():
                p.add_(a.noise * torch.randn_like(p))
        optimizer.zero_grad(set_to_none=True)
        (frame_sum(model, frames, lengths) / lengths.sum()).backward()
        with torch.no_grad():
            for p, kept in zip(model.parameters(), clean):
                p.copy_(kept)
        nn.utils.clip_grad_norm_(model.parameters(), a.clip)
        optimizer.step()
        if (step + 1) % a.eval_every == 0 or step + 1 == a.steps:
            loss = mean_loss(model, valid)
            curve.append((step + 1, loss))
            worse += 1
            if loss < best:
                best, best_step, worse = loss, step + 1, 0
                best_state = {k: v.clone() for k, v in model.state_dict().items()}
            if a.patience and worse >= a.patience:
                break
    model.load_state_dict(best_state)
    print("%s: validation %.3f at %d of %d updates" % (cell, best, best_step, step + 1), file=sys.stderr, flush=True)
    return model, {"valid": round(best, 4), "best_step": best_step, "steps": step + 1,
                   "cpu_seconds": round(time.process_time() - work, 1),
                   "parameters": sum(p.numel() for p in model.parameters())}, curve


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="jsb-chorales-quarter.json")
    for name, kind, value in (("steps", int, 8000), ("batch", int, 8), ("lr", float, 3e-3), ("min-lr", float, 1e-4),
                              ("warmup", int, 100), ("beta2", float, 0.95), ("eps", float, 1e-5), ("clip", float, 1.0),
                              ("noise", float, 0.075), ("eval-every", int, 50), ("patience", int, 40),
                              ("seed", int, 1)):
        p.add_argument("--" + name, type=kind, default=value)
    p.add_argument("--cells", default="tanh,lstm,gru")
    p.add_argument("--no-test", action="store_true", help="the test pieces are not read")
    a = p.parse_args()
    torch.set_num_threads(1)
    pieces, valid = read(a.data, "train"), read(a.data, "valid")
    nets = {cell: train(cell, pieces, valid, a) for cell in a.cells.split(",")}
    results = {cell: net[1] for cell, net in nets.items()}
    if not a.no_test:
        test = read(a.data, "test")
        for cell, net in nets.items():
            results[cell]["test"] = round(mean_loss(net[0], test), 4)
    print(json.dumps({"nets": results, "settings": {k: v for k, v in vars(a).items() if k != "data"},
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
