"""The bundled reader's forward pass in numpy: scores of the spans of one window.

A window is the question's words followed by the passage's. Blocks of gated convolution, attention
with a bias from how two words are related, and a feed-forward layer; then a score for each start
and width. Weights come from `weights.npz`; everything is computed in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Whole = NDArray[np.int64]
_FAR = np.float32(-1e4)
_PAIR = 6  # numbers of how two words are related
_TABLES = ("ch.weight", "seg.weight", "kind.weight", "wid.weight", "n.weight", "n.bias")
_INPUT = ("sp", "al", "cp", "fp.0", "fp.2")
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


@dataclass(frozen=True, slots=True)
class Window:
    """Of each word its unit static vector, its characters (padded by 0) and its features.

    The first `asked` words are the question's; `kind` numbers the kind of answer asked for.
    """

    vectors: Numbers
    words: Whole
    characters: Whole
    features: Numbers
    asked: int
    kind: int


class Network:
    """The weights; safe in threads.

    Where a product follows a norm, the norm's own weights are multiplied into it once and for all.
    """

    def __init__(self, file: Path, heads: int) -> None:
        """Raises OSError, KeyError and ValueError for a file that isn't one of weights."""
        tables = np.load(file, allow_pickle=False)
        w: dict[str, Numbers] = {k: tables[k].astype(np.float32) for k in tables.files}
        self._w: Mapping[str, Numbers] = {k: w[k] for k in _TABLES}
        self._heads = heads
        layers = len({k.split(".")[1] for k in w if k.startswith("blocks.")})
        self._blocks = [_Block.of(w, f"blocks.{number}.", heads) for number in range(layers)]
        pairs = [w[f"blocks.{number}.pair.weight"][:, :_PAIR] for number in range(layers)]
        self._pairs = np.concatenate(pairs)
        self._input_linear = {name: _Linear.of(w, name) for name in _INPUT}
        self._ends = [_Linear.of(w, name, norm="nf") for name in ("se", "u", "v")]

    def scores(self, window: Window) -> Numbers:
        """Shape `(passage words, widths)`: the span from a word that is so many words wide."""
        cosine = window.vectors @ window.vectors.T
        x = self._input(window, cosine)
        for block, bias in zip(self._blocks, self._bias(window, cosine), strict=True):
            block.add_to(x, bias)
        return self._spans(_normal(x[window.asked :]), window.kind)

    def _input(self, window: Window, cosine: Numbers) -> Numbers:
        count = len(window.words)
        linear = self._input_linear
        near = np.where(_across(count, window.asked), cosine, np.float32(-1))
        best = np.maximum(near.max(-1), np.float32(0))
        near *= np.float32(8)
        aligned = _softmax(near) @ window.vectors
        rarity = window.features[:, 4]
        features = np.concatenate(
            [window.features, best[:, None], (best * rarity)[:, None]], axis=1
        )
        segment = (np.arange(count) >= window.asked).astype(np.int64)
        six = np.float32(6)
        x = linear["sp"](window.vectors * six)
        x += linear["al"](aligned * six)
        x += linear["cp"](self._spelling(window.characters) * np.float32(3))
        x += linear["fp.2"](gelu(linear["fp.0"](features)))
        x += self._w["seg.weight"][segment]
        x += self._w["kind.weight"][window.kind]
        return _normal(x) * self._w["n.weight"] + self._w["n.bias"]

    def _spelling(self, characters: Whole) -> Numbers:
        """The mean, first and last character of each word."""
        table = self._w["ch.weight"][characters]
        count = np.maximum((characters > 0).sum(-1), 1)
        last = table[np.arange(len(table)), count - 1]
        mean = table.sum(1) / count[:, None].astype(np.float32)
        return np.concatenate([mean, table[:, 0], last], axis=1)

    def _bias(self, window: Window, cosine: Numbers) -> Numbers:
        """What is added to the attention, shape `(blocks, heads, words, words)`."""
        count = len(window.words)
        place = np.arange(count)
        far = np.arange(1 - count, count, dtype=np.float32)
        pair = np.empty((_PAIR, count, count), np.float32)
        np.equal(window.words[:, None], window.words, out=pair[0], casting="unsafe")
        pair[0, place, place] = 0
        pair[1] = cosine
        pair[2] = place < window.asked
        pair[3] = ~_across(count, window.asked)
        # Row i of the reversed windows is the line from -i on: the distances from word i.
        for at, line in ((4, np.log1p(np.abs(far))), (5, np.sign(far))):
            np.multiply(sliding_window_view(line, count)[::-1], pair[3], out=pair[at])
        joined: Numbers = self._pairs @ pair.reshape(_PAIR, -1)
        return joined.reshape(len(self._blocks), self._heads, count, count)

    def _spans(self, x: Numbers, kind: int) -> Numbers:
        ends, left, right = (linear(x) for linear in self._ends)
        pairs = left @ right.T
        pairs /= np.float32(7)
        pairs += ends[:, :1] + ends[:, 1]
        wide = self._w["wid.weight"][kind]
        start = np.arange(len(x))[:, None]
        end = start + np.arange(len(wide))
        scores = pairs[start, np.minimum(end, len(x) - 1)] + wide
        return np.where(end < len(x), scores, _FAR).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Linear:
    """`x @ weight + bias`, the weight of shape `(inputs, outputs)`."""

    weight: Numbers
    bias: Numbers

    @classmethod
    def of(cls, tables: Mapping[str, Numbers], name: str, norm: str = "") -> _Linear:
        weight, bias = tables[name + ".weight"], tables[name + ".bias"]
        if norm:
            bias = bias + weight @ tables[norm + ".bias"]
            weight = weight * tables[norm + ".weight"]
        return cls(np.ascontiguousarray(weight.T), bias)

    def __call__(self, x: Numbers) -> Numbers:
        result: Numbers = x @ self.weight
        result += self.bias
        return result


@dataclass(frozen=True, slots=True)
class _Block:
    """Gated convolution, attention, feed-forward; each is added to what came in."""

    gate: _Linear
    taps: Numbers
    taps_bias: Numbers
    mixed: _Linear
    attention: _Linear
    heard: _Linear
    widened: _Linear
    narrowed: _Linear
    heads: int

    @classmethod
    def of(cls, w: Mapping[str, Numbers], at: str, heads: int) -> _Block:
        attention = _Linear.of(w, at + "qkv", norm=at + "n1")
        width = attention.weight.shape[0]
        # The scale of the products of queries and keys, multiplied into the queries.
        attention.weight[:, :width] *= np.float32((width // heads) ** -0.5)
        attention.bias[:width] *= np.float32((width // heads) ** -0.5)
        return cls(
            gate=_Linear.of(w, at + "gate", norm=at + "n0"),
            taps=np.ascontiguousarray(w[at + "dw.weight"][:, 0].T),
            taps_bias=w[at + "dw.bias"],
            mixed=_Linear.of(w, at + "cout"),
            attention=attention,
            heard=_Linear.of(w, at + "o"),
            widened=_Linear.of(w, at + "f1", norm=at + "n2"),
            narrowed=_Linear.of(w, at + "f2"),
            heads=heads,
        )

    def add_to(self, x: Numbers, bias: Numbers) -> None:
        """`x` has shape `(words, width)` and is changed, `bias` `(heads, words, words)`."""
        count, width = x.shape
        value, gate = np.split(self.gate(_normal(x)), 2, axis=-1)
        mixed = _convolved(value * _sigmoid(gate), self.taps)
        mixed += self.taps_bias
        x += self.mixed(mixed * _sigmoid(mixed))
        joined = self.attention(_normal(x))
        parts = joined.reshape(count, 3, self.heads, width // self.heads).transpose(1, 2, 0, 3)
        weights = parts[0] @ parts[1].transpose(0, 2, 1)
        weights += bias
        heard = (_softmax(weights) @ parts[2]).transpose(1, 0, 2).reshape(count, width)
        x += self.heard(heard)
        x += self.narrowed(gelu(self.widened(_normal(x))))


def gelu(x: Numbers) -> Numbers:
    """Exact to 1e-6: erf by Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x)
    z *= np.float32(0.5**0.5)
    t = z * np.float32(0.3275911)
    t += np.float32(1)
    np.reciprocal(t, out=t)
    tail = t * np.float32(_ERF[-1])
    for factor in reversed(_ERF[:-1]):
        tail += np.float32(factor)
        tail *= t
    np.multiply(z, z, out=z)
    np.negative(z, out=z)
    tail *= np.exp(z, out=z)
    # With r = erfc(|x| / sqrt 2) / 2: x (1 - r) where x > 0, else x r; so max(x, 0) - |x| r.
    tail *= np.abs(x, out=z)
    tail *= np.float32(0.5)
    result: Numbers = np.maximum(x, np.float32(0), out=z)
    result -= tail
    return result


def _across(count: int, asked: int) -> NDArray[np.bool_]:
    """Whether one word is the question's and the other the passage's."""
    question = np.arange(count) < asked
    return np.asarray(question[:, None] != question[None])


def _normal(x: Numbers) -> Numbers:
    """Each row with a mean of 0 and a variance of 1."""
    centred: Numbers = x - x.mean(-1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / np.float32(x.shape[1])
    centred /= np.sqrt(variance + np.float32(1e-5))[:, None]
    return centred


def _convolved(x: Numbers, taps: Numbers) -> Numbers:
    """Each column with its own kernel, shape `(taps, columns)`; zeros beyond the ends."""
    reach = len(taps) // 2
    padded = np.pad(x, ((reach, reach), (0, 0)))
    result: Numbers = padded[: len(x)] * taps[0]
    share = np.empty_like(result)
    for place, tap in enumerate(taps[1:], start=1):
        result += np.multiply(padded[place : place + len(x)], tap, out=share)
    return result


def _sigmoid(x: Numbers) -> Numbers:
    result: Numbers = np.negative(x)
    np.exp(result, out=result)
    result += np.float32(1)
    np.reciprocal(result, out=result)
    return result


def _softmax(x: Numbers) -> Numbers:
    """In the place of `x`."""
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


__all__ = ["Network", "Window", "gelu"]
