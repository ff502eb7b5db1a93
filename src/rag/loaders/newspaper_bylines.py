"""Bylines: who wrote an article, who took its pictures."""

from __future__ import annotations

import re

_NAME = r"[\u4e00-\u9fff·]{2,4}"
_WHO = r"[\u4e00-\u9fff·“”]{2,20}"
_NAMES = rf"{_NAME}(?:[ \u3000、/／]{{1,3}}{_NAME})*"
_WORK = "(?:文图|图文|圖文|文圖|文|图|圖|摄影|攝影|摄|攝|整理|采写|採寫|撰文|报道|報導|報道)"
_ROLE = (
    "(?:本报|本報|本刊|本网|本網|特约|特約|首席|见习|見習|实习|實習|全媒体|全媒體|融媒体|驻[\u4e00-\u9fff]{2,4})*"
    "(?:记者|記者|通讯员|通訊員|撰稿人|作者)"
)
_SLASH = "[/／丨|｜]"

# 甲乙/文 某某局/图   甲乙 文/图
_AFTER = (
    rf"(?P<after>{_WHO}(?:[ 、]{_NAME})*)\s*{_SLASH}\s*{_WORK}(?:\s*{_WHO}\s*{_SLASH}\s*{_WORK})*"
)
_BOTH = rf"(?P<both>{_NAMES})\s*{_WORK}\s*{_SLASH}\s*{_WORK}"
# 文/甲乙 图/丙丁   撰文：甲乙
_BEFORE = (
    rf"{_WORK}\s*(?:{_SLASH}|[:：])\s*(?P<before>{_NAMES}?)"
    rf"(?:\s+{_WORK}\s*(?:{_SLASH}|[:：])\s*{_WHO})*"
)
# 本报记者 甲乙 通讯员 丙丁 文/图
_REPORTER = (
    rf"{_ROLE}\s*[:：]?\s*(?P<reporter>{_NAMES}?)(?:\s+{_ROLE}\s*{_NAMES}?)*"
    rf"(?:\s+(?:{_WORK}{_SLASH}{_WORK}|{_WORK}+))?"
)
_ANY = rf"(?:{_REPORTER}|{_AFTER}|{_BOTH}|{_BEFORE})"
_BYLINE = re.compile(rf"[(（〔【□■●]?\s*{_ANY}\s*[)）〕】]?")
# Who took a picture says nothing about where an article ends.
_PICTURE = re.compile("[摄攝图圖]")
_WRITING = re.compile("文|撰|写|寫|整理|报道|報導|報道")
_TRAILING = re.compile(r"^(.*[。！？!?…][”’」』）]*)(\s*)([(（〔【□■]?[^。！？!?…]{4,40})$")


def as_byline(text: str) -> str | None:
    """The author named by a byline (possibly an empty name); None for any other line."""
    if len(text) > 48 or (_PICTURE.search(text) and not _WRITING.search(text)):
        return None
    match = _BYLINE.fullmatch(text)
    if not match:
        return None
    groups = ("after", "both", "before", "reporter")
    names = next((match.group(name) for name in groups if match.group(name)), "")
    return "、".join(re.split(r"[ \u3000、/／]+", names.strip())) if names else ""


def split_trailing_byline(line: str) -> tuple[str, str]:
    """A line as its body and the byline set behind it; either may be empty."""
    if as_byline(line) is not None:
        return "", line
    match = _TRAILING.match(line)
    if not match or as_byline(match.group(3)) is None:
        return line, ""
    # A sentence may begin at a line's end, too: 记者 alone is no byline without its white space.
    body, space, byline = match.groups()
    return (body, byline) if space or re.match(f"[(（〔【□■]|.*{_SLASH}", byline) else (line, "")
