#!/usr/bin/env python3
"""Makes tests/golden/transformer-tiny/: a tiny MarianMTModel as transformers saves it, and what PyTorch computes with it.

Run by hand, with torch and transformers installed; the result is kept in the repository."""
import os
import pathlib
import sys

import pair_golden
import torch
from transformers import MarianConfig, MarianMTModel

SOURCE, TARGET = 17, 19


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "transformer-tiny")
    torch.manual_seed(21)
    torch.set_num_threads(1)
    config = MarianConfig(
        vocab_size=SOURCE, decoder_vocab_size=TARGET, share_encoder_decoder_embeddings=False, tie_word_embeddings=True,
        max_position_embeddings=16, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=20, activation_function="relu", dropout=0.0,
        scale_embedding=True, bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=0)
    model = MarianMTModel(config).train()
    # Away from the start, so that biases, norms and attention all matter.
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p) * 0.15)
    model.save_pretrained(target)
    for name in os.listdir(target):
        if name not in ("config.json", "model.safetensors"):
            os.remove(target / name)

    def logits_of(batch):
        mask = torch.arange(batch["source"].shape[1])[None, :] < batch["source_lengths"][:, None]
        return model(input_ids=batch["source"], attention_mask=mask.long(), decoder_input_ids=batch["target"]).logits

    batch = pair_golden.random_batch(SOURCE, TARGET, [7, 4, 6], [5, 8, 3])
    pair_golden.write(target, batch, logits_of, {n: p for n, p in model.named_parameters() if p.requires_grad})


if __name__ == "__main__":
    main()
