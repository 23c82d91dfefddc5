#!/usr/bin/env python3
"""Golden results of beam search: tests/golden/make_search.py; writes search.json and transformer-tiny/generate.json beside it.

A toy translator (tables and one attention, numbers from a formula that test_search_golden.c repeats) is searched by
transformers' generate and by the plain search below. The script fails where the two differ; what transformers does not have
(GNMT's penalties, groups, prefixes) is the plain search's alone. The second file is what generate finds with the Transformer of
transformer-tiny. Needs PyTorch and transformers.
"""
import json
import math
import pathlib
import sys

import torch
import transformers
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

BOS, PAD, EOS, UNK = range(4)
V, D, CONTEXT = 13, 4, 16


def number(salt, i, j):
    """Uniform in [-1, 1), exact in float32."""
    x = (salt * 1000003 + i * 7919 + j * 104729 + 12345) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x ^= x >> 16
    return (x >> 16) / 32768 - 1


def table(salt, rows, columns, scale):
    return torch.tensor([[scale * number(salt, i, j) for j in range(columns)] for i in range(rows)], dtype=torch.float32)


FIRST, NEWEST, OLDER = table(1, V, V, 1), table(2, V, V, 2), table(3, V, V, 1)
QUERY, KEY, VALUE, OUT = table(4, V, D, 2), table(5, V, D, 2), table(6, V, D, 1), table(7, D, V, 1)
TIME = table(8, CONTEXT, V, 1)


def scores(source, history):
    """Logits (T, V) and alignment (T, S) after every prefix of history."""
    history, source = torch.tensor(history), torch.tensor(source)
    older = torch.cat([FIRST[source[:1]], OLDER[history[:-1]]])
    alignment = torch.softmax(QUERY[history] @ KEY[source].T / math.sqrt(D), -1)
    return NEWEST[history] + TIME[:len(history)] + older + alignment @ VALUE[source] @ OUT, alignment


class Passes(torch.nn.Module):
    """An encoder that hands the source over."""

    def forward(self, input_ids, **_):
        return BaseModelOutput(last_hidden_state=input_ids[:, :, None].float())


class Toy(PreTrainedModel, GenerationMixin):
    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, config):
        super().__init__(config)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def get_encoder(self, modality=None):
        return Passes()

    def prepare_inputs_for_generation(self, decoder_input_ids, encoder_outputs=None, **_):
        return {"decoder_input_ids": decoder_input_ids, "encoder_outputs": encoder_outputs}

    def forward(self, decoder_input_ids=None, encoder_outputs=None, input_ids=None, return_dict=True, **_):
        rows = []
        for source, history in zip(encoder_outputs.last_hidden_state, decoder_input_ids):
            source = [int(x) for x in source[:, 0] if x != PAD]
            rows.append(scores(source, history.tolist())[0])
        return Seq2SeqLMOutput(logits=torch.stack(rows))


def generate(source, o):
    config = PretrainedConfig(is_encoder_decoder=True, vocab_size=V, decoder_start_token_id=BOS, bos_token_id=BOS,
                              pad_token_id=PAD, eos_token_id=EOS)
    model = Toy(config).eval()
    stopping = {"estimate": False, "first": True, "never": "never"}[o["stopping"]]
    arguments = {"num_beams": o["beam"], "num_return_sequences": o["nbest"], "max_new_tokens": o["max_length"],
                 "suppress_tokens": [BOS, PAD] + ([UNK] if o["ban_unknown"] else []), "do_sample": False,
                 "return_dict_in_generate": True, "output_scores": True, "use_cache": False}
    if o["beam"] > 1:
        arguments |= {"length_penalty": o["alpha"], "early_stopping": stopping}
    if o["min_length"]:
        arguments["min_new_tokens"] = o["min_length"]
    if o["no_repeat"]:
        arguments["no_repeat_ngram_size"] = o["no_repeat"]
    with torch.no_grad():
        out = model.generate(torch.tensor([source]), **arguments)
    found = []
    for i, tokens in enumerate(out.sequences.tolist()):
        tokens = tokens[1:]
        if EOS in tokens:
            tokens = tokens[:tokens.index(EOS) + 1]
        found.append((tokens, float(out.sequences_scores[i]) if o["beam"] > 1 else None))
    return found


# ---- The plain search ----

def penalised(total, length, o):
    if o["alpha"] == 0:
        return total
    return total / ((5 + length) / 6 if o["gnmt"] else length) ** o["alpha"]


def worth(source, tokens, total, o):
    score = penalised(total, len(tokens), o)
    if o["beta"]:
        covered = scores(source, [BOS] + tokens[:-1])[1].double().sum(0)
        score += o["beta"] * float(torch.log(torch.clamp(covered, 1e-30, 1)).sum())
    return score


def repeated(tokens, n):
    """Tokens that would complete a second copy of a sequence of n."""
    if n < 1 or len(tokens) < n:
        return set()
    tail = tokens[len(tokens) - n + 1:]
    return {tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i:i + n - 1] == tail}


def continuations(source, tokens, o):
    logs = torch.log_softmax(scores(source, [BOS] + tokens)[0][-1].double(), -1).tolist()
    if len(tokens) < len(o["prefix"]):
        forced = o["prefix"][len(tokens)]
        return [(forced, logs[forced])]
    banned = {BOS, PAD} | ({UNK} if o["ban_unknown"] else set()) | repeated(tokens, o["no_repeat"])
    if len(tokens) < o["min_length"]:
        banned.add(EOS)
    return [(t, logs[t]) for t in range(V) if t not in banned]


def plain(source, o):
    size = o["beam"] // o["groups"]
    live = [[([], 0.0)] for _ in range(o["groups"])]
    done = [[] for _ in range(o["groups"])]
    closed = [False] * o["groups"]
    length = 0
    while not all(closed):
        length += 1
        taken = []
        for g in range(o["groups"]):
            if closed[g]:
                continue
            offers = []
            for tokens, total in live[g]:
                for token, log in continuations(source, tokens, o):
                    key = total + log - o["diversity"] * taken.count(token)
                    offers.append((key, tokens + [token], total + log))
            offers.sort(key=lambda x: -x[0])
            live[g], mine = [], []
            for rank, (_, tokens, total) in enumerate(offers[:2 * size]):
                if tokens[-1] == EOS or length == o["max_length"]:
                    if rank >= size:
                        continue
                    done[g].append((worth(source, tokens, total, o), tokens, total))
                elif len(live[g]) < size:
                    live[g].append((tokens, total))
                else:
                    continue
                mine.append(tokens[-1])
            taken += mine
            done[g] = sorted(done[g], key=lambda x: -x[0])[:size]
            if not live[g]:
                closed[g] = True
            elif len(done[g]) == size:
                best = max(total for _, total in live[g])
                at = o["max_length"] if o["stopping"] == "never" and o["alpha"] > 0 else length
                closed[g] = (o["stopping"] == "first" or o["beam"] == 1
                             or penalised(best, at, o) <= done[g][-1][0])
    return [(tokens, score, total) for score, tokens, total in sorted(sum(done, []), key=lambda x: -x[0])[:o["nbest"]]]


DEFAULTS = {"beam": 1, "nbest": 1, "alpha": 0, "gnmt": False, "beta": 0, "stopping": "estimate", "max_length": 12,
            "min_length": 0, "groups": 1, "diversity": 0, "no_repeat": 0, "ban_unknown": False, "prefix": []}


def cases():
    yield {}
    yield {"min_length": 5, "ban_unknown": True}
    yield {"no_repeat": 2, "max_length": 9}
    for beam in (2, 4, 5):
        for stopping in ("estimate", "first", "never"):
            for alpha in (0, 0.6, 1, 2):
                yield {"beam": beam, "nbest": beam, "stopping": stopping, "alpha": alpha}
    yield {"beam": 4, "nbest": 4, "alpha": 1, "min_length": 4, "no_repeat": 2}
    yield {"beam": 4, "nbest": 3, "alpha": 1, "no_repeat": 1, "ban_unknown": True}
    yield {"beam": 4, "nbest": 4, "alpha": 0.5, "max_length": 4}
    for more in ({"gnmt": True, "alpha": 0.6}, {"gnmt": True, "alpha": 1, "beta": 0.2}, {"alpha": 1, "beta": 0.4},
                 {"beam": 6, "groups": 3, "diversity": 0.7}, {"beam": 6, "groups": 6, "diversity": 2, "alpha": 1},
                 {"prefix": [7, 5, 9], "alpha": 1}, {"prefix": [3], "gnmt": True, "alpha": 1}):
        for stopping in ("estimate", "first", "never"):
            yield {"beam": 4, "stopping": stopping} | more | {"nbest": more.get("beam", 4)}


def sources():
    for i in range(7):
        length = 1 + (i * 5) % 11
        yield [4 + int((number(9, i, j) + 1) * (V - 4) / 2) for j in range(length)] + [EOS]


def toy_results():
    found, all_sources = [], list(sources())
    for case in cases():
        o = DEFAULTS | case
        theirs = not (o["gnmt"] or o["beta"] or o["groups"] > 1 or o["prefix"])
        results = []
        for source in all_sources:
            ours = plain(source, o)
            if theirs:
                for (tokens, score, _), (their_tokens, their_score) in zip(ours, generate(source, o), strict=True):
                    if tokens != their_tokens or (their_score is not None and abs(score - their_score) > 1e-4):
                        sys.exit(f"{case} {source}: {tokens} {score}, transformers {their_tokens} {their_score}")
            results.append([{"tokens": t, "score": round(s, 6), "sum": round(p, 6)} for t, s, p in ours])
        found.append({"options": o, "transformers": theirs, "results": results})
    return {"vocabulary": V, "sources": all_sources, "cases": found}


def tiny_results(folder):
    """Of one padded batch, as generate is used."""
    model = transformers.MarianMTModel.from_pretrained(folder).eval()
    vocabulary, found = model.config.vocab_size, []
    all_sources = [[4 + int((number(11, i, j) + 1) * (vocabulary - 4) / 2) for j in range(2 + i % 7)] + [EOS]
                   for i in range(9)]
    longest = max(map(len, all_sources))
    ids = torch.tensor([s + [PAD] * (longest - len(s)) for s in all_sources])
    for beam, alpha, more in ((1, 0, {}), (1, 0, {"no_repeat_ngram_size": 2}), (4, 1, {"no_repeat_ngram_size": 1}),
                              (5, 1, {"no_repeat_ngram_size": 3}),
                              (4, 0.6, {"early_stopping": True, "no_repeat_ngram_size": 2}),
                              (4, 2, {"early_stopping": "never", "no_repeat_ngram_size": 1})):
        arguments = {"num_beams": beam, "num_return_sequences": beam, "max_new_tokens": 12, "do_sample": False,
                     "suppress_tokens": [BOS, PAD], "forced_eos_token_id": None, "return_dict_in_generate": True,
                     "output_scores": True} | more
        if beam > 1:
            arguments["length_penalty"] = alpha
        with torch.no_grad():
            out = model.generate(ids, attention_mask=(ids != PAD).long(), **arguments)
        results = [[] for _ in all_sources]
        for i, tokens in enumerate(out.sequences.tolist()):
            tokens = tokens[1:]
            if EOS in tokens:
                tokens = tokens[:tokens.index(EOS) + 1]
            score = round(float(out.sequences_scores[i]), 6) if beam > 1 else None
            results[i // beam].append({"tokens": tokens, "score": score, "sum": None})
        stopping = {False: "estimate", True: "first", "never": "never"}[more.get("early_stopping", False)]
        found.append({"options": DEFAULTS | {"beam": beam, "nbest": beam, "alpha": alpha, "stopping": stopping,
                                             "no_repeat": more.get("no_repeat_ngram_size", 0)}, "results": results})
    return {"sources": all_sources, "cases": found}


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    here = pathlib.Path(__file__).parent
    for path, results in ((here / "search.json", toy_results()),
                          (here / "transformer-tiny" / "generate.json", tiny_results(here / "transformer-tiny"))):
        text = json.dumps({"made_by": f"make_search.py, transformers {transformers.__version__}"} | results,
                          separators=(",", ":"))
        path.write_text(text.replace('{"options"', '\n{"options"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
