"""A perceptron and the Transformer that learns functions in its context."""
from . import Row, common


def make_mlp(torch, tensors):
    F = torch.nn.functional

    class Perceptron(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = torch.nn.Linear(784, 256), torch.nn.Linear(256, 10)

        def forward(self, x, labels):
            return F.cross_entropy(self.fc2(F.relu(self.fc1(x))), labels)

    model = Perceptron()
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return model, (tensors["input.x"], tensors["input.labels"].long())


def make_icl(torch, tensors):
    nn, F = torch.nn, torch.nn.functional
    width, heads = tensors["ln_f.weight"].shape[0], 2
    layers = len([name for name in tensors if name.endswith("ln_1.weight")])

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x):
            q, k, v = (part.view(*x.shape[:2], heads, width // heads).transpose(1, 2) for part in
                       self.c_attn(x).split(width, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).reshape(x.shape))

    class FeedForward(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2, self.attn, self.mlp = nn.LayerNorm(width), nn.LayerNorm(width), Attention(), FeedForward()

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Learner(nn.Module):
        def __init__(self):
            super().__init__()
            self.read_in = nn.Linear(tensors["read_in.weight"].shape[1], width)
            self.wpe = nn.Embedding(*tensors["wpe.weight"].shape)
            self.h = nn.ModuleList(Block() for _ in range(layers))
            self.ln_f, self.read_out = nn.LayerNorm(width), nn.Linear(width, 1)

        def forward(self, x, y):
            h = self.read_in(x) + self.wpe.weight
            for block in self.h:
                h = block(h)
            return F.mse_loss(self.read_out(self.ln_f(h)).squeeze(2), y)

    model = Learner()
    # rapt stores the linear layers inside a block as (in, out).
    state = {name: tensors[name].t().contiguous() if ".c_" in name and name.endswith("weight") else tensors[name]
             for name in model.state_dict()}
    model.load_state_dict(state)
    return model, (tensors["input.x"], tensors["input.y"])


ROWS = [
    Row("icl", "in-context learner step, 3 × 64, 41 positions, batch 64", 2.5, 4.0,
        lambda row, options: common.training(row, options, make_icl)),
    Row("mlp", "784-256-10 step, batch 64", 4.0, 8.0, lambda row, options: common.training(row, options, make_mlp)),
]
