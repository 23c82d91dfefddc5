#!/usr/bin/env python3
"""Makes tests/golden/bert/: tiny models of BERT's classes as transformers saves them, and what PyTorch computes with them.

    make_bert.py [FOLDER]               the folder
    make_bert.py --sentences DIRECTORY  embeddings of real sentences by a sentence-transformers directory, as JSON (ids and
                                        vectors), which tests/golden/test_bert.c compares with

Run by hand, with torch and transformers installed; the result of the first form is kept in the repository."""
import json
import os
import pathlib
import sys

import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

VOCABULARY, STEPS = 19, 10
LENGTHS, TIME = (9, 5, 12), 12
CONFIG = dict(
    vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=16, type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    layer_norm_eps=1e-6, attn_implementation="eager")


def flat(tensor):
    return [float(f"{x:.7g}") for x in tensor.detach().reshape(-1).tolist()]


def moved(model):
    """Away from the start, so that biases, norms and attention all matter."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.3)
    return model.train()


def save(model, target):
    model.save_pretrained(target)
    for name in os.listdir(target):
        if name not in ("config.json", "model.safetensors", "modules.json", "1_Pooling"):
            os.remove(target / name)
        else:
            os.chmod(target / name, 0o755 if name == "1_Pooling" else 0o644)


def batch():
    ids, types = torch.randint(0, VOCABULARY, (len(LENGTHS), TIME)), torch.zeros(len(LENGTHS), TIME, dtype=torch.long)
    mask = torch.arange(TIME)[None, :] < torch.tensor(LENGTHS)[:, None]
    labels = torch.full((len(LENGTHS), TIME), -100)
    for row, n in enumerate(LENGTHS):
        types[row, n // 2 : n] = 1
        for at in (1, n - 2):
            labels[row, at] = torch.randint(0, VOCABULARY, ())
    return {"ids": ids, "types": types, "labels": labels}, mask.long()


def make_plain(target):
    torch.manual_seed(41)
    model = moved(BertModel(BertConfig(**CONFIG)))
    save(model, target)
    (target / "1_Pooling").mkdir(exist_ok=True)
    (target / "1_Pooling" / "config.json").write_text(json.dumps({
        "word_embedding_dimension": 12, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}) + "\n", encoding="utf-8")
    (target / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])
    ]) + "\n", encoding="utf-8")
    data, mask = batch()
    out = model(data["ids"], attention_mask=mask, token_type_ids=data["types"])
    states = out.last_hidden_state
    weights = mask[:, :, None].float()
    mean = (states * weights).sum(1) / weights.sum(1)
    highest = states.masked_fill(weights == 0, -1e9).max(1).values
    expected = {name: value.tolist() for name, value in data.items()}
    expected |= {
        "lengths": LENGTHS, "states": [flat(states[row, :n]) for row, n in enumerate(LENGTHS)],
        "pooled": flat(out.pooler_output), "mean": flat(mean), "max": flat(highest), "cls": flat(states[:, 0]),
        "normalized": flat(torch.nn.functional.normalize(mean, dim=1))}
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


def make_masked(target):
    torch.manual_seed(42)
    model = moved(BertForMaskedLM(BertConfig(**CONFIG)))
    save(model, target)
    data, mask = batch()

    def loss_of():
        logits = model(data["ids"], attention_mask=mask, token_type_ids=data["types"]).logits
        return logits, torch.nn.functional.cross_entropy(
            logits.reshape(-1, VOCABULARY), data["labels"].reshape(-1))

    logits, loss = loss_of()
    loss.backward()
    expected = {name: value.tolist() for name, value in data.items()}
    expected |= {
        "lengths": LENGTHS, "logits": flat(logits), "loss": float(loss.detach()),
        "gradients": {name: flat(p.grad) for name, p in model.named_parameters()}}
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    expected["losses"], expected["norms"] = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of()
        loss.backward()
        expected["norms"].append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        expected["losses"].append(float(loss.detach()))
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    print(f"loss {expected['losses'][0]:.6f} to {expected['losses'][-1]:.6f}")


SENTENCES = (
    "A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.", "How do I renew my passport?",
    "Two men pushed carts through the woods.", "A monkey is playing drums.", "Attention is all you need.",
    "The quick brown fox jumps over the lazy dog, again and again, until the light fails and the dog has had enough of it; "
    "then both go home.")


def real(directory):
    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModel.from_pretrained(directory).eval()
    rows = []
    with torch.no_grad():
        for sentence in SENTENCES:
            ids = tokenizer(sentence, return_tensors="pt")["input_ids"]
            mean = model(ids).last_hidden_state.mean(1)
            rows.append({"text": sentence, "ids": ids[0].tolist(),
                         "vector": flat(torch.nn.functional.normalize(mean, dim=1))})
    json.dump(rows, sys.stdout)
    print()


def main():
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "--sentences":
        return real(sys.argv[2])
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "bert")
    make_plain(folder / "plain")
    make_masked(folder / "masked")


if __name__ == "__main__":
    main()
