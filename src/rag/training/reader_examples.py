"""Questions as the reader learns from them: words, features, wanted spans, batches."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rag.answering.kinds import Kind
from rag.answering.neural_reader import spelling
from rag.answering.windows import FEATURES, cut_words, describe
from rag.assembly import bundled_embedder, segment
from rag.text import Span
from rag.training.data import Article
from rag.training.reader_data import Example
from rag.training.reader_network import PADDING, PASSAGE, QUESTION, WIDTHS, Batch, Lexicon
from rag.training.reader_questions import QuestionMaker

MADE = "made"  # the source of questions made from the news
_LONGEST_TEXT = 1200  # characters, as the reader reads
_LONGEST_QUESTION = 60  # of a made question
_OPENING = 700  # characters of an article whose words are counted
_PLACES = 8  # of an answer in its paragraph
_NEAREST = 0.7  # the best span must overlap the answer by more
_KINDS = list(Kind)
_TRIES = 100  # for each made question
Numbers = NDArray[np.float32]
Whole = NDArray[np.int32]
Vocabulary = dict[str, int]


@dataclass(frozen=True, slots=True)
class Item:
    """A question's words and then its passage's, by their numbers in the vocabulary.

    The first `asked` are the question's; `spans`, shape `(passage words, 2)`, are the others'
    places in the text, and `answers` those of the answers. `features` is `(words, FEATURES)`.
    """

    words: Whole
    asked: int
    spans: Whole
    features: NDArray[np.float16]
    kind: int
    answers: tuple[Span, ...]
    source: str


def new_vocabulary() -> Vocabulary:
    """Only padding, which has number 0."""
    return {"": 0}


def item_of(
    example: Example,
    places: Sequence[Span],
    vocabulary: Vocabulary,
    rarity: Mapping[str, float],
) -> Item | None:
    """The example, its words added to `vocabulary`; None where no span comes near an answer."""
    text = example.paragraph[:_LONGEST_TEXT]
    told = describe(example.question, text, segment, rarity)
    if not told.spans or not told.asked:
        return None
    item = Item(
        words=np.array([vocabulary.setdefault(w, len(vocabulary)) for w in told.words], np.int32),
        asked=told.asked,
        spans=np.array(told.spans, np.int32),
        features=told.features.astype(np.float16),
        kind=_KINDS.index(told.kind),
        answers=tuple(places),
        source=example.source,
    )
    return item if wanted(item.spans, item.answers).max() > _NEAREST else None


def places_of(example: Example) -> list[Span]:
    """Where the answers stand in the part of the paragraph that is read, the first few."""
    text, found = example.paragraph[:_LONGEST_TEXT], list[Span]()
    for answer in dict.fromkeys(filter(None, example.answers)):
        at = text.find(answer)
        while at >= 0:
            found.append((at, at + len(answer)))
            at = text.find(answer, at + 1)
    return found[:_PLACES]


def wanted(spans: Whole, answers: Sequence[Span]) -> Numbers:
    """F1 in characters of each span with the nearest answer, shape `(words, WIDTHS)`.

    The span at `[i, w]` begins with word `i` and ends with word `i + w`; 0 beyond the last word.
    """
    count = len(spans)
    last = np.arange(count)[:, None] + np.arange(WIDTHS)[None]
    start, end = spans[:, :1], spans[np.minimum(last, count - 1), 1]
    best = np.zeros((count, WIDTHS), np.float32)
    for first, after in answers:
        shared = np.clip(np.minimum(end, after) - np.maximum(start, first), 0, None)
        best = np.maximum(best, 2 * shared / (end - start + (after - first)))
    return np.where(last < count, best, 0).astype(np.float32)


def crop(worth: Numbers, room: int, chance: random.Random) -> Span:
    """The first passage word and the one after the last: about `room`, the best span among them."""
    count = len(worth)
    if count <= room:
        return 0, count
    best = int(worth.argmax())
    first, after = best // WIDTHS, best // WIDTHS + best % WIDTHS + 1
    low, high = max(0, after - room), min(first, count - room)
    if low > high:
        low = high = max(0, min(first, count - room))
    start = chance.randint(low, high)
    return start, start + room


def batch_of(items: Sequence[Item], room: int, chance: random.Random) -> Batch:
    """The items side by side, their passages cropped to `room` words."""
    cut = []
    for item in items:
        worth = wanted(item.spans, item.answers)
        start, end = crop(worth, room, chance)
        worth = worth[start:end]
        reach = np.arange(len(worth))[:, None] + np.arange(WIDTHS)[None]
        rows = np.r_[0 : item.asked, item.asked + start : item.asked + end]
        cut.append((item, rows, worth * (reach < len(worth))))
    shape = len(cut), max(len(rows) for _, rows, _ in cut)
    words = np.zeros(shape, np.int64)
    features = np.zeros((*shape, FEATURES), np.float32)
    segments = np.full(shape, PADDING)
    near = np.zeros((*shape, WIDTHS), np.float32)
    for i, (item, rows, worth) in enumerate(cut):
        end = len(rows)
        words[i, :end], features[i, :end] = item.words[rows], item.features[rows]
        segments[i, : item.asked], segments[i, item.asked : end] = QUESTION, PASSAGE
        near[i, item.asked : end] = worth
    kinds = np.array([item.kind for item in items])
    return Batch(*map(torch.from_numpy, (words, features, segments, kinds, near)))


def made_items(
    news: Sequence[Article],
    maker: QuestionMaker,
    count: int,
    vocabulary: Vocabulary,
    rarity: Mapping[str, float],
    chance: random.Random,
) -> Iterator[Item]:
    """At most `count` questions on random articles; fewer when the articles give few."""
    made = 0
    for _ in range(count * _TRIES):
        if made == count:
            return
        question = maker.make(chance.choice(news).text, chance)
        if question is None or len(question.text) >= _LONGEST_QUESTION:
            continue
        made += 1
        place = (question.start, question.end)
        answer = question.passage[slice(*place)]
        example = Example(question.text, question.passage, (answer,), "", MADE)
        item = item_of(example, [place], vocabulary, rarity)
        if item is not None:
            yield item


def frequencies(news: Sequence[Article], count: int, chance: random.Random) -> Counter[str]:
    """In how many of `count` articles' openings each word stands."""
    found: Counter[str] = Counter()
    for article in chance.sample(list(news), min(count, len(news))):
        text = article.text[:_OPENING]
        # Sorted: the order of a set differs from run to run, and it decides that of the file.
        found.update(sorted({text[a:b] for a, b in cut_words(text, segment)}))
    return found


def commonest_characters(
    items: Sequence[Item], vocabulary: Vocabulary, most: int
) -> dict[str, int]:
    """The numbers of the `most` commonest characters of the items' words; 0 and 1 are not given."""
    counts = np.zeros(len(vocabulary), np.int64)
    for item in items:
        np.add.at(counts, item.words, 1)
    found: Counter[str] = Counter()
    for word, count in zip(vocabulary, counts.tolist(), strict=True):
        for character in word:
            found[character] += count
    return {character: i + 2 for i, (character, _) in enumerate(found.most_common(most))}


def lexicon_of(vocabulary: Vocabulary, characters: Mapping[str, int]) -> Lexicon:
    """Vectors of the bundled embedding model, as the reader asks for them, and spellings."""
    vectors = bundled_embedder().embed_passages(list(vocabulary)).astype(np.float32)
    vectors[0] = 0
    spelt = np.array([spelling(word, characters) for word in vocabulary], np.int64)
    return Lexicon(torch.from_numpy(vectors), torch.from_numpy(spelt))


__all__ = [
    "MADE",
    "Item",
    "Vocabulary",
    "batch_of",
    "commonest_characters",
    "crop",
    "frequencies",
    "item_of",
    "lexicon_of",
    "made_items",
    "new_vocabulary",
    "places_of",
    "wanted",
]
