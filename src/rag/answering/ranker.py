"""The reader that comes with the package: candidate spans, ranked by a small network in numpy.

Candidates are runs of words, what patterns know (`spans`), clauses and whole sentences. Some
numbers describe each: how the text around it matches the question, what stands beside it and
beside the question word, what it looks like. Two hidden layers make one score of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.answering.kinds import TYPED, Kind, kind_of
from rag.answering.question import Segmenter
from rag.answering.runs import match_levels
from rag.answering.spans import candidates
from rag.errors import ModelError
from rag.protocols import ReadSpan
from rag.text import Span, clause_spans, fold_with_offsets, is_cjk, sentence_spans

FORMAT = 1
WEIGHTS_FILE, ABOUT_FILE = "weights.npz", "reader.json"
_LONGEST_TEXT = 1200  # characters that are read beside a question
_MOST_WORDS = 9
_MOST_CHARACTERS = 26
_KEPT = 20
_LEVEL_WEIGHT = np.array([0.0, 0.15, 1.0, 1.3, 1.5])
_WINDOWS = (4, 8, 16, 32)
_BREAK = frozenset(",;。!?:\n")
# What stands beside a candidate or at its ends; a character of no group is in the last one.
_GROUPS = (
    ",", "。!?;", ":", "、", "的", "是为", "在于至", "由被", "和与及或", "了着过",
    "一二三四五六七八九十两几", "0123456789", "年月日时", "“\"『「‘", "”\"』」’",
    "《", "》", "([", ")]", "以从向对将把", "个名位家种条件项", "国省市县区镇村州",
    "人者员家", "上下中内外里", "有", "称叫名", "后前", "", " \n",
)  # fmt: skip
_CODE = {c: i for i, group in enumerate(_GROUPS) for c in group}
_OTHER, _EDGE = len(_GROUPS), len(_GROUPS) + 1
_CODES = len(_GROUPS) + 2
_SURROGATE = re.compile("[\ud800-\udfff]")
_ASKED = re.compile(
    "为什么|为何|什么时候|什么|哪一?[个些年里家位种国座项部次条所名支]?|谁|多少|几|何时|何地|何|怎样|怎么样?|如何|多[大久长高远]"
)

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Spans of one text and their numbers, shape `(spans, numbers)`."""

    spans: list[Span]
    numbers: Numbers


class SpanRanker:
    """Ranks spans with the weights in a folder. Safe in threads; needs numpy alone."""

    def __init__(self, folder: Path, segment: Segmenter) -> None:
        """Raises ModelError when a file is missing, changed or of another format."""
        self.id = folder.name
        self._segment = segment
        self._layers = _opened(folder)

    def room(self, question: str) -> int:
        return _LONGEST_TEXT

    def length(self, text: str) -> int:
        return len(text)

    def read(self, question: str, passages: Sequence[str]) -> list[ReadSpan]:
        """See `Reader.read`; the margin is that of the best span over the middle one."""
        asked = fold_with_offsets(question[:300]).text.strip()
        found: list[tuple[int, int, int]] = []
        rows = []
        room = _LONGEST_TEXT
        for number, passage in enumerate(passages):
            folded = fold_with_offsets(passage[: max(0, room)])
            room -= len(passage)
            made = describe(asked, folded.text, self._segment)
            if not made.spans:
                continue
            for start, end in made.spans:
                found.append((number, *folded.original_span(start, end)))
            rows.append(made.numbers)
        if not asked or not found:
            return []
        scores = score(self._layers, np.concatenate(rows)).astype(np.float64)
        total = float(np.logaddexp.reduce(scores))
        middle = float(np.median(scores))
        return [
            ReadSpan(
                passage=found[i][0],
                start=found[i][1],
                end=found[i][2],
                text=passages[found[i][0]][found[i][1] : found[i][2]],
                probability=float(np.exp(scores[i] - total)),
                margin=float(scores[i]) - middle,
            )
            for i in np.argsort(-scores, kind="stable")[:_KEPT]
        ]


def score(layers: Sequence[Numbers], numbers: Numbers) -> Numbers:
    """One score a row: rectified linear layers; `layers` are weight and bias by turns."""
    x: Numbers = (numbers - layers[0]) / layers[1]
    for weight, bias in zip(layers[2:-2:2], layers[3:-2:2], strict=True):
        x = np.maximum(x @ weight + bias, np.float32(0.0))
    result: Numbers = (x @ layers[-2] + layers[-1])[:, 0]
    return result


def describe(question: str, text: str, segment: Segmenter) -> Candidates:
    """The candidates of a folded text for a folded question, in the order they stand."""
    # Half a surrogate pair is no text to the segmenter.
    question, text = _SURROGATE.sub("\ufffd", question), _SURROGATE.sub("\ufffd", text)
    kind = kind_of(question, "zh" if is_cjk(question) else "en")
    levels = match_levels(text, question)
    weight = _LEVEL_WEIGHT[np.array(levels, dtype=int)] if text else np.zeros(0)
    total = np.concatenate(([0.0], np.cumsum(weight)))
    sentences = sentence_spans(text)
    best = max((total[b] - total[a] for a, b in sentences), default=0.0)
    spans: list[Span] = []
    parts = []
    for number, (first, last) in enumerate(sentences):
        own, typed = _spans(kind, text, first, last, segment)
        if not own:
            continue
        spans += own
        share = (total[last] - total[first]) / max(best, 1e-6)
        extra = np.array([share, number == 0, (total[last] - total[first]) / (1 + len(question))])
        parts.append(_numbers(question, text, own, typed, kind, total, (first, last), extra))
    width = parts[0].shape[1] if parts else 0
    numbers = np.concatenate(parts) if parts else np.zeros((0, width))
    return Candidates(spans, numbers.astype(np.float32))


def _spans(
    kind: Kind, text: str, first: int, last: int, segment: Segmenter
) -> tuple[list[Span], set[Span]]:
    """Candidates of one sentence, and those of them that the patterns of `kind` know."""
    sentence = text[first:last]
    words = [(a + first, b + first) for a, b in segment(sentence) if sentence[a:b].strip()]
    found: dict[Span, None] = {}
    for i, (start, _) in enumerate(words):
        for _, end in words[i : i + _MOST_WORDS]:
            if end - start > _MOST_CHARACTERS or text[end - 1] in _BREAK:
                break
            found[start, end] = None
    typed = {(a + first, b + first) for a, b in candidates(kind, sentence, sentence)}
    for a, b in clause_spans(text, first, last):
        while b > a and text[b - 1] in _BREAK:
            b -= 1
        if b > a:
            found[a, b] = None
    end = last
    while end > first and text[end - 1] in _BREAK:
        end -= 1
    for span in (*typed, (first, end)):
        if span[1] > span[0]:
            found[span] = None
    return list(found), typed


def _numbers(
    question: str,
    text: str,
    spans: Sequence[Span],
    typed: set[Span],
    kind: Kind,
    total: NDArray[np.float64],
    sentence: Span,
    extra: NDArray[np.float64],
) -> NDArray[np.float64]:
    a, b = np.array(spans).T
    first, last = sentence
    norm = 1.0 + len(question)
    columns = [(total[b] - total[a]) / (b - a)]
    for size in _WINDOWS:
        columns.append((total[a] - total[np.maximum(a - size, first)]) / min(size, norm))
        columns.append((total[np.minimum(b + size, last)] - total[b]) / min(size, norm))
    clause = _clause_bounds(text, first, last)
    left, right = clause[0][a - first], clause[1][np.maximum(b - 1, a) - first]
    around = total[a] - total[left] + total[right] - total[b]
    columns += [around / norm, (a - left) / 20.0, (right - b) / 20.0, a == left, b == right]
    gap = _gaps(total, first, last)
    columns += [np.log1p(gap[0][a - first]), np.log1p(gap[1][b - first])]
    digits = _cumulative(text, str.isdigit)
    latin = _cumulative(text, lambda c: c.isascii() and c.isalpha())
    marks = _cumulative(text, lambda c: c in ",;:。")
    lists = _cumulative(text, lambda c: c in "、")
    for table in (digits, latin, marks, lists):
        columns += [(table[b] - table[a]) / (b - a), table[b] > table[a]]
    columns += [np.log(b - a), (b - a) == 1, (b - a) > 12, (b - a) > 24]
    known = [float(span in typed) for span in spans]
    touched = [float(any(x < e and s < y for x, y in typed)) for s, e in spans]
    columns += [known, touched, np.full(len(a), float(kind in TYPED and not typed))]
    columns += _beside(question, text, spans)
    codes = np.array([_CODE.get(c, _OTHER) for c in text] + [_EDGE])
    before = np.where(a > first, codes[np.maximum(a - 1, 0)], _EDGE)
    after = np.where(b < last, codes[np.minimum(b, len(text))], _EDGE)
    flags = [np.eye(_CODES)[each] for each in (before, after, codes[a], codes[b - 1])]
    kinds = np.zeros((len(a), len(Kind)))
    kinds[:, list(Kind).index(kind)] = 1.0
    wide = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    return np.concatenate([wide, np.tile(extra, (len(a), 1)), kinds, *flags], axis=1)


def _beside(question: str, text: str, spans: Sequence[Span]) -> list[list[float]]:
    """Whether what stands beside the question word stands beside the span: 位于哪里 - 位于巴黎."""
    match = _ASKED.search(question)
    if match is None:
        return [[0.0] * len(spans)] * 4
    before, after = question[: match.start()], question[match.end() :].rstrip("?")
    left = [
        [float(bool(before[-n:]) and text[max(0, a - n) : a] == before[-n:]) for a, _ in spans]
        for n in (1, 2)
    ]
    # The noun asked for (哪个城市) is what the span ends in or what follows it.
    right = [
        [float(bool(after[:n]) and after[:n] in text[max(a, b - 3) : b + n]) for a, b in spans]
        for n in (1, 2)
    ]
    return left + right


def _cumulative(text: str, test: object) -> NDArray[np.int64]:
    assert callable(test)
    return np.concatenate(([0], np.cumsum([bool(test(c)) for c in text], dtype=np.int64)))


def _clause_bounds(text: str, first: int, last: int) -> tuple[NDArray[np.int64], ...]:
    """For each character of the sentence where its clause begins and ends."""
    begins = np.full(last - first + 1, first)
    ends = np.full(last - first + 1, last)
    for a, b in clause_spans(text, first, last):
        begins[a - first : b - first], ends[a - first : b - first] = a, b
    return begins, ends


def _gaps(total: NDArray[np.float64], first: int, last: int) -> tuple[NDArray[np.int64], ...]:
    """Characters to the nearest well matched one before and after each place; at most 40."""
    matched = np.diff(total[first : last + 1]) >= 1.0
    left = np.empty(last - first + 1, dtype=np.int64)
    right = np.empty(last - first + 1, dtype=np.int64)
    since = 40
    for i in range(last - first + 1):
        left[i] = since
        since = 0 if i < last - first and matched[i] else min(40, since + 1)
    since = 40
    for i in range(last - first, -1, -1):
        since = 0 if i < last - first and matched[i] else min(40, since + 1)
        right[i] = since
    return left, right


def _opened(folder: Path) -> list[Numbers]:
    try:
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        raw = (folder / WEIGHTS_FILE).read_bytes()
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}, and this version reads {FORMAT}")  # noqa: TRY301
        if hashlib.sha256(raw).hexdigest() != about["sha256"]:
            raise ValueError(f"{WEIGHTS_FILE} has changed")  # noqa: TRY301
        tables = np.load(folder / WEIGHTS_FILE, allow_pickle=False)
        return [tables[f"layer{i}"].astype(np.float32) for i in range(len(tables.files))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The reader in {folder} can't be opened ({error}); install the package again, build"
            " the folder again, or set answering.reader to rules",
            f"无法打开 {folder} 中的阅读模型（{error}）；请重新安装或重新生成，"
            "或把 answering.reader 设为 rules",
        ) from error


__all__ = ["ABOUT_FILE", "FORMAT", "WEIGHTS_FILE", "Candidates", "SpanRanker", "describe", "score"]
