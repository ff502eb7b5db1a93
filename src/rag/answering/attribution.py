"""Whether a thing is said of the one that the source says it of: 高兴村的试点, 中天动力等项目.

What hangs on 的 or 等 belongs to what stands before it. If the source has the same thing, and never
with the one that the sentence names, but does speak of that one elsewhere, it is another's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answering.claims import Claim
from rag.answering.passages import Unit

_OWNED = re.compile(
    "(?:^|[,。;:、“”])(?P<owner>[\u4e00-\u9fff]{2,10}?)(?P<of>的|等)(?P<thing>[\u4e00-\u9fff]{4})"
)
# 昊普环保、旭光科技和华盛新显等: its members but the first, before which other words may stand.
_LISTED = re.compile("、|以及|[和与及]")
_LAST = re.compile("([一-鿿]{2,8})等")
_NAME = re.compile("[一-鿿]{2,8}")
_BEFORE = "([^,。;:\n]{2,24})"
_POINTS_BACK = re.compile("(?:当地|这里|那里|全[市区县镇省]|该.|其|他|她|它)$")


def misattributed(claim: Claim, units: Sequence[Unit]) -> tuple[str, ...]:
    """The names of a Chinese sentence that are given what its source gives to others."""
    text = claim.folded.text
    if not claim.chinese or not _OWNED.search(text):
        return ()
    source = "\n".join(unit.folded for unit in units if unit.chinese)
    titles = "\n".join({unit.headed.removesuffix(unit.folded) for unit in units})
    clauses = claim.clauses
    names = [t.text for clause in clauses for t in (*clause.names, *clause.places)]
    names += [word for clause in clauses for word in clause.loose]
    return tuple(
        match["owner"]
        for match in _OWNED.finditer(text)
        if match["owner"].endswith(tuple(names))
        and not _shares(match["owner"], titles)  # of the subject, everything may be said
        and _is_of_others(match, source)
    )


def _is_of_others(match: re.Match[str], source: str) -> bool:
    owner = match["owner"]
    owners = re.findall(f"{_BEFORE}{match['of']}{match['thing']}", source)
    if not owners or any(_shares(owner, other) for other in owners):
        return False
    return _shares(owner, source) and not any(_POINTS_BACK.search(other) for other in owners)


def _shares(owner: str, text: str) -> bool:
    """Whether text has a part of a name: 高埂 of 高埂村."""
    return any(owner[i : i + 2] in text for i in range(len(owner) - 1))


def strangers(claim: Claim, units: Sequence[Unit]) -> tuple[str, ...]:
    """Members of an enumeration that the source doesn't know, beside one that it does."""
    if not claim.chinese or "、" not in claim.folded.text:
        return ()
    source = "\n".join(unit.folded for unit in units if unit.chinese)
    found: list[str] = []
    for clause in re.split(r"[,。;:!?\n]", claim.folded.text):
        parts = _LISTED.split(clause) if "、" in clause else []
        ends = _LAST.match(parts[-1]) if parts else None
        members = [*parts[1:-1], *([ends[1]] if ends else [])]
        if source and any(_shares(part, source) for part in parts):
            found += [m for m in members if _NAME.fullmatch(m) and not _shares(m, source)]
    return tuple(found)


__all__ = ["misattributed", "strangers"]
