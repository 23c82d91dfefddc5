"""Training steps of GPT, and GPT-2's smallest size: a plain module over PyTorch's own attention, norms and fused GELU."""
from . import Row, common


def size_of(tensors):
    """Layers, heads, width, positions and vocabulary, from rapt's tensors. Both sizes here have heads of 32 or 64."""
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("transformer.h."))
    vocabulary, width = tensors["transformer.wte.weight"].shape
    return layers, (4 if width == 128 else 12), width, tensors["transformer.wpe.weight"].shape[0], vocabulary


def make_module(torch, layers, heads, width, positions, vocabulary):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.c_attn, self.attn_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.c_fc, self.mlp_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def heads_of(self, x):
            return x.view(x.shape[0], x.shape[1], heads, width // heads).transpose(1, 2)

        def forward(self, x):
            q, k, v = map(self.heads_of, self.c_attn(self.ln_1(x)).split(width, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.attn_proj(y.transpose(1, 2).reshape(x.shape))
            return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

        def decode(self, x, keys, values, at):
            """One token; keys and values (1, heads, positions, size) hold those before it and get its own."""
            q, k, v = map(self.heads_of, self.c_attn(self.ln_1(x)).split(width, dim=2))
            n = k.shape[2]
            keys[:, :, at:at + n] = k
            values[:, :, at:at + n] = v
            y = F.scaled_dot_product_attention(q, keys[:, :, :at + n], values[:, :, :at + n], is_causal=n > 1)
            x = x + self.attn_proj(y.transpose(1, 2).reshape(x.shape))
            return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
            self.h = nn.ModuleList(Block() for _ in range(layers))
            self.ln_f = nn.LayerNorm(width)

        def forward(self, tokens, labels):
            x = self.wte(tokens) + self.wpe.weight[:tokens.shape[1]]
            for block in self.h:
                x = block(x)
            logits = F.linear(self.ln_f(x), self.wte.weight)
            return F.cross_entropy(logits.view(-1, vocabulary), labels.reshape(-1))

        def decode(self, tokens, cache, at):
            """Logits of the last of `tokens` (1, n), which stand at positions at, at + 1, …"""
            x = self.wte(tokens) + self.wpe.weight[at:at + tokens.shape[1]]
            for block, (keys, values) in zip(self.h, cache):
                x = block.decode(x, keys, values, at)
            return F.linear(self.ln_f(x[:, -1]), self.wte.weight)

    return GPT()


NAMES = {"c_attn": "attn.c_attn", "attn_proj": "attn.c_proj", "c_fc": "mlp.c_fc", "mlp_proj": "mlp.c_proj"}


def load(torch, tensors):
    """A module with rapt's weights, whose linear layers are stored (in, out)."""
    model = make_module(torch, *size_of(tensors))
    state = {}
    for name in model.state_dict():
        parts = name.split(".")
        parts[-2] = NAMES.get(parts[-2], parts[-2])
        value = tensors["transformer." + ".".join(parts)]
        state[name] = value.t().contiguous() if "c_" in parts[-2] and parts[-1] == "weight" else value
    model.load_state_dict(state)
    return model


def make(torch, tensors):
    return load(torch, tensors), (tensors["input.tokens"].long(), tensors["input.labels"].long())


def measure(row, options):
    return common.training(row, options, make, clip=1.0)


ROWS = [
    Row("gpt-0.8m", "GPT step, 4 × 128, context 64, batch 12", 1.5, 2.0, measure),
    Row("gpt2-124m-4x64", "GPT-2 124M step, 4 × 64 tokens", 1.5, 1.9, measure),
    Row("gpt2-124m-1x1024", "GPT-2 124M step, 1 × 1024 tokens", 1.4, 1.8, measure),
]
