"""Superlatives, comparisons, changes and titles that a sentence adds to what its source says.

"The number of volunteers doubled": the words for who and what stand in the source, and the one
that says the new thing is outweighed by them. So each kind of such words needs one of its kind
there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answering.claims import Claim
from rag.answering.passages import Unit

# What claims a degree, and what in a source may stand for it.
_KINDS = (
    (
        r"最(?:[高大多快强长低小佳早优]|好的|具)|首(?:个|创|位|家|次|屈一指)|第一(?![个“\"\s])|唯一"
        r"|领先|[居之]首|榜首|前所未有|历史(?:新高|最)|\b(?:largest|biggest|highest|greatest|lowest)\b"
        r"|\b(?:fastest|leading|unique|unprecedented|first of its kind)\b",
        r"最|首|第一|率先|唯一|领先|头一|\b(?:\w+est|first|most|best|only|leading|uni|unprecedent)",
    ),
    (
        r"翻(?:了)?[一两]?[番倍]|增长|上升|上涨|攀升|增多|大增|增加了|多了|提高了|扩大了|更[多高快好大强]"
        r"|\b(?:doubl|tripl|ris(?:es|ing|en)\b|rose\b|gr[eo]w(?:s|n|th)?\b|increas|surg|soar)",
        r"翻|增|升|上涨|攀|多了|提高|扩|更|快|强|加|大"
        r"|\b(?:doubl|tripl|ris|rose|gr[eo]w|increas|surg|soar|up\b|more\b(?! than))",
    ),
    (
        r"缩短|下降|降低|减少|减轻|回落|大减|少了|低了"
        r"|\b(?:f[ea]ll(?:s|en|ing)?\b|dropp|declin|decreas|shrank|shrink|reduc|shorten)",
        r"短|降|减|少|低|跌|落|省|\b(?:f[ea]ll|drop|declin|decreas|shr[ai]nk|reduc|short|cut|lower|less|few)",
    ),
    (
        r"(?<!不)(?:高于|低于|优于|快于|多于|少于|强于)|胜过|不如|领先于|比[^,。;]{1,14}(?:更|还要|得多)"
        r"|\bthan\b(?<!more than)(?<!less than)(?<!rather than)(?<!other than)",
        r"于|比|胜|如|更|than",
    ),
)  # fmt: skip
_FAMILIES = tuple((re.compile(claimed), re.compile(known)) for claimed, known in _KINDS)
_TITLE = re.compile(
    r"副?(?:书记|主任|董事长|总经理|秘书长|工程师|教授|院士|[部局处科院校市区县镇乡村厂会站所]长)"
)


def unheard(claim: Claim, units: Sequence[Unit]) -> tuple[str, ...]:
    """The words of degree and the titles, as written, that nothing like stands by its source.

    `units` are the sentences it rests on; what stands beside them counts.
    """
    near = "\n".join(unit.near for unit in units if unit.chinese == claim.chinese)
    if not near:
        return ()
    text = claim.folded.text
    found = [
        match
        for claimed, known in _FAMILIES
        if not known.search(near)
        for match in claimed.finditer(text)
    ]
    found += [match for match in _TITLE.finditer(text) if match.group() not in near]
    return tuple(claim.as_written(match.start(), match.end()) for match in found)


__all__ = ["unheard"]
