"""The reader that comes with the package: a small network in numpy over words and their vectors."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rag.answering.kinds import Kind
from rag.answering.network import Network, Window
from rag.answering.question import Segmenter
from rag.answering.windows import Described, describe
from rag.errors import ModelError
from rag.protocols import ReadSpan, Vectors
from rag.text import fold_with_offsets, is_cjk, is_mostly_latin

FORMAT = 2
WEIGHTS_FILE, ABOUT_FILE = "weights.npz", "reader.json"
CHARACTERS = 4  # of a word that are read: the first three and the last
_ROOM = 500  # characters: mostly one chunk, since further ones gave nothing but time
_LONGEST_TEXT = 1200
_KINDS = list(Kind)
_KEPT = 20
_REMEMBERED = 10_000  # words whose vectors, a kilobyte each, are kept
_SURROGATE = re.compile("[\ud800-\udfff]")
_KANA = re.compile("[\u3041-\u30ff]")  # Japanese, which it was not taught


class NeuralReader:
    """Reads with the weights in a folder. Safe in threads; needs numpy alone."""

    def __init__(
        self, folder: Path, segment: Segmenter, vectors: Callable[[Sequence[str]], Vectors]
    ) -> None:
        """`vectors` gives the bundled static model's unit vectors, shape `(words, 256)`.

        Raises ModelError when a file is missing, changed or of another format.
        """
        self.id = folder.name
        self._segment = segment
        self._vectors = _Remembered(vectors)
        self._network, self._characters, self._rarity = _opened(folder)
        # For good, and the whole process: these products are so small that a second thread costs
        # more than it gives, and questions are read side by side.
        threadpool_limits(limits=1, user_api="blas")

    def room(self, question: str) -> int:
        return _ROOM

    def length(self, text: str) -> int:
        return len(text)

    def read(self, question: str, passages: Sequence[str]) -> list[ReadSpan]:
        """See `Reader.read`; the margin is that of the best span over all the others.

        It reads Chinese alone: nothing is found for a question or in a passage of another language.
        """
        # Half a surrogate pair is no text to the segmenter.
        asked = _SURROGATE.sub("\ufffd", fold_with_offsets(question[:300]).text.strip())
        found: list[tuple[float, ReadSpan]] = []
        room = _LONGEST_TEXT
        totals = []
        for number, passage in enumerate(passages if _is_chinese(asked) else ()):
            read = passage[: max(0, room)]
            room -= len(read)
            folded = fold_with_offsets(read)
            told = describe(
                asked, _SURROGATE.sub("\ufffd", folded.text), self._segment, self._rarity
            )
            if not told.spans or not _is_chinese(folded.text) or is_mostly_latin(folded.text):
                continue
            scores = self._network.scores(self._window(told)).astype(np.float64)
            totals.append(float(np.logaddexp.reduce(scores, axis=None)))
            for first, last, score in _best(scores):
                start, end = told.spans[first][0], told.spans[last][1]
                start, end = folded.original_span(start, end)
                span = ReadSpan(number, start, end, passage[start:end], 0.0, 0.0)
                found.append((score, span))
        total = float(np.logaddexp.reduce(totals)) if totals else 0.0
        found.sort(key=lambda each: -each[0])
        return [_judged(span, score - total) for score, span in found[:_KEPT]]

    def _window(self, told: Described) -> Window:
        distinct = {word: i for i, word in enumerate(dict.fromkeys(told.words))}
        numbers = np.array([distinct[word] for word in told.words], dtype=np.int64)
        return Window(
            vectors=self._vectors(list(distinct))[numbers],
            words=numbers,
            characters=np.array([self._spelt(word) for word in told.words], dtype=np.int64),
            features=told.features,
            asked=told.asked,
            kind=_KINDS.index(told.kind),
        )

    def _spelt(self, word: str) -> list[int]:
        return spelling(word, self._characters)


class _Remembered:
    """Vectors of words, which most passages share. Safe in threads."""

    def __init__(self, vectors: Callable[[Sequence[str]], Vectors]) -> None:
        self._vectors = vectors
        self._known: dict[str, Vectors] = {}

    def __call__(self, words: Sequence[str]) -> Vectors:
        """Shape `(words, dimension)`, float32."""
        if len(self._known) > _REMEMBERED:
            self._known = {}
        known = self._known  # this one even if another thread empties it
        if new := [word for word in words if word not in known]:
            known.update(zip(new, self._vectors(new).astype(np.float32), strict=True))
        return np.stack([known[word] for word in words])


def spelling(word: str, characters: Mapping[str, int]) -> list[int]:
    """The numbers of a word's first and last characters, padded by 0; 1 is an unknown one."""
    numbers = [characters.get(c, 1) for c in word]
    if len(numbers) > CHARACTERS:
        numbers = [*numbers[: CHARACTERS - 1], numbers[-1]]
    return numbers + [0] * (CHARACTERS - len(numbers))


def rarity_of(count: int, articles: int) -> float:
    """Inverse document frequency, scaled so that a word of no article would have about 11."""
    return math.log((articles + 1) / (count + 0.5)) * 11 / 9.5


def _is_chinese(text: str) -> bool:
    return is_cjk(text) and not _KANA.search(text)


def _best(scores: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """First word, last word and score of the best spans of a window."""
    width = scores.shape[1]
    flat = scores.reshape(-1)
    least = -np.partition(-flat, min(_KEPT, len(flat)) - 1)[min(_KEPT, len(flat)) - 1]
    good = np.flatnonzero(flat >= least)
    order = good[np.argsort(-flat[good], kind="stable")][:_KEPT]
    places = [(int(i) // width, int(i) // width + int(i) % width, int(i)) for i in order]
    return [(a, b, float(flat[i])) for a, b, i in places if b < len(scores)]


def _judged(span: ReadSpan, log: float) -> ReadSpan:
    probability = min(math.exp(log), 1.0)
    rest = max(1.0 - probability, 1e-9)
    margin = math.log(max(probability, 1e-9) / rest)
    return ReadSpan(span.passage, span.start, span.end, span.text, probability, margin)


def _opened(folder: Path) -> tuple[Network, Mapping[str, int], Mapping[str, float]]:
    try:
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}, and this version reads {FORMAT}")  # noqa: TRY301
        digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
        if digest != about["sha256"]:
            raise ValueError(f"{WEIGHTS_FILE} has changed")  # noqa: TRY301
        characters = {c: i + 2 for i, c in enumerate(about["characters"])}
        rarity = {
            word: rarity_of(int(count), about["articles"])
            for count, words in about["frequencies"].items()
            for word in words.split()
        }
        return Network(folder / WEIGHTS_FILE, about["heads"]), characters, rarity
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The reader in {folder} can't be opened ({error}); install the package again, build"
            " the folder again, or set answering.reader to rules",
            f"无法打开 {folder} 中的阅读模型（{error}）；请重新安装或重新生成，"
            "或把 answering.reader 设为 rules",
        ) from error


__all__ = [
    "ABOUT_FILE",
    "CHARACTERS",
    "FORMAT",
    "WEIGHTS_FILE",
    "NeuralReader",
    "rarity_of",
    "spelling",
]
