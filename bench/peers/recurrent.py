"""Recurrent layers beside torch.nn, and a decoder with additive attention beside the same one over torch.nn.GRUCell."""
from . import Row, common

LEAVES = ("x", "w_ih", "w_hh", "b_ih", "b_hh")


def layer(kind):
    """A row of forward and backward of one layer. torch.compile leaves torch.nn's recurrent layers to eager mode, so that is all there
    is. Sums over all steps grow with them: differences count against the largest value of a tensor where that is above 1."""

    def measure(row, options):
        torch = common.import_torch(options)
        tensors, _ = common.saved(options, row.id)
        tensors.setdefault("output.db_ih", tensors["output.db_hh"])  # an LSTM's are one tensor, saved under its last name
        inputs = {name: tensors[f"input.{name}"] for name in (*LEAVES, "dy")}
        units = inputs["w_hh"].shape[1]
        net = getattr(torch.nn, kind)(units, units)
        weights = dict(zip(LEAVES[1:], (net.weight_ih_l0, net.weight_hh_l0, net.bias_ih_l0, net.bias_hh_l0)))
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(inputs[name])
        x, dy = inputs["x"].requires_grad_(), inputs["dy"]
        leaves = {"x": x, **weights}

        def step():
            for leaf in leaves.values():
                leaf.grad = None
            y = net(x)[0]
            y.backward(dy)
            return y

        def difference(name, have):
            want = tensors[f"output.{name}"]
            return ((have - want).abs().max() / want.abs().max().clamp(min=1)).item()

        differences = {"y": difference("y", step().detach())}
        differences.update((f"d{name}", difference(f"d{name}", leaf.grad)) for name, leaf in leaves.items())
        for name, value in differences.items():
            if not value <= common.TOLERANCE:
                raise RuntimeError(f"{row.id}: {name} of torch differs by {value}")
        options.say(f"  {row.id}: torch gives rapt's y and gradients within {max(differences.values()):.1e}")
        return common.alternate(row, options, {"eager": step}, gradient_difference=differences)

    return measure


def make_decoder(torch, tensors):
    nn, F = torch.nn, torch.nn.functional

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            words, units = tensors["source.weight"].shape
            self.source, self.target = nn.Embedding(words, units), nn.Embedding(words, units)
            self.keys, self.query = nn.Linear(units, units, bias=False), nn.Linear(units, units, bias=False)
            self.score, self.first = nn.Linear(units, 1, bias=False), nn.Linear(units, units)
            self.cell, self.read_out = nn.GRUCell(2 * units, units), nn.Linear(units, words)

        def forward(self, source, target, labels):
            annotations = self.source(source)
            keys, words = self.keys(annotations), self.target(target)
            state, states = torch.tanh(self.first(annotations.mean(1))), []
            for word in words.unbind(0):
                scores = self.score(torch.tanh(keys + self.query(state).unsqueeze(1)))
                context = torch.bmm(torch.softmax(scores.transpose(1, 2), -1), annotations).squeeze(1)
                state = self.cell(torch.cat((word, context), 1), state)
                states.append(state)
            return F.cross_entropy(self.read_out(torch.stack(states)).flatten(0, 1), labels.flatten())

    model = Decoder()
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return model, tuple(tensors[f"input.{name}"].long() for name in ("source", "target", "labels"))


ROWS = [
    Row("lstm", "LSTM 16 × 100 × 256, forward + backward", 1.2, 1.5, layer("LSTM")),
    Row("gru", "GRU 16 × 100 × 256, forward + backward", 1.2, 1.5, layer("GRU")),
    Row("lstm-small", "LSTM 1 × 200 × 64, forward + backward", 2.0, 4.0, layer("LSTM")),
    Row("decoder", "additive-attention decoder step, GRU 256, 30 words from 30 positions, batch 32", 2.0, 3.0,
        lambda row, options: common.training(row, options, make_decoder)),
]
