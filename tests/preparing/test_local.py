"""Preparing a thread ahead of whoever stores."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.chunking import Chunker
from rag.loaders import Limits, discover
from rag.preparing import LocalPreparer
from rag.protocols import Vectors

PARAGRAPH = "蓝溪村在2025年修了37座石桥，孩子上学近了一半。" * 44
FLUSHES = 4


class Watched:
    """The same vector for every text; notes its calls, and fails or waits at one of them."""

    id = fingerprint = "watched"
    dimensions = 4

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.broken_at = 0
        self.held_at = 0
        self.go_on = threading.Event()

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(len(texts))
        if len(self.calls) == self.broken_at:
            raise ValueError("broken")
        if len(self.calls) == self.held_at:
            assert self.go_on.wait(30)
        return np.full((len(texts), 4), 0.5, np.float32)

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = self.embed_passages([text])[0]
        return row


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles of 600,000 characters each: one is embedded while the next is read."""
    folder = tmp_path_factory.mktemp("articles")
    for number in range(FLUSHES):
        text = "\n\n".join(f"第{number}篇第{i}段。{PARAGRAPH}" for i in range(600))
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def preparer(embedder: Watched) -> LocalPreparer:
    chunker = Chunker(size=400, overlap=80)
    return LocalPreparer(embedder=embedder, chunker=chunker, limits=Limits())


def test_the_next_articles_are_embedded_while_these_are_stored(files: Path) -> None:
    embedder = Watched()
    sources, _ = discover([files])
    parts = preparer(embedder).prepare(sources)
    first = next(parts)
    before = len(embedder.calls)
    waiting = threading.Event()
    for _ in range(300):  # this side does nothing; the other goes on
        if sum(embedder.calls) > 1.5 * len(first.documents[0].chunks):
            break
        waiting.wait(0.1)
    assert len(embedder.calls) > before
    rest = list(parts)
    assert [part.file.source for part in (first, *rest) if part.done] == [
        file.source for file in sources
    ]
    stored = sum(len(item.chunks) for part in (first, *rest) for item in part.documents)
    assert stored == sum(embedder.calls)


def test_what_nobody_waits_for_is_not_embedded_to_its_end(files: Path) -> None:
    embedder = Watched()
    sources, _ = discover([files])
    parts = preparer(embedder).prepare(sources)
    chunks = len(next(parts).documents[0].chunks)
    embedder.held_at = len(embedder.calls) + 1
    closing = threading.Thread(target=parts.close)
    closing.start()
    closing.join(0.5)  # by now it has said so
    embedder.go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    assert sum(embedder.calls) < 2 * chunks


def test_a_failure_of_the_embedder_is_raised_where_it_is_stored(files: Path) -> None:
    embedder = Watched()
    embedder.broken_at = 3
    sources, _ = discover([files])
    with pytest.raises(ValueError, match="broken"):
        list(preparer(embedder).prepare(sources))
