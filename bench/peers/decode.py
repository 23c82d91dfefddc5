"""Greedy decoding of one sequence with a key/value cache, in inference mode."""
from . import Row, common, gpt


def measure(row, options):
    torch = common.import_torch(options)
    tensors, _ = common.saved(options, row.id)
    prompt, want = tensors["input.ids"].long(), tensors["output.ids"].tolist()
    layers, heads, width, positions, _ = gpt.size_of(tensors)
    model = gpt.load(torch, tensors).eval()
    cache = [tuple(torch.zeros(1, heads, positions, width // heads) for _ in range(2)) for _ in range(layers)]
    with torch.inference_mode():
        first = model.decode(prompt[None], cache, 0).argmax().item()

    @torch.inference_mode()
    def generate():
        ids = [first]
        for i in range(len(want) - 1):
            ids.append(model.decode(torch.tensor([[ids[-1]]]), cache, len(prompt) + i).argmax().item())
        return ids

    ids = generate()
    if ids != want:
        raise RuntimeError(f"{row.id}: rapt decodes {want}, torch {ids}")
    return common.alternate(row, options, {"eager": generate}, parts=len(want) - 1, tokens=len(want) - 1)


ROWS = [Row("decode", "GPT-2 124M greedy decoding, 1 sequence, 32 tokens after 32", 1.5, 2.0, measure)]
