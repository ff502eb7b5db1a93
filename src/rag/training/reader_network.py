"""The reader's network: a transformer encoder that scores every piece as begin and end.

Devlin et al. 2019, "BERT", with two additions to the input: how well a piece matches the other
side (question or text), and which side it is on. They come in above the layers that stay frozen.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from rag.answering.reading_input import LEVELS

EPSILON = 1e-12
_DROPOUT = 0.1


class Layer(nn.Module):
    """Self-attention and two linear maps, each added to its input and normalised."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.joined = nn.Linear(width, 3 * width)  # query, key and value
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, mask: Tensor, *, dropout: float) -> Tensor:
        """`x` has shape `(batch, length, width)`, `mask` `(batch, 1, 1, length)`."""
        batch, length, width = x.shape
        parts = self.joined(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = self.out(seen.transpose(1, 2).reshape(batch, length, width))
        x = self.norm1(x + F.dropout(seen, dropout, dropout > 0))
        bent = self.down(F.gelu(self.up(x)))
        result: Tensor = self.norm2(x + F.dropout(bent, dropout, dropout > 0))
        return result


class Network(nn.Module):
    """`frozen` layers, and the tables of pieces and positions, never change."""

    def __init__(
        self,
        *,
        pieces: int,
        width: int = 384,
        inner: int = 1536,
        heads: int = 12,
        layers: int = 9,
        frozen: int = 3,
        positions: int = 512,
    ) -> None:
        super().__init__()
        self.frozen = frozen
        self.pieces = nn.Embedding(pieces, width)
        self.positions = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.levels = nn.Embedding(LEVELS, width)
        self.sides = nn.Embedding(2, width)
        nn.init.zeros_(self.levels.weight)
        nn.init.zeros_(self.sides.weight)
        self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))
        self.head = nn.Linear(width, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        for module in (self.pieces, self.positions, self.norm, *self.layers[:frozen]):
            module.requires_grad_(False)

    def forward(self, pieces: Tensor, levels: Tensor, sides: Tensor, mask: Tensor) -> Tensor:
        """Logits, shape `(batch, length, 2)`; all inputs have shape `(batch, length)`."""
        attend = mask[:, None, None, :]
        dropout = _DROPOUT if self.training else 0.0
        with torch.no_grad():
            x = self.norm(self.pieces(pieces) + self.positions.weight[: pieces.shape[1]])
            for layer in self.layers[: self.frozen]:
                x = layer(x, attend, dropout=0.0)
        x = F.dropout(x + self.levels(levels) + self.sides(sides), dropout, self.training)
        for layer in self.layers[self.frozen :]:
            x = layer(x, attend, dropout=dropout)
        result: Tensor = self.head(x)
        return result


__all__ = ["EPSILON", "Layer", "Network"]
