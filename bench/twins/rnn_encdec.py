"""Encoder and decoder of recurrent layers in PyTorch, with the parameters of src/models/rnn-encdec.c under the same names."""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class GRUBefore(nn.Module):
    """One layer of the unit of Cho et al. 2014: the reset gate is inside the product with the state. Named as torch.nn.GRU."""

    def __init__(self, inputs, units):
        super().__init__()
        bound = units ** -0.5
        for name, shape in (("weight_ih_l0", (3 * units, inputs)), ("weight_hh_l0", (3 * units, units)),
                            ("bias_ih_l0", (3 * units,)), ("bias_hh_l0", (3 * units,))):
            setattr(self, name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))
        self.units = units

    def forward(self, x, h, lengths=None):
        """x (T, B, I), h (B, H): outputs (T, B, H) and the last state of each row."""
        n, outputs = self.units, []
        w, u, b, d = self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0
        for t in range(x.shape[0]):
            a = x[t] @ w.T + b
            s = h @ u[:2 * n].T + d[:2 * n]
            r, z = torch.sigmoid(a[:, :n] + s[:, :n]), torch.sigmoid(a[:, n:2 * n] + s[:, n:])
            new = torch.tanh(a[:, 2 * n:] + (r * h) @ u[2 * n:].T + d[2 * n:])
            new = (1 - z) * new + z * h
            h = new if lengths is None else torch.where((t < lengths)[:, None], new, h)
            outputs.append(h)
        return torch.stack(outputs), h


def reversed_rows(source, lengths):
    """Every row of (B, S) from its own end."""
    places = (lengths[:, None] - 1 - torch.arange(source.shape[1])[None]).clamp_min(0)
    return torch.where(torch.arange(source.shape[1])[None] < lengths[:, None], source.gather(1, places), source)


class GrConv(nn.Module):
    """The gated recursive convolutional network of Cho et al. 2014: neighbours are joined until one vector is left."""

    def __init__(self, inputs, units):
        super().__init__()
        self.project = nn.Linear(inputs, units)
        self.left, self.right = nn.Linear(units, units), nn.Linear(units, units, bias=False)
        self.gate_left, self.gate_right = nn.Linear(units, 3), nn.Linear(units, 3, bias=False)
        with torch.no_grad():
            for layer in self.children():
                layer.weight.normal_(0, layer.weight.shape[1] ** -0.5)
                if layer.bias is not None:
                    layer.bias.zero_()

    def forward(self, x, lengths):
        """x (B, S, I): row by row, since each has a pyramid of its own height."""
        tops = []
        for row, length in zip(self.project(x), lengths.tolist()):
            h = row[:length]
            while len(h) > 1:
                l, r = h[:-1], h[1:]
                gates = torch.softmax(self.gate_left(l) + self.gate_right(r), -1)
                new = torch.relu(self.left(l) + self.right(r))
                h = gates[:, :1] * new + gates[:, 1:2] * l + gates[:, 2:] * r
            tops.append(h[0])
        return torch.stack(tops)


class Side(nn.Module):
    """Token vectors and recurrent layers of encoder or decoder."""

    def __init__(self, vocabulary, embedding, inputs, cell, layers, width, bidirectional, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        nn.init.uniform_(self.embedding.weight, -0.08, 0.08)
        if cell == "gru-before":
            assert layers == 1 and not bidirectional
            self.rnn = GRUBefore(inputs, width)
        else:
            kind = nn.LSTM if cell == "lstm" else nn.GRU
            self.rnn = kind(inputs, width, layers, bidirectional=bidirectional, dropout=dropout if layers > 1 else 0)


class EncoderDecoder(nn.Module):
    def __init__(self, source_vocabulary, vocabulary, cell="lstm", layers=2, width=256, embedding=0, dropout=0.0,
                 reverse=True, bidirectional=False, feed_context=False, maxout=0, encoder="recurrent"):
        super().__init__()
        e = embedding or width
        self.cell, self.layers, self.width, self.reverse = cell, layers, width, reverse
        self.drop = nn.Dropout(dropout)
        self.encoder = Side(source_vocabulary, e, e, cell, layers, width, bidirectional, dropout)
        if encoder == "grconv":
            assert feed_context and not reverse and not bidirectional
            del self.encoder.rnn
            self.encoder.grconv = GrConv(e, width)
        self.decoder = Side(vocabulary, e, e + (width if feed_context else 0), cell, layers, width, False, dropout)
        if bidirectional:
            self.encoder.join = nn.Linear(2 * width, width)
            if cell == "lstm" and not feed_context:
                self.encoder.join_memory = nn.Linear(2 * width, width)
        if feed_context:
            self.encoder.context = nn.Linear(width, width)
            self.encoder.start = nn.Linear(width, layers * width)
        if maxout:
            self.decoder.maxout = nn.Linear(width + e + (width if feed_context else 0), 2 * maxout)
        self.head = nn.Linear(maxout or width, vocabulary)
        self.bidirectional, self.feed_context, self.maxout = bidirectional, feed_context, maxout

    def join(self, name, states):
        x = states.view(self.layers, 2, -1, self.width).transpose(1, 2).reshape(self.layers, -1, 2 * self.width)
        return getattr(self.encoder, name)(x)

    def encode(self, source, lengths):
        """Context (B, n) or None, and the decoder's first states (L, B, n)."""
        if self.reverse:
            source = reversed_rows(source, lengths)
        x, c = self.drop(self.encoder.embedding(source)).transpose(0, 1), None
        if hasattr(self.encoder, "grconv"):
            h = self.encoder.grconv(x.transpose(0, 1), lengths)[None]
        elif self.cell == "gru-before":
            h = self.encoder.rnn(x, x.new_zeros(x.shape[1], self.width), lengths)[1][None]
        else:
            state = self.encoder.rnn(pack_padded_sequence(x, lengths, enforce_sorted=False))[1]
            h, c = state if self.cell == "lstm" else (state, None)
        if self.bidirectional:
            h = torch.tanh(self.join("join", h))
            c = self.join("join_memory", c) if c is not None and not self.feed_context else c
        if not self.feed_context:
            return None, h, c
        context = torch.tanh(self.encoder.context(h[-1]))
        h = torch.tanh(self.encoder.start(context)).view(-1, self.layers, self.width).transpose(0, 1).contiguous()
        return context, h, torch.zeros_like(h) if self.cell == "lstm" else None

    def decode(self, target, context, h, c):
        """Scores (B, T, V) of the tokens after each of target (B, T), and the last states."""
        x = self.drop(self.decoder.embedding(target)).transpose(0, 1)
        if context is not None:
            x = torch.cat([x, context[None].expand(x.shape[0], -1, -1)], 2)
        if self.cell == "lstm":
            y, (h, c) = self.decoder.rnn(x, (h, c))
        elif self.cell == "gru":
            y, h = self.decoder.rnn(x, h)
        else:
            y, h = self.decoder.rnn(x, h[0])
            h = h[None]
        if self.maxout:
            y = self.decoder.maxout(torch.cat([y, x], 2)).view(*y.shape[:2], self.maxout, 2).amax(-1)
        return self.head(self.drop(y).transpose(0, 1)), h, c

    def forward(self, source, lengths, target):
        return self.decode(target, *self.encode(source, lengths))[0]
