"""Whether a sentence has put one thing in the place of another that its source names there.

"由村委会牵头" where the source says "由镇街牵头": on both sides of the one word all is as in the
source, and the source has another word in its place. A verb's place taken by another verb is how
a paraphrase looks; what stands after 由, 被, 与 or in an enumeration is a thing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.claims import Claim
from rag.answering.likeness import Closeness
from rag.answering.names import LOOSE_NO, stem
from rag.answering.passages import Unit, has_word
from rag.answering.question import Segmenter, is_stop
from rag.text import Span, is_cjk

_LISTING = "、和与及"
# After these stands who or what takes part; after the others may stand a verb or an adjective.
_BEFORE_THINGS = frozenset("由被与和向对给从、及跟")
_BEFORE_ANYTHING = frozenset("是为以把将叫")
_EN_BEFORE_THINGS = frozenset("the a an in of with by from at".split())
_EN_BEFORE_VERBS = re.compile(r"also|now|then|still|already|often|to|\w+ly")
_VERB = re.compile(r"(?:[^s]s|ed)$")
_OFFICE = re.compile("[部局委院校厅署办处科]$")
_BODY_END = re.compile(
    "(?:[部局委院校厅署办处科厂店馆站镇村区市县乡会社队组司室长员者师家]|车间|公司|中心|机构|银行|汽车|景区)$"
)
_BODY = re.compile(r"(?:公司|集团|大学|学院|中学|小学|医院|银行|协会|商会|车间|园区|中心|机构)")
_POINTS_BACK = frozenset(
    "后者 前者 双方 对方 当地 本地 该地 自己 大家 彼此 它们 他们 她们 这里 那里 我们 "
    "它 他 她 这 此 其".split()
)
_BREAK = "，,。；;：:！？!?\n、"
_WORDS = 3  # of a name that the vocabulary cuts: 中央|党校
_NAME = 6  # characters of such a name
_CJK = re.compile("[\u4e00-\u9fff]+")
_LONGEST = 18  # characters of what the source has in the word's place


def substituted(
    claim: Claim, units: Sequence[Unit], segment: Segmenter, closeness: Closeness
) -> tuple[str, ...]:
    """The words of a sentence in whose place its source has others, and only others."""
    if not claim.chinese:
        return _in_english(claim, [unit.folded for unit in units if not unit.chinese], closeness)
    sources: dict[int, str] = {}
    for unit in units:
        if unit.chinese:
            sources[unit.passage] = f"{sources.get(unit.passage, '')}\n{unit.folded}"
    text = claim.folded.text
    spans = _tokens(text, segment)
    found: list[str] = []
    for at in range(1, len(spans)):
        for last in range(at, min(at + _WORDS, len(spans) - 1)):
            slot = _slot(text, spans, at, last)
            if slot and _has_another(slot, list(sources.values())):
                found.append(slot.word)
                break
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A word of the sentence, what stands right before it and what right after."""

    before: str
    word: str
    after: str


def _slot(text: str, spans: Sequence[Span], at: int, last: int) -> _Slot | None:
    """The slot of the words from `at` to `last`; None where it says nothing."""
    inside = [text[start:end] for start, end in spans[at : last + 1]]
    word = "".join(inside)
    before = text[slice(*spans[at - 1])]
    after = text[slice(*spans[last + 1])]
    if after in ("了", "着", "过") and last + 2 < len(spans):
        after = text[slice(*spans[last + 2])]
    if len(after) == 1 and last + 2 < len(spans) and after not in _BREAK:
        after += text[slice(*spans[last + 2])]
    if before[-1] in _BEFORE_THINGS | _BEFORE_ANYTHING:
        before = before[-1]
    if not _says(word, inside) or not _CJK.fullmatch(after) or len(after) < 2 or is_stop(after):
        return None
    if before in _BEFORE_THINGS:
        return _Slot(before, word, after)
    thing = _BODY_END.search(word) is not None
    if before in _BEFORE_ANYTHING and (thing or _BODY_END.search(after)):
        return _Slot(before, word, after)
    return _Slot(before, word, after) if thing and at == last and _OFFICE.search(word) else None


def _says(word: str, parts: Sequence[str]) -> bool:
    """Whether words may be a thing's name: no function words, nothing that points back."""
    if not _CJK.fullmatch(word) or not 2 <= len(word) <= (_NAME if len(parts) > 1 else _LONGEST):
        return False
    return not any(is_stop(part) or part in _POINTS_BACK for part in parts)


def _tokens(text: str, segment: Segmenter) -> list[Span]:
    """Words; single characters that the vocabulary can't join, and what a body's name ends in."""
    spans: list[Span] = []
    loose = False
    for start, end in segment(text):
        word = text[start:end]
        single = end - start == 1 and is_cjk(word) and word not in LOOSE_NO | _BEFORE_THINGS
        if spans and ((single and loose) or (_BODY.fullmatch(word) and spans[-1][1] == start)):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        loose = single
    return spans


def _has_another(slot: _Slot, sources: Sequence[str]) -> bool:
    """Whether the sources have something else in this place, and nowhere the same."""
    listed = slot.before in _LISTING
    left = f"[{_LISTING}]" if listed else re.escape(slot.before)
    right = re.escape(slot.after)
    same = re.compile(f"{left}.?{re.escape(slot.word)}.{{0,3}}{right}")
    if any(same.search(source) for source in sources):
        return False
    place = re.compile(f"{left}([^{_BREAK}]{{1,{_LONGEST}}}?){right}")
    others = [
        match[1]
        for source in sources
        if not (listed and slot.word in source)  # the order of an enumeration says nothing
        for match in place.finditer(source)
    ]
    return any(_differs(slot.word, other, slot.before) for other in others)


def _differs(word: str, other: str, before: str) -> bool:
    """Whether two words are of different things; 管委会 is short for 管理委员会."""
    if other in _POINTS_BACK:
        return False
    if not set(word) & set(other):
        return before in _BEFORE_THINGS | _BEFORE_ANYTHING
    if _are_bodies(word, other) or _differ_before_ending(word, other, before):
        return True
    while min(len(word), len(other)) > 2 and word[-1] == other[-1] and not _OFFICE.search(word):
        word, other = word[:-1], other[:-1]  # 中央党校|写进, 中组部|写进
    return _are_bodies(word, other) or _are_twins(word, other)


def _differ_before_ending(word: str, other: str, before: str) -> bool:
    """飞鱼|号, 白鲸|号."""
    if before not in _BEFORE_THINGS or word[-1] != other[-1]:
        return False
    while word and other and word[-1] == other[-1]:
        word, other = word[:-1], other[:-1]
    return min(len(word), len(other)) > 1 and not set(word) & set(other)


def _are_bodies(word: str, other: str) -> bool:
    """Whether both are names of bodies or places, and none is short for the other."""
    short, long = sorted((word, other), key=len)
    ends = _BODY_END.search(word) and _BODY_END.search(other)
    return bool(ends) and not set(short) <= set(long)


def _are_twins(word: str, other: str) -> bool:
    """中宣部, 中组部: one character apart, before an office's."""
    if len(word) != len(other):
        return False
    apart = [i for i, (one, two) in enumerate(zip(word, other, strict=True)) if one != two]
    return len(apart) == 1 and _OFFICE.match(word[apart[0] + 1 :][:1]) is not None


def _in_english(claim: Claim, sources: Sequence[str], closeness: Closeness) -> tuple[str, ...]:
    """Welding processes for painting processes: between the same words one of another meaning."""
    found: list[str] = []
    for part in re.split(r"[^a-z'’ -]+", claim.folded.text):
        words = part.split()
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            if len(word) < 4 or is_stop(word) or is_stop(after) or _VERB.search(word):
                continue
            if _EN_BEFORE_VERBS.fullmatch(before) or (
                is_stop(before) and before not in _EN_BEFORE_THINGS
            ):
                continue
            others = _english_others(before, stem(word), stem(after), sources)
            if others and not any(closeness.of_word(stem(word), other) for other in others):
                found.append(word)
    return tuple(found)


def _english_others(before: str, word: str, after: str, sources: Sequence[str]) -> list[str]:
    """What stands between two words in sources that don't have `word`; none if one has it there."""
    same = re.compile(rf"\b{re.escape(word)}[a-z]*[ -]+{re.escape(after)}")
    if any(same.search(source) for source in sources):
        return []
    most = 1 if is_stop(before) else 2  # words: "a" and "of" tie less than another word
    place = re.compile(rf"\b{re.escape(before)} ((?:[a-z'’-]+ ){{1,{most}}}?){re.escape(after)}")
    found = [m[1].strip() for s in sources if not has_word(word, s) for m in place.finditer(s)]
    return [other for other in found if not is_stop(other) and not _VERB.search(other)]


__all__ = ["substituted"]
