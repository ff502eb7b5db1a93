"""What every store promises; another backend joins in conftest.py."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from rag.errors import IndexBusyError, NoIndexError
from rag.protocols import StoreBackend, StoreStats
from rag.types import Document
from tests.stores.filling import LOANS, PARK, POSTS
from tests.support import EMBEDDER, article, indexed


def put(backend: StoreBackend, *documents: Document, source: str | None = None) -> StoreStats:
    with backend.update() as writer:
        for document in documents:
            name = source or document.info.source
            writer.start_file(name)
            writer.add(name, [indexed(document)])
            writer.finish_file(name, f"hash of {name}")
        return writer.commit()


def lexical(backend: StoreBackend, term: str, limit: int = 10) -> list[str]:
    """Titles of what the word search finds."""
    store = backend.open()
    found = store.search([term], EMBEDDER.embed_query(term), limit=limit)
    passages = store.passages([candidate.key for candidate in found.lexical])
    return [passages[candidate.key][1].title for candidate in found.lexical]


def test_a_store_without_an_index_says_so(backend: StoreBackend) -> None:
    with pytest.raises(NoIndexError, match="rag index"):
        backend.open()
    with pytest.raises(NoIndexError):
        backend.snapshot()


def test_what_was_committed_is_found_by_words_and_by_vector(backend: StoreBackend) -> None:
    stats = put(backend, POSTS, LOANS)
    assert (stats.documents, stats.chunks) == (2, 2)
    store = backend.open()
    found = store.search(["先锋"], EMBEDDER.embed_query(POSTS.text), limit=10)
    assert len(found.lexical) == 1
    assert len(found.dense) == 2
    assert found.dense[0].key == found.lexical[0].key
    assert found.dense[0].score > found.dense[1].score
    chunk, info = store.passages([found.lexical[0].key])[found.lexical[0].key]
    assert info == POSTS.info
    assert chunk.text == POSTS.text[chunk.start : chunk.end]
    assert chunk.context == "先锋岗"


def test_limits_are_kept_and_unknown_things_are_left_out(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS, PARK)
    store = backend.open()
    found = store.search(["发", "业"], EMBEDDER.embed_query("业"), limit=1)
    assert len(found.lexical) == len(found.dense) == 1
    assert store.search([], np.zeros(EMBEDDER.dimensions, np.float32), limit=5).lexical == []
    assert store.search([], np.zeros(EMBEDDER.dimensions, np.float32), limit=5).dense == []
    assert store.passages([10**9]) == {}
    assert store.document("no such id") is None


def test_frequencies_count_passages(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS, PARK)
    assert list(backend.open().document_frequencies(["区", "惠蓉", "不在"])) == [2, 1, 0]


def test_documents_come_back_whole_and_in_order(backend: StoreBackend) -> None:
    put(backend, PARK, LOANS, POSTS)
    store = backend.open()
    assert [info.source for info, _ in store.documents()] == ["docs/a.md", "docs/b.md", "docs/c.md"]
    assert store.document(PARK.info.id) == PARK
    assert {source: file.documents for source, file in store.files().items()} == {
        "docs/a.md": 1,
        "docs/b.md": 1,
        "docs/c.md": 1,
    }
    assert store.files()["docs/a.md"].sha256 == "hash of docs/a.md"


def test_a_listing_comes_page_by_page(backend: StoreBackend) -> None:
    put(backend, PARK, LOANS, POSTS)
    store = backend.open()
    first, total = store.listing(limit=2)
    rest, _ = store.listing(limit=2, offset=2)
    assert total == 3
    assert [(row.info, row.chunks) for row in (*first, *rest)] == list(store.documents())
    assert datetime.fromisoformat(first[0].indexed_at).tzinfo is not None


@pytest.mark.parametrize(
    ("search", "sources"),
    [("惠蓉", ["docs/b.md"]), ("DOCS/A", ["docs/a.md"]), ("%", []), ("_", []), ("!", [])],
)
def test_a_listing_is_searched_by_title_and_file(
    backend: StoreBackend, search: str, sources: list[str]
) -> None:
    put(backend, PARK, LOANS, POSTS)
    found, total = backend.open().listing(search=search)
    assert [row.info.source for row in found] == sources
    assert total == len(sources)


def test_a_changed_file_replaces_what_came_from_it(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS)
    put(backend, article("双流区的新文章。", title="新", source="docs/a.md"))
    assert lexical(backend, "先锋") == []
    assert lexical(backend, "双流") == ["新"]
    assert lexical(backend, "惠蓉") == ["惠蓉贷"]


def test_a_removed_file_takes_its_articles_along(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS)
    with backend.update() as writer:
        assert writer.remove_file("docs/a.md") == 1
        assert writer.remove_file("docs/unknown.md") == 0
        assert writer.commit().documents == 1
    assert lexical(backend, "先锋") == []
    assert list(backend.open().files()) == ["docs/b.md"]


def test_an_article_in_two_files_stays_until_both_are_gone(backend: StoreBackend) -> None:
    put(backend, POSTS)
    put(backend, POSTS, source="docs/copy.md")
    assert backend.open().stats().documents == 1
    with backend.update() as writer:
        writer.remove_file("docs/a.md")
        writer.commit()
    (info, _) = next(backend.open().documents())
    assert info.source == "docs/copy.md"
    with backend.update() as writer:
        writer.remove_file("docs/copy.md")
        writer.commit()
    assert backend.open().stats().documents == 0


def test_one_article_can_be_removed(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS)
    with backend.update() as writer:
        assert writer.remove_document(POSTS.info.id)
        assert not writer.remove_document("no such id")
        writer.commit()
    assert [info.title for info, _ in backend.open().documents()] == ["惠蓉贷"]


def test_what_is_not_committed_leaves_no_trace(backend: StoreBackend) -> None:
    put(backend, POSTS)
    before = backend.snapshot()
    with backend.update() as writer:
        writer.start_file("docs/b.md")
        writer.add("docs/b.md", [indexed(LOANS)])
    assert backend.snapshot() == before
    assert lexical(backend, "惠蓉") == []


def test_a_reader_keeps_the_state_it_opened(backend: StoreBackend) -> None:
    put(backend, POSTS)
    old = backend.open()
    for number in range(3):
        put(backend, article(f"第{number}版。", title="版", source="docs/a.md"))
    found = old.search(["先锋"], EMBEDDER.embed_query("先锋"), limit=5)
    assert len(found.lexical) == len(found.dense) == 1
    assert old.document(POSTS.info.id) == POSTS
    assert old.stats().snapshot != backend.snapshot()


def test_there_is_one_writer_at_a_time(backend: StoreBackend) -> None:
    with backend.update(), pytest.raises(IndexBusyError, match="another process"):
        backend.update().__enter__()


def test_a_rebuild_starts_from_nothing(backend: StoreBackend) -> None:
    put(backend, POSTS, LOANS)
    with backend.update(rebuild=True) as writer:
        assert writer.files() == {}
        assert writer.commit().documents == 0
    assert backend.open().stats().chunks == 0
    assert lexical(backend, "先锋") == []
