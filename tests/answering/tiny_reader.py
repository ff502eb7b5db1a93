"""A reader with random weights, and one that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rag.protocols import ReadSpan

LETTERS = (
    "龙泉驿区建了多少党员先锋岗邛崃的竹编在哪里谁是书记王小明"
    "一二三四五年月日桥石村因为山洪。,?0123456789"
)
LONGEST = 64


def build(folder: Path, *, seed: int = 1) -> object:
    """Write a tiny reader's folder; the network it came from."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers

    from rag.training.reader_export import export
    from rag.training.reader_network import Network

    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(letter, -4.0) for letter in dict.fromkeys(LETTERS)] + [("党员", -5.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never")
    torch.manual_seed(seed)
    network = Network(
        pieces=len(pieces), width=64, inner=128, heads=2, layers=3, frozen=1, positions=LONGEST
    )
    torch.nn.init.normal_(network.levels.weight)
    torch.nn.init.normal_(network.head.weight)
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)
    export(network.eval(), text, folder, longest=LONGEST)
    return network


class ToldReader:
    """Gives the spans of `(text, probability)` where they stand in the passages."""

    id = "told"

    def __init__(self, *spans: tuple[str, float], room: int = 1000) -> None:
        self._spans = spans
        self._room = room
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def room(self, question: str) -> int:
        return self._room

    def length(self, text: str) -> int:
        return len(text)

    def read(self, question: str, passages: Sequence[str]) -> list[ReadSpan]:
        self.asked.append((question, tuple(passages)))
        return [
            ReadSpan(number, at, at + len(text), text, probability, 10 * probability - 5)
            for text, probability in self._spans
            for number, passage in enumerate(passages)
            if (at := passage.find(text)) >= 0
        ]
