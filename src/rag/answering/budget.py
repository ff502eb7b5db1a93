"""How many passages fit into a model's context, counted exactly or on the safe side."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil

from rag.answering import prompts
from rag.errors import ConfigError, Lang
from rag.text import sentence_spans
from rag.types import Hit, Turn

Counter = Callable[[str], int]

# Tokens that chat templates put around a message.
_PER_MESSAGE = 16
_LEAST_PASSAGE = 80  # characters under which a passage that is cut says too little
_WORDS = re.compile(r"[a-zA-Z]+|\d|[^\sa-zA-Z\d]")


def careful_count(text: str) -> int:
    """At least as many tokens as common tokenizers make of `text`, in most cases.

    A Chinese character, a digit or a mark counts as one and a fifth; a Western word as one for
    every three letters.
    """
    total = 0.0
    for match in _WORDS.finditer(text):
        total += ceil(len(match.group()) / 3) if match.group().isascii() else 1.2
    return ceil(total)


@lru_cache(maxsize=4)
def counter_of(path: str) -> Counter:
    """Counts with a `tokenizer.json`; the careful way where `path` is empty. Raises ConfigError."""
    if not path:
        return careful_count
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the library raises plain Exception
        raise ConfigError(
            f"generator.tokenizer={path!r}: not readable as a tokenizer.json; check the path",
            f"generator.tokenizer={path!r}：不能作为 tokenizer.json 读取，请检查路径",
        ) from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def fitting(
    lang: Lang,
    question: str,
    hits: Sequence[Hit],
    *,
    wanted: Sequence[Hit],
    tokens: int,
    count: Counter,
) -> list[Hit]:
    """The hits whose prompt takes at most `tokens`, in their order.

    `wanted` are taken before the others. Where not even the first fits, it is cut at the end of a
    sentence; where nothing fits, the list is empty.
    """
    empty = prompts.answering(lang, question, [])
    left = tokens - sum(_PER_MESSAGE + count(message.content) for message in empty)
    chosen: list[Hit] = []
    for hit in dict.fromkeys([*wanted, *hits]):
        cost = count(prompts.passage(99, hit)) + 2
        if cost <= left:
            chosen.append(hit)
            left -= cost
        elif not chosen and (cut := _cut(hit, left, count)) is not None:
            return [cut]
    order = {hit.chunk.id: i for i, hit in enumerate(hits)}
    return sorted(chosen, key=lambda hit: order.get(hit.chunk.id, len(order)))


def _cut(hit: Hit, left: int, count: Counter) -> Hit | None:
    """The hit with as many of its sentences as fit."""
    text = hit.chunk.text
    for _, end in reversed(sentence_spans(text)):
        if end < min(_LEAST_PASSAGE, len(text)):
            break
        shorter = replace(hit, chunk=replace(hit.chunk, text=text[:end], end=hit.chunk.start + end))
        if count(prompts.passage(99, shorter)) + 2 <= left:
            return shorter
    return None


def recent(history: Sequence[Turn], *, tokens: int, count: Counter) -> list[Turn]:
    """The last turns that take at most `tokens`, their answers cut to a sentence or two."""
    kept: list[Turn] = []
    left = tokens
    for turn in reversed(history):
        short = Turn(turn.question, prompts.one_line(turn.answer)[:200])
        left -= count(short.question) + count(short.answer) + _PER_MESSAGE
        if left < 0:
            break
        kept.append(short)
    return kept[::-1]


__all__ = ["Counter", "careful_count", "counter_of", "fitting", "recent"]
