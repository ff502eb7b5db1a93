"""Everything the reader learns from, made ready once and remembered beside its output."""

from __future__ import annotations

import pickle
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from rag.answering.neural_reader import rarity_of
from rag.assembly import segment
from rag.training.data import read_corpus
from rag.training.pairs import read_glosses
from rag.training.reader_data import Example
from rag.training.reader_examples import (
    Item,
    Vocabulary,
    commonest_characters,
    frequencies,
    item_of,
    lexicon_of,
    made_items,
    new_vocabulary,
    places_of,
)
from rag.training.reader_network import Lexicon
from rag.training.reader_questions import QuestionMaker

_PART = 1000  # made questions that are remembered together
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many questions are made, articles counted and characters known; the seed of it all."""

    made: int
    articles: int
    characters: int
    seed: int


@dataclass(frozen=True, slots=True)
class Material:
    """Items by source, and what the reader's folder says besides its weights.

    `counts` tells in how many of `articles` articles a word stands.
    """

    items: Mapping[str, Sequence[Item]]
    lexicon: Lexicon
    characters: Sequence[str]
    articles: int
    counts: Mapping[str, int]


def prepared(data: Path, training: Sequence[Example], work: Path, amounts: Amounts) -> Material:
    """Goes on from what an earlier run left in `work`. Raises FileNotFoundError."""
    corpus = cache(partial(read_corpus, data))
    maker = cache(lambda: QuestionMaker(segment, read_glosses(corpus().dictionary).synonyms))

    def counted() -> tuple[int, Mapping[str, int]]:
        chance = random.Random(f"{amounts.seed} counted")
        read = min(amounts.articles, len(corpus().news))
        return read, frequencies(corpus().news, read, chance)

    articles, counts = _remembered(work / "counts.pkl", counted)
    rarity = {word: rarity_of(count, articles) for word, count in counts.items()}
    vocabulary = new_vocabulary()

    def reading() -> Iterator[Item]:
        for example in training:
            item = item_of(example, places_of(example), vocabulary, rarity)
            if item is not None:
                yield item

    def made(number: int) -> Iterator[Item]:
        chance = random.Random(f"{amounts.seed} made {number}")
        count = min(_PART, amounts.made - number * _PART)
        yield from made_items(corpus().news, maker(), count, vocabulary, rarity, chance)

    items = _part(work / "reading.pkl", vocabulary, reading)
    for number in range(-(-amounts.made // _PART)):
        items += _part(work / f"made-{number}.pkl", vocabulary, partial(made, number))
    sources: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        sources[item.source].append(item)
    characters = commonest_characters(items, vocabulary, amounts.characters)
    lexicon = lexicon_of(vocabulary, characters)
    return Material(sources, lexicon, list(characters), articles, counts)


def _part(file: Path, vocabulary: Vocabulary, make: Callable[[], Iterable[Item]]) -> list[Item]:
    """The items of one file; their new words join the vocabulary in the same order as ever."""
    known = len(vocabulary)

    def made() -> tuple[list[str], list[Item]]:
        items = list(make())
        return list(vocabulary)[known:], items

    words, items = _remembered(file, made)
    for word in words:
        vocabulary.setdefault(word, len(vocabulary))
    return items


def _remembered(file: Path, make: Callable[[], Result]) -> Result:
    """What an earlier run left in `file`, else what `make` gives, left there."""
    if not file.exists():
        new = file.with_suffix(".new")
        new.write_bytes(pickle.dumps(make()))
        new.replace(file)
    result: Result = pickle.loads(file.read_bytes())  # our own file
    return result


__all__ = ["Amounts", "Material", "prepared"]
