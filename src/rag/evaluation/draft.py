"""Candidates for a gold set, drawn from the user's own articles: a person accepts or corrects them.

A candidate is a sentence with one figure, date or name taken out and asked for. Up to every fourth
is a near miss instead: the same question about a year that no article speaks of. The drafts are
made of the articles' words, so a set of them alone flatters word search; the note on each says to
put it in one's own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answering.kinds import Kind
from rag.answering.spans import SPEAKING, SURNAMES, TITLE, candidates
from rag.text import fold, sentence_spans
from rag.types import Document

# In this order: a sum of money is a quantity too, and is better asked for as a sum.
_KINDS = (Kind.PERCENT, Kind.MONEY, Kind.DATE, Kind.QUANTITY)
_ASKS = {Kind.PERCENT: "百分之多少", Kind.MONEY: "多少钱", Kind.DATE: "什么时候"}
# A name between a title and what its bearer says or does.
_PERSON = re.compile(
    rf"(?:{TITLE.pattern})([{SURNAMES}][\u4e00-\u9fff]{{1,2}}?)(?={SPEAKING.pattern})"
)
_END = "。！？.!?"
_SEASONS = tuple("春夏秋冬初底末")
_QUOTES = "“”‘’「」『』《》\"'"
_SHORTEST, _LONGEST = 12, 80  # characters of a sentence
_REST = 8  # characters of a sentence beside the answer, at least
_A_SENTENCE = 3  # sentences tried in one article, so that none fills the draft
_NEAR_MISS = 4  # up to every fourth
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?=年)")
_UNIT = re.compile(r"\d[\d,.]*\s*[余多]?\s*(?:[十百千万亿]+[余多]?)?")
_NOTE = "draft: check the answer, put the question in your own words, then remove this note"


@dataclass(frozen=True, slots=True)
class _Found:
    kind: Kind
    question: str
    answer: str
    sentence: str


def draft(documents: Sequence[Document], *, count: int, seed: int = 0) -> list[dict[str, object]]:
    """Up to `count` rows in the gold format; the same for the same articles and seed."""
    chance = random.Random(seed)
    order = list(documents)
    chance.shuffle(order)
    rows: list[dict[str, object]] = []
    whole = "\n".join(document.text for document in documents)
    pools = [list(_questions(document, chance)) for document in order]
    for turn in range(_A_SENTENCE):  # a sentence of each article before a second of any
        for pool in pools:
            if turn < len(pool) and len(rows) < count:
                misses = sum(not row["answerable"] for row in rows)
                rows.append(_row(pool[turn], len(rows) + 1, misses, whole))
    return rows


def _questions(document: Document, chance: random.Random) -> Iterator[_Found]:
    """A question for each of the first usable sentences, in chance order."""
    spans = sentence_spans(document.text)
    chance.shuffle(spans)
    for start, end in spans:
        sentence = document.text[start:end]
        # Headings and rows of tables end in no full stop.
        if _SHORTEST <= len(sentence) <= _LONGEST and sentence[-1] in _END and "|" not in sentence:
            found = _asked(sentence)
            if found is not None:
                yield found


def _asked(sentence: str) -> _Found | None:
    folded = fold(sentence)
    if len(folded) != len(sentence):
        return None
    person = _PERSON.search(folded)
    if person is not None:
        return _cut(Kind.PERSON, sentence, *person.span(1), "谁")
    for kind in _KINDS:
        for start, end in candidates(kind, folded, sentence):
            asks = _ASKS.get(kind) or _how_many(sentence[start:end])
            if sentence[end:].startswith(_SEASONS) or asks == "多少年":
                continue  # half a date
            found = _cut(kind, sentence, start, end, asks)
            if found is not None:
                return found
    return None


def _cut(kind: Kind, sentence: str, start: int, end: int, asks: str) -> _Found | None:
    """The question that leaves this span out; None where it would be no question."""
    before, answer, after = sentence[:start], sentence[start:end], sentence[end:]
    quoted = (before[-1:] in _QUOTES and before) or (after[:1] in _QUOTES and after)
    if len(before) + len(after) < _REST or sentence.count(answer) != 1 or quoted:
        return None
    if not re.search(r"[\u4e00-\u9fff]", sentence):
        body = f"{before}___{after}".strip().rstrip(_END)
        return _Found(kind, f"What is missing in “{body}”?", answer, sentence)
    body = f"{before}{asks}{after}".rstrip(_END)
    return _Found(kind, f"{body}？", answer, sentence) if asks else None


def _how_many(answer: str) -> str:
    """多少 with the unit of a figure; empty for a bare one: who knows what it counts."""
    unit = _UNIT.sub("", answer, count=1).strip()
    return f"多少{unit}" if _UNIT.match(answer) and unit else ""


def _row(found: _Found, number: int, misses: int, whole: str) -> dict[str, object]:
    row: dict[str, object] = {"id": f"d-{number:03}", "question": found.question}
    lang = "zh" if re.search(r"[\u4e00-\u9fff]", found.question) else "en"
    other = _other_year(found.question, whole) if (misses + 1) * _NEAR_MISS <= number else None
    if other is not None:
        return row | {
            "question": other, "answers": [], "evidence": [], "answerable": False, "lang": lang,
            "tags": [str(found.kind), "near-miss", "other-year"], "note": _NOTE,
        }  # fmt: skip
    return row | {
        "answers": [found.answer], "evidence": [found.sentence.rstrip(_END)],
        "answerable": True, "lang": lang, "tags": [str(found.kind)], "note": _NOTE,
    }  # fmt: skip


def _other_year(question: str, whole: str) -> str | None:
    """The question with a year that no article speaks of; None where it names no year."""
    match = _YEAR.search(question)
    if match is None:
        return None
    for shift in range(1, 30):
        year = str(int(match[0]) - shift)
        if year not in whole:
            return question[: match.start()] + year + question[match.end() :]
    return None


__all__ = ["draft"]
