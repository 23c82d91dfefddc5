"""Causal attention forward and backward, beside scaled_dot_product_attention, whose tensors lie as it likes them best."""
from . import Row, common


def measure(row, options):
    torch = common.import_torch(options)
    tensors, _ = common.saved(options, row.id)
    q, k, v, dy = (tensors[f"input.{name}"].transpose(1, 2).contiguous() for name in ("q", "k", "v", "dy"))
    leaves = [x.requires_grad_() for x in (q, k, v)]

    def forward(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    modes, differences = {}, {}
    for name in ("eager", "compile") if options.compile else ("eager",):
        function = forward if name == "eager" else common.compiled_best(torch, forward)

        def step(function=function):
            for x in leaves:
                x.grad = None
            function(q, k, v).backward(dy)

        step()
        difference = 0.0
        for letter, x in zip("qkv", leaves):
            want = tensors[f"output.d{letter}"].transpose(1, 2)
            difference = max(difference, (x.grad - want).abs().max().item())
        if not difference <= common.TOLERANCE:
            raise RuntimeError(f"{row.id}: gradients of torch {name} differ by {difference}")
        differences[name] = difference
        modes[name] = step
    return common.alternate(row, options, modes, gradient_difference=differences)


ROWS = [
    Row("attention-2048", "causal attention 1 × 8 × 2048 × 64, forward + backward", 1.4, 1.8, measure),
    Row("attention-8192", "causal attention 1 × 8 × 8192 × 64, forward + backward", 1.3, 1.6, measure),
]
