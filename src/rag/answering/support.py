"""Which sentences of the passages carry a clause, and which of its facts none of them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answering.claims import Claim, Clause, squeezed
from rag.answering.entities import place_stem
from rag.answering.likeness import Closeness, has_in_part, next_words, parts_of, weight_of
from rag.answering.names import PROVINCES, Term, stem
from rag.answering.numbers import Day, Figure
from rag.answering.passages import Passage, Unit, among, has_word, with_short_names
from rag.answering.question import is_stop
from rag.text import Span

# Least share of a clause's words that a sentence with its figure must have: the same figure in
# another matter is no support.
_RELATED = 0.3
_SINGLE = 0.6  # what counts a single character: it may belong to another word there
_AROUND = 0.7  # what counts a word that stands beside the sentence
_BARE = 14  # characters of a sentence that is hardly more than its figure
# Least share for a clause of nothing but words, from which weight on, and which likeness adds.
_CLAUSE, _HEAVY, _OTHERWISE = 0.4, 2.5, 0.3
# Where an enumeration or a clause of one ends; not inside 15,000.
_LISTED = re.compile(r"[、和与及]|,|\band\b")
_EN_KIND = re.compile(r" (?:community|village|town|subdistrict|district|county|city|province)$")
_REPORTED = re.compile("报道|报纸|版面|newspaper|report|page")

Fact = Figure | Day | Term


@dataclass(frozen=True, slots=True)
class Support:
    """What carries one clause. `missing` are facts, as written, that nothing carries.

    `hollow` says that it has nothing but words, and that few of them are there.
    """

    units: tuple[Unit, ...]
    missing: tuple[str, ...]
    coverage: float
    weight: float
    hollow: bool = False


def support_of(
    claim: Claim, passages: Sequence[Passage], closeness: Closeness
) -> Iterator[Support]:
    """The support of each clause that claims anything.

    Places and years hold on from clause to clause until others are named.
    """
    places: tuple[Term, ...] = ()
    days: tuple[Day, ...] = ()
    speakers: tuple[Term, ...] = ()
    for clause in claim.clauses:
        places = clause.places or places
        if not _REPORTED.search(clause.text):  # the year of a report isn't that of its facts
            days = clause.days or days
        alone = not (clause.words or clause.figures or clause.quotes or clause.names)
        if alone and not clause.places and len(claim.clauses) > 1:
            pass  # 2024年, ...: holds for what follows
        elif clause.claims or clause.places:
            yield _Clause(claim, clause, places, days, speakers, passages, closeness).support()
        speakers = clause.names if clause.speaks else speakers
        if clause.text.rstrip().endswith((";", "；")):
            places, days, speakers = (), (), ()


class _Clause:
    """One clause with the places and years that hold for it, against all units."""

    def __init__(
        self,
        claim: Claim,
        clause: Clause,
        places: tuple[Term, ...],
        days: tuple[Day, ...],
        speakers: tuple[Term, ...],
        passages: Sequence[Passage],
        closeness: Closeness,
    ) -> None:
        self._claim = claim
        self._clause = clause
        self._places = places
        self._days = days
        self._speakers = speakers
        self._passages = {passage.number: passage for passage in passages}
        self._closeness = closeness
        self._units = [unit for passage in passages for unit in passage.units]
        self._chinese = claim.chinese
        self._bounds = self._marks()
        # 6家部门、1家商会: an enumeration, whose names and figures may stand in several sentences.
        self._listed = bool(self._bounds)

    def support(self) -> Support:
        clause = self._clause
        weight = sum(weight_of(word) for word in clause.words)
        facts: list[Fact] = [*clause.figures, *clause.days, *clause.quotes]
        facts += clause.names if self._listed else ()
        if not facts and not weight and not clause.names and not clause.places:
            return Support((), (), 1.0, 0.0)
        usable = [unit for unit in self._units if self._in_scope(unit)]
        if not usable:
            return Support((), self._lacking(), 0.0, weight)
        chosen, left = self._chosen(usable, facts)
        missing = tuple(self._claim.as_written(fact.start, fact.end) for fact in left)
        coverage = self._coverage(chosen)
        bare = not (facts or clause.names or clause.places) and weight >= _HEAVY
        hollow = bare and coverage < _CLAUSE and not self._alike(chosen, coverage)
        return Support(tuple(chosen), missing, coverage, weight, hollow)

    def _alike(self, units: Sequence[Unit], coverage: float) -> bool:
        """Whether a clause means what a unit does, in part with other words."""
        alike = max(self._closeness.cosine(self._clause.text, unit.folded) for unit in units)
        return coverage + (alike - _OTHERWISE) / 2 >= _CLAUSE

    def _chosen(
        self, usable: Sequence[Unit], facts: Sequence[Fact]
    ) -> tuple[list[Unit], list[Fact]]:
        """The units that hold the facts, most at a time, and the facts that none holds."""
        covered = {unit: self._coverage([unit]) for unit in usable}
        left = list(facts)
        chosen: list[Unit] = []
        while left:
            held = {unit: [fact for fact in left if self._holds(unit, fact)] for unit in usable}
            best = max(usable, key=lambda unit: (len(held[unit]), covered[unit]))
            if not held[best]:
                break
            chosen.append(best)
            left = [fact for fact in left if fact not in held[best]]
        return chosen or [max(usable, key=lambda unit: covered[unit])], left

    def _holds(self, unit: Unit, fact: Fact) -> bool:
        if isinstance(fact, Figure):
            return any(
                fact.agrees(other)
                and self._belongs(governed)
                and self._related(unit, fact)
                and not self._other_matter(unit, fact, other)
                for other, governed in zip(unit.figures, unit.governed, strict=True)
            )
        if isinstance(fact, Day):
            return self._dated(unit, fact) and self._related(unit, fact)
        return self._quotes(unit, fact) if fact in self._clause.quotes else self._names(unit, fact)

    def _related(self, unit: Unit, fact: Fact) -> bool:
        """Whether a unit has enough of the words that stand around a figure or date."""
        words = self._words_around(fact)
        if not words:
            return True
        if unit.chinese != self._chinese:
            if any(squeezed(quote.text) in squeezed(unit.folded) for quote in self._clause.quotes):
                return True
            return self._closeness.between(self._claim.folded.text, unit.folded) >= _RELATED
        # A figure that stands alone (**38 and 4.**) is explained by what stands beside it.
        around = unit.near if len(unit.folded) <= _BARE else unit.headed
        start, end = self._segment(fact)
        names = [name for name in self._clause.names if start <= name.start < end]
        found = sum(weight_of(word) * self._has(word, unit, around) for word in words)
        found += sum(squeezed(name.text) in squeezed(unit.folded) for name in names)
        return found >= _RELATED * (sum(map(weight_of, words)) + len(names))

    def _words_around(self, fact: Fact) -> Sequence[str]:
        """The words of the part of an enumeration that a fact stands in, else of its clause."""
        start, end = self._segment(fact)
        text = self._claim.folded.text[start:end]
        words = [word for word in self._clause.words if word in text]
        # 总数为200余个: of what, the clauses before it say
        return words or self._clause.words or self._claim.words

    def _segment(self, fact: Fact) -> Span:
        """The part of the clause between enumeration marks that a fact stands in."""
        left = max((mark for mark in self._bounds if mark < fact.start), default=0)
        end = len(self._claim.folded.text)
        return left, min((mark for mark in self._bounds if mark >= fact.end), default=end)

    def _marks(self) -> list[int]:
        """Where enumeration marks part the clause's figures from each other."""
        starts = [figure.start for figure in self._clause.figures]
        marks = [mark.start() for mark in _LISTED.finditer(self._claim.folded.text)]
        return [mark for mark in marks if starts and starts[0] < mark < starts[-1]]

    def _other_matter(self, unit: Unit, fact: Figure, other: Figure) -> bool:
        """Whether the unit has what the claim counts, but with another figure.

        That is so where more of the claim's words stand in parts of the unit that have figures
        of their own than in this figure's part, counting words that stand in one part only.
        """
        if unit.chinese != self._chinese:
            return False
        if not self._chinese and self._counts_another(unit, fact, other):
            return True
        mine, rivals = parts_of(unit, other, self._clause.figures)
        own = against = 0.0
        for word in self._words_around(fact):
            inside, outside = self._in(word, mine), any(self._in(word, part) for part in rivals)
            own += weight_of(word) * (inside and not outside)
            against += weight_of(word) * (outside and not inside)
        return against > own

    def _counts_another(self, unit: Unit, fact: Figure, other: Figure) -> bool:
        """63 member units: the unit has member units, but not after its 63."""
        after = re.match(r"[\s-]*([a-z][a-z'’]*[a-z])", self._claim.folded.text[fact.end :])
        noun = stem(after.group(1)) if after and not is_stop(after.group(1)) else ""
        if not noun or not has_word(noun, unit.folded):
            return False
        return noun not in next_words(unit.folded, other.end)

    def _in(self, word: str, text: str) -> bool:
        return word in text if self._chinese else has_word(word, text)

    def _belongs(self, governed: frozenset[str]) -> bool:
        """Whether a figure whose clause names places belongs to one of this clause's."""
        stems = [place_stem(place.text) for place in self._places]
        return not governed or not stems or bool(among(frozenset(stems), governed))

    def _dated(self, unit: Unit, day: Day) -> bool:
        if day.month is not None:
            bare = replace(day, year=None)
            if not any(bare.agrees(other) for other in unit.days):
                return False
        if day.year is None or day.year in unit.years:
            return True
        passage = self._passages[unit.passage]
        return bool(_REPORTED.search(self._clause.text)) and str(day.year) in passage.squeezed

    def _quotes(self, unit: Unit, quote: Term) -> bool:
        return squeezed(quote.text) in self._passages[unit.passage].squeezed

    def _in_scope(self, unit: Unit) -> bool:
        """Whether a unit is about the clause's places and years and has its names near."""
        about = [self._is_about(unit, place) for place in self._places]
        if about and not (all(about) if self._clause.places else any(about)):
            return False
        if not all(self._in_year(unit, day) for day in self._days):
            return False
        if not self._listed and not all(self._names(unit, name) for name in self._clause.names):
            return False
        passage = self._passages[unit.passage]
        if not all(squeezed(speaker.text) in passage.squeezed for speaker in self._speakers):
            return False
        return not self._speaks_of_another(unit)

    def _speaks_of_another(self, unit: Unit) -> bool:
        """Whether the clause has an uncommon word that only other articles have: 爱敏特, say."""
        here = self._passages[unit.passage].article
        return any(
            word not in here and any(word in passage.article for passage in self._passages.values())
            for word in self._clause.loose
        )

    def _is_about(self, unit: Unit, place: Term) -> bool:
        name = place_stem(place.text)
        if name in unit.folded or among(frozenset({name}), unit.places):
            return True
        if among(frozenset({name}), unit.rivals):
            return False  # in an article about several districts, the nearest one is meant
        if place.text.removeprefix(name) in unit.kinds:
            return False  # the unit names another community, say
        # In another language a place is named once, with its own name in brackets.
        wide = name in PROVINCES or unit.chinese != self._chinese
        return name in (self._passages[unit.passage].article if wide else unit.near)

    def _in_year(self, unit: Unit, day: Day) -> bool:
        """A year that an earlier clause named holds unless the unit states another."""
        if day in self._clause.days:
            return day.year is None or day.year in unit.years
        if day.month is not None and any(other.month for other in unit.days):
            return self._dated(unit, day)
        return day.year is None or day.year in unit.years or not unit.stated

    def _names(self, unit: Unit, name: Term) -> bool:
        return any(
            all(self._names_one(unit, part) for part in parts)
            for parts in ([name.text], name.text.split(" and "))
        )

    def _names_one(self, unit: Unit, name: str) -> bool:
        sought = with_short_names(squeezed(name))
        if sought in with_short_names(squeezed(unit.folded)):
            return True
        # The sentence beside it may name whom it is about, unless it names somebody itself.
        beside = f"{unit.near}\n{unit.topic}"
        bare = _EN_KIND.sub("", name)
        if bare != name and re.search(rf"\b{re.escape(bare)}\b", unit.headed):
            return True  # Jinhe: a heading leaves out what kind of place it is
        return not unit.people and sought in with_short_names(squeezed(beside))

    def _coverage(self, units: Sequence[Unit]) -> float:
        """The share of the clause's words that units have between them."""
        words = self._clause.words
        if not words:
            return 1.0
        foreign = [unit for unit in units if unit.chinese != self._chinese]
        if foreign:
            text = self._claim.folded.text
            return max(self._closeness.between(text, unit.folded) for unit in foreign)
        found = sum(
            weight_of(word) * max(self._has(word, unit, self._around(unit)) for unit in units)
            for word in words
        )
        return found / sum(map(weight_of, words))

    def _around(self, unit: Unit) -> str:
        """What stands beside a unit counts, unless a year tells it from what stands beside it."""
        apart = self._days and not self._clause.figures
        return unit.headed if apart else unit.near

    def _has(self, word: str, unit: Unit, around: str) -> float:
        if self._chinese:
            found = max(has_in_part(word, unit.folded), _AROUND * has_in_part(word, around))
            return found if len(word) > 1 else _SINGLE * found
        if has_word(word, unit.folded):
            return 1.0
        beside = _AROUND if has_word(word, around) else 0.0
        return max(beside, self._closeness.of_word(word, unit.folded))

    def _lacking(self) -> tuple[str, ...]:
        """The names, places and years that nothing has, else all of them: not together."""
        terms = [*self._places, *self._clause.names, *self._speakers]
        nowhere = [
            term
            for term in terms
            if not any(place_stem(term.text) in unit.near for unit in self._units)
        ]
        years = [
            day for day in self._days if not any(day.year in unit.years for unit in self._units)
        ]
        spans: Sequence[Fact] = [*nowhere, *years] or [*terms, *self._days]
        return tuple(self._claim.as_written(term.start, term.end) for term in spans)


__all__ = ["Support", "support_of"]
