"""`rag ask`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.cli.base import cli, index_option, lang, with_index
from rag.config import Settings
from rag.errors import RagError

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.types import Answer


@cli.command()
@click.argument("question")
@index_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
@click.pass_obj
def ask(settings: Settings, question: str, index_dir: Path | None, as_json: bool) -> int:
    """Answer QUESTION; "-" reads one question a line and prints one JSON line for each."""
    from rag.assembly import assistant_of

    assistant = assistant_of(with_index(settings, index_dir))
    if question == "-":
        return _ask_lines(assistant, sys.stdin)
    # Bytes of an argument that are no text arrive as lone surrogates, which no model takes.
    answer = assistant.ask(question.encode("utf-8", "replace").decode())
    click.echo(json.dumps(answer.to_dict(), ensure_ascii=False) if as_json else _readable(answer))
    return 0


def _ask_lines(assistant: Assistant, lines: Iterable[str]) -> int:
    failed = 0
    for line in lines:
        question = line.strip()
        if not question:
            continue
        try:
            result = assistant.ask(question).to_dict()
        except RagError as error:
            failed += 1
            result = {"question": question, "error": error.say(lang())}
        click.echo(json.dumps(result, ensure_ascii=False))
    return 1 if failed else 0


def _readable(answer: Answer) -> str:
    """The answer for a terminal: text, then where each quotation stands."""
    lines = [answer.text]
    for citation in answer.citations:
        info = citation.document
        date = f"，{info.date}" if info.date else ""
        page = f" p.{citation.page}" if citation.page else ""
        place = f"{info.source}{page}:{citation.start}-{citation.end}"
        lines.append(f"[{citation.marker}] {info.title}{date}  ({place})")
    if answer.notice:
        lines.append(answer.notice)
    if not answer.answered:
        for hit in answer.hits[:3]:
            shown = " ".join(hit.chunk.text.split())
            lines.append(f"  · {hit.document.title} ({hit.document.source}): {shown[:80]}…")
    return "\n".join(lines)
