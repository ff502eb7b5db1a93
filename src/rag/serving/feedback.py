"""What people thought of answers: kept in SQLite, exported as candidates for a gold set."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rag.errors import StorageError
from rag.text import is_cjk
from rag.types import Answer, Turn

FILE_NAME = "feedback.sqlite"
Rating = Literal["up", "down"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
    answer_id TEXT PRIMARY KEY, at TEXT NOT NULL, rating TEXT NOT NULL, comment TEXT NOT NULL,
    question TEXT NOT NULL, history TEXT NOT NULL, answered INTEGER NOT NULL,
    answer TEXT NOT NULL, short_answer TEXT, citations TEXT NOT NULL, context TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given, with what it was given to."""

    id: str
    answer: Answer
    history: Sequence[Turn] = ()
    context: Mapping[str, str] = field(default_factory=dict)


class FeedbackStore:
    """One SQLite file; every rating is on the disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, given: Given, rating: Rating, comment: str) -> None:
        """Keep a rating; a second one for the same answer replaces the first.

        Raises StorageError.
        """
        answer = given.answer
        row = (
            given.id,
            datetime.now(UTC).isoformat(timespec="seconds"),
            rating,
            comment,
            answer.question,
            _json([{"question": turn.question, "answer": turn.answer} for turn in given.history]),
            answer.answered,
            answer.text,
            answer.short_answer,
            _json([citation.to_dict() for citation in answer.citations]),
            _json(dict(given.context)),
        )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                connection.execute(_SCHEMA)
                marks = ",".join("?" * len(row))
                connection.execute(f"INSERT OR REPLACE INTO feedback VALUES ({marks})", row)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{self._path}: the rating can't be kept ({error}); check the folder and the disk",
                f"{self._path}：无法保存评价（{error}），请检查目录和磁盘",
            ) from None

    def candidates(self) -> Iterator[dict[str, object]]:
        """Gold candidates, oldest first: one dict a rating, for a person to accept or correct.

        Raises StorageError when the file is no feedback file.
        """
        if not self._path.exists():
            return
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection:
                connection.row_factory = sqlite3.Row
                # A process killed at its first rating leaves a database without a table.
                begun = connection.execute("SELECT 1 FROM sqlite_master").fetchall()
                # Not by `at`: clocks are set.
                query = "SELECT * FROM feedback ORDER BY rowid"
                rows = connection.execute(query).fetchall() if begun else []
        except sqlite3.Error as error:
            raise StorageError(
                f"{self._path}: not readable as feedback ({error}); restore it from a backup",
                f"{self._path}：无法读取评价（{error}），请从备份恢复",
            ) from None
        yield from map(_candidate, rows)


def _candidate(row: sqlite3.Row) -> dict[str, object]:
    """A liked answer is right as it stands; of a disliked one only the question is known."""
    liked, answered = row["rating"] == "up", bool(row["answered"])
    citations = json.loads(row["citations"]) if liked and answered else []
    known = liked and answered
    candidate: dict[str, object] = {
        "id": f"feedback-{row['answer_id']}",
        "question": row["question"],
        "answers": [row["short_answer"]] if known else [],
        "evidence": [citation["quote"] for citation in citations[:1]],
        "documents": list(dict.fromkeys(citation["document_id"] for citation in citations)),
        # A refusal that was liked is a question without an answer; one disliked has one somewhere.
        "answerable": answered if liked else True,
        "lang": "zh" if is_cjk(row["question"]) else "en",
        "tags": ["feedback", row["rating"]],
        "date": row["at"][:10],
    }
    history = json.loads(row["history"])
    if history:
        candidate["history"] = history
    notes = [row["comment"]] if row["comment"] else []
    if not liked:
        notes.append(f"to correct; the answer was: {row['answer']}")
    if notes:
        candidate["note"] = " | ".join(notes)
    return candidate


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
