"""`rag feedback`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

import click

from rag.cli.base import cli, index_option, say, with_index
from rag.config import Settings


@cli.group()
def feedback() -> None:
    """What people thought of answers."""


@feedback.command("export")
@index_option
@click.option(
    "--out", type=click.File("w", encoding="utf-8"), default="-", help="File to write to."
)
@click.pass_obj
def feedback_export(settings: Settings, index_dir: Path | None, out: TextIO) -> None:
    """Print gold candidates, one JSON object a line, to accept or correct for `rag eval`."""
    from rag.serving.feedback import FILE_NAME, FeedbackStore

    store = FeedbackStore(with_index(settings, index_dir).index.dir / FILE_NAME)
    lines = [json.dumps(candidate, ensure_ascii=False) for candidate in store.candidates()]
    for line in lines:
        click.echo(line, file=out)
    say(
        f"{len(lines)} ratings; correct those tagged “down” before they are used as gold questions",
        f"共 {len(lines)} 条评价；标记为 down 的请先改正，再用作评测题",
    )
