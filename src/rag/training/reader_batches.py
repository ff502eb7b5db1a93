"""Examples as the network takes them: windows of paragraphs, pieces, padded batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rag.answering.reading_input import BETWEEN, PADDING, InputMaker
from rag.text import Span
from rag.training.reader_data import Example, ReadingSets
from rag.training.reader_questions import MadeQuestion

_CHUNK = 20  # batches that are sorted by length together, so that little is padded


@dataclass(frozen=True, slots=True)
class Row:
    """Pieces with the spans that answer, as pieces (last one included); none: no answer."""

    pieces: list[int]
    levels: list[int]
    sides: list[int]
    answers: list[Span]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of shape `(batch, length)`; `targets` `(batch, length, 2)` marks begin and end.

    `allowed` are the places an answer may begin or end, the first place meaning there is none.
    """

    pieces: Tensor
    levels: Tensor
    sides: Tensor
    mask: Tensor
    targets: Tensor
    allowed: Tensor


@dataclass(frozen=True, slots=True)
class Mixture:
    """How much of what: examples of each sort for one pass over the reading sets."""

    passes: int
    made: int  # in all, most of them before and within the first pass
    unanswerable: int = 500
    english: int = 150
    mixed: int = 250


def stream(
    sets: ReadingSets, made: Sequence[MadeQuestion], mixture: Mixture, chance: random.Random
) -> list[Example | MadeQuestion]:
    """Every example in the order it is learnt: made questions first, reading questions after."""
    passes: list[list[Example | MadeQuestion]] = []
    unanswerable = [example for example in sets.squad if not example.answers]
    for _ in range(mixture.passes):
        one: list[Example | MadeQuestion] = [e for e in sets.squad if e.answers]
        one += sets.xquad
        one += _sample(sets.english, mixture.english, chance)
        one += _sample(sets.mixed, mixture.mixed, chance)
        one += _sample(unanswerable, mixture.unanswerable, chance)
        chance.shuffle(one)
        passes.append(one)
    questions = _sample(made, mixture.made, chance)
    early = 4 * len(questions) // 5
    fifth = len(passes[0]) // 5
    first = [*questions[:early], *passes[0][:fifth]]
    rest = [*questions[early:], *passes[0][fifth:]]
    chance.shuffle(first)
    chance.shuffle(rest)
    return [*first, *rest, *(example for one in passes[1:] for example in one)]


def _sample(
    examples: Sequence[Example] | Sequence[MadeQuestion], count: int, chance: random.Random
) -> list[Example | MadeQuestion]:
    return list(chance.sample(list(examples), min(count, len(examples))))


class Batcher:
    """Cuts windows and makes batches; the same seed makes the same ones."""

    def __init__(self, maker: InputMaker, sets: ReadingSets, size: int) -> None:
        self._maker = maker
        self._size = size
        paragraphs: dict[str, dict[str, None]] = {}
        for example in (*sets.squad, *sets.xquad):
            paragraphs.setdefault(example.article, {})[example.paragraph] = None
        self._paragraphs: Mapping[str, list[str]] = {
            article: sorted(group) for article, group in paragraphs.items()
        }

    def batches(
        self, examples: Sequence[Example | MadeQuestion], chance: random.Random
    ) -> Iterator[list[Row]]:
        """Rows of about one length together, in an order that doesn't tell the length."""
        step = self._size * _CHUNK
        for at in range(0, len(examples), step):
            made = [self._row(example, chance) for example in examples[at : at + step]]
            rows = sorted((row for row in made if row), key=lambda row: len(row.pieces))
            groups = [rows[i : i + self._size] for i in range(0, len(rows), self._size)]
            chance.shuffle(groups)
            yield from groups

    def _row(self, example: Example | MadeQuestion, chance: random.Random) -> Row | None:
        """None where the answer was cut off."""
        if isinstance(example, MadeQuestion):
            question, text, spans = example.text, example.passage, [(example.start, example.end)]
        else:
            question, text = example.question, self._window(example, chance)
            spans = [span for answer in example.answers for span in _places(answer, text)]
        made = self._maker.make(question, text)
        answers = [found for span in spans if (found := _pieces_of(span, made.spans))]
        if spans and not answers:
            return None
        answers = [(made.first + first, made.first + last) for first, last in answers]
        return Row(made.pieces, made.levels, made.sides, answers)

    def _window(self, example: Example, chance: random.Random) -> str:
        """The paragraph, some with another of the article beside it, long ones begun later."""
        text = example.paragraph
        if chance.random() < 0.35 and len(text) < 260:
            other = chance.choice(self._paragraphs.get(example.article, [text]))
            if other != text and not any(answer in other for answer in example.answers):
                other = other[: chance.randint(60, 160)]
                pair = (text, other) if chance.random() < 0.5 else (other, text)
                return BETWEEN.join(pair)
        elif len(text) > 230 and example.answers:
            answer = text.find(example.answers[0])
            earliest = max(0, answer - chance.randint(20, 200))
            ends = [i for i in range(earliest, answer) if text[i] in "。;!"]
            return text[ends[0] + 1 if ends and earliest else earliest :]
        return text


def _places(answer: str, text: str) -> Iterator[Span]:
    at = text.find(answer)
    while at >= 0:
        yield at, at + len(answer)
        at = text.find(answer, at + 1)


def _pieces_of(span: Span, pieces: Sequence[Span]) -> Span | None:
    """First and last piece that touch a span of characters; None where they aren't there."""
    first = next((i for i, (a, b) in enumerate(pieces) if a <= span[0] < b), None)
    last = next((i for i, (a, b) in enumerate(pieces) if a < span[1] <= b), None)
    return None if first is None or last is None else (first, last)


def collate(rows: Sequence[Row]) -> Batch:
    """One padded batch."""
    length = max(len(row.pieces) for row in rows)

    def padded(values: Sequence[list[int]], fill: int) -> Tensor:
        return torch.tensor([each + [fill] * (length - len(each)) for each in values])

    mask = padded([[1] * len(row.pieces) for row in rows], 0).bool()
    sides = padded([row.sides for row in rows], 0)
    targets = torch.zeros(len(rows), length, 2, dtype=torch.bool)
    for i, row in enumerate(rows):
        for first, last in row.answers or [(0, 0)]:
            targets[i, first, 0] = True
            targets[i, last, 1] = True
    allowed = (sides == 1) & mask
    allowed[:, 0] = True
    return Batch(
        pieces=padded([row.pieces for row in rows], PADDING),
        levels=padded([row.levels for row in rows], 0),
        sides=sides,
        mask=mask,
        targets=targets,
        allowed=allowed,
    )


__all__ = ["Batch", "Batcher", "Mixture", "Row", "collate", "stream"]
