"""Answers written by a language model, checked sentence by sentence; quoted when it fails."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from rag.answering import failures, phrases, prompts
from rag.answering.abstention import MODEL_DECLINED, Verdict
from rag.answering.budget import Counter, careful_count, fitting
from rag.answering.citations import CitationGate
from rag.answering.endpoint import Delta, Request
from rag.answering.extractive import ExtractiveGenerator
from rag.answering.writing import Declined, GatedWriter
from rag.errors import GeneratorError, Lang
from rag.text import fold
from rag.types import Answer, Citation, Hit, Token

_LONGEST_SHORT = 60  # characters
_Result = TypeVar("_Result")
_Events = Generator[Token | Citation, None, _Result]


class ChatModel(Protocol):
    """Something that streams a completion."""

    def stream(self, request: Request) -> Iterator[Delta]:
        """What the model writes, as it comes; an empty Delta at least every second.

        Raises GeneratorError; closing it cancels the call.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens: of the model's context, and of an answer. `count` counts a text's."""

    context_tokens: int = 4096
    max_tokens: int = 800
    temperature: float = 0.0
    count: Counter = careful_count


class ChatGenerator:
    """Lets a language model write from the hits; the gate decides what stands."""

    name = "openai"

    def __init__(
        self, model: ChatModel, gate: CitationGate, limits: Limits, fallback: ExtractiveGenerator
    ) -> None:
        self._model = model
        self._gate = gate
        self._limits = limits
        self._fallback = fallback

    def stream(
        self, question: str, query: str, verdicts: Sequence[Verdict], hits: Sequence[Hit]
    ) -> Iterator[Token | Citation | Answer]:
        """As `AnswerGenerator.stream`; never raises for what the model or its endpoint does."""
        asked = _Asked(question, query, verdicts, hits)
        given = self._given(asked)
        writer = GatedWriter(self._gate, given, asked.lang)
        try:
            cut = yield from self._written(writer, asked, given)
        except Declined:
            answer = self._declined(asked)
            yield Token(answer.text)
        except GeneratorError as error:
            answer = yield from self._instead(writer, asked, error)
        else:
            answer = self._answer(writer, asked, cut)
        yield answer

    def close(self) -> None:
        """Give up connections, where the model has any."""
        close = getattr(self._model, "close", None)
        if close is not None:
            close()

    def _given(self, asked: _Asked) -> list[Hit]:
        """The hits that fit into the context, those with the judge's evidence first."""
        wanted = [v.evidence[0].hit for v in asked.verdicts if v.answerable and v.evidence]
        by_id = {hit.chunk.id: hit for hit in asked.hits}
        return fitting(
            asked.lang,
            asked.query,
            asked.hits,
            wanted=[by_id.get(hit.chunk.id, hit) for hit in wanted],
            tokens=self._limits.context_tokens - self._limits.max_tokens,
            count=self._limits.count,
        )

    def _written(self, writer: GatedWriter, asked: _Asked, given: Sequence[Hit]) -> _Events[bool]:
        """What passes the gate; returns whether the text was cut at its largest length."""
        if not given:
            raise failures.failure("too_small")
        request = Request(
            prompts.answering(asked.lang, asked.query, given),
            self._limits.max_tokens,
            self._limits.temperature,
        )
        cut = False
        for delta in self._model.stream(request):
            cut = cut or delta.cut
            yield Token("")
            yield from writer.feed(delta.text)
        yield from writer.finish()
        return cut

    def _answer(self, writer: GatedWriter, asked: _Asked, cut: bool) -> Answer:
        return Answer(
            question=asked.question,
            query=asked.query,
            answered=True,
            text=writer.text,
            short_answer=self._short(writer, asked),
            confidence=min(v.confidence for v in asked.verdicts if v.answerable),
            reason=None,
            citations=tuple(writer.citations),
            hits=tuple(asked.hits),
            generator=self.name,
            sentences=tuple(writer.sentences),
            notice=failures.cut_short(asked.lang) if cut else None,
            citation_precision=writer.precision,
            citation_recall=writer.recall,
        )

    def _short(self, writer: GatedWriter, asked: _Asked) -> str | None:
        """The articles' own short answer where the model says it too, else a short sentence."""
        quoted = self._fallback.answer(
            asked.question, asked.query, asked.verdicts, asked.hits
        ).short_answer
        if quoted and fold(quoted) in fold(writer.text):
            return quoted
        first = next((s.text for s in writer.sentences if s.supported and s.markers), "")
        return first if 0 < len(first) <= _LONGEST_SHORT else None

    def _declined(self, asked: _Asked) -> Answer:
        return Answer(
            question=asked.question,
            query=asked.query,
            answered=False,
            text=phrases.declined(asked.lang, MODEL_DECLINED, None),
            short_answer=None,
            confidence=min(v.confidence for v in asked.verdicts if v.answerable),
            reason=MODEL_DECLINED,
            citations=(),
            hits=tuple(asked.hits),
            generator=self.name,
        )

    def _instead(
        self, writer: GatedWriter, asked: _Asked, error: GeneratorError
    ) -> _Events[Answer]:
        """The extractive answer, after what had come before the failure."""
        cited = writer.citations if writer.begun else []
        quoted = self._fallback.answer(
            asked.question, asked.query, asked.verdicts, asked.hits, cited
        )
        notice = failures.notice(asked.lang, error, begun=writer.begun)
        yield from quoted.citations[len(cited) :]
        if not writer.begun:
            yield Token(quoted.text)
            return replace(quoted, notice=notice)
        rest = f"\n\n{phrases.broken_off(asked.lang)}\n{quoted.text}"
        yield Token(rest)
        return replace(
            quoted,
            text=writer.text + rest,
            generator=self.name,
            notice=notice,
            sentences=tuple(writer.sentences),
            citation_precision=writer.precision,
            citation_recall=writer.recall,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    query: str
    verdicts: Sequence[Verdict]
    hits: Sequence[Hit]

    @property
    def lang(self) -> Lang:
        """The language that was asked in."""
        return self.verdicts[0].question.lang


__all__ = ["ChatGenerator", "ChatModel", "Limits"]
