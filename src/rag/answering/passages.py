"""The passages that a language model was given, taken apart as evidence for its sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.answering.claims import ClaimReader, squeezed
from rag.answering.entities import place_stem
from rag.answering.names import is_chinese
from rag.answering.numbers import Day, Figure, days, figures
from rag.answering.tables import columns_of
from rag.text import CELLS, Span, clause_spans, fold, fold_passage, sentence_spans
from rag.types import Hit

_OPENING = 40  # characters that tell where a passage begins in the one before it
_RELATIVE = {
    "今年": 0,
    "当年": 0,
    "去年": -1,
    "前年": -2,
    "明年": 1,
    "this year": 0,
    "last year": -1,
}
# The same body by its long and its short name.
_SHORT_NAMES = (
    ("管理委员会", "管委会"), ("运行中心", "运中心"), ("工作委员会", "工委"), ("委员会", "委"),
    ("有限责任公司", "公司"), ("股份有限公司", "公司"), ("有限公司", "公司"), ("人民政府", "政府"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of a passage, or a cell of a table with its row's and its column's heading.

    `start` and `end` are the sentence's offsets in the document. `near` is folded: the unit with
    a sentence on either side and its headings, `headed` without the sentences, `topic` the first
    sentence of its paragraph. `stated` are the
    years that it names itself, `years` those that hold for it. `places` are those it names, and of
    `rivals`, what the article as a whole is about, those that hold for it: its own, else the last
    ones named before it, else its heading's, else all; `governed[i]` are the places that
    `figures[i]` belongs to, by its clause; `kinds` the suffixes of the places that it names.
    `people` says whether it names anybody.
    """

    passage: int
    start: int
    end: int
    text: str
    folded: str
    figures: tuple[Figure, ...]
    days: tuple[Day, ...]
    stated: frozenset[int]
    years: frozenset[int]
    headed: str
    near: str
    topic: str
    places: frozenset[str]
    rivals: frozenset[str]
    governed: tuple[frozenset[str], ...]
    kinds: frozenset[str]
    people: bool
    chinese: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered passage; numbers count from 1 as the model was told.

    `squeezed` is its text and headings for quotations; `article` all that was found of its article.
    """

    number: int
    hit: Hit
    units: tuple[Unit, ...]
    squeezed: str
    article: str


class PassageReader:
    """Takes passages apart, and remembers those it has seen."""

    def __init__(self, claims: ClaimReader) -> None:
        self._claims = claims
        self._read = lru_cache(maxsize=256)(self._passage)

    def read(self, hits: Sequence[Hit]) -> list[Passage]:
        """The hits as passages 1, 2, ..."""
        articles: dict[str, str] = {}
        end = 0
        for hit in sorted(hits, key=lambda hit: (hit.document.id, hit.chunk.start)):
            known = articles.get(hit.document.id, "")
            # A blank between two passages is no paragraph's end.
            known += " " if known and 0 <= hit.chunk.start - end <= 1 else "\n"
            articles[hit.document.id] = known + hit.chunk.text
            end = hit.chunk.start + len(hit.chunk.text)
        return [
            self._read(number, hit, articles[hit.document.id])
            for number, hit in enumerate(hits, start=1)
        ]

    def _passage(self, number: int, hit: Hit, siblings: str) -> Passage:
        text = hit.chunk.text
        context = fold_passage(f"{hit.document.title}\n{hit.chunk.context}")
        subjects = self._places(context) or self._commonest(fold_passage(siblings))
        spans = sentence_spans(text)
        folded = [fold(text[start:end]) for start, end in spans]
        columns = columns_of(hit)
        headings = hit.chunk.context.removesuffix(columns).split("\n")[1:]
        heading = fold_passage("\n".join(headings))
        units: list[Unit] = []
        last = among(self._places(heading), subjects) or subjects
        header: list[str] = fold(columns).split(CELLS) if columns else []
        year = _year_of(hit)
        years = frozenset({year} if year else ())
        topic = _topic_before(text, siblings)
        for i, (start, end) in enumerate(spans):
            own = folded[i]
            topic = own if _opens(text, spans, i) else topic or own
            cells = own.split(CELLS) if CELLS in text[start:end] else []
            ended = i > 0 and "\n\n" in text[spans[i - 1][1] : start]  # one of two tables
            header = ([] if ended else header) or cells if cells else []
            near = "\n".join([context, *folded[max(0, i - 1) : i + 2]])
            named = self._places(own)
            last = among(named, subjects) or last
            stated = _years(own, year)
            years = stated or years if not cells else years
            for piece, of_cell in self._pieces(own, cells, header):
                column = self._places(of_cell)
                about = (column or named) | (among(column, subjects) or last)
                found = tuple(figures(piece))
                units.append(
                    Unit(
                        passage=number,
                        start=hit.chunk.start + start,
                        end=hit.chunk.start + end,
                        text=text[start:end],
                        folded=piece,
                        figures=found,
                        days=tuple(days(piece)),
                        stated=_years(piece, year),
                        years=_years(piece, year) or years,
                        headed=f"{context}\n{piece}",
                        topic=topic,
                        near=near if not cells else f"{context}\n{piece}",
                        places=about,
                        rivals=subjects,
                        governed=self._governed(piece, found),
                        kinds=self._kinds(piece),
                        people=bool(self._claims.people_in(piece)),
                        chinese=is_chinese(piece),
                    )
                )
        whole = squeezed(f"{context}\n{fold_passage(text)}")
        return Passage(number, hit, tuple(units), whole, f"{context}\n{fold_passage(siblings)}")

    def _pieces(
        self, own: str, cells: Sequence[str], header: Sequence[str]
    ) -> list[tuple[str, str]]:
        """A sentence whole; a row of three columns or more cell by cell, with its headings."""
        if len(cells) < 3:
            return [(own, "")]
        named = header if len(header) == len(cells) and list(header) != list(cells) else [""] * 99
        return [
            (f"{cells[0]} {named[i]} {cell}".strip(), named[i]) for i, cell in enumerate(cells) if i
        ]

    def _governed(self, folded: str, found: Sequence[Figure]) -> tuple[frozenset[str], ...]:
        """For each figure the places of its clause, else of the nearest clause before it."""
        if not found:
            return ()
        clauses = clause_spans(folded, 0, len(folded))
        places = [self._places(folded[start:end]) for start, end in clauses]
        for i in range(1, len(places)):
            places[i] = places[i] or places[i - 1]
        return tuple(
            next(
                (
                    p
                    for (start, end), p in zip(clauses, places, strict=True)
                    if start <= f.start < end
                ),
                frozenset(),
            )
            for f in found
        )

    def _places(self, folded: str) -> frozenset[str]:
        return frozenset(place_stem(term.text) for term in self._claims.places_in(folded))

    def _kinds(self, folded: str) -> frozenset[str]:
        terms = self._claims.places_in(folded)
        return frozenset(term.text.removeprefix(place_stem(term.text)) for term in terms) - {""}

    def _commonest(self, folded: str) -> frozenset[str]:
        """The place that an article names most, when its title names none."""
        names = [place_stem(term.text) for term in self._claims.places_in(folded)]
        most = max(names, key=names.count, default=None)
        return frozenset({most} if most else ())


def _opens(text: str, spans: Sequence[Span], at: int) -> bool:
    """Whether a sentence is the first of its paragraph."""
    return at > 0 and "\n" in text[spans[at - 1][1] : spans[at][0]]


def _topic_before(text: str, siblings: str) -> str:
    """The first sentence of the paragraph that a passage begins in, if another passage has it."""
    at = siblings.find(text[:_OPENING])
    line = siblings[siblings.rfind("\n", 0, at) + 1 : at] if at > 0 else ""
    spans = sentence_spans(line)
    return fold(line[slice(*spans[0])]) if spans else ""


def among(places: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those places that are others too, with or without the words before their name."""
    return frozenset(p for p in places if any(p in other or other in p for other in others))


def _year_of(hit: Hit) -> int | None:
    year = (hit.document.date or "")[:4]
    return int(year) if year.isdigit() else None


def _years(folded: str, published: int | None) -> frozenset[int]:
    """The years that a sentence states, 去年 of an article of 2025 among them."""
    found = {day.year for day in days(folded) if day.year is not None}
    if published is not None:
        found |= {published + shift for word, shift in _RELATIVE.items() if word in folded}
    return frozenset(found)


def with_short_names(squeezed_text: str) -> str:
    """Bodies by their short names, so that 管理委员会 and 管委会 are the same."""
    for long, short in _SHORT_NAMES:
        squeezed_text = squeezed_text.replace(long, short)
    return squeezed_text


def has_word(stemmed: str, folded: str) -> bool:
    """Whether folded English text has a word of this stem at the beginning of a word."""
    return re.search(rf"\b{re.escape(stemmed)}", folded) is not None


__all__ = ["Passage", "PassageReader", "Unit", "among", "has_word", "with_short_names"]
