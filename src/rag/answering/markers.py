"""The markers [1] of a language model's text, and its sentences as they come in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# [1], [1, 2], [1-3], 【1】, ［1］, [^1], [passage 1], 【1†source】; not [2024].
_LABEL = r"(?:passage|source|document|doc|ref|段落|来源|资料|文献|文章|引用)?[ \t]*[:：]?[ \t]*"
_NUMBERS = r"\d{1,3}(?:[ \t]*(?:[,，、;；]|[-–—~～至])[ \t]*\d{1,3})*"
_MARKER = re.compile(
    rf"[ \t]*[\[［【][ \t]*\^?{_LABEL}(?P<numbers>{_NUMBERS})[ \t]*(?:†[^\[［【\]］】]*)?[\]］】]",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d{1,3})\s*[-–—~～至]\s*(\d{1,3})")
_CLOSERS = "”’」』）)】》〉\"'*_"
# Where a sentence ends. A dot needs white space after it, and something other than an
# abbreviation before.
_END = re.compile(
    rf"(?:[。！？!?]+|…{{2,}})[{_CLOSERS}]*"
    rf"|(?<![A-Z\d])(?<!\b(?:Mr|Ms|Dr|St|No|vs|Co))(?<!\b(?:Mrs|etc|Inc|Ltd|e\.g|i\.e))\.[{_CLOSERS}]*(?=\s)"
    rf"|(?<=\d)\.[{_CLOSERS}]*(?=\s+[A-Z\u3400-\u9fff\n])"
    r"|\n+"
)
# What may still grow into a marker, or belong to the sentence before it.
_MAY_FOLLOW = re.compile(r"[ \t]*(?:[\[［【][^\]］】\n]{0,24})?$")
_MAX_RANGE = 12


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence as written with its markers taken out, and the white space around it.

    `before + text + after` is what was written, but for the markers; `end` is where a marker goes
    in `text`: before the closing mark where it stood there, else at the end.
    """

    before: str
    text: str
    after: str
    markers: tuple[int, ...]


class SentenceSplitter:
    """Cuts a stream of text into sentences, each with the markers that follow it."""

    def __init__(self) -> None:
        self._pending = ""

    @property
    def pending(self) -> str:
        """What has come in and makes no whole sentence yet."""
        return self._pending

    def feed(self, text: str) -> Iterator[Piece]:
        """The sentences that are complete now."""
        self._pending += text
        while (end := _first_end(self._pending)) is not None:
            yield piece_of(self._pending[:end])
            self._pending = self._pending[end:]

    def rest(self) -> Iterator[Piece]:
        """The last sentence, finished or not."""
        pending, self._pending = self._pending, ""
        if pending:
            yield piece_of(pending)


def _first_end(text: str) -> int | None:
    """Where the first complete sentence ends, its markers included; None before more comes."""
    for match in _END.finditer(text):
        end = match.end()
        if not text[:end].strip():
            continue
        while (marker := _MARKER.match(text, end)) is not None and "\n" not in marker.group():
            end = marker.end()
        rest = text[end:]
        if match.group().startswith("\n"):
            return end if rest else None
        mark = re.match(r"[。.！？!?]+", rest)  # ...[1]。 with a mark of its own after the marker
        if mark and end > match.end():
            end, rest = end + mark.end(), rest[mark.end() :]
        if not rest or _MAY_FOLLOW.match(rest) or rest[0] in _CLOSERS:
            return None
        return end
    return None


def piece_of(written: str) -> Piece:
    """A sentence with its markers taken out."""
    bare, markers = without_markers(written)
    text = bare.strip()
    at = bare.find(text)
    return Piece(bare[:at], text, bare[at + len(text) :], markers)


def without_markers(text: str) -> tuple[str, tuple[int, ...]]:
    """A text without its markers, and their numbers.

    What is left makes none either: [[2]1] would become a marker that nobody has checked.
    """
    numbers: list[int] = []
    while found := list(_MARKER.finditer(text)):
        numbers += (n for match in found for n in _numbers(match.group("numbers")))
        text = _MARKER.sub("", text)
    return text, tuple(dict.fromkeys(numbers))


def _numbers(text: str) -> Iterator[int]:
    for part in re.split(r"[,，、;；]", text):
        span = _RANGE.fullmatch(part.strip())
        if span and 0 <= int(span.group(2)) - int(span.group(1)) <= _MAX_RANGE:
            yield from range(int(span.group(1)), int(span.group(2)) + 1)
        else:
            yield from (int(number) for number in re.findall(r"\d+", part))


def with_markers(text: str, markers: str) -> str:
    """Markers go before a closing mark in Chinese (……[1]。) and before the dot in English."""
    if not markers:
        return text
    end = re.search(rf"[。！？!?.；;：:]*[{re.escape(_CLOSERS)}]*$", text)
    at = end.start() if end else len(text)
    closing = text[at:]
    if any(c in "”’」』）)】》〉\"'" for c in closing):
        return text + markers  # “……。”[1]
    space = "" if not text[:at] or ord(text[at - 1]) > 0x2E80 else " "
    return f"{text[:at]}{space}{markers}{closing}"


__all__ = ["Piece", "SentenceSplitter", "piece_of", "with_markers", "without_markers"]
