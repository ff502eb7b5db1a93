"""What the reader sees of a question and its passages: pieces, and how they match each other.

Shared by training and run time, so that both see the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

from rag.text import Span

# Ids that every vocabulary of the reader begins with.
START, PADDING, END, UNKNOWN = range(4)
LEVELS = 5  # how well a piece matches: not at all, or by a run of 1, 2, 3, 4 or more characters
BETWEEN = "\n"  # what stands between two passages
_LONGEST = LEVELS - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
# Single characters that match everywhere and so say nothing.
_COMMON = frozenset(
    "的了是在有和与及或就都也还又被把将给对从到为以于等这那其它他她我你们什么哪谁多少几怎如何时"
)


@dataclass(frozen=True, slots=True)
class ReadingInput:
    """A question and a text as rows of equal length.

    `pieces[first + i]` stands at `spans[i]` of the text, folded. `levels` say how well a piece
    matches the other side, `sides` are 0 for the question and 1 for the text.
    """

    pieces: list[int]
    levels: list[int]
    sides: list[int]
    first: int
    spans: list[Span]


class InputMaker:
    """Makes the reader's input; at most `longest` pieces, of which `question` for the question."""

    def __init__(self, tokenizer: Tokenizer, *, longest: int, question: int = 48) -> None:
        self._tokenizer = tokenizer
        self._longest = longest
        self._question = question

    def count(self, folded: str) -> int:
        """How many pieces a text has."""
        return len(self._cut(folded).ids)

    def _cut(self, folded: str) -> Encoding:
        # Half a surrogate pair is no text to the tokenizer.
        sound = _SURROGATE.sub("\ufffd", folded)
        return self._tokenizer.encode(sound, add_special_tokens=False)

    def room(self, question: str) -> int:
        """How many pieces of text fit beside a folded question."""
        return self._longest - 3 - min(self._question, self.count(question))

    def make(self, question: str, text: str) -> ReadingInput:
        """Both folded; what doesn't fit is cut off at the end."""
        asked, read = self._cut(question), self._cut(text)
        asked_ids = asked.ids[: self._question]
        room = self._longest - 3 - len(asked_ids)
        # A piece may begin with the space before it, which no answer does.
        spans = [
            (start + (text[start : start + 1] == " "), end) for start, end in read.offsets[:room]
        ]
        in_text = match_levels(text, question)
        in_question = match_levels(question, text)
        levels = [0, *(_highest(in_question, span) for span in asked.offsets[: len(asked_ids)]), 0]
        first = len(levels)
        levels += [_highest(in_text, span) for span in read.offsets[:room]]
        return ReadingInput(
            pieces=[START, *asked_ids, END, *read.ids[:room], END],
            levels=[*levels, 0],
            sides=[0] * first + [1] * (len(spans) + 1),
            first=first,
            spans=spans,
        )


def match_levels(text: str, other: str) -> list[int]:
    """For each character of `text`, the length of the longest run around it that `other` has.

    Counted up to `LEVELS` - 1; marks and very common characters alone count 0.
    """
    levels = [int(c.isalnum() and c not in _COMMON and c in other) for c in text]
    for length in range(2, _LONGEST + 1):
        found = False
        for start in range(len(text) - length + 1):
            run = text[start : start + length]
            if run in other and any(c.isalnum() for c in run):
                found = True
                levels[start : start + length] = [
                    max(length, level) for level in levels[start : start + length]
                ]
        if not found:
            break
    return levels


def _highest(levels: Sequence[int], span: Span) -> int:
    return max(levels[span[0] : span[1]], default=0)


__all__ = [
    "BETWEEN",
    "END",
    "LEVELS",
    "PADDING",
    "START",
    "UNKNOWN",
    "InputMaker",
    "ReadingInput",
    "match_levels",
]
