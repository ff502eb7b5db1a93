"""Questions worth trying: made from the index at hand, and shown only if they have an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice

from rag.assembly import LiveAssistant
from rag.assistant import Assistant
from rag.errors import Lang
from rag.text import fold, is_cjk
from rag.types import Answer, DocumentInfo, Turn

_EXAMPLES = 4
_FOLLOW_UPS = 3
_CONSIDERED = 40  # articles
_TRIED = 6  # candidates for a follow-up: each costs a search
_LONGEST_TITLE = 40


class Suggestions:
    """Example questions of an index, and follow-ups of an answer."""

    def __init__(self, live: LiveAssistant) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._examples: dict[tuple[str, Lang], list[str]] = {}

    def examples(self, lang: Lang) -> list[str]:
        """Up to four questions about different articles. Raises IndexUnusableError."""
        assistant = self._live.get()
        key = (assistant.stats().snapshot, lang)
        with self._lock:  # several pages open at once: the work is done once
            if key not in self._examples:
                self._examples = {k: v for k, v in self._examples.items() if k[0] == key[0]}
                self._examples[key] = list(islice(_about_articles(assistant, lang), _EXAMPLES))
            return self._examples[key]

    def after(self, answer: Answer, history: Sequence[Turn], lang: Lang) -> list[str]:
        """Up to three questions that the answer leads to and that haven't been asked."""
        assistant = self._live.get()
        asked = {fold(turn.question) for turn in history} | {fold(answer.question)}
        asked.add(fold(answer.query))
        candidates = list(islice(_candidates(assistant, answer, lang), _TRIED))
        return list(
            islice(
                (
                    question
                    for question, source in candidates
                    if fold(question) not in asked
                    and (found := assistant.answering_document(question)) is not None
                    and source in (None, found.id)
                ),
                _FOLLOW_UPS,
            )
        )


def _about_articles(assistant: Assistant, lang: Lang) -> Iterator[str]:
    """Spread over the index; titles in the reader's language, where there are any."""
    total = assistant.stats().documents
    step = max(1, total // _CONSIDERED)
    infos = [
        row.info
        for offset in range(0, total, step)
        for row in assistant.listing(limit=1, offset=offset)[0]
    ]
    own = [info for info in infos if is_cjk(info.title) is (lang == "zh")]
    infos = own or infos
    for info in infos:
        question = _about(info, lang)
        found = assistant.answering_document(question) if question else None
        if found is not None and found.id == info.id:
            yield question


def _candidates(
    assistant: Assistant, answer: Answer, lang: Lang
) -> Iterator[tuple[str, str | None]]:
    """`(question, id of the article it is about)`: the same of other places, then articles."""
    cited = {citation.document.id for citation in answer.citations}
    query = fold(answer.query)
    places = assistant.places(query)
    infos = {hit.document.id: hit.document for hit in answer.hits}
    if answer.answered and len(places) == 1 and places[0] in query:
        others = dict.fromkeys(
            place for info in infos.values() for place in assistant.places(info.title)
        )
        for other in others:
            if other not in places[0] and places[0] not in other:
                yield query.replace(places[0], other), None
    for info in infos.values():
        question = _about(info, lang) if is_cjk(info.title) is (lang == "zh") else ""
        if question and (info.id not in cited or len(infos) == 1):
            yield question, info.id


def _about(info: DocumentInfo, lang: Lang) -> str:
    title = " ".join(info.title.split())
    if not title or len(title) > _LONGEST_TITLE * (1 if is_cjk(title) else 2):
        return ""
    return f"《{title}》讲了什么?" if lang == "zh" else f"What does “{title}” say?"
