"""Follow-up questions made whole from the history, and compound questions taken apart."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Protocol

from rag.answering.entities import place_stem
from rag.answering.kinds import Kind, kind_of
from rag.answering.question import QuestionAnalyser
from rag.text import fold, is_cjk
from rag.types import Token, Turn

_MAX_TURNS = 6
_MAX_PARTS = 4
# 「那邛崃呢?」, "what about Qionglai?"
_FRAGMENT = re.compile(
    r"^(?:那么|那(?![里儿个些位])|还有|然后|另外|至于)?[,，]?\s*(?P<zh>[^?？!！。]{1,16}?)(?:又?呢|怎么样|如何)[?？。!！]*$"
    r"|^(?:and |so )?(?:what|how) about (?P<en>[^?]{1,40})\??$"
    r"|^and (?:in |for )?(?P<and>[^?]{1,30})\?$",
    re.IGNORECASE,
)
_HERE = re.compile(
    r"(?:那里|那儿|这里|这儿|当地|该[区市县镇村地]|这个[区市县镇村地方]+|那个[区市县镇村地方]+|两地)"
)
_PERSON = re.compile(r"^(?:那|那么)?[,，]?\s*([他她])(?!们)|(?<=[,，是])([他她])(?!们)")
_THING = re.compile(
    r"^(?:那|那么)?[,，]?\s*(?:它们?|这些|那些|其中?|这(?:个|项|家|些)?|那(?:个|项|家|些))(?!里|儿)"
)
_DISTRIBUTED = re.compile(
    r"分别|各自|各(?![种类项地级界个位区县市镇乡村方家条部单园社街省国行人])|两地|两个地方|哪个更|哪里更|谁更|相比|比较|对比|respectively|each\b|both\b"
)
_MARKED = re.compile(r"^(?:那么|那(?![里儿个些位])|还有|另外|然后)[,，]?(?![里儿个些位])")
_JOIN = r"\s*(?:和|与|跟|同|以及|及|、|,|，|\band\b)\s*"
_ASKS = re.compile(r"什么|啥|哪|谁|多少|几(?!乎)|怎么|如何|怎样|为何|是否|吗|何时")


class QuestionRewriter(Protocol):
    """Makes follow-up questions whole and takes compound ones apart."""

    def rewriting(self, question: str, history: Sequence[Turn]) -> Generator[Token, None, str]:
        """Returns the question as one that stands alone; yields empty tokens while it waits."""
        ...

    def split(self, query: str) -> list[str]:
        """The questions in a query."""
        ...


class Rewriter:
    """Rules, not a model: they must never make a new topic carry the old one along."""

    def __init__(self, analyser: QuestionAnalyser) -> None:
        self._analyser = analyser

    def rewriting(self, question: str, history: Sequence[Turn]) -> Generator[Token, None, str]:
        """Like `rewrite`, in the form of one that may have to wait."""
        yield from ()
        return self.rewrite(question, history)

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """The question as one that stands alone; unchanged when it already does."""
        standing = ""
        answer = ""
        for turn in history[-_MAX_TURNS:]:
            standing = self._one(turn.question, standing, answer)
            answer = turn.answer
        return self._one(question, standing, answer)

    def _one(self, question: str, previous: str, answer: str) -> str:
        question = question.strip()
        if not previous or (
            not self._analyser.analyse(question).words and not _FRAGMENT.match(question)
        ):
            return question
        fragment = _FRAGMENT.match(question)
        if fragment:
            about = next(group for group in fragment.groups() if group).strip()
            replaced = self._replaced(previous, about)
            if replaced is not None:
                return replaced
        if _PERSON.search(question):
            person = _short_of(answer)
            if person:
                return _PERSON.sub(
                    lambda m: m.group().replace(m.group(1) or m.group(2), person), question, count=1
                )
        before = self._analyser.analyse(previous)
        now = self._analyser.analyse(question)
        if before.places and _HERE.search(question):
            return _HERE.sub(lambda _: before.places[0], question, count=1)
        marked = _MARKED.match(question)
        if marked and before.places and not now.places:
            return f"{before.places[0]}{question[marked.end() :]}"
        if _THING.match(question) or (len(now.words) <= 1 and not now.places and not now.years):
            topic = "".join(word.text for word in before.words if word not in now.words)
            rest = _THING.sub("", question)
            return f"{topic}{rest}" if now.lang == "zh" else f"{rest} ({previous.rstrip('?')})"
        return question

    def _replaced(self, previous: str, about: str) -> str | None:
        """The previous question about something else of the same sort; None if that can't be."""
        asked = self._analyser.analyse(about)
        if kind_of(asked.folded, asked.lang) is not Kind.OTHER or not asked.words:
            return None
        before = self._analyser.analyse(previous)
        if asked.years and not asked.places:
            year = asked.years[0]
            if before.years:
                return previous.replace(before.years[0], year)
            return f"{year}年{previous}" if asked.lang == "zh" else f"{previous} {year}"
        if asked.places:
            old = list(before.places)
            if not old:
                return f"{about}{previous}"
            return _replace_place(fold(previous), old, about)
        if asked.lang == "en" and before.names:
            return re.sub(re.escape(before.names[0]), about, previous, count=1, flags=re.IGNORECASE)
        last = next((w for w in reversed(before.words) if w.text not in before.places), None)
        folded = fold(previous)
        if last is None or last.text not in folded:
            return None
        return folded.replace(last.text, about)

    def split(self, query: str) -> list[str]:
        """The questions in a query: one a question mark, one a place where places share it."""
        parts = [part for piece in _questions(query) for part in self._by_place(piece)]
        if len(parts) <= 1:
            return [query]
        subject = self._analyser.analyse(parts[0]).places
        whole: list[str] = []
        for part in parts[:_MAX_PARTS]:
            if whole and _FRAGMENT.match(part):
                whole.append(self._one(part, whole[-1], ""))
                continue
            lacks = subject and not self._analyser.analyse(part).places
            whole.append(f"{subject[0]}{part}" if lacks and is_cjk(part) else part)
        return whole

    def _by_place(self, query: str) -> list[str]:
        asked = self._analyser.analyse(query)
        if len(asked.places) < 2 or not _DISTRIBUTED.search(asked.folded):
            return [query]
        names = [re.escape(name) for name in asked.places]
        joined = re.search(_JOIN.join(f"(?:{'|'.join(names)})" for _ in names), asked.folded)
        if joined is None:
            return [query]
        left, right = asked.folded[: joined.start()], asked.folded[joined.end() :]
        right = re.sub(r"^(?:两地|两个地方)?(?:分别|各自|各)?", "", right)
        return [f"{left}{name}{right}" for name in asked.places]


def _questions(query: str) -> list[str]:
    pieces = [piece.strip() for piece in re.split(r"(?<=[?？])", query) if piece.strip(" ?？")]
    if len(pieces) > 1:
        return pieces
    halves = [half for half in re.split(r"[,，;；]", query) if half.strip()]
    if len(halves) > 1 and all(_ASKS.search(half) for half in halves):
        return halves
    return [query]


def _replace_place(previous: str, old: Sequence[str], new: str) -> str:
    for name in old:
        if name in previous:
            return previous.replace(name, new, 1)
    return previous.replace(place_stem(old[0]), new, 1)


def _short_of(answer: str) -> str:
    """The short answer at the head of an answer's text, when it is short enough to be a name."""
    head = re.split(r"[。.,，;；\n\[]", answer.strip(), maxsplit=1)[0]
    return head if 2 <= len(head) <= 12 else ""
