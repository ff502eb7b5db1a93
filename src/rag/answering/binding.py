"""Whether what a sentence puts together stands together in its source, too.

Every word of "A invests, B runs the business" may stand in a source that says the opposite. Two
things are looked for: two parts of the sentence that have exchanged something, and a quotation
or a command that is given another one's matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise, product

from rag.answering.claims import QUOTES, Claim, squeezed
from rag.answering.entities import place_stem
from rag.answering.likeness import has_in_part, weight_of
from rag.answering.passages import Unit, has_word
from rag.text import CELLS, clause_spans

_EN_PARTS = re.compile(r"[,;:.](?!\d)|\b(?:and|while|whereas|but)\b")
_NTH = re.compile(
    "第[一二三四五六七八九十]+|(?<![一二三四五六七八九十])[一二三四五六七八九十](?:期|批|层|级|类|组|线)"
)
# A command in Chinese text: rag index --prune.
_COMMAND = re.compile(r"(?<![a-z])[a-z][a-z0-9]*(?: -{0,2}[a-z][a-z0-9-]*)+(?![a-z])")
# Words that go with anything: that they stand with another says nothing.
_LIGHT = frozenset(
    "负责 提供 进行 开展 使用 采用 通过 作为 成为 推进 推动 实现 建立 设立 成立 形成 "
    "主要 可以 已经 相关 需要 能够 包括 目前 "
    "provid us mak mad includ becom hav set".split()
)
_MARGIN = 0.2  # a tie is none's
_BESIDE = 0.7  # what counts a word in a clause beside the quotation's own


def exchanged(claim: Claim, units: Sequence[Unit]) -> tuple[str, ...]:
    """Words that two parts of the sentence have exchanged: of each part, one.

    It has `a` with `b` and `c` with `d`; its source never does, but has `a` with `d` and `c` with
    `b`: in a clause, else in a sentence.
    """
    parts = _parts(claim)
    spoken = [unit for unit in units if unit.chinese == claim.chinese]
    clauses = [text for unit in spoken for text in _clauses(unit)]
    return _crossed(parts, clauses, claim.chinese) or _crossed(
        parts, [unit.folded for unit in spoken], claim.chinese
    )


def _crossed(
    parts: Sequence[Sequence[str]], texts: Sequence[str], chinese: bool
) -> tuple[str, ...]:
    places = {word: _places(word, texts, chinese) for part in parts for word in part}
    known = [[word for word in part if places[word]] for part in parts]
    for first, second in combinations(known, 2):
        # Of `a` and `d`, which stand together in the source, each goes with another one here.
        for a, d in product(first, second):
            if places[a] & places[d]:
                bs = [b for b in first if not places[b] & places[a]]
                cs = [c for c in second if not places[c] & places[d]]
                if any(places[b] & places[c] for b, c in product(bs, cs)):
                    return (a, d)
    return ()


def _places(word: str, texts: Sequence[str], chinese: bool) -> int:
    """The texts that have a word, as bits."""
    return sum(1 << i for i, text in enumerate(texts) if _has(word, text, chinese))


def _parts(claim: Claim) -> list[list[str]]:
    """The words of each part of the sentence that stand in no other part."""
    text = claim.folded.text
    spans = clause_spans(text, 0, len(text)) if claim.chinese else _split(text)
    terms = [
        place_stem(t.text) for clause in claim.clauses for t in (*clause.places, *clause.names)
    ]
    quotes = [quote.text for clause in claim.clauses for quote in clause.quotes]
    words = [word for clause in claim.clauses for word in clause.words]
    words = [word for word in words if len(word) > 1 and word not in _LIGHT]
    tokens = dict.fromkeys([*terms, *quotes, *words, *_NTH.findall(text)])
    pieces = [text[start:end] for start, end in spans]
    found = {t: [i for i, p in enumerate(pieces) if _has(t, p, claim.chinese)] for t in tokens}
    return [[t for t in tokens if found[t] == [i]] for i in range(len(pieces))]


def _split(folded: str) -> list[tuple[int, int]]:
    cuts = [0, *(match.start() for match in _EN_PARTS.finditer(folded)), len(folded)]
    return [(a, b) for a, b in pairwise(cuts) if b > a]


def _has(word: str, text: str, chinese: bool) -> bool:
    return word in text if chinese else has_word(word, text)


def _clauses(unit: Unit) -> tuple[str, ...]:
    """The clauses of a unit; a cell of a table is one."""
    if CELLS in unit.text:
        return (unit.folded,)
    return _cut(unit.folded, unit.chinese)


@lru_cache(maxsize=4096)
def _cut(text: str, chinese: bool) -> tuple[str, ...]:
    spans = clause_spans(text, 0, len(text)) if chinese else _split(text)
    return tuple(text[start:end] for start, end in spans)


def misplaced(claim: Claim, units: Sequence[Unit]) -> tuple[str, ...]:
    """Quotations and commands whose clause speaks of what another one stands for.

    They are known by the words that stand with them: for `prune`, what its own clause and those
    beside it say, up to another quotation's. If another's clause has more of them, they are its.
    """
    fields = [
        field
        for unit in units
        if unit.chinese == claim.chinese
        for field in _fields(_clauses(unit), unit.folded, _beside(unit), unit.chinese)
    ]
    if not fields:
        return ()
    found: list[str] = []
    for clause in claim.clauses:
        stated = _quoted(clause.text, claim.chinese)
        for quote in stated:
            own = [f for f in fields if quote in f[0]]
            others = [f for f in fields if not f[0] & stated]
            if own and others:
                mine = max(_found(clause.words, f, claim.chinese) for f in own)
                theirs = max(_found(clause.words, (f[0], f[1], ""), claim.chinese) for f in others)
                if theirs > mine + _MARGIN:
                    found.append(quote)
    return tuple(found)


def _beside(unit: Unit) -> str:
    """The sentences beside a unit that have no quotation of their own.

    Title and heading are left out: they hold for all.
    """
    lines = unit.near[len(unit.headed) - len(unit.folded) :].split("\n")
    return "\n".join(line for line in lines if not _quoted(line, unit.chinese))


_Field = tuple[frozenset[str], str, str]


@lru_cache(maxsize=4096)
def _fields(clauses: tuple[str, ...], whole: str, near: str, chinese: bool) -> tuple[_Field, ...]:
    """Of each clause with quotations these, its text, and the text of those beside it."""
    texts: list[str] = []
    for clause in clauses:  # 一项称号, 得自“...”: “...”
        if texts and texts[-1].rstrip().endswith((":", "：")):
            texts[-1] += clause
        else:
            texts.append(clause)
    quoted = [_quoted(text, chinese) for text in texts]
    if sum(map(bool, quoted)) == 1:  # all that the sentence says is of one matter
        return ((frozenset[str]().union(*quoted), whole, near),)
    fields: list[_Field] = []
    for i, quotes in enumerate(quoted):
        if not quotes:
            continue
        left, right = i, i + 1
        while left and not quoted[left - 1]:
            left -= 1
        while right < len(texts) and not quoted[right]:
            right += 1
        beside = " ".join([*texts[left:i], *texts[i + 1 : right]])
        fields.append((quotes, texts[i], beside))
    return tuple(fields)


@lru_cache(maxsize=4096)
def _quoted(folded: str, chinese: bool) -> frozenset[str]:
    quotes = {match[match.lastindex or 1] for match in QUOTES.finditer(folded)}
    commands = set(_COMMAND.findall(folded)) if chinese else set()
    return frozenset(squeezed(text) for text in quotes | commands)


def _found(words: Sequence[str], field: _Field, chinese: bool) -> float:
    _, own, beside = field
    return sum(
        weight_of(word) * max(_share(word, own, chinese), _BESIDE * _share(word, beside, chinese))
        for word in words
    )


def _share(word: str, text: str, chinese: bool) -> float:
    return has_in_part(word, text) if chinese else float(has_word(word, text))


__all__ = ["exchanged", "misplaced"]
