"""Shared by the scripts that make golden files of translators: what PyTorch computes with a model on one small batch."""
import json

import torch


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


LR, CLIP, DECAY = 1e-3, 1.0, 0.0


def write(target, batch, logits_of, parameters, steps=10, own_loss=None, smoothing=0.0):
    """Writes target/expected.json in the form that seq2seq_golden.h reads, for the model that the directory holds. `batch` holds
    source, source_lengths, target, target_lengths and labels (-100: does not count) as tensors; logits_of(batch) gives
    (B, T, V); parameters maps names to leaves. own_loss(batch) is the mean loss of a label, with labels smoothed by so much;
    None: the cross-entropy of the logits."""

    def loss_of():
        logits = logits_of(batch)
        if own_loss:
            return logits, own_loss(batch)
        return logits, torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch["labels"].reshape(-1))

    logits, loss = loss_of()
    loss.backward()
    net = {"logits": flat(logits), "loss": float(loss.detach()),
           "gradients": {name: flat(p.grad) for name, p in parameters.items()}, "losses": []}
    optimizer = torch.optim.AdamW(parameters.values(), lr=LR, betas=(0.9, 0.99), eps=1e-8, weight_decay=DECAY)
    for _ in range(steps):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP)
        optimizer.step()
        net["losses"].append(float(loss.detach()))
    expected = {name: value.tolist() for name, value in batch.items()}
    expected |= {"smoothing": smoothing, "lr": LR, "clip": CLIP, "decay": DECAY, "nets": {"model": net}}
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    print(f"loss {net['losses'][0]:.6f} to {net['losses'][-1]:.6f}")


def random_batch(source_vocabulary, vocabulary, source_lengths, target_lengths, bos=0, pad=1, eos=2):
    """Rows of random ids behind the special ones; sources and labels end with end-of-sequence."""
    rows, width, length = len(source_lengths), max(source_lengths), max(target_lengths)
    source = torch.full((rows, width), pad)
    target, labels = torch.full((rows, length), pad), torch.full((rows, length), -100)
    for i, (n, m) in enumerate(zip(source_lengths, target_lengths)):
        source[i, : n - 1] = torch.randint(4, source_vocabulary, (n - 1,))
        source[i, n - 1] = eos
        words = torch.randint(4, vocabulary, (m - 1,))
        target[i, 0], target[i, 1:m] = bos, words
        labels[i, : m - 1], labels[i, m - 1] = words, eos
    return {"source": source, "source_lengths": torch.tensor(source_lengths), "target": target,
            "target_lengths": torch.tensor(target_lengths), "labels": labels}
