"""Why a wrong question is wrong: the first stage at which it was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rag.evaluation.record import Record

RIGHT = "right"
RIGHTLY_DECLINED = "rightly_declined"
SHOULD_DECLINE = "should_decline"
NOT_FOUND = "not_found"
TOO_CAREFUL = "too_careful"
DECLINED = "declined"
OTHER_SENTENCE = "other_sentence"
OTHER_ANSWER = "other_answer"

# In the order of the pipeline; (English, Chinese).
OUTCOMES: Mapping[str, tuple[str, str]] = {
    RIGHT: ("answered right", "答对"),
    RIGHTLY_DECLINED: ("rightly declined", "正确拒答"),
    NOT_FOUND: ("passage not found", "未检索到段落"),
    DECLINED: ("declined, had no right answer", "拒答，且没有正确答案"),
    TOO_CAREFUL: ("declined a right answer", "拒答了正确答案"),
    OTHER_SENTENCE: ("another sentence cited", "引用了其他句子"),
    OTHER_ANSWER: ("right sentence, wrong answer", "句子正确，答案有误"),
    SHOULD_DECLINE: ("should have declined", "应拒答而作答"),
}


def outcome(record: Record, *, top_k: int) -> str:
    """One of OUTCOMES; `top_k` is how many passages the answer was drawn from."""
    if record.right:
        return RIGHT if record.answered else RIGHTLY_DECLINED
    if not record.answerable:
        return SHOULD_DECLINE
    if "recall@1" in record.measures and (record.first_rank is None or record.first_rank > top_k):
        return NOT_FOUND
    if not record.answered:
        return TOO_CAREFUL if record.sure_right else DECLINED
    return OTHER_ANSWER if record.measures.get("citation_recall") == 1.0 else OTHER_SENTENCE


def outcomes(records: Sequence[Record], *, top_k: int) -> dict[str, int]:
    """How many questions have each outcome, those that none has left out."""
    counts = Counter(outcome(record, top_k=top_k) for record in records)
    return {name: counts[name] for name in OUTCOMES if counts[name]}


__all__ = ["OUTCOMES", "outcome", "outcomes"]
