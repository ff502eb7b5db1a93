"""What a table's headings say: what people ask for in other words, and the times they name."""

from __future__ import annotations

import re
from functools import lru_cache

# What a question says where a heading says it in other words: each with its headings.
_ASKED_AS = (
    (
        r"谁|哪一?位|哪个(?:人|老师|医生|大夫|师傅)|叫什么|叫啥|找哪|\bwho\b",
        r"[人员长]$|姓名|书记|主任|主管|分管|牵头|经办|值班|带班|主讲|主持|老师|医生|师傅"
        r"|\b(?:name|person|contact|custodian|keeper|owner|lead|organi[sz]er|coordinator|manager|head)\b",
    ),
    (
        r"在哪|哪里|哪儿|何处|怎么[走去]|什么地方|\bwhere\b",
        r"地址|地点|位置|场[所地馆]|所在|住址|教室|会场|考场|\b(?:address|location|place|room|venue|site)\b",
    ),
    (
        r"几点|几时|什么时[候间]|何时|哪[天日]|[开关]门|[上下]班|\bwhen\b|what time",
        r"时间|日期|时段|时刻|\b(?:hours|time|date|opens?|due|deadline)\b",
    ),
    (r"最晚|最后一?班|末班|截止|\b(?:last|final|latest)\b", r"末班|最晚|截止|\b(?:last|latest)\b"),
    (r"最早|头一?班|第一班|首班|\b(?:first|earliest)\b", r"首班|最早|\b(?:first|earliest)\b"),
    (r"隔?多久一?[班趟]|多久来|\bhow often\b", r"间隔|频率|班次|\b(?:frequency|interval)\b"),
    (r"讲什么|讲的是?什么|内容|\babout\b", r"内容|主题|课题|题目|\b(?:topic|subject|title)\b"),
    (r"坐多少|装多少|容纳|\bhow many people\b", r"容纳|座位|床位|\b(?:seats|capacity)\b"),
    (
        r"多久|多长时间|几[天日]|几个?(?:工作日|小时|月)|how long",
        r"时限|时间|期限|周期|工期|时长|\b(?:time|days|duration|deadline)\b",
    ),
    (
        r"钱|收费|费用|怎么收|要交|how much|\bcost|\bfee",
        r"费|价|金额|标准|\b(?:fee|price|cost|amount|charge)s?\b",
    ),
    (
        r"电话|号码|(?:怎么|怎样|如何)联系|联系方式|打给|拨打|\bcall\b|\bphone\b|number to",
        r"电话|号码|手机|热线|联系方式|\b(?:phone|tel|telephone|number)\b",
    ),
    (
        r"带什么|带哪些|准备|提交|交什么|证件|\bbring\b|\bdocuments?\b",
        r"材料|证件|资料|\b(?:documents?|papers|bring)\b",
    ),
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAYS = "一二三四五六日"
_WEEKDAYS = re.compile(
    f"(?:周|星期|礼拜)([{_DAYS}])(?:(?:至|到|[-~—–]+)(?:周|星期|礼拜)?([{_DAYS}]))?"
)
_NAMED_DAYS = {"工作日": "一二三四五", "平日": "一二三四五", "周末": "六日", "双休日": "六日"}
_PERIOD = re.compile(r"第?[一二三四1-4]个?季度|[上下]半年|(?<!\d)1?\d月(?!\d)")
_DIGITS = str.maketrans("一二三四", "1234")


def in_other_words(question: str, name: str) -> bool:
    """Whether a question asks for what a heading names, though in other words; both folded."""
    return any(re.search(heading, name) for heading in _headings(question))


@lru_cache(maxsize=64)
def _headings(question: str) -> tuple[str, ...]:
    return tuple(heading for asked, heading in _ASKED_AS if re.search(asked, question))


def years_in(text: str) -> set[str]:
    """The years that a text names."""
    return set(_YEAR.findall(text))


def periods_in(text: str) -> set[str]:
    """The days of the week, months, quarters and halves of a year that a text names."""
    found = {f"周{day}" for name, days in _NAMED_DAYS.items() if name in text for day in days}
    for first, last in _WEEKDAYS.findall(text.replace("天", "日")):
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found |= {f"周{_DAYS[(begin + n) % 7]}" for n in range((end - begin) % 7 + 1)}
    for name in _PERIOD.findall(text):
        found.add(re.sub("[第个]", "", name).translate(_DIGITS))
    return found
