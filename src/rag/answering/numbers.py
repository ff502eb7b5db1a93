"""Figures and dates as values: 1.5万 is 15000, 百分之五 is 5 %, 二〇二四年 is the year 2024.

Everything here reads folded text (`rag.text.fold`), so full-width digits and Traditional
characters have been dealt with before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "○": 0, "两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_SCALES = {"万": 10**4, "亿": 10**8} | _SMALL
_EN_SCALES = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "k": 1000, "m": 10**6, "bn": 10**9,
}  # fmt: skip
_EN_WORDS = dict(
    zip(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
        "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        [*range(2, 21), *range(30, 100, 10), *range(2, 13)],
        strict=True,
    )
)
_ZH = "零〇○一二两三四五六七八九十百千万亿"
_EN_SCALE = r"hundred|thousand|million|billion|trillion|bn|k(?![a-z])|m(?![a-z])"
# Units that say what is counted; a figure of one group is none of another.
_UNIT_GROUPS = (
    "元 块 块钱 美元 欧元 日元 港元 yuan rmb dollars euros",
    "公里 千米 km kilometres kilometers 里", "米 厘米 毫米", "亩 公顷 平方米 平方公里", "吨 公斤 斤 千克",
    "家 户", "名 位 人 员", "件 项 条 款", "支 队", "辆 台", "岁", "倍", "年", "月", "日 天 号", "小时", "分钟",
    "级", "场", "处", "座", "所", "册 本", "种 类", "次", "票",
)  # fmt: skip
_UNIT_GROUP = {unit: i for i, group in enumerate(_UNIT_GROUPS) for unit in group.split()}
_UNIT = "|".join(sorted(_UNIT_GROUP, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<share>(?:百|千|万|[{_ZH[3:13]}]+|\d+)分之)(?P<of>\d[\d.]*|[{_ZH}点]+)"
    rf"|(?P<digits>\d+(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*(?P<more>[余多几])?\s*"
    rf"(?P<scale>[十百千万亿]+|(?:{_EN_SCALE})\b)?[余多]?"
    rf"|(?P<chinese>[{_ZH}]+)(?P<more2>[余多])?(?P<scale2>[万亿])?"
    rf"|\b(?P<word>{'|'.join(_EN_WORDS)})\b(?:[\s-](?P<ones>one|two|three|four|five|six|seven|eight|nine)\b)?"
    rf"(?:[\s-](?P<scale3>{_EN_SCALE})\b)?"
)
_AFTER = re.compile(
    rf"\s*(?P<percent>%|percent\b|per cent\b|个?百分点|成(?![立为员本都功果交型]))|\s*(?P<unit>{_UNIT}|个)"
)
_MONTHS = {name: i for i, name in enumerate(
    "january february march april may june july august september october november december".split(),
    start=1,
)} | {name: i for i, name in enumerate(
    "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1,
)} | {"sept": 9}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ZH_DAY = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
_YEAR = r"(?:1[5-9]|20)\d\d"
_DATE = re.compile(
    # 2021、2022两年, 2021和2022年: every year of an enumeration
    rf"(?<![\d.])(?P<y7>{_YEAR})(?=(?:[、和与及至到~-]{_YEAR})*(?:[、和与及至到~-]{_YEAR}年|[、和与及至到~-]{_YEAR}[两三四五]年|[两三四五]年))"
    rf"|(?P<y>(?:1[5-9]|20)\d\d|[一二][〇零○九八七六五][〇零○一二三四五六七八九]{{2}})年(?:(?:的|\s)*(?P<m>{_ZH_DAY})月(?:份)?(?:(?P<d>{_ZH_DAY})[日号])?)?"
    rf"|(?<![\d.])(?P<m2>{_ZH_DAY})月(?P<d2>{_ZH_DAY})[日号]"
    rf"|(?<![\d.一二三四五六七八九十个])(?P<m5>{_ZH_DAY})月(?!\w*期间)"
    r"|(?<!\d)(?P<y3>(?:1[5-9]|20)\d\d)[-/.](?P<m3>\d{1,2})(?:[-/.](?P<d3>\d{1,2}))?(?!\d)"
    rf"|\b(?:(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<m4>{_MONTH})\b\.?(?:\s+(?P<d6>\d{{1,2}})(?:st|nd|rd|th)?(?!\d))?(?:,?\s+(?P<y4>(?:1[5-9]|20)\d\d)\b)?"
    r"|(?<![\d.,$¥€])(?P<y5>(?:1[5-9]|20)\d\d)(?![\d.,]*\d|[\u4e00-\u9fff%])(?!\s*(?:yuan|dollars|people|residents))"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of folded text. `group` tells units apart; None where any unit may be meant."""

    start: int
    end: int
    value: Decimal
    percent: bool
    group: int | None

    def agrees(self, other: Figure) -> bool:
        """Whether both may state the same: equal values, percent alike, no different units."""
        if self.value != other.value or self.percent != other.percent:
            return False
        return None in (self.group, other.group) or self.group == other.group


@dataclass(frozen=True, slots=True)
class Day:
    """A date of folded text, as far as it is given."""

    start: int
    end: int
    year: int | None
    month: int | None
    day: int | None

    def agrees(self, other: Day) -> bool:
        """Whether `other` gives every part that this one gives, alike."""
        return all(
            mine is None or mine == theirs
            for mine, theirs in (
                (self.year, other.year),
                (self.month, other.month),
                (self.day, other.day),
            )
        )


def chinese_number(text: str) -> int | None:
    """二百 -> 200, 一千六百 -> 1600, 二〇二四 -> 2024; None for what is no number."""
    if not text:
        return None
    if not any(c in _SCALES for c in text):
        return (
            int("".join(str(_DIGITS[c]) for c in text)) if all(c in _DIGITS for c in text) else None
        )
    whole = high = section = digit = 0  # of 亿, of 万, below 万, the last numeral
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _SMALL:
            section += (digit or (1 if section == 0 or char == "十" else 0)) * _SMALL[char]
            digit = 0
        elif char == "万":
            high, section, digit = (section + digit or 1) * 10**4, 0, 0
        elif char == "亿":
            whole, high, section, digit = (high + section + digit or 1) * 10**8, 0, 0, 0
        else:
            return None
    return whole + high + section + digit


def days(folded: str) -> list[Day]:
    """The dates of folded text, in order: years, months with or without a day, full dates."""
    found = []
    for match in _DATE.finditer(folded):
        groups = match.groupdict()

        def part(*names: str, groups: dict[str, str | None] = groups) -> int | None:
            text = next((groups[name] for name in names if groups[name]), None)
            return None if text is None else _ordinal(text)

        year, month, day = (
            part("y", "y3", "y4", "y5", "y7"),
            part("m", "m2", "m3", "m4", "m5"),
            part("d", "d2", "d3", "d4", "d6"),
        )
        if month == 5 and groups["m4"] == "may" and year is None and day is None:
            continue  # the verb
        if (month is None or 1 <= month <= 12) and (day is None or 1 <= day <= 31):
            found.append(Day(match.start(), match.end(), year, month, day))
    return found


def _ordinal(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    return _MONTHS.get(text) or chinese_number(text)


def figures(folded: str) -> list[Figure]:
    """The numbers of folded text, in order, without those that are parts of dates.

    A single Chinese numeral counts where a unit follows it or 第 stands before it: 四个, 第六;
    一 alone never does.
    """
    taken = [(day.start, day.end) for day in days(folded)]
    return [
        figure
        for figure in _all_figures(folded)
        # 2021、2022两年: the years are checked, their number says nothing more
        if not any(start <= figure.start < end for start, end in taken)
        and not (folded[figure.end - 1] == "年" and any(e == figure.start for _, e in taken))
    ]


def _all_figures(folded: str) -> Iterator[Figure]:
    for match in _NUMBER.finditer(folded):
        value, percent = _value(match)
        if value is None:
            continue
        after = _AFTER.match(folded, match.end())
        unit = after.group("unit") if after else None
        if match.group("chinese") and not _counts(match, folded, bool(after)):
            continue
        if after and after.group("percent"):
            percent = True
            if after.group("percent") == "成":
                value *= 10
        group = _UNIT_GROUP.get(unit or "")
        if folded[: match.start()].endswith("第"):
            group = None  # 第38位 is a rank, not 38 people
        end = after.end() if after else match.end()
        yield Figure(match.start(), end, value, percent, group)


def _counts(match: re.Match[str], folded: str, unit: bool) -> bool:
    text = match.group("chinese")
    if len(text) > 1:
        return any(c in _DIGITS or c == "十" for c in text) and not text.startswith(("万", "亿"))
    if text in "一〇零○百千万亿":
        return False
    return (
        unit
        or folded[match.end() : match.end() + 1] == "个"
        or folded[: match.start()].endswith("第")
    )


def _value(match: re.Match[str]) -> tuple[Decimal | None, bool]:
    groups = match.groupdict()
    if groups["share"]:
        whole, part = _plain(groups["share"][:-2]), _plain(groups["of"] or "")
        return (part * 100 / whole if whole and part is not None else None), True
    if groups["digits"]:
        try:
            value = Decimal(groups["digits"].replace(",", ""))
        except InvalidOperation:  # pragma: no cover - the pattern gives digits
            return None, False
        return value * _scale(groups["scale"] or ""), False
    if groups["chinese"]:
        number = chinese_number(groups["chinese"])
        return (None if number is None else Decimal(number) * _scale(groups["scale2"] or "")), False
    ones = _EN_WORDS.get(groups["ones"] or "", 1 if groups["ones"] == "one" else 0)
    return Decimal(_EN_WORDS[groups["word"] or ""] + ones) * _scale(groups["scale3"] or ""), False


def _plain(text: str) -> Decimal | None:
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Decimal(text)
    whole, _, rest = text.partition("点")
    number = chinese_number(whole)
    decimals = chinese_number(rest) if rest else None
    if number is None:
        return None
    return Decimal(number) if decimals is None else Decimal(f"{number}.{decimals}")


def _scale(text: str) -> int:
    if text in _EN_SCALES:
        return _EN_SCALES[text]
    product = 1
    for char in text:
        product *= _SCALES[char]
    return product


__all__ = ["Day", "Figure", "chinese_number", "days", "figures"]
