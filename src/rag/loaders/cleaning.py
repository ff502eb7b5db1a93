"""What every loader does to the text, titles and dates it finds."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from rag.errors import LoadError
from rag.text import fold_radicals, is_cjk

_LINE_ENDS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
# Controls, byte order marks, zero-width spaces, joiners of words, soft hyphens: nothing to read.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANYTHING_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u2060\u2e80-\u2fdf\ud800-\udfff\ufeff\ufffe\uffff]"
)
_SPACES = " \t\u3000\u00a0"
_TRAILING = re.compile(r"[ \t\u3000\u00a0]+\n")
_TITLE_LENGTH = 60


def clean(text: str) -> str:
    """Readable characters only, unified line ends, CJK radicals as their characters."""
    if not _ANYTHING_ODD.search(text):  # one pass instead of four for nearly every text
        return text
    text = _LINE_ENDS.sub("\n", text)
    return fold_radicals(_SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text)))


def clean_body(text: str) -> str:
    """`clean`, without white space at line ends and around the whole."""
    text = clean(text)
    if any(space + "\n" in text for space in _SPACES):
        text = _TRAILING.sub("\n", text)
    return text.rstrip().lstrip("\n")


def clean_line(value: object) -> str:
    """A value as one line of text: for titles, authors and other single facts."""
    if value is None:
        return ""
    return " ".join(clean(str(value)).split())


def first_line_title(text: str, path: Path) -> str:
    """A short first line that is no sentence, else the file's stem."""
    line = next((line for line in map(str.strip, text.split("\n")) if line), "")
    line = line.lstrip("#").strip()
    if line and len(line) <= _TITLE_LENGTH and line[-1] not in "。，；：,;:、.":
        return line
    return clean_line(path.stem)


def sentence_title(text: str) -> str:
    """A title for a record that has none: the beginning of its text, cut at a clause."""
    head = " ".join(text[: 4 * _TITLE_LENGTH].split())
    cut = re.split(r"[。！？；，,!?;\n]|\.\s", head, maxsplit=1)[0].strip() or head
    limit = _TITLE_LENGTH // 2 if is_cjk(cut) else _TITLE_LENGTH
    return cut if len(cut) <= limit else cut[: limit - 1].rstrip() + "…"


_YMD = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_ENGLISH = ("%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y")


def iso_date(value: object) -> str | None:
    """ISO 8601 for a date in any usual notation, to the day, month or year; None for others.

    >>> iso_date("2025年2月3日"), iso_date("2024/11"), iso_date("soon")
    ('2025-02-03', '2024-11', None)
    """
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    text = clean_line(value)
    match = _YMD.match(text) or _COMPACT.match(text)
    if match:
        year, month, day = match.groups()
        return _checked(int(year), int(month), int(day) if day else None)
    if re.fullmatch(r"(1[5-9]|20)\d\d年?", text):
        return text[:4]
    for pattern in _ENGLISH:
        try:
            return dt.datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    return None


def _checked(year: int, month: int, day: int | None) -> str | None:
    try:
        date = dt.date(year, month, day or 1)
    except ValueError:
        return None
    return date.isoformat() if day else date.isoformat()[:7]


def refusal(source: str, en: str, zh: str) -> LoadError:
    """An error that says about `source`: what is wrong; how to mend it."""
    return LoadError(f"{source} {en}.", f"{source} {zh}。")


def no_text(source: str) -> LoadError:
    """The error for a file in which there is nothing to read."""
    return refusal(
        source, "holds no text; add some or remove it", "中没有文字；请补充内容或删除该文件"
    )
