#!/usr/bin/env python3
"""Makes tests/golden/pairs/: tiny sequence-to-sequence models of BART's and T5's classes as transformers saves them, and what
PyTorch computes with them.

Run by hand, with torch and transformers installed; the result is kept in the repository."""
import json
import os
import pathlib
import sys

import pair_golden
import torch
from transformers import BartConfig, BartForConditionalGeneration, T5Config, T5ForConditionalGeneration

VOCABULARY = 19


def bart():
    model = BartForConditionalGeneration(BartConfig(
        vocab_size=VOCABULARY, max_position_embeddings=16, d_model=12, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=3, encoder_ffn_dim=20, decoder_ffn_dim=16,
        activation_function="gelu", dropout=0.0, scale_embedding=True, attn_implementation="eager"))
    model.final_logits_bias.copy_(torch.randn(1, VOCABULARY) * 0.5)
    return model


def t5(**special):
    return T5ForConditionalGeneration(T5Config(
        vocab_size=VOCABULARY, d_model=12, d_kv=5, d_ff=20, num_layers=2, num_heads=3, relative_attention_num_buckets=8,
        relative_attention_max_distance=10, dropout_rate=0.0, decoder_start_token_id=0, attn_implementation="eager",
        **special))


# name: model, (begin, pad, end)
MODELS = {
    "bart": (bart, (2, 1, 2)),
    "t5": (t5, (0, 0, 1)),
    # Its output is not scaled: embeddings of size 1 would make scores that float32 does not resolve.
    "t5-gated": (lambda: t5(num_decoder_layers=1, feed_forward_proj="gated-gelu", initializer_factor=0.3,
                            tie_word_embeddings=False), (0, 0, 1)),
}


def make(target, maker, ids):
    torch.manual_seed(50)
    model = maker().train()
    # Away from the start, so that biases, norms and attention all matter.
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.2)
    model.save_pretrained(target)
    for name in os.listdir(target):
        if name not in ("config.json", "model.safetensors"):
            os.remove(target / name)
        else:
            os.chmod(target / name, 0o644)

    def logits_of(batch):
        mask = torch.arange(batch["source"].shape[1])[None, :] < batch["source_lengths"][:, None]
        return model(input_ids=batch["source"], attention_mask=mask.long(), decoder_input_ids=batch["target"]).logits

    parameters = dict(model.named_parameters())
    batch = pair_golden.random_batch(VOCABULARY, VOCABULARY, [9, 4, 12], [5, 11, 3], *ids)
    pair_golden.write(target, batch, logits_of, parameters)
    expected = json.loads((target / "expected.json").read_text(encoding="utf-8"))
    for name, buffer in model.named_buffers():
        if name == "final_logits_bias":  # no gradient flows into it
            expected["nets"]["model"]["gradients"][name] = [0.0] * buffer.numel()
            expected["fixed"] = name
    (target / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "pairs")
    torch.set_num_threads(1)
    for name, (maker, ids) in MODELS.items():
        make(folder / name, maker, ids)


if __name__ == "__main__":
    main()
