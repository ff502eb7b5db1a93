"""The reader's network in torch, and what it is trained to lessen.

Its parameters have the names that `rag.answering.network` reads; there the same pass stands in
numpy. Here it runs over batches, may hide words, and has the two tables that only training needs
(`mask` and `mlm`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rag.answering.kinds import Kind
from rag.answering.windows import FEATURES

WIDTHS = 48  # words of the longest span
QUESTION, PASSAGE, PADDING = range(3)
VECTOR = 256
_LETTERS = 48  # numbers of a character
_RARITY = 4  # columns of `windows.describe`
_SIGN, _QUESTION_WORD = 9, 12
_FAR = -1e4
_NEAR = 0.5  # spans that overlap the answer by less are not wanted
TRAINING_ONLY = ("mlm.", "mask")


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows side by side, shape `(windows, words)`; `features` and `wanted` have a third axis.

    `words` are numbers of a vocabulary whose 0 is padding; `segment` tells question, passage and
    padding apart; `wanted` is how far each span overlaps an answer, 0 to 1, by start and width.
    """

    words: Tensor
    features: Tensor
    segment: Tensor
    kind: Tensor
    wanted: Tensor


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Of each word of the vocabulary its unit vector and its characters' numbers."""

    vectors: Tensor
    characters: Tensor


class Block(nn.Module):
    """Gated convolution, attention with a bias of how two words are related, feed-forward."""

    def __init__(self, width: int, heads: int, inner: int, taps: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.n0, self.n1, self.n2 = (nn.LayerNorm(width) for _ in range(3))
        self.gate = nn.Linear(width, 2 * width)
        self.dw = nn.Conv1d(width, width, taps, padding=taps // 2, groups=width)
        self.cout = nn.Linear(width, width)
        self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.f1, self.f2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.drop = nn.Dropout(dropout)
        self.pair = nn.Linear(7, heads, bias=False)
        nn.init.normal_(self.pair.weight, std=0.3)
        with torch.no_grad():
            self.pair.weight[:, 6] = 1.0  # that of padding, which must not be heard
        for layer in (self.cout, self.o, self.f2):
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor, bias: Tensor, real: Tensor) -> Tensor:
        """`x` is `(windows, words, width)`, `bias` `(windows, heads, words, words)`."""
        windows, words, width = x.shape
        value, gate = self.gate(self.n0(x)).chunk(2, -1)
        mixed = (value * torch.sigmoid(gate)) * real
        mixed = self.dw(mixed.transpose(1, 2)).transpose(1, 2)
        x = x + self.cout(functional.silu(mixed))
        joined = self.qkv(self.n1(x)).view(windows, words, 3, self.heads, width // self.heads)
        query, key, told = joined.permute(2, 0, 3, 1, 4)
        heard = functional.scaled_dot_product_attention(
            query, key, told, attn_mask=bias.to(query.dtype)
        )
        x = x + self.drop(self.o(heard.transpose(1, 2).reshape(windows, words, width)))
        result: Tensor = x + self.drop(self.f2(functional.gelu(self.f1(self.n2(x)))))
        return result


class ReaderNetwork(nn.Module):
    """`characters` counts the numbers that `Lexicon.characters` may hold."""

    def __init__(
        self,
        characters: int,
        *,
        width: int,
        layers: int,
        heads: int,
        inner: int,
        taps: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.ch = nn.Embedding(characters, _LETTERS, padding_idx=0)
        self.sp, self.al = nn.Linear(VECTOR, width), nn.Linear(VECTOR, width)
        self.cp = nn.Linear(_LETTERS * 3, width)
        self.fp = nn.Sequential(nn.Linear(FEATURES + 2, 64), nn.GELU(), nn.Linear(64, width))
        self.seg, self.kind = nn.Embedding(3, width), nn.Embedding(len(Kind), width)
        self.n, self.nf = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            Block(width, heads, inner, taps, dropout) for _ in range(layers)
        )
        self.drop = nn.Dropout(dropout)
        self.se = nn.Linear(width, 2)
        self.u, self.v = nn.Linear(width, 48), nn.Linear(width, 48)
        self.wid = nn.Embedding(len(Kind), WIDTHS)
        self.mlm = nn.Linear(width, VECTOR)
        self.mask = nn.Parameter(torch.randn(width) * 0.1)
        nn.init.zeros_(self.wid.weight)
        nn.init.normal_(self.ch.weight, std=0.1)

    def encode(self, batch: Batch, lexicon: Lexicon, hide: Tensor | None = None) -> Tensor:
        """Shape `(windows, words, width)`; `hide` marks words that are hidden from the network."""
        vectors = lexicon.vectors[batch.words]
        if hide is not None:
            vectors = vectors * ~hide[..., None]
        cosine = vectors @ vectors.transpose(1, 2)
        x = self._input(batch, lexicon, vectors, cosine, hide)
        real = (batch.segment != PADDING)[..., None].float()
        pair = _pairs(batch, cosine, hide)
        weights = torch.cat([block.pair.weight for block in self._blocks()]).to(pair.dtype)
        words = batch.words.shape[1]
        bias = (weights @ pair).view(len(x), -1, words, words)
        for block, own in zip(self._blocks(), bias.chunk(len(self.blocks), 1), strict=True):
            x = block(x, own, real)
        result: Tensor = self.nf(x)
        return result

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _input(
        self, batch: Batch, lexicon: Lexicon, vectors: Tensor, cosine: Tensor, hide: Tensor | None
    ) -> Tensor:
        unmet = ~_across(batch.segment) | (batch.segment == PADDING)[:, None]
        near = cosine.masked_fill(unmet, -1)
        best = near.max(-1).values.clamp(min=0)
        aligned = torch.softmax(near * 8, -1) @ vectors
        x = self.sp(vectors * 6) + self.cp(self._spelling(lexicon.characters[batch.words]) * 3)
        if hide is not None:
            x = torch.where(hide[..., None], self.mask.to(x.dtype), x)
        likeness = torch.stack([best, best * batch.features[..., _RARITY]], -1)
        x = x + self.al(aligned * 6) + self.fp(torch.cat([batch.features, likeness], -1))
        x = x + self.seg(batch.segment) + self.kind(batch.kind)[:, None]
        result: Tensor = self.drop(self.n(x))
        return result

    def _spelling(self, characters: Tensor) -> Tensor:
        """The mean, first and last character of each word."""
        table = self.ch(characters)
        count = (characters > 0).sum(-1, keepdim=True).clamp(min=1)
        at = (count - 1)[..., None].expand(-1, -1, 1, table.shape[-1])
        return torch.cat([table.sum(2) / count, table[:, :, 0], table.gather(2, at)[:, :, 0]], -1)

    def spans(self, x: Tensor, batch: Batch) -> Tensor:
        """Scores of shape `(windows, words, WIDTHS)`, those of no span in the passage very low."""
        x = x.float()
        ends, words = self.se(x), x.shape[1]
        pairs = (self.u(x) @ self.v(x).transpose(1, 2)) / 7
        pairs = pairs + ends[..., :1] + ends[..., 1][:, None]
        end = torch.arange(words)[:, None] + torch.arange(WIDTHS)[None]
        at = end.clamp(max=words - 1)[None].expand(len(x), -1, -1)
        scores = pairs.gather(2, at) + self.wid(batch.kind)[:, None]
        padded = functional.pad(batch.segment, (0, WIDTHS), value=PADDING)
        told = (batch.segment == PASSAGE)[..., None] & (padded[:, end] == PASSAGE)
        result: Tensor = scores.masked_fill(~told, _FAR)
        return result

    def guessing_loss(self, x: Tensor, batch: Batch, lexicon: Lexicon, hide: Tensor) -> Tensor:
        """How badly the vectors of hidden words are told from those of the others hidden."""
        words, which = torch.unique(batch.words[hide], return_inverse=True)
        guessed = self.mlm(x[hide].float()) @ lexicon.vectors[words].T
        result: Tensor = functional.cross_entropy(guessed * 3, which)
        return result


def hidden_words(batch: Batch, share: float, windows: float) -> Tensor:
    """Marks of a random `share` of the words in some of the windows; no signs, no question word."""
    chosen = torch.rand(len(batch.words), 1) < windows
    hide = torch.rand(batch.words.shape) < share * chosen
    plain = (batch.features[..., _SIGN] == 0) & (batch.features[..., _QUESTION_WORD] == 0)
    return hide & plain & (batch.segment != PADDING)


def span_loss(scores: Tensor, wanted: Tensor, sharpness: float) -> Tensor:
    """Half the log-likelihood of all wanted spans together, half the cross-entropy with them.

    What a span is worth is its overlap to the power of `sharpness`; windows that want none, and
    have no loss, are left out of the mean.
    """
    logs, worth = scores.flatten(1).log_softmax(-1), wanted.flatten(1)
    worth = torch.where(worth > _NEAR, worth, 0.0) ** sharpness
    total = worth.sum(-1)
    has = total > 0
    together = -torch.logsumexp(logs + torch.log(worth.clamp(min=1e-9)), -1)
    each = -((worth / total.clamp(min=1e-6)[:, None]) * logs).sum(-1)
    return ((0.5 * together + 0.5 * each) * has).sum() / has.sum().clamp(min=1)


def _across(segment: Tensor) -> Tensor:
    """Whether one word is the question's and the other isn't."""
    question = segment == QUESTION
    return question[:, :, None] != question[:, None]


def _pairs(batch: Batch, cosine: Tensor, hide: Tensor | None) -> Tensor:
    """How each two words are related, shape `(windows, 7, words * words)`."""
    windows, words = batch.words.shape
    place = torch.arange(words)
    distance = (place[None] - place[:, None]).float()
    own = (~_across(batch.segment)).float()
    same = (batch.words[:, :, None] == batch.words[:, None]) & ~torch.eye(words, dtype=torch.bool)
    if hide is not None:
        same = same & ~hide[:, :, None] & ~hide[:, None]
    asked = (batch.segment == QUESTION)[:, None].float().expand(windows, words, words)
    padding = torch.zeros(windows, 1, words).masked_fill((batch.segment == PADDING)[:, None], _FAR)
    pair = torch.stack(
        [
            same.float(), cosine, asked, own, torch.log1p(distance.abs())[None] * own,
            torch.sign(distance)[None] * own, padding.expand(windows, words, words),
        ],
        1,
    ).view(windows, 7, words * words)  # fmt: skip
    return pair.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") else pair


__all__ = [
    "PADDING",
    "PASSAGE",
    "QUESTION",
    "TRAINING_ONLY",
    "WIDTHS",
    "Batch",
    "Lexicon",
    "ReaderNetwork",
    "hidden_words",
    "span_loss",
]
