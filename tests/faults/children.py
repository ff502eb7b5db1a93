"""Runs a piece of work in a forked child, with what it says and how it ended."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rag.cli import main

SECONDS = 60  # after which a child hangs
_FAILED = 97


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is negative for a signal; `value` what the work returned, None if it didn't."""

    code: int
    out: str
    err: str
    value: Any = None


def run(work: Callable[[], object]) -> Ended:
    """Fork, do the work there, wait for it. A SystemExit's code is the child's."""
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.TemporaryFile("w+") as returned,
    ):
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_done(work, returned.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = []
        for file in (out, err, returned):
            file.seek(0)
            said.append(file.read())
    return Ended(code, said[0], said[1], json.loads(said[2]) if said[2] else None)


def _done(work: Callable[[], object], returned: int) -> int:
    import signal
    import sys

    signal.alarm(SECONDS)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    code = 0
    try:
        os.write(returned, json.dumps(work()).encode())
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
        traceback.print_exc()
        code = _FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def command(*arguments: object) -> None:
    """The command line in this process; raises SystemExit."""
    main(["--lang", "en", *map(str, arguments)])


def warm_up() -> None:
    """Import and open what every command needs, so that a child costs milliseconds."""
    import rag.assembly
    import rag.indexing
    import rag.loaders
    import rag.serving.library
    import rag.stores.backup

    rag.assembly.bundled_embedder()
    rag.assembly.models._reader("default")
    rag.assembly.place_list()
    rag.assembly.segment("热身")
