"""Loaders that do what hostile files make libraries do; the reading process imports them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from rag.errors import LoadError
from rag.loaders.registry import LOADERS as REAL
from rag.loaders.registry import Builder, Context
from rag.types import Document, DocumentInfo


def document(text: str, source: str) -> Document:
    return Document(DocumentInfo(id=text[:16], title=text[:8], source=source), text)


class Scripted:
    """Reads orders, a line each: `say x`, `sleep s`, `work s`, `crash`, `grow`, ..."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        for order, _, value in (line.partition(" ") for line in path.read_text().splitlines()):
            if order == "say":
                yield document(value, source)
            elif order == "sleep":
                time.sleep(float(value))
            elif order == "work":
                until = time.monotonic() + float(value)
                while time.monotonic() < until:
                    time.sleep(0.05)
                    self._context.progress()
            else:
                misbehave(order)


def misbehave(order: str) -> None:
    if order == "crash":
        os.abort()
    elif order == "grow":
        hoard = [bytearray(1 << 24)]
        while True:
            hoard.append(bytearray(len(hoard[-1]) * 2))
    elif order == "deadlock":
        re.match("(a+)+b", "a" * 60)  # holds the interpreter's lock for ages
    elif order == "print":
        print("noise " * 1000)  # noqa: T201 -- that is the misbehaviour
    elif order == "raise":
        raise RuntimeError("broken\nin two lines")
    elif order == "vanish":
        raise FileNotFoundError
    elif order == "forbid":
        raise PermissionError
    elif order == "refuse":
        raise LoadError("refused.", "拒绝。")


LOADERS: dict[str, Builder] = {**REAL, ".bad": Scripted}
