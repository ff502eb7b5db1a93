"""Gold questions: reading them, asking them, judging the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.assistant import Assistant
from rag.text import fold
from rag.types import Answer, Turn


@dataclass(frozen=True, slots=True)
class Gold:
    """A question with what a right answer must hold; none of it when it can't be answered."""

    id: str
    question: str
    answers: tuple[str, ...]
    answers_all: tuple[str, ...]
    evidence: tuple[str, ...]
    answerable: bool
    history: tuple[Turn, ...]


def read_gold(path: Path) -> list[Gold]:
    """The questions of a JSON Lines file."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Gold(
            id=row["id"],
            question=row["question"],
            answers=tuple(row.get("answers", ())),
            answers_all=tuple(row.get("answers_all", ())),
            evidence=tuple(row["evidence"]),
            answerable=row["answerable"],
            history=tuple(
                Turn(turn["question"], turn.get("answer", "")) for turn in row.get("history", ())
            ),
        )
        for row in rows
    ]


def bare(text: str) -> str:
    """Folded, without white space: newspapers put spaces around figures."""
    return "".join(fold(text).split())


def is_right(gold: Gold, answer: Answer) -> bool:
    """Declined when it must be; else answered with a quotation that holds answer and evidence."""
    if not gold.answerable:
        return not answer.answered
    quotes = bare("\n".join(citation.quote for citation in answer.citations))
    said = bare(answer.text)
    evidence = all(bare(fragment) in quotes for fragment in gold.evidence)
    if gold.answers_all:
        return answer.answered and evidence and all(bare(part) in said for part in gold.answers_all)
    return answer.answered and evidence and any(bare(one) in said for one in gold.answers)


def has_right_short_answer(gold: Gold, answer: Answer) -> bool:
    """Stricter: the short answer itself says it, or is part of an accepted answer."""
    short = bare(answer.short_answer or "")
    if gold.answers_all:
        return all(bare(part) in short for part in gold.answers_all)
    return bool(short) and any(
        bare(one) in short or (len(short) >= 2 and short in bare(one)) for one in gold.answers
    )


def ask_all(assistant: Assistant, path: Path) -> Iterator[tuple[Gold, Answer]]:
    """Each question of a gold file with the assistant's answer."""
    for gold in read_gold(path):
        yield gold, assistant.ask(gold.question, history=gold.history)
