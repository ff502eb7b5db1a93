"""What a sentence of an answer claims: clause by clause its facts, names and content words.

A fact is a figure, a date or a quotation; a name is a person, a place, an organisation or, in
English, a proper noun. All stand in folded text, with the way back to what was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.answering.names import LOOSE_NO, NO_NAME, NameFinder, Term, is_chinese, stem
from rag.answering.numbers import Day, Figure, days, figures
from rag.answering.question import Segmenter, is_stop
from rag.text import Folded, Span, clause_spans, fold_with_offsets, is_cjk

# What is quoted, or stands in `code`: it must be there letter by letter.
QUOTES = re.compile(r"[“\"「『《‘]([^“”\"「」『』《》‘’]{2,80})[”\"」』》’]|`([^`\n]{2,80})`")
# 1. ..., （二）...: the number of a list's item claims nothing.
_ITEM = re.compile(
    r"\s*(?:[-*•·]\s+)?(?:\*\*)?(?:\d{1,2}[.)、](?!\d)|[(（](?:\d{1,2}|[一二三四五六七八九十]{1,3})[)）]"
    r"|[一二三四五六七八九十]{1,3}、)\s*"
)
# 如果索引损坏, ...: a condition and what follows it are one statement.
_CONDITION = re.compile(
    r"\W*(?:如果|若|假如|要是|倘若|一旦|为了|想要?|要(?![求素点闻塞害么是]))|.*(?:时|的话),$"
)
_APART = re.compile(r"[\W_]+")
# Words about the answer itself: a sentence of nothing else claims nothing.
_META = frozenset(
    "文章 文中 文档 资料 材料 段落 报道 原文 上文 文件 信息 内容 问题 回答 答案 根据 依据 据 按照 如下 以下 以上 上述 "
    "显示 指出 提到 提及 表明 介绍 可见 可知 总之 综上 综上所述 总的来说 总体 因此 此外 另外 同时 其次 首先 最后 "
    "包括 具体 情况 方面 来说 来看 而言 包含 涉及 分别 主要 其中 即 例如 比如 记载 所述 下列 提供 相关 "
    "总数 总计 共计 合计 总共 一共 加起来 "
    "希望 帮助 有帮助 提问 谢谢 感谢 欢迎 随时 补充 "
    "hope hopes helps help thank thanks welcome feel free ask "
    "article articles document documents passage passages text source sources report according following "
    "based information answer question summary summarise follows below above states says mentions namely "
    "page newspaper said also further overall came come comes amounted reached stood totalled totaled".split()
)
_SILENT = re.compile(
    r"(?:没有|未|并未|没|不曾|无法|不能)[^,。;]{0,8}(?:提到|提及|说明|给出|写明|涉及|提供|介绍|记载|回答|确定|找到|包含)"
    r"|(?:do|does|did|is|are|was)(?: not|n't)[^.;]{0,30}(?:say|state|mention|specif|give|provide|contain|describe|cover)"
    r"|no (?:information|mention|passage|document|article)"
)


_NEXT_CLAUSE = re.compile(r"(?<=\w\w)(?:;|, (?:and|but|while|whereas)\b)(?=(?:\W+\w+){4})")
# 罗姗介绍, ...: what follows is hers.
_SPEAKS = re.compile(r"(?:说|介绍|表示|认为|指出|称|解释|告诉记者)[,:，：]?$")


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause with what it claims.

    `words` are its content words without figures and names; `loose` those of three characters or
    more that the vocabulary lacks.
    """

    text: str
    words: tuple[str, ...]
    figures: tuple[Figure, ...]
    days: tuple[Day, ...]
    quotes: tuple[Term, ...]
    places: tuple[Term, ...]
    names: tuple[Term, ...]
    loose: tuple[str, ...] = ()

    @property
    def speaks(self) -> bool:
        """Whether it only says who said what the next clauses say."""
        return bool(self.names) and _SPEAKS.search(self.text.strip()) is not None

    @property
    def claims(self) -> bool:
        """Whether there is anything to support."""
        return bool(self.words or self.figures or self.days or self.quotes or self.names)

    @property
    def facts(self) -> bool:
        """Whether something in it must stand in a passage letter by letter."""
        return bool(self.figures or self.days or self.quotes or self.places or self.names)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence taken apart; `spans` of terms lead back to the words as written."""

    written: str
    folded: Folded
    clauses: tuple[Clause, ...]
    chinese: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The content words of all clauses."""
        return tuple(word for clause in self.clauses for word in clause.words)

    def as_written(self, start: int, end: int) -> str:
        """The words of the sentence that a folded span came from."""
        left, right = self.folded.original_span(start, end)
        return self.written[left:right].strip()


class ClaimReader:
    """Takes sentences apart; knows words and place names."""

    def __init__(self, segment: Segmenter, places: frozenset[str]) -> None:
        self._segment = segment
        self._finder = NameFinder(segment, places)

    def read(self, sentence: str) -> Claim:
        """Never fails; a sentence about the answer itself has no clause that claims anything."""
        item = _ITEM.match(sentence)
        blank = " " * item.end() if item else ""
        folded = fold_with_offsets(blank + sentence[len(blank) :])
        text = folded.text
        chinese = is_chinese(text)
        silent = _SILENT.search(text) is not None or _is_lead_in(text)
        parts = _chinese_clauses(text) if chinese else _english_clauses(text)
        clauses = (
            [] if silent else [self._clause(sentence, folded, span, chinese) for span in parts]
        )
        return Claim(sentence, folded, tuple(clauses), chinese)

    def places_in(self, folded: str) -> list[Term]:
        """The places that folded text names."""
        return self._finder.places_in(folded)

    def people_in(self, folded: str) -> list[Term]:
        """The people that Chinese text names."""
        return list(self._finder.people_in(folded, self._finder.places_in(folded)))

    def words(self, folded: str, chinese: bool) -> list[str]:
        """The distinct content words of a folded text; English ones without their endings."""
        if not chinese:
            plain = (w for w in re.findall(r"[a-z][a-z'’]*[a-z]", folded) if not is_stop(w))
            return list(
                dict.fromkeys(stem(w) for w in plain if w not in _META and w not in NO_NAME)
            )
        found: dict[str, None] = {}
        loose = ""
        for start, end in (*self._segment(folded), (len(folded), len(folded))):
            word = folded[start:end].strip()
            if len(word) == 1 and is_cjk(word) and word not in LOOSE_NO and not is_stop(word):
                loose += word
                continue
            if loose:
                found.setdefault(loose)
                loose = ""
            if word and not is_stop(word) and any(c.isalpha() for c in word):
                found.setdefault(word)
        return [word for word in found if word not in _META]

    def _clause(self, written: str, folded: Folded, span: Span, chinese: bool) -> Clause:
        start, end = span
        text = folded.text[start:end]
        quotes = [
            Term(
                start + m.start(m.lastindex or 1),
                start + m.end(m.lastindex or 1),
                m[m.lastindex or 1],
            )
            for m in QUOTES.finditer(text)
        ]
        left, right = folded.original_span(start, end)
        inside = self._finder.places_in(text)
        named = self._finder.names_in(text, written[left:right], inside, chinese)
        named = [name for name in named if name.text not in _META]
        places = [Term(start + t.start, start + t.end, t.text) for t in inside]
        names = [Term(start + t.start, start + t.end, t.text) for t in named]
        dates = [_moved_day(day, start) for day in days(text)]
        numbers = [_moved_figure(figure, start) for figure in figures(text)]
        taken: list[Day | Figure | Term] = [*dates, *numbers, *places, *names, *quotes]
        words = self.words(_without(text, start, taken), chinese)
        loose = [w for w in words if len(w) > 2 and len(list(self._segment(w))) == len(w)]
        for word in loose:
            at = text.find(word)
            if at >= 0 and self._finder.is_landmark(word, text):
                names.append(Term(start + at, start + at + len(word), word))
        return Clause(
            text,
            tuple(words),
            tuple(numbers),
            tuple(dates),
            tuple(quotes),
            tuple(places),
            tuple(names),
            tuple(loose),
        )


def _without(text: str, offset: int, taken: Sequence[Day | Figure | Term]) -> str:
    """The text with spaces in place of what is checked by itself."""
    chars = list(text)
    for term in taken:
        start, end = term.start - offset, term.end - offset
        chars[start:end] = " " * (end - start)
    return "".join(chars)


def _chinese_clauses(folded: str) -> list[Span]:
    """Clauses, a condition with what follows it."""
    spans: list[Span] = []
    condition = False
    for start, end in clause_spans(folded, 0, len(folded)):
        if condition:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        condition = _CONDITION.match(folded[start:end]) is not None and end < len(folded)
    return spans


def _english_clauses(folded: str) -> list[Span]:
    """A sentence cut where another statement begins: "; ", ", and " before several words."""
    cuts = [match.start() for match in _NEXT_CLAUSE.finditer(folded)]
    return list(pairwise([0, *cuts, len(folded)]))


def _is_lead_in(folded: str) -> bool:
    """以下是找到的内容: announces and says nothing yet."""
    return (
        folded.rstrip().endswith(":") and len(folded) <= 24 and not re.search(r"\d|[“\"「]", folded)
    )


def squeezed(folded: str) -> str:
    """Letters and digits alone: how quotations are compared."""
    return _APART.sub("", folded)


def _moved_day(day: Day, by: int) -> Day:
    return Day(day.start + by, day.end + by, day.year, day.month, day.day)


def _moved_figure(figure: Figure, by: int) -> Figure:
    return Figure(figure.start + by, figure.end + by, figure.value, figure.percent, figure.group)


__all__ = ["Claim", "ClaimReader", "Clause", "squeezed"]
