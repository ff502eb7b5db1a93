"""When the documents don't say: the judge decides from the question's own words.

Similarity alone can't tell a near miss: a question about 双流区 is as similar to a sentence about
龙泉驿区 as a question about 龙泉驿区 is. So names, places, years and quotations of the question
must be found where the evidence stands, and the rest is a matter of confidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answering.confidence import Clues, Confidence, clues_of
from rag.answering.entities import is_no_place, place_stem
from rag.answering.evidence import Evidence, EvidenceFinder
from rag.answering.matching import match
from rag.answering.question import Question
from rag.answering.reading import Read, Reading
from rag.text import fold, fold_passage, is_cjk
from rag.types import Document, Hit

NOTHING_FOUND = "nothing_found"
LOW_CONFIDENCE = "low_confidence"
ENTITY_MISMATCH = "entity_mismatch"
EMPTY_QUESTION = "empty_question"
MODEL_DECLINED = "model_declined"

# How probable it is that a sentence about another place, person or year answers all the same.
_MISMATCHED = 0.1
# A place that the document names this often, compared with the place it names most, is what the
# document is about.
_SUBJECT_SHARE = 0.5
_BEFORE = 300  # characters before a sentence that say what it is about
_RELATIVE_YEARS = {"今年": 0, "去年": -1, "前年": -2, "明年": 1}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the hits answer one question, how surely, and from which sentences.

    `reason` is None exactly when `answerable`; `evidence` is best first and never empty then.
    `clues` are what the confidence was made from; None where it wasn't made from clues.
    """

    question: Question
    answerable: bool
    confidence: float
    reason: str | None
    evidence: tuple[Evidence, ...]
    missing: str | None = None
    clues: Clues | None = None


class Judge:
    """Decides whether the best evidence answers the question."""

    def __init__(
        self,
        finder: EvidenceFinder,
        document: Callable[[str], Document | None],
        *,
        confidence: Confidence,
        threshold: float,
        reading: Reading | None = None,
    ) -> None:
        self._finder = finder
        self._document = document
        self._confidence = confidence
        self._threshold = threshold
        self._reading = reading

    def assess(self, question: Question, hits: Sequence[Hit]) -> Verdict:
        """Never raises for a well-formed question; an empty one is declined."""
        if not question.words:
            return Verdict(question, False, 0.0, EMPTY_QUESTION, ())
        evidence = self._finder.find(question, hits)
        if not evidence or evidence[0].around == 0.0:
            return Verdict(question, False, 0.0, NOTHING_FOUND, ())
        texts: dict[str, str] = {}
        lacking = [self._lacking(question, item, texts) for item in evidence]
        # The best sentence may stand in the wrong district's article, and the next one not.
        sound = [item for item, lack in zip(evidence, lacking, strict=True) if lack is None]
        if not sound:
            return Verdict(
                question, False, _MISMATCHED, ENTITY_MISMATCH, tuple(evidence), lacking[0]
            )
        read = Read(tuple(sound))
        if self._reading is not None:
            read = self._reading.refine(
                question, sound, lambda item: self._lacking(question, item, texts) is None
            )
        clues = clues_of(question, sound, read)
        confidence = self._confidence.of(clues)
        answerable = confidence >= self._threshold
        reason = None if answerable else LOW_CONFIDENCE
        return Verdict(question, answerable, confidence, reason, read.evidence, clues=clues)

    def _lacking(self, question: Question, item: Evidence, texts: dict[str, str]) -> str | None:
        """The first name or year of the question that isn't where the evidence stands."""
        if not (question.places or question.years or question.names):
            return None
        info = item.hit.document
        if info.id not in texts:
            document = self._document(info.id)
            texts[info.id] = document.text if document else ""
        text = texts[info.id]
        before = fold(text[max(0, item.start - _BEFORE) : item.start])
        near = "\n".join((item.folded, fold_passage(item.hit.chunk.context), fold(info.title)))
        whole = fold_passage(text)
        for place in question.places:
            named = match(place, near) >= 0.9 or _is_last_named(place, before)
            if not named and not _is_subject(place, whole):
                return place
        for year in question.years:
            if not _year_fits(year, item.folded, before, whole, info.date):
                return year
        for name in question.names:
            if name not in (whole if is_cjk(name) else f"{near}\n{before}"):
                return name
        return None


def _is_last_named(place: str, before: str) -> bool:
    """Whether no other district, county or town is named between the place and the sentence."""
    at = before.rfind(place_stem(place))
    if at < 0:
        return False
    after = before[at + len(place_stem(place)) :]
    names = re.findall(r"[\u4e00-\u9fff]{2,3}[区县市镇]", after[1:])
    return not any(not is_no_place(name) for name in names)


def _is_subject(place: str, whole: str) -> bool:
    """Whether a document names the place about as often as any other place."""
    stem = place_stem(place)
    own = whole.count(stem)
    if not own:
        return False
    others: dict[str, int] = {}
    for name in re.findall(r"[\u4e00-\u9fff]{2,3}(?=省|市|区|县|镇|乡|街道|社区)", whole):
        others[name] = others.get(name, 0) + 1
    return own >= _SUBJECT_SHARE * max(others.values(), default=0) and own > 1


def _year_fits(year: str, sentence: str, before: str, whole: str, date: str | None) -> bool:
    """A sentence with another year doesn't answer; one without follows the year before it."""
    for text in (sentence, before):
        if year in text:
            return True
        if re.search(r"(?:19|20)\d\d(?=年)", text):
            return False
        for word, shift in _RELATIVE_YEARS.items():
            if word in text:
                return bool(date) and _shifted(date, shift) == year
    others = set(re.findall(r"(?:19|20)\d\d(?=年)", whole)) - {year}
    return (date or "").startswith(year) or (year in whole and not others)


def _shifted(date: str | None, years: int) -> str:
    year = (date or "")[:4]
    return str(int(year) + years) if year.isdigit() else ""


__all__ = [
    "EMPTY_QUESTION",
    "ENTITY_MISMATCH",
    "LOW_CONFIDENCE",
    "MODEL_DECLINED",
    "NOTHING_FOUND",
    "Judge",
    "Verdict",
]
