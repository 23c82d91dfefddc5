"""Beam search over a batch of sentences: beside torch, over the module of translation.py with its keys and values kept, and beside
CTranslate2, which is made for this."""
import importlib.metadata
import tempfile

from . import Row, common, translation

BEAM, BEGIN, END = 4, 0, 2  # as in src/infer/bench/search.c; ids of <s> and </s>


def torch_search(torch, module, source, steps):
    """The best of BEAM hypotheses of `steps` tokens of which none is the end, for every sentence."""
    F = torch.nn.functional
    rows, width = source.shape[0] * BEAM, module.shared.weight.shape[1]
    first = torch.arange(source.shape[0])[:, None] * BEAM

    @torch.inference_mode()
    def search():
        memory = module.embed(source)
        for layer in module.encoder:
            memory = layer(memory, None, None)
        across = [[x.repeat_interleave(BEAM, 0) for x in layer.across.split(layer.across.memory(memory), 2)]
                  for layer in module.decoder]
        heads, size = across[0][0].shape[1], across[0][0].shape[3]
        caches = torch.zeros(len(module.decoder), 2, rows, heads, steps, size)
        sums = torch.full((source.shape[0], BEAM), float("-inf"))
        sums[:, 0] = 0
        ids, words = torch.zeros(rows, 0, dtype=torch.long), torch.full((rows,), BEGIN)
        for at in range(steps):
            x = (module.shared(words) * width**0.5 + module.positions[at])[:, None]
            for number, layer in enumerate(module.decoder):
                q, k, v = layer.attention.split(layer.attention.project(x), 3)
                kept = caches[number]
                kept[0, :, :, at], kept[1, :, :, at] = k[:, :, 0], v[:, :, 0]
                y = F.scaled_dot_product_attention(q, kept[0, :, :, : at + 1], kept[1, :, :, : at + 1])
                x = layer.norms[0](x + layer.attention.out(y.transpose(1, 2).reshape(x.shape)))
                (q,) = layer.across.split(layer.across.project(x), 1)
                y = F.scaled_dot_product_attention(q, *across[number])
                x = layer.norms[1](x + layer.across.out(y.transpose(1, 2).reshape(x.shape)))
                x = layer.norms[2](x + layer.fc2(F.relu(layer.fc1(x))))
            logits = F.linear(x[:, 0], module.shared.weight)
            scores = F.log_softmax(logits, 1)
            scores[:, END] = float("-inf")
            best, flat = (sums[:, :, None] + scores.view(-1, BEAM, scores.shape[1])).flatten(1).topk(BEAM, 1)
            sums, parents = best, (first + flat // scores.shape[1]).flatten()
            words = (flat % scores.shape[1]).flatten()
            ids = torch.cat([ids[parents], words[:, None]], 1)
            caches[:, :, :, :, : at + 1] = caches[:, :, parents, :, : at + 1]
        return ids[::BEAM]

    return search


def ctranslate2_search(module, source, steps, threads):
    import ctranslate2
    from ctranslate2.specs import TransformerSpec

    spec = TransformerSpec.from_config((len(module.encoder), len(module.decoder)), 4, pre_norm=False)

    def put(to, name, value):
        setattr(to, name, value.detach().numpy())

    def layer_of(to, layer):
        put(to, "weight", layer.weight)
        put(to, "bias", layer.bias)

    def norm_of(to, norm):
        put(to, "gamma", norm.weight)
        put(to, "beta", norm.bias)

    def side(to, layers, embeddings):
        to.scale_embeddings = module.shared.weight.shape[1] ** 0.5
        put(embeddings, "weight", module.shared.weight)
        put(to.position_encodings, "encodings", module.positions)
        for spec_layer, layer in zip(to.layer, layers):
            layer_of(spec_layer.self_attention.linear[0], layer.attention.project)
            layer_of(spec_layer.self_attention.linear[1], layer.attention.out)
            norm_of(spec_layer.self_attention.layer_norm, layer.norms[0])
            if layer.across is not None:
                layer_of(spec_layer.attention.linear[0], layer.across.project)
                layer_of(spec_layer.attention.linear[1], layer.across.memory)
                layer_of(spec_layer.attention.linear[2], layer.across.out)
                norm_of(spec_layer.attention.layer_norm, layer.norms[1])
            layer_of(spec_layer.ffn.linear_0, layer.fc1)
            layer_of(spec_layer.ffn.linear_1, layer.fc2)
            norm_of(spec_layer.ffn.layer_norm, layer.norms[-1])

    side(spec.encoder, module.encoder, spec.encoder.embeddings[0])
    side(spec.decoder, module.decoder, spec.decoder.embeddings)
    put(spec.decoder.projection, "weight", module.shared.weight)
    names = [str(i) for i in range(module.shared.weight.shape[0])]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = "3", str(BEGIN), str(END)
    spec.config.decoder_start_token = str(BEGIN)
    with tempfile.TemporaryDirectory(prefix="rapt-bench-") as folder:
        spec.validate()
        spec.save(folder)
        translator = ctranslate2.Translator(folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads)
    sentences = [[names[i] for i in row] for row in source.tolist()]

    def search():
        found = translator.translate_batch(sentences, beam_size=BEAM, min_decoding_length=steps, max_decoding_length=steps,
                                           max_batch_size=0, length_penalty=0.6)
        return [[int(word) for word in result.hypotheses[0]] for result in found]

    return search


def measure(name, make, peer=None):
    def run(row, options):
        torch = common.import_torch(options)
        tensors, _ = common.saved(options, row.work)
        source, want = tensors["input.ids"].long(), tensors["output.ids"].tolist()
        search = make(torch, translation.transformer_of(torch, tensors).eval(), source, len(want[0]), options.threads)
        found = [list(map(int, sentence)) for sentence in search()]
        same = sum(a == b for a, b in zip(found, want))
        if same < len(want):
            raise RuntimeError(f"{row.id}: {name} finds the same tokens for {same} of {len(want)} sentences only")
        options.say(f"  {row.id}: {name} finds rapt's tokens for all {len(want)} sentences")
        return common.alternate(row, options, {name: search}, peer=peer and f"{peer} {importlib.metadata.version(peer)}")

    return run


ROWS = [
    Row("beam-torch", "beam 4, Transformer 3 + 3 × 256, 24 tokens from 24, 32 sentences", 2.0, 3.0,
        measure("eager", lambda torch, module, source, steps, _: torch_search(torch, module, source, steps)), work="beam"),
    Row("beam-ctranslate2", "beam 4, Transformer 3 + 3 × 256, 24 tokens from 24, 32 sentences", 0.83, 1.0,
        measure("CTranslate2", lambda _, *rest: ctranslate2_search(*rest), "ctranslate2"), work="beam"),
]
