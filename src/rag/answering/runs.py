"""How two texts match, character by character."""

from __future__ import annotations

LEVELS = 5  # not at all, or by a run of 1, 2, 3, 4 or more characters
_LONGEST = LEVELS - 1
# Single characters that match everywhere and so say nothing.
_COMMON = frozenset(
    "的了是在有和与及或就都也还又被把将给对从到为以于等这那其它他她我你们什么哪谁多少几怎如何时"
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


__all__ = ["LEVELS", "match_levels"]
