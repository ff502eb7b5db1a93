"""A generator of one's own: it answers with the best sentence, and lets the gate check it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.answering import GeneratorContext, Verdict
from rag.types import Answer, AnswerSentence, Citation, Hit, Token


class EchoGenerator:
    """Says the best sentence of the evidence, with its citation."""

    name = "echo"

    def __init__(self, context: GeneratorContext) -> None:
        self._gate = context.gate
        self._model = context.settings.model

    def stream(
        self, question: str, query: str, verdicts: Sequence[Verdict], hits: Sequence[Hit]
    ) -> Iterator[Token | Citation | Answer]:
        """One sentence, one citation."""
        verdict = next(verdict for verdict in verdicts if verdict.answerable)
        best = verdict.evidence[0]
        finding = self._gate.check(best.text, [best.hit.rank], self._gate.read(hits))
        citation = Citation(
            1, best.hit.document, best.start, best.end, best.text, best.hit.chunk.page
        )
        text = f"{self._model}: {best.text}[1]"
        yield citation
        yield Token(text)
        yield Answer(
            question=question,
            query=query,
            answered=True,
            text=text,
            short_answer=None,
            confidence=verdict.confidence,
            reason=None,
            citations=(citation,),
            hits=tuple(hits),
            generator=self.name,
            sentences=(AnswerSentence(best.text, (1,), finding.supported),),
        )


def build(context: GeneratorContext) -> EchoGenerator:
    """What the entry point names."""
    return EchoGenerator(context)
