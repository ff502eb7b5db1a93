"""The command line, run in the test's own process with the model opened once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from rag.cli import main
from rag.embedders import open_embedder

open_once = cache(open_embedder)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on standard error."""
        (line,) = [line for line in self.err.splitlines() if line]
        return line


Rag = Callable[..., Done]


def in_this_process(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rag:
    """`rag` with arguments, in the working folder."""
    monkeypatch.setattr("rag.assembly.models.open_embedder", open_once)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, out, err)

    return run
