"""Shared by the scripts that make golden files of translators: what PyTorch computes with a model on one small batch."""
import json

import torch


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def write(target, batch, logits_of, parameters, rename=lambda name: name, steps=10, loss=None, smoothing=0.0):
    """Writes target/expected.json. `batch` holds source, source_lengths, target, target_lengths and labels (-100: does not
    count) as tensors; logits_of(batch) gives (B, T, V); parameters maps names to leaves. `loss` is the mean loss of a label in a
    batch, with labels smoothed by so much; None: the cross-entropy of the logits."""

    own_loss = loss

    def loss_of():
        logits = logits_of(batch)
        if own_loss:
            return logits, own_loss(batch)
        return logits, torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch["labels"].reshape(-1))

    logits, loss = loss_of()
    loss.backward()
    expected = {name: value.tolist() for name, value in batch.items()}
    if smoothing:
        expected["smoothing"] = smoothing
    expected["logits"], expected["loss"] = flat(logits), float(loss.detach())
    expected["gradients"] = {rename(name): flat(p.grad) for name, p in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9)
    expected["losses"], expected["norms"] = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        expected["norms"].append(float(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)))
        optimizer.step()
        expected["losses"].append(float(loss.detach()))
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    print(f"loss {expected['losses'][0]:.6f} to {expected['losses'][-1]:.6f}, norm {expected['norms'][0]:.4f}")


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
