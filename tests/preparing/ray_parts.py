"""What the workers of the tests' clusters import: embedders that leave a trace, wait or die."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rag.protocols import Embedder, Vectors
from tests.support import HashingEmbedder

DEADLY = "这句话谁读谁死"


class TracingEmbedder(HashingEmbedder):
    """Notes in a file when it begins and ends, and on which node; a moment passes in between."""

    def __init__(self, trace: Path, moment_s: float) -> None:
        super().__init__()
        self._trace = trace
        self._moment_s = moment_s

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        import ray

        node = ray.get_runtime_context().get_node_id()
        self._note("begin", node, os.getpid())
        time.sleep(self._moment_s)
        vectors = super().embed_passages(texts)
        self._note("end", node, os.getpid())
        return vectors

    def _note(self, *words: object) -> None:
        with self._trace.open("a", encoding="utf-8") as file:
            file.write(" ".join(map(str, words)) + "\n")


class MortalEmbedder(HashingEmbedder):
    """Ends its process when it reads the deadly sentence."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if any(DEADLY in text for text in texts):
            os._exit(1)
        return super().embed_passages(texts)


class OtherEmbedder(HashingEmbedder):
    """A model of the same name with other weights."""

    fingerprint = "other"


def tracing(trace: Path, moment_s: float = 0.3) -> Callable[[], Embedder]:
    """What opens a TracingEmbedder."""
    return partial(TracingEmbedder, trace, moment_s)


def running_on(trace: Path, node: str) -> int | None:
    """The process of that node that has begun something and hasn't ended it."""
    lines = [line.split() for line in trace.read_text(encoding="utf-8").splitlines()]
    mine = [line for line in lines if len(line) == 3 and line[1] == node]
    return int(mine[-1][2]) if mine and mine[-1][0] == "begin" else None
