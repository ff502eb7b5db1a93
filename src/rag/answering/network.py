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
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Whole = NDArray[np.int64]
_FAR = np.float32(-1e4)
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
    """The weights; safe in threads."""

    def __init__(self, file: Path, heads: int) -> None:
        """Raises OSError and ValueError for a file that isn't one of weights."""
        tables = np.load(file, allow_pickle=False)
        self._w: Mapping[str, Numbers] = {k: tables[k].astype(np.float32) for k in tables.files}
        self._heads = heads
        self._layers = len({k.split(".")[1] for k in self._w if k.startswith("blocks.")})

    def scores(self, window: Window) -> Numbers:
        """Shape `(passage words, widths)`: the span from a word that is so many words wide."""
        cosine = window.vectors @ window.vectors.T
        x = self._input(window, cosine)
        for number, bias in enumerate(self._bias(window, cosine)):
            x = self._block(f"blocks.{number}.", x, bias)
        return self._spans(self._norm("nf", x)[window.asked :], window.kind)

    def _linear(self, name: str, x: Numbers) -> Numbers:
        result: Numbers = x @ self._w[name + ".weight"].T + self._w[name + ".bias"]
        return result

    def _norm(self, name: str, x: Numbers) -> Numbers:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(1e-5))
        result: Numbers = centred / spread * self._w[name + ".weight"] + self._w[name + ".bias"]
        return result

    def _input(self, window: Window, cosine: Numbers) -> Numbers:
        count = len(window.words)
        across = _across(count, window.asked)
        near = np.where(across, cosine, np.float32(-1))
        best = np.maximum(near.max(-1), np.float32(0))
        aligned = _softmax(near * np.float32(8)) @ window.vectors
        rarity = window.features[:, 4]
        features = np.concatenate(
            [window.features, best[:, None], (best * rarity)[:, None]], axis=1
        )
        segment = (np.arange(count) >= window.asked).astype(np.int64)
        six = np.float32(6)
        x = self._linear("sp", window.vectors * six) + self._linear("al", aligned * six)
        x = x + self._linear("cp", self._spelling(window.characters) * np.float32(3))
        x = x + self._linear("fp.2", gelu(self._linear("fp.0", features)))
        x = x + self._w["seg.weight"][segment] + self._w["kind.weight"][window.kind]
        return self._norm("n", x)

    def _spelling(self, characters: Whole) -> Numbers:
        """The mean, first and last character of each word."""
        table = self._w["ch.weight"][characters]
        count = np.maximum((characters > 0).sum(-1), 1)
        last = table[np.arange(len(table)), count - 1]
        mean = table.sum(1) / count[:, None].astype(np.float32)
        return np.concatenate([mean, table[:, 0], last], axis=1)

    def _bias(self, window: Window, cosine: Numbers) -> list[Numbers]:
        """For each block what is added to the attention of each head."""
        count = len(window.words)
        own = (~_across(count, window.asked)).astype(np.float32)
        same = (window.words[:, None] == window.words[None]) & ~np.eye(count, dtype=bool)
        place = np.arange(count, dtype=np.float32)
        distance = place[None] - place[:, None]
        asked = np.broadcast_to(place[None] < window.asked, (count, count))
        pair = np.stack(
            [
                same.astype(np.float32), cosine, asked.astype(np.float32), own,
                np.log1p(np.abs(distance)) * own, np.sign(distance) * own,
            ]
        ).reshape(6, -1)  # fmt: skip
        weights = [self._w[f"blocks.{i}.pair.weight"][:, :6] for i in range(self._layers)]
        return [(weight @ pair).reshape(self._heads, count, count) for weight in weights]

    def _block(self, at: str, x: Numbers, bias: Numbers) -> Numbers:
        value, gate = np.split(self._linear(at + "gate", self._norm(at + "n0", x)), 2, axis=-1)
        mixed = _convolved(value * _sigmoid(gate), self._w[at + "dw.weight"][:, 0])
        mixed = mixed + self._w[at + "dw.bias"]
        x = x + self._linear(at + "cout", mixed * _sigmoid(mixed))
        count, width = x.shape
        joined = self._linear(at + "qkv", self._norm(at + "n1", x))
        parts = joined.reshape(count, 3, self._heads, width // self._heads).transpose(1, 2, 0, 3)
        scale = np.float32((width // self._heads) ** -0.5)
        weights = _softmax(parts[0] @ parts[1].transpose(0, 2, 1) * scale + bias)
        heard = (weights @ parts[2]).transpose(1, 0, 2).reshape(count, width)
        x = x + self._linear(at + "o", heard)
        return x + self._linear(at + "f2", gelu(self._linear(at + "f1", self._norm(at + "n2", x))))

    def _spans(self, x: Numbers, kind: int) -> Numbers:
        ends = self._linear("se", x)
        pairs = self._linear("u", x) @ self._linear("v", x).T / np.float32(7)
        pairs = pairs + ends[:, :1] + ends[:, 1][None]
        wide = self._w["wid.weight"][kind]
        start = np.arange(len(x))[:, None]
        end = start + np.arange(len(wide))[None]
        scores = pairs[start, np.minimum(end, len(x) - 1)] + wide
        return np.where(end < len(x), scores, _FAR).astype(np.float32)


def gelu(x: Numbers) -> Numbers:
    """Exact to 1e-6: erf by Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x) * np.float32(0.5**0.5)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for factor in reversed(_ERF):
        series = (series + np.float32(factor)) * t
    erf = np.sign(x) * (np.float32(1) - series * np.exp(-z * z))
    result: Numbers = np.float32(0.5) * x * (np.float32(1) + erf)
    return result


def _across(count: int, asked: int) -> NDArray[np.bool_]:
    """Whether one word is the question's and the other the passage's."""
    question = np.arange(count) < asked
    return np.asarray(question[:, None] != question[None])


def _convolved(x: Numbers, kernel: Numbers) -> Numbers:
    """Each column with its own kernel, shape `(columns, taps)`; zeros beyond the ends."""
    taps = kernel.shape[1]
    padded = np.pad(x, ((taps // 2, taps // 2), (0, 0)))
    result = np.zeros_like(x)
    for tap in range(taps):
        result += padded[tap : tap + len(x)] * kernel[:, tap]
    return result


def _sigmoid(x: Numbers) -> Numbers:
    result: Numbers = np.float32(1) / (np.float32(1) + np.exp(-x))
    return result


def _softmax(x: Numbers) -> Numbers:
    raised = np.exp(x - x.max(-1, keepdims=True))
    result: Numbers = raised / raised.sum(-1, keepdims=True)
    return result


__all__ = ["Network", "Window", "gelu"]
