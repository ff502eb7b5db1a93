"""The command line: arguments and printing, nothing else; one module for each command."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click

from rag.cli import (  # noqa: F401 - each adds one
    asking,
    backup,
    bundle,
    doctor,
    documents,
    eval,
    feedback,
    indexing,
    key,
    models,
    serving,
)
from rag.cli.base import cli, say
from rag.errors import RagError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 wrong usage, 3 no index."""
    # Bytes that are no text and characters that a terminal lacks are no reason to stop.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(arguments, prog_name="rag", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        say("stopped; the index is as it was", "已中断，索引保持原样")
        sys.exit(1)
    except RagError as error:
        say(error.en, error.zh)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


__all__ = ["main"]
