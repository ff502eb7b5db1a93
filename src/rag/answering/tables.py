"""Which cell of a table's row answers: the one under the heading that was asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rag.answering.entities import place_stem
from rag.answering.headings import in_other_words, periods_in, years_in
from rag.answering.kinds import TYPED, Kind
from rag.answering.matching import match
from rag.answering.question import Question, Word
from rag.answering.spans import candidates
from rag.text import CELLS, Span, cell_spans, is_cjk
from rag.types import Hit

_NAMED = 0.6  # what of a word must stand in a heading for it to name the column
_GIVEN = 0.9  # and in a cell for the question to have given it away
# Of the question's weight: what of the rest must stand in the row's other cells; in a cell for the
# question to tell that cell; in a row's name, where all rows have the same column.
_KEYED, _TELLS, _LIKE_KEY = 0.5, 0.3, 0.5
_ALIKE = 0.25  # cosine from which a heading means what was asked for
_NEVER = 99.0
_WHOSE = re.compile(r"哪一?[个家位处条]|谁|什么地方|什么单位|\b(?:who|whose|which)\b")
_DIGIT = re.compile(r"\d")
_LABEL = 10  # characters of a name of a value
# Words of what one does at a counter, which tables leave out.
_DOING = frozenset(
    "办 办好 办完 办理 办结 办成 办下来 下来 开门 关门 上班 下班 开放 营业 领到 拿到 领取 提交 "
    "准备 携带 带 交 收费 缴费 缴纳 负责 拨打 咨询".split()
)
_NO_NAME = frozenset("哪个几么这该各每的是在有和与及些多少")  # before a noun that names nothing
_REMARK = re.compile(r"[(（].*?[)）]")

# How near in meaning a text comes to each of some others: cosines.
Alike = Callable[[str, Sequence[str]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its folded cells, where they stand in the row, and the columns' names."""

    spans: tuple[Span, ...]
    cells: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, folded: str, first: str) -> Row | None:
        """The row under a table's first row, both folded; None where their cells don't agree."""
        spans = tuple(cell_spans(folded))
        names = tuple(first[start:end] for start, end in cell_spans(first))
        if len(spans) != len(names) or len(spans) < 2:
            return None
        row = cls(spans, tuple(folded[start:end] for start, end in spans), names)
        return row if row.is_form or folded != first else None

    @property
    def key(self) -> str:
        """What the row is of, without a remark in brackets."""
        return _REMARK.sub("", self.cells[0])

    @property
    def is_form(self) -> bool:
        """Whether each value stands beside its name, as in a form: 编码 | 017 | 日期 | 1月2日."""
        values, labels = self.names[1::2], (*self.names[::2], *self.cells[::2])
        said = any(_DIGIT.search(value) or len(value) > _LABEL for value in values)
        named = not any(_DIGIT.search(name) or len(name) > _LABEL for name in labels)
        return len(self.names) in (4, 6) and said and named


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell that was asked for: where it stands in the row, what is in it, and its heading.

    `named`: the heading says what was asked for, not only of which place or year it is.
    """

    span: Span
    text: str
    heading: str
    named: bool

    @property
    def says(self) -> bool:
        """Whether anything stands in it."""
        return any(map(str.isalnum, self.text))


def columns_of(hit: Hit) -> str:
    """The row that names the columns, where a passage begins within a table; empty elsewhere."""
    last = hit.chunk.context.rpartition("\n")[2]
    goes_on = CELLS in hit.chunk.text.partition("\n")[0]
    return last if goes_on and CELLS in last and last != hit.document.title else ""


@dataclass(frozen=True, slots=True)
class _Table:
    """Of all found rows of a table those that the question names in full, and its nearest name.

    `of_others`: the question names a column or row of the kind that isn't there.
    """

    told: Sequence[str]
    likest: float
    of_others: bool


class CellFinder:
    """Finds the cells that a question asks for."""

    def __init__(self, question: Question, rows: Sequence[Row], titles: str, alike: Alike) -> None:
        """`rows` are those of all passages that were found, `titles` of their articles, folded."""
        self._question = question
        self._stems = [place_stem(place) for place in question.places]
        self._periods = periods_in(question.folded)
        forms = [row.cells[::2] for row in rows if row.is_form]
        texts = [text for row in rows for text in (row.key, *row.names)]
        texts += [label for labels in forms for label in labels]
        self._rest = [word for word in question.words if match(word.text, titles) < _GIVEN]
        topic = [word.text for word in question.words if word not in self._rest]
        told = (*question.places, *question.years, *topic)
        self._alike = alike(_without(question.folded, told), texts)
        self._scores: dict[str, float] = {}  # of headings
        keys: dict[tuple[str, ...], list[str]] = {}
        for row in rows:
            keys.setdefault(row.names, []).append(row.key)
        self._tables = {names: self._table(names, found) for names, found in keys.items()}

    def _table(self, names: tuple[str, ...], keys: Sequence[str]) -> _Table:
        told = _longest({key for key in keys if self._is_told(key)})
        another = self._names_another(names[1:]) or (not told and self._names_another(keys))
        return _Table(told, max(0.0, *(self._alike[key] for key in keys)), another)

    def find(self, row: Row, context: str) -> Cell | None:
        """The cell asked for; None where the question asks for no column, or for another row.

        `context` are title and heading, folded.
        """
        if row.is_form:
            return self._in_form(row)
        table = self._tables[row.names]
        if table.of_others or (table.told and row.key not in table.told):
            return None
        columns = [1] if len(row.cells) == 2 else self._of_place_or_time(row)
        if columns is None:
            return None
        given = self._given(row)
        scores = [self._asked(row, i, given[i]) for i in range(len(row.cells))]
        best = max(columns or range(len(scores)), key=lambda i: scores[i])
        asked = scores[best] > 0
        if not columns and not asked:
            tells = any(map(self._is_told, row.cells[1:])) or max(given[1:]) >= _TELLS
            if not tells or not _WHOSE.search(self._question.folded):
                return None
            best = 0  # the question tells a cell and asks whose it is
        known = [name for name, share in zip(row.names, given, strict=True) if share]
        keyed = self._is_keyed(row, best, [*known, row.names[best], context])
        if not keyed and not (columns and self._asks_for(row)):
            return None
        if self._question.kind is Kind.REASON and "原因" not in row.key + row.names[best]:
            return None
        return _cell(row, best, row.names[best], asked and best not in columns)

    def _in_form(self, row: Row) -> Cell | None:
        """The value whose name was asked for."""
        labels = range(0, len(row.cells), 2)
        best = max(labels, key=lambda i: self._named(row.cells[i]))
        asked = self._named(row.cells[best]) > 0
        return _cell(row, best + 1, row.cells[best], True) if asked else None

    def _is_told(self, cell: str) -> bool:
        """Whether the whole of a cell stands in the question."""
        return len(cell) > 1 and match(cell, self._question.folded) == 1

    def _names_another(self, names: Sequence[str]) -> bool:
        """Whether the question names one of a kind that isn't there: 城北院区 beside 城东院区."""
        asked = self._question.folded
        ends = Counter(name[-2:] for name in dict.fromkeys(names) if len(name) > 2)
        shared = [end for end, count in ends.items() if count > 1 and is_cjk(end)]
        for end in shared:
            firsts = {name[-3] for name in names if name.endswith(end) and len(name) > 2}
            for found in re.finditer(f"(.){re.escape(end)}", asked):
                if is_cjk(found[1]) and found[1] not in _NO_NAME | firsts:
                    return True
        return False

    def _of_place_or_time(self, row: Row) -> list[int] | None:
        """The columns of the question's place, year or period; empty where these tell none.

        None where the columns have years or periods and none is the question's, or several are.
        """
        later = range(1, len(row.names))
        names = row.names
        found = [i for i in later if self._is_place(names[i])]
        for asked, of in ((set(self._question.years), years_in), (self._periods, periods_in)):
            if asked and sum(bool(of(name)) for name in names) > 1:
                timely = [i for i in later if asked & of(names[i])]
                met = {time for i in timely for time in asked & of(names[i])}
                if not timely or (len(timely) > 1 and len(met) > 1):
                    return None
                found = [i for i in found if i in timely] or timely
        return found

    def _is_place(self, name: str) -> bool:
        stem = place_stem(name)
        told = stem != name and stem in self._question.folded
        return told or any(stem in name for stem in self._stems)

    def _given(self, row: Row) -> list[float]:
        """Of each cell the share of the question's weight whose words stand in it.

        A word of a cell that the question tells in full counts there alone.
        """
        told = [cell for cell in row.cells if self._is_told(cell)]
        words = self._question.words
        rest = [word for word in words if not any(match(word.text, cell) == 1 for cell in told)]
        return [self._weight(c, _GIVEN, words if c in told else rest) for c in row.cells]

    def _weight(self, text: str, least: float, words: Sequence[Word]) -> float:
        """The share of the question's weight whose words stand in a text."""
        found = sum(word.weight for word in words if match(word.text, text) >= least)
        return found / self._question.weight

    def _asked(self, row: Row, i: int, given: float) -> float:
        """How much speaks for a column; 0 and less where nothing does."""
        cell, kind = row.cells[i], self._question.kind
        score = self._named(row.names[i])
        if score > 0 and kind in TYPED and any(candidates(kind, cell, cell)):
            score += 0.1
        # What the question says itself it doesn't ask for.
        return score - (2 * given if not self._is_told(cell) else _NEVER)

    def _named(self, name: str) -> float:
        """How much of the question stands in a heading, or means it."""
        if name not in self._scores:
            self._scores[name] = self._score(name)
        return self._scores[name]

    def _score(self, name: str) -> float:
        question = self._question
        score = self._weight(name, _NAMED, question.words)
        if question.focus and question.focus in name:
            score += 0.5
        if in_other_words(question.folded, name):
            score += 0.4
        return score + (self._alike[name] if self._alike[name] >= _ALIKE else 0.0)

    def _asks_for(self, row: Row) -> bool:
        """Whether the question asks for what a row is of, in a table of places or times."""
        if len(row.names) == 2:
            said = self._weight(row.key, _NAMED, self._rest)
            return said >= _LIKE_KEY or self._alike[row.key] >= _LIKE_KEY
        likest = self._tables[row.names].likest
        if likest >= _ALIKE:
            return self._alike[row.key] == likest
        return in_other_words(self._question.folded, row.key)

    def _is_keyed(self, row: Row, column: int, told: Sequence[str]) -> bool:
        """Whether the row is the one that is asked about, by its other cells.

        `told` are the headings and titles, which speak of other rows as well.
        """
        if column and self._is_told(row.key):
            return True
        words = [word for word in self._question.words if word.text not in _DOING]
        rest = [w for w in words if max(match(w.text, text) for text in told) < _NAMED]
        if self._is_of_another(row.key, rest):
            return False
        others = CELLS.join(cell for i, cell in enumerate(row.cells) if i != column)
        found = sum(word.weight * match(word.text, others) for word in rest)
        return found > 0 and found >= _KEYED * sum(w.weight for w in rest)

    def _is_of_another(self, key: str, rest: Sequence[Word]) -> bool:
        """Whether the question names another one of the kind: 南塘片区改造 for 北塘片区改造."""
        asked = self._question.folded
        same = SequenceMatcher(None, asked, key, autojunk=False).find_longest_match()
        if same.size < 2 or not same.b or key[: same.b] in asked:
            return False
        at = same.a - 1  # where the question goes another way than the row's name
        starts = [(asked.find(word.text), word.text) for word in rest]
        return any(start <= at < start + len(text) for start, text in starts if start >= 0)


def _cell(row: Row, i: int, heading: str, named: bool) -> Cell:
    return Cell(row.spans[i], row.cells[i], heading, named)


def _without(text: str, parts: Iterable[str]) -> str:
    for part in parts:
        text = text.replace(part, "")
    return text


def _longest(keys: set[str]) -> list[str]:
    """Without those that stand within another: 文化站分站 isn't 文化站."""
    return [key for key in keys if not any(key != other and key in other for other in keys)]
