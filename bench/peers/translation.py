"""Training steps of translators: the Transformer over torch's attention, RNNsearch over products of all time steps at once where
there are no states between them."""
from . import Row, common

SMOOTHING = 0.1


def loss_of(F, logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, label_smoothing=SMOOTHING)


def batch_of(torch, tensors):
    """source, which source tokens are there, target, labels"""
    source, lengths = tensors["input.source"].long(), tensors["input.source_lengths"].long()
    there = torch.arange(source.shape[1])[None, :] < lengths[:, None]
    return source, there, tensors["input.target"].long(), tensors["input.labels"].long()


def transformer_of(torch, tensors):
    nn, F = torch.nn, torch.nn.functional
    width, heads = tensors["model.shared.weight"].shape[1], 4

    def together(prefix, names, kind):
        return torch.cat([tensors[f"{prefix}.{name}.{kind}"] for name in names])

    class Attention(nn.Module):
        """Queries, keys and values by one product where they come from the same states."""

        def __init__(self, prefix, own):
            super().__init__()
            first = ("q_proj", "k_proj", "v_proj") if own else ("q_proj",)
            self.parts, self.own = len(first), own
            self.project = nn.Linear(width, len(first) * width)
            self.out = nn.Linear(width, width)
            self.take(self.project, prefix, first)
            self.take(self.out, prefix, ("out_proj",))
            if not own:
                self.memory = nn.Linear(width, 2 * width)
                self.take(self.memory, prefix, ("k_proj", "v_proj"))

        @staticmethod
        @torch.no_grad()
        def take(layer, prefix, names):
            layer.weight.copy_(together(prefix, names, "weight"))
            layer.bias.copy_(together(prefix, names, "bias"))

        @staticmethod
        def split(x, parts):
            return (part.view(*x.shape[:2], heads, -1).transpose(1, 2) for part in x.chunk(parts, dim=2))

        def forward(self, x, memory, mask, causal):
            if self.own:
                q, k, v = self.split(self.project(x), 3)
            else:
                (q,), (k, v) = self.split(self.project(x), 1), self.split(self.memory(memory), 2)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
            return self.out(y.transpose(1, 2).reshape(x.shape))

    class Layer(nn.Module):
        def __init__(self, prefix, decoder):
            super().__init__()
            self.attention = Attention(f"{prefix}.self_attn", True)
            self.across = Attention(f"{prefix}.encoder_attn", False) if decoder else None
            inner = tensors[f"{prefix}.fc1.weight"].shape[0]
            self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
            Attention.take(self.fc1, prefix, ("fc1",))
            Attention.take(self.fc2, prefix, ("fc2",))
            names = ("self_attn_layer_norm", *(("encoder_attn_layer_norm",) if decoder else ()), "final_layer_norm")
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in names)
            for norm, name in zip(self.norms, names):
                Attention.take(norm, prefix, (name,))

        def forward(self, x, memory, mask):
            decoder = self.across is not None
            x = self.norms[0](x + self.attention(x, None, None if decoder else mask, decoder))
            if decoder:
                x = self.norms[1](x + self.across(x, memory, mask, False))
            return self.norms[-1](x + self.fc2(F.relu(self.fc1(x))))

    def stack(side):
        prefix = f"model.{side}.layers"
        count = len([name for name in tensors if name.startswith(prefix) and name.endswith("fc1.weight")])
        return nn.ModuleList(Layer(f"{prefix}.{i}", side == "decoder") for i in range(count))

    class Translator(nn.Module):
        def __init__(self, positions):
            super().__init__()
            self.shared = nn.Embedding(*tensors["model.shared.weight"].shape)
            self.encoder, self.decoder = stack("encoder"), stack("decoder")
            self.register_buffer("positions", positions)
            with torch.no_grad():
                self.shared.weight.copy_(tensors["model.shared.weight"])

        def embed(self, ids):
            return self.shared(ids) * width**0.5 + self.positions[: ids.shape[1]]

        def forward(self, source, there, target, labels):
            mask = there[:, None, None, :]
            memory, x = self.embed(source), self.embed(target)
            for layer in self.encoder:
                memory = layer(memory, None, mask)
            for layer in self.decoder:
                x = layer(x, memory, mask)
            return loss_of(F, F.linear(x, self.shared.weight), labels)

    at = torch.arange(64, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    return Translator(torch.cat([at.sin(), at.cos()], 1).float())


def make_rnnsearch(torch, tensors):
    nn, F = torch.nn, torch.nn.functional
    p = {name: value for name, value in tensors.items() if name.startswith(("encoder.", "decoder."))}
    units = p["decoder.first.weight"].shape[0]

    class Search(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.ParameterDict({name.replace(".", "/"): nn.Parameter(value.clone()) for name, value in p.items()})

        def linear(self, x, name, bias=True):
            return F.linear(x, self.p[f"{name}/weight"], self.p[f"{name}/bias"] if bias else None)

        def cell(self, gates, h, name, way=""):
            """The reset gate is inside the product (Cho et al. 2014), so torch.nn.GRU cannot take its place."""
            u, b = self.p[f"{name}/weight_hh_l0{way}"], self.p[f"{name}/bias_hh_l0{way}"]
            a = gates[:, : 2 * units] + F.linear(h, u[: 2 * units], b[: 2 * units])
            r, z = torch.sigmoid(a).chunk(2, 1)
            new = torch.tanh(gates[:, 2 * units :] + F.linear(r * h, u[2 * units :], b[2 * units :]))
            return new + z * (h - new)

        def encode(self, source, there):
            x, both, steps = self.p["encoder/embed/weight"][source.T], [], there.T[:, :, None]
            for way in ("", "_reverse"):
                gates = F.linear(x, self.p[f"encoder/rnn/weight_ih_l0{way}"], self.p[f"encoder/rnn/bias_ih_l0{way}"])
                h, seen = x.new_zeros(source.shape[0], units), []
                parts = list(zip(gates.unbind(0), steps.unbind(0)))
                for gate, on in reversed(parts) if way else parts:
                    h = torch.where(on, self.cell(gate, h, "encoder/rnn", way), h)
                    seen.append(h)
                both.append(torch.stack(seen[::-1] if way else seen))
            return torch.cat(both, 2).transpose(0, 1) * there[:, :, None], h

        def forward(self, source, there, target, labels):
            h, last = self.encode(source, there)
            keys = self.linear(h, "decoder/attention/key", False)
            s = torch.tanh(self.linear(last, "decoder/first"))
            e = self.p["decoder/embed/weight"][target.T]
            w = self.p["decoder/rnn/weight_ih_l0"]
            gates = F.linear(e, w[:, : e.shape[2]], self.p["decoder/rnn/bias_ih_l0"])
            query, score = self.p["decoder/attention/query/weight"], self.p["decoder/attention/score/weight"]
            states, contexts = [], []
            for gate in gates.unbind(0):
                states.append(s)
                scores = F.linear(torch.tanh(keys + F.linear(s, query)[:, None]), score).squeeze(2)
                weights = torch.softmax(scores.masked_fill(~there, float("-inf")), 1)
                contexts.append(torch.bmm(weights[:, None], h).squeeze(1))
                s = self.cell(gate + F.linear(contexts[-1], w[:, e.shape[2] :]), s, "decoder/rnn")
            t = self.linear(torch.cat([torch.stack(states), e, torch.stack(contexts)], 2), "decoder/readout")
            t = torch.maximum(*t.chunk(2, 2)).transpose(0, 1)
            return loss_of(F, self.linear(t, "decoder/head"), labels)

    return Search(), batch_of(torch, tensors)


ROWS = [
    Row("transformer", "Transformer step, 3 + 3 × 256, vocabulary 8000, 64 pairs of 16 tokens", 1.5, 2.0,
        lambda row, options: common.training(row, options, lambda *given: (transformer_of(*given), batch_of(*given)), clip=1.0)),
    Row("bahdanau", "RNNsearch step, 256 units, vocabulary 8000, 64 pairs of 16 words", 1.5, 2.0,
        lambda row, options: common.training(row, options, make_rnnsearch, clip=1.0)),
]
