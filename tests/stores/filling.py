"""What the store tests put in and ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from rag.protocols import PassageStore, StoreBackend, StoreStats, StoreWriter
from rag.stores import LocalBackend, LocalWriter, compaction, vectors
from rag.text import analyse
from rag.types import Document
from tests.support import EMBEDDER, article, indexed

LONGQUANYI = "龙泉驿区建立党员先锋岗二百余个。"
QIONGLAI = "邛崃市的竹编远销海外。"
ENGLISH = "Gardens open at nine."
POSTS = article("龙泉驿区设立200余个党员先锋岗。", title="先锋岗", source="docs/a.md")
LOANS = article("邛崃发放惠蓉贷26.54亿元。", title="惠蓉贷", source="docs/b.md")
PARK = article("成甘工业园区聚集企业。", title="园区", source="docs/c.md", date="2025-01-02")


def put(writer: StoreWriter, source: str, *documents: Document, sha256: str = "hash") -> None:
    writer.start_file(source)
    writer.add(source, (indexed(document) for document in documents))
    writer.finish_file(source, sha256)


def publish(backend: StoreBackend, source: str, *documents: Document) -> StoreStats:
    with backend.update() as writer:
        put(writer, source, *documents)
        return writer.commit()


def text_of(text: str, source: str = "a.md") -> Document:
    return article(text, source=source)


def texts(store: PassageStore) -> list[str]:
    """The whole documents, in the store's order."""
    documents = [store.document(info.id) for info, _ in store.documents()]
    return [document.text for document in documents if document is not None]


def lexical(store: PassageStore, query: str, *, limit: int = 10) -> list[str]:
    """The passages that the word search finds."""
    found = store.search(analyse(query), EMBEDDER.embed_query(query), limit=limit).lexical
    chunks = store.passages([candidate.key for candidate in found])
    return [chunks[candidate.key][0].text for candidate in found]


def dense(store: PassageStore, query: str, *, limit: int = 10) -> list[str]:
    """The passages that the vector search finds."""
    found = store.search(analyse(query), EMBEDDER.embed_query(query), limit=limit).dense
    chunks = store.passages([candidate.key for candidate in found])
    return [chunks[candidate.key][0].text for candidate in found]


class Compacting(LocalBackend):
    """A store that compacts after every update which leaves more than `limit` passages recent.

    A base of twenty passages or more has sketches.
    """

    limit = 0

    @contextmanager
    def update(self, *, rebuild: bool = False) -> Iterator[LocalWriter]:
        with super().update(rebuild=rebuild) as writer:
            yield writer
        self.compact()

    def compact(self, starting: Callable[[], None] = lambda: None) -> bool:
        with (
            patch.multiple(compaction, BASE_FROM=self.limit, _SHARE=10**9),
            patch.object(vectors, "SKETCHED_FROM", 20),
        ):
            return super().compact(starting)


class CompactingInTurn(Compacting):
    """The same after every other update, so that readers find a base and what came after it."""

    updates = 0

    def compact(self, starting: Callable[[], None] = lambda: None) -> bool:
        self.updates += 1
        return self.updates % 2 == 1 and super().compact(starting)
