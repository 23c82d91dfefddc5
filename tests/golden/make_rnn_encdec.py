#!/usr/bin/env python3
"""Makes tests/golden/rnn-encdec/: small encoder–decoders and what PyTorch computes with them in double precision.

The network is the class of bench/twins/rnn_encdec.py. Of each net: weights, one batch of sources and targets of different
lengths, scores, gradients of the mean loss with smoothed labels, ten updates of AdamW with clipping. Run by hand, with torch and
safetensors installed; the result is kept in the repository.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "twins"))
from rnn_encdec import EncoderDecoder

SOURCE, TARGET, STEPS = 13, 11, 10
SMOOTHING, LR, CLIP, DECAY = 0.1, 0.02, 0.7, 0.1
NETS = {
    "sutskever": dict(cell="lstm", layers=2, width=6, embedding=5, reverse=True),
    "cho": dict(cell="gru-before", layers=1, width=7, reverse=False, feed_context=True, maxout=4),
    "gru": dict(cell="gru", layers=2, width=5, reverse=False, bidirectional=True),
    "mixed": dict(cell="lstm", layers=1, width=5, embedding=4, reverse=True, bidirectional=True, feed_context=True,
                  maxout=3),
    "memory": dict(cell="lstm", layers=2, width=4, reverse=False, bidirectional=True),
    "grconv": dict(cell="gru-before", layers=1, width=6, embedding=5, reverse=False, feed_context=True, maxout=4,
                   encoder="grconv"),
}


def flat(tensor):
    return [float("%.9g" % x) for x in tensor.detach().reshape(-1).tolist()]


def setting(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def make(options, batch, path):
    source, source_lengths, target, labels = batch
    model = EncoderDecoder(SOURCE, TARGET, **options)
    with torch.no_grad():  # away from zero, so that every parameter matters
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.3)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)
    model = model.double()  # the very values of the file

    def loss_of():
        scores = model(source, source_lengths, target)
        return torch.nn.functional.cross_entropy(scores.transpose(1, 2), labels, label_smoothing=SMOOTHING), scores

    loss, scores = loss_of()
    loss.backward()
    gradients = {k: flat(p.grad) for k, p in model.named_parameters()}
    plain = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": DECAY},
              {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.99), eps=1e-8)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        step_loss, _ = loss_of()
        step_loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(float(step_loss.detach()))
    return {"settings": ["model.%s=%s" % (k, setting(v)) for k, v in options.items()],
            "logits": flat(scores), "loss": float(loss.detach()), "gradients": gradients, "losses": losses}


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "rnn-encdec"
    directory.mkdir(exist_ok=True)
    torch.manual_seed(5)
    torch.set_num_threads(1)
    source_lengths, target_lengths = torch.tensor([5, 2, 4]), torch.tensor([4, 3, 1])
    source, target = torch.randint(4, SOURCE, (3, 5)), torch.randint(4, TARGET, (3, 4))
    labels = torch.full((3, 4), -100)
    for row in range(3):
        source[row, source_lengths[row] - 1] = 2
        source[row, source_lengths[row]:] = 1
        labels[row, :target_lengths[row] - 1] = target[row, 1:target_lengths[row]]
        labels[row, target_lengths[row] - 1] = 2
        target[row, target_lengths[row]:] = 1
    target[:, 0] = 0
    batch = (source, source_lengths, target, labels)
    expected = {"source_vocabulary": SOURCE, "vocabulary": TARGET, "smoothing": SMOOTHING, "lr": LR, "clip": CLIP,
                "decay": DECAY, "source": source.tolist(), "source_lengths": source_lengths.tolist(),
                "target": target.tolist(), "target_lengths": target_lengths.tolist(), "labels": labels.tolist(),
                "nets": {name: make(options, batch, directory / (name + ".safetensors"))
                         for name, options in NETS.items()}}
    (directory / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
