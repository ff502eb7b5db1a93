"""Citation precision, recall and support of one answer."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from rag.evaluation.gold import Gold
from rag.evaluation.matching import bare, cites_wanted, evidence_of, holds, without_quotes
from rag.text import fold
from rag.types import Answer

_FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")
_TITLE = re.compile(r"《([^《》]{1,40})》")
_PLACE = re.compile(r"(?=([\u4e00-\u9fff]{2,4})(?:区|县|市|镇|乡|省|州))")
_LATIN_NAME = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]+(?![A-Za-z])")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)\s*$")


@dataclass(frozen=True, slots=True)
class Citing:
    """Shares from 0 to 1; None where there is nothing to take a share of."""

    precision: float | None
    recall: float | None
    support: float | None


def judge_citations(gold: Gold, answer: Answer, places: Set[str]) -> Citing:
    """Of an answer's quotations.

    precision: those that hold evidence, or come from an article that the row names;
    recall: the fragments of evidence that stand in a quotation (from such an article);
    support: the figures, dates and names of the answer's own words that stand in a quotation.
    Precision and recall are those of Gao et al., "Enabling Large Language Models to Generate Text
    with Citations", EMNLP 2023, with gold evidence in the place of a model's opinion.
    """
    if not answer.answered:
        return Citing(None, None, None)
    support = _support(answer, places)
    if not gold.answerable:
        return Citing(None, None, support)
    groups = evidence_of(gold)
    wanted, quotes = [], []
    for citation in answer.citations:
        quote = bare(citation.quote)
        from_wanted = not gold.documents or cites_wanted(gold, citation, answer.hits)
        if from_wanted:
            quotes.append(quote)
        by_text = not groups or any(holds(group, quote) for group in groups)
        wanted.append(from_wanted if gold.documents and not gold.evidence else by_text)
    found = [any(holds(group, quote) for quote in quotes) for group in groups]
    return Citing(_share(wanted), _share(found), support)


def facts(text: str, places: Set[str]) -> set[str]:
    """Figures (years and days of dates too), titles, Latin names and listed places of a text.

    Chinese names of persons aren't among them: nothing tells them from other words for sure.
    """
    found = {figure.replace(",", "") for figure in _FIGURE.findall(fold(text))}
    found |= {bare(title) for title in _TITLE.findall(text)}
    found |= {
        stem[i:] for stem in _PLACE.findall(fold(text)) for i in range(len(stem) - 1)
        if stem[i:] in places
    }  # fmt: skip
    for name in _LATIN_NAME.finditer(text):
        if not _SENTENCE_START.search(text[: name.start()]):
            found.add(fold(name[0]))
    return found


def _support(answer: Answer, places: Set[str]) -> float | None:
    own = facts(without_quotes(answer), places)
    quotes = bare("\n".join(citation.quote for citation in answer.citations))
    figures = {figure.replace(",", "") for figure in _FIGURE.findall(quotes)}
    return _share([fact in figures if fact[0].isdigit() else fact in quotes for fact in own])


def _share(flags: list[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


__all__ = ["Citing", "facts", "judge_citations"]
