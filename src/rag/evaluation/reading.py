"""Exact match and F1 of short answers, as CMRC 2018 counts them.

Source: Cui et al., "A Span-Extraction Dataset for Chinese Machine Reading Comprehension", EMNLP
2019, and the evaluation script published with it. F1 there is over the longest common *run* of
segments, not over the bag of shared ones. A segment is a Chinese character or a word; the script
cuts words with NLTK's tokenizer, here a pattern does (a number with its decimal point, a run of
letters, any other sign alone), which differs only in English contractions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# The script's list; its "……" is two characters long and so never matches one.
_PUNCTUATION = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_SEGMENT = re.compile(r"[\u4e00-\u9fa5]|\d+(?:[.,]\d+)*|[^\W\d_\u4e00-\u9fa5]+|[^\w\s]")


def segments(text: str) -> list[str]:
    """Chinese characters and words in lower case, without the script's punctuation."""
    # The script lets punctuation vanish before it cuts: "9-5" becomes "95".
    return _SEGMENT.findall(_without_punctuation(text))


def exact_match(answers: Sequence[str], said: str) -> float:
    """1 when `said` is one of the answers but for case and punctuation, else 0."""
    bare = _without_punctuation(said)
    return float(any(_without_punctuation(answer) == bare for answer in answers))


def f1(answers: Sequence[str], said: str) -> float:
    """The best, over the answers, harmonic mean of precision and recall of the longest run.

    From 0 to 1. Raises ValueError without answers.
    """
    own = segments(said)
    return max(_f1(segments(answer), own) for answer in answers)


def _f1(wanted: Sequence[str], said: Sequence[str]) -> float:
    length = longest_common_run(wanted, said)
    if not length:
        return 0.0
    precision, recall = length / len(said), length / len(wanted)
    return 2 * precision * recall / (precision + recall)


def longest_common_run(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest run of segments that stands in both; O(len(a) * len(b))."""
    best, previous = 0, [0] * (len(b) + 1)
    for x in a:
        current = [0] * (len(b) + 1)
        for j, y in enumerate(b, start=1):
            if x == y:
                current[j] = previous[j - 1] + 1
                best = max(best, current[j])
        previous = current
    return best


def _without_punctuation(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in _PUNCTUATION)


__all__ = ["exact_match", "f1", "longest_common_run", "segments"]
