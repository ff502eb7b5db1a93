"""How near a span stands to what the question asks about."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rag.answering.question import Question

_REACH = 14.0  # characters after which closeness has fallen to 1/e

Anchor = tuple[int, int, float]


def anchors_of(question: Question, folded: str) -> list[Anchor]:
    """Where the question's words stand in the sentence: start, end, weight."""
    anchors = []
    for word in question.words:
        at = folded.find(word.text)
        if at < 0 and len(word.text) > 2:
            piece = next(
                (word.text[i : i + 2] for i in range(len(word.text) - 1)
                 if word.text[i : i + 2] in folded), "",
            )  # fmt: skip
            if piece:
                anchors.append((folded.find(piece), folded.find(piece) + 2, word.weight * 0.5))
        while at >= 0:
            anchors.append((at, at + len(word.text), word.weight))
            at = folded.find(word.text, at + 1)
    return anchors


def closeness(folded: str, anchors: Sequence[Anchor], start: int, end: int) -> float:
    """Sum of the anchors' weights, each fading with its distance, as a share of all weights.

    A sentence mark in between counts as more distance: clauses keep together what belongs.
    """
    total = sum(weight for _, _, weight in anchors)
    if not total:
        return 0.0
    near = 0.0
    for first, last, weight in anchors:
        gap_start, gap_end = (last, start) if last <= start else (end, first)
        gap = folded[gap_start:gap_end] if gap_start < gap_end else ""
        distance = len(gap) + 6 * len(re.findall("[,;:。|]", gap))
        # What a figure belongs to mostly stands before it; behind a comma something else begins.
        behind = 0.5 if first >= end and re.search("[,;。]", gap) else 1.0
        near += behind * weight * math.exp(-distance / _REACH)
    return near / total


__all__ = ["Anchor", "anchors_of", "closeness"]
