"""Follow-up questions made whole by a language model, by the rules where it fails."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from rag.answering import prompts
from rag.answering.budget import Counter, recent
from rag.answering.endpoint import Request
from rag.answering.generate import ChatModel
from rag.answering.numbers import figures
from rag.answering.rewriting import Rewriter
from rag.answering.writing import Thoughts
from rag.errors import GeneratorError, Lang
from rag.text import fold, is_cjk
from rag.types import Token, Turn

_MAX_TOKENS = 200
_LONGEST = 400  # characters


class ModelRewriter:
    """Asks the model; keeps to the rules when it fails or invents something."""

    def __init__(self, rules: Rewriter, model: ChatModel, *, tokens: int, count: Counter) -> None:
        self._rules = rules
        self._model = model
        self._tokens = tokens
        self._count = count

    def split(self, query: str) -> list[str]:
        return self._rules.split(query)

    def rewriting(self, question: str, history: Sequence[Turn]) -> Generator[Token, None, str]:
        by_rules = self._rules.rewrite(question, history)
        if not history:
            return by_rules
        turns = recent(history, tokens=self._tokens, count=self._count)
        lang: Lang = "zh" if is_cjk(question) else "en"
        messages = prompts.rewriting(lang, question, turns)
        thoughts, text = Thoughts(), ""
        try:
            for delta in self._model.stream(Request(messages, _MAX_TOKENS)):
                yield Token("")
                shown, forget = thoughts.feed(delta.text)
                text = shown if forget else text + shown
        except GeneratorError:
            return by_rules
        asked = _cleaned(text + thoughts.rest())
        return asked if _is_faithful(asked, question, turns) else by_rules


def _cleaned(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    line = lines[0] if len(lines) == 1 else ""
    line = re.sub(
        r"^(?:改写(?:后的问题)?|问题|question|rewritten)\s*[:：]\s*", "", line, flags=re.I
    )
    return prompts.visible(re.sub(r"</?\w+>", "", line)).strip('"“”「」 ')


def _is_faithful(asked: str, question: str, history: Sequence[Turn]) -> bool:
    """A short text in the question's language, without a figure that nobody mentioned."""
    if not 2 <= len(asked) <= _LONGEST or is_cjk(asked) != is_cjk(question):
        return False
    said = fold(" ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)]))
    known = {figure.value for figure in figures(said)} | set(re.findall(r"\d+", said))
    new = {figure.value for figure in figures(fold(asked))} | set(re.findall(r"\d+", fold(asked)))
    return new <= known


__all__ = ["ModelRewriter"]
