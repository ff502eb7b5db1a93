"""Whether an answer is right: does it say it, and does what it cites hold it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.evaluation.gold import Gold
from rag.text import fold
from rag.types import Answer, Citation, Hit

_MARKER = re.compile(r"\[\d+\]")


def bare(text: str) -> str:
    """Folded, without white space: newspapers put spaces around figures."""
    return "".join(fold(text).split())


def without_quotes(answer: Answer) -> str:
    """The answer's own words: its text without the quotations and their markers."""
    text = answer.text
    for citation in answer.citations:
        text = text.replace(citation.quote, " ")
    return _MARKER.sub(" ", text)


def is_right(gold: Gold, answer: Answer) -> bool:
    """Declined when it must be; else answered with a quotation that holds answer and evidence.

    A set that names articles instead of evidence wants one of them cited. Where no answer is
    known (a retrieval set), citing the right article is what there is to judge.
    """
    if not gold.answerable:
        return not answer.answered
    return answer.answered and _says_it(gold, answer) and _cites_it(gold, answer)


def has_right_short_answer(gold: Gold, answer: Answer) -> bool:
    """Stricter: the short answer itself says it, or is part of an accepted answer."""
    short = bare(answer.short_answer or "")
    if gold.answers_all:
        return all(bare(part) in short for part in gold.answers_all)
    return bool(short) and any(
        bare(one) in short or (len(short) >= 2 and short in bare(one)) for one in gold.answers
    )


def _says_it(gold: Gold, answer: Answer) -> bool:
    said = bare(answer.text)
    if gold.answers_all:
        return all(bare(part) in said for part in gold.answers_all)
    return not gold.answers or any(bare(one) in said for one in gold.answers)


def _cites_it(gold: Gold, answer: Answer) -> bool:
    if gold.evidence:
        quotes = bare("\n".join(citation.quote for citation in answer.citations))
        return all(bare(fragment) in quotes for fragment in gold.evidence)
    if gold.documents:
        return any(cites_wanted(gold, citation, answer.hits) for citation in answer.citations)
    return True


def cites_wanted(gold: Gold, citation: Citation, hits: Sequence[Hit]) -> bool:
    """Whether a citation is from an article that the gold row names, or from a reprint of it."""
    same = {citation.document.id}
    for hit in hits:
        family = {hit.document.id, *(info.id for info in hit.duplicates)}
        if citation.document.id in family and citation.quote in hit.chunk.text:
            same |= family
    return not same.isdisjoint(gold.documents)


def evidence_of(gold: Gold) -> tuple[tuple[str, ...], ...]:
    """What has to be found or quoted: every group, each by any one of its texts, made `bare`.

    Evidence where the row has it, else the answers.
    """
    if gold.evidence:
        return tuple((bare(fragment),) for fragment in gold.evidence)
    if gold.answers_all:
        return tuple((bare(part),) for part in gold.answers_all)
    return (tuple(bare(one) for one in gold.answers),) if gold.answers else ()


def holds(group: Sequence[str], text: str) -> bool:
    """Whether a `bare` text holds one of the group's texts."""
    return any(one in text for one in group)


__all__ = [
    "bare",
    "cites_wanted",
    "evidence_of",
    "has_right_short_answer",
    "holds",
    "is_right",
    "without_quotes",
]
