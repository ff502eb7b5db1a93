"""What an update reads, keeps, replaces and forgets."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rag.chunking import Chunker
from rag.errors import NoIndexError
from rag.indexing import Indexer, IndexReport, Progress
from rag.loaders import Limits
from rag.preparing import LocalPreparer
from rag.protocols import PassageStore
from rag.retrieval import HybridRetriever
from rag.stores import LocalBackend, LocalStore
from tests.support import EMBEDDER, RECIPE, HashingEmbedder

BRIDGE = "蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "青山镇的小学有412名学生，其中住校的有96名。校长叫林一舟，教了二十年的书。"
MARKET = "白水街的集市每逢三、六、九开市，卖竹编的摊位有58个，卖豆腐的有12个。"
TITLED_MARKET = f"# 集市\n\n{MARKET}\n"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    (folder / "school.txt").write_text(SCHOOL, encoding="utf-8")
    return folder


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "index", RECIPE)


def indexer(
    backend: LocalBackend, *, size: int = 400, overlap: int = 80, embedder: Any = EMBEDDER
) -> Indexer:
    chunker = Chunker(size=size, overlap=overlap)
    preparer = LocalPreparer(embedder=embedder, chunker=chunker, limits=Limits())
    return Indexer(backend=backend, preparer=preparer)


@pytest.fixture
def index(backend: LocalBackend, docs: Path) -> Callable[..., IndexReport]:
    def run(*paths: Path, **options: Any) -> IndexReport:
        return indexer(backend).index(paths or (docs,), **options)

    return run


@pytest.fixture
def opened(backend: LocalBackend) -> Iterator[Callable[[], LocalStore]]:
    stores: list[LocalStore] = []

    def run() -> LocalStore:
        stores.append(backend.open())
        return stores[-1]

    yield run
    for store in stores:
        store.close()


def texts(store: PassageStore) -> dict[str, str]:
    documents = {info.source: store.document(info.id) for info, _ in store.documents()}
    return {source: document.text for source, document in documents.items() if document}


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return (
        report.added,
        report.changed,
        report.unchanged,
        report.removed,
        len(report.problems),
    )


Index = Callable[..., IndexReport]
Opened = Callable[[], LocalStore]


def test_a_first_build_adds_every_file(index: Index, opened: Opened) -> None:
    report = index()
    assert counts(report) == (2, 0, 0, 0, 0)
    assert report.stats is not None
    assert report.stats.documents == 2
    assert texts(opened()) == {"docs/bridge.txt": BRIDGE, "docs/school.txt": SCHOOL}


def test_a_second_build_reads_nothing_and_keeps_the_generation(
    index: Index, backend: LocalBackend
) -> None:
    index()
    before = backend.snapshot()
    seen: list[Progress] = []
    report = index(progress=seen.append)
    assert counts(report) == (0, 0, 2, 0, 0)
    assert report.stats is None
    assert seen == []
    assert backend.snapshot() == before


def test_touching_a_file_without_changing_it_is_no_change(
    index: Index, docs: Path, backend: LocalBackend
) -> None:
    index()
    before = backend.snapshot()
    os.utime(docs / "bridge.txt", (1, 1))
    assert counts(index()) == (0, 0, 2, 0, 0)
    assert backend.snapshot() == before


def test_a_changed_file_replaces_its_old_article(index: Index, docs: Path, opened: Opened) -> None:
    index()
    new = BRIDGE.replace("37", "38")
    (docs / "bridge.txt").write_text(new, encoding="utf-8")
    report = index()
    assert counts(report) == (0, 1, 1, 0, 0)
    assert texts(opened()) == {"docs/bridge.txt": new, "docs/school.txt": SCHOOL}
    found = HybridRetriever(opened(), EMBEDDER).retrieve("蓝溪村修了多少座石桥", top_k=5)
    assert "38座" in found[0].chunk.text
    assert all("37座" not in hit.chunk.text for hit in found)


def test_a_new_file_joins_what_is_there(index: Index, docs: Path, opened: Opened) -> None:
    index()
    (docs / "market.txt").write_text(MARKET, encoding="utf-8")
    assert counts(index()) == (1, 0, 2, 0, 0)
    assert set(texts(opened())) == {"docs/bridge.txt", "docs/market.txt", "docs/school.txt"}


def test_a_vanished_file_stays_until_it_is_pruned(index: Index, docs: Path, opened: Opened) -> None:
    index()
    (docs / "school.txt").unlink()
    assert counts(index()) == (0, 0, 1, 0, 0)
    assert "docs/school.txt" in texts(opened())
    assert counts(index(prune=True)) == (0, 0, 1, 1, 0)
    assert set(texts(opened())) == {"docs/bridge.txt"}


def test_pruning_leaves_other_folders_alone(
    index: Index, docs: Path, tmp_path: Path, opened: Opened
) -> None:
    other = tmp_path / "docs-of-others"
    other.mkdir()
    (other / "market.txt").write_text(MARKET, encoding="utf-8")
    index(docs, other)
    shutil.rmtree(other)
    (docs / "school.txt").unlink()
    assert index(docs, prune=True).removed == 1
    assert set(texts(opened())) == {"docs/bridge.txt", "docs-of-others/market.txt"}


def test_pruning_spares_a_folder_that_cannot_be_listed_just_now(
    index: Index, docs: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "far").mkdir()
    (docs / "far" / "market.txt").write_text(MARKET, encoding="utf-8")
    index()
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("far"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = index(prune=True)
    assert (report.removed, len(report.problems)) == (0, 1)
    assert "docs/far/market.txt" in texts(opened())


def test_a_mistyped_folder_prunes_nothing(index: Index, docs: Path, opened: Opened) -> None:
    index()
    report = index(docs.with_name("dosc"), prune=True)
    assert counts(report) == (0, 0, 0, 0, 1)
    assert len(texts(opened())) == 2


def test_a_mistyped_folder_makes_no_empty_index(
    index: Index, docs: Path, backend: LocalBackend
) -> None:
    assert index(docs.with_name("dosc")).stats is None
    with pytest.raises(NoIndexError):
        backend.open()


def test_a_rebuild_from_a_mistyped_folder_leaves_the_old_index(
    index: Index, docs: Path, opened: Opened
) -> None:
    index()
    report = index(docs.with_name("dosc"), rebuild=True)
    assert len(report.problems) == 1
    assert len(texts(opened())) == 2


def test_an_empty_folder_makes_an_empty_index(index: Index, tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "empty").mkdir()
    report = index(tmp_path / "empty")
    assert counts(report) == (0, 0, 0, 0, 0)
    assert texts(opened()) == {}


def test_a_file_that_becomes_unreadable_keeps_its_old_article(
    index: Index, docs: Path, opened: Opened, backend: LocalBackend
) -> None:
    index()
    before = backend.snapshot()
    (docs / "school.txt").write_bytes(b"\x00\x01\x02\x03" * 500)
    report = index()
    assert counts(report) == (0, 0, 1, 0, 1)
    (problem,) = report.problems
    assert problem.source == "docs/school.txt"
    assert "school.txt" in problem.error.en
    assert "school.txt" in problem.error.zh
    assert texts(opened())["docs/school.txt"] == SCHOOL
    assert backend.snapshot() == before


def test_a_file_whose_bytes_cannot_be_read_is_a_problem_and_keeps_its_article(
    index: Index, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()

    def refusing(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("rag.indexing.file_sha256", refusing)
    report = index(prune=True)
    assert counts(report) == (0, 0, 0, 0, 2)
    assert "Permission denied" in report.problems[0].error.en
    assert len(texts(opened())) == 2


def test_a_problem_file_is_tried_again_next_time(index: Index, docs: Path, opened: Opened) -> None:
    (docs / "market.txt").write_bytes(b"\x00\x01\x02\x03" * 500)
    assert counts(index()) == (2, 0, 0, 0, 1)
    assert counts(index()) == (0, 0, 2, 0, 1)
    (docs / "market.txt").write_text(MARKET, encoding="utf-8")
    assert counts(index()) == (1, 0, 2, 0, 0)
    assert texts(opened())["docs/market.txt"] == MARKET


def test_a_file_read_in_part_gives_its_good_records_and_is_read_again(
    index: Index, docs: Path, opened: Opened
) -> None:
    good = json.dumps({"id": "m1", "title": "集市", "text": MARKET}, ensure_ascii=False)
    (docs / "news.jsonl").write_text(f"{good}\nno json\n", encoding="utf-8")
    report = index()
    assert (report.added, len(report.problems)) == (3, 1)
    assert "line 2" in report.problems[0].error.en
    assert texts(opened())["docs/news.jsonl"] == MARKET
    again = index()
    assert (again.changed, again.unchanged, len(again.problems)) == (1, 2, 1)
    (docs / "news.jsonl").write_text(f"{good}\n", encoding="utf-8")
    assert counts(index()) == (0, 1, 2, 0, 0)
    assert counts(index()) == (0, 0, 3, 0, 0)


def test_an_article_in_two_files_is_stored_once_and_outlives_either(
    index: Index, docs: Path, opened: Opened
) -> None:
    for name in ("market.md", "copy.md"):
        (docs / name).write_text(TITLED_MARKET, encoding="utf-8")
    report = index()
    assert report.added == 4
    assert report.stats is not None
    assert report.stats.documents == 3
    assert len(opened().files()) == 4
    assert set(texts(opened())) == {"docs/bridge.txt", "docs/school.txt", "docs/copy.md"}

    (docs / "copy.md").unlink()
    assert index(prune=True).removed == 1
    assert MARKET in texts(opened())["docs/market.md"]

    (docs / "market.md").unlink()
    index(prune=True)
    assert set(texts(opened())) == {"docs/bridge.txt", "docs/school.txt"}


def test_an_article_that_one_of_its_two_files_drops_stays_with_the_other(
    index: Index, docs: Path, opened: Opened
) -> None:
    for name in ("copy.md", "market.md"):
        (docs / name).write_text(TITLED_MARKET, encoding="utf-8")
    index()
    (docs / "copy.md").write_text(f"# 桥\n\n{BRIDGE}\n", encoding="utf-8")
    assert counts(index()) == (0, 1, 3, 0, 0)
    found = texts(opened())
    assert MARKET in found["docs/market.md"]
    assert BRIDGE in found["docs/copy.md"]


def test_an_article_that_moves_between_files_in_one_update_is_kept(
    index: Index, docs: Path, opened: Opened
) -> None:
    bridge, market = f"# 桥\n\n{BRIDGE}\n", TITLED_MARKET
    for first, second in ((bridge, market), (market, bridge)):
        (docs / "one.md").write_text(first, encoding="utf-8")
        (docs / "two.md").write_text(second, encoding="utf-8")
        index()
    found = texts(opened())
    assert MARKET in found["docs/one.md"]
    assert BRIDGE in found["docs/two.md"]
    assert len(found) == 4


def test_a_renamed_file_keeps_its_article(index: Index, docs: Path, opened: Opened) -> None:
    index()
    (docs / "bridge.txt").rename(docs / "stone.txt")
    assert counts(index(prune=True)) == (1, 0, 1, 1, 0)
    assert texts(opened()) == {"docs/stone.txt": BRIDGE, "docs/school.txt": SCHOOL}


def test_progress_is_monotone_and_ends_complete(index: Index, docs: Path) -> None:
    rows = [
        json.dumps({"id": str(i), "title": f"第{i}期", "text": f"第{i}期：{MARKET}"})
        for i in range(700)
    ]
    (docs / "news.jsonl").write_text("\n".join(rows), encoding="utf-8")
    seen: list[Progress] = []
    report = index(progress=seen.append)
    assert report.stats is not None
    assert len(seen) > 3  # within the large file too
    for before, after in pairwise(seen):
        assert before.files_done <= after.files_done
        assert before.bytes_done <= after.bytes_done
        assert before.documents <= after.documents
        assert before.chunks <= after.chunks
    assert all(p.bytes_done <= p.bytes_total for p in seen)
    size = sum(file.stat().st_size for file in docs.iterdir())
    last = seen[-1]
    assert (last.files_done, last.files_total) == (3, 3)
    assert (last.bytes_done, last.bytes_total) == (size, size)
    assert (last.documents, last.chunks) == (702, report.stats.chunks)


def test_progress_is_complete_where_a_file_fails(index: Index, docs: Path) -> None:
    (docs / "market.txt").write_bytes(b"\x00\x01\x02\x03" * 500)
    seen: list[Progress] = []
    index(progress=seen.append)
    assert (seen[-1].files_done, seen[-1].bytes_done) == (3, seen[-1].bytes_total)


def test_other_chunk_sizes_rebuild_everything(docs: Path, tmp_path: Path) -> None:
    indexer(LocalBackend(tmp_path / "index", RECIPE)).index([docs])
    smaller = RECIPE.model_copy(update={"chunking": "50-0"})
    backend = LocalBackend(tmp_path / "index", smaller)
    report = indexer(backend, size=50, overlap=0).index([docs])
    assert counts(report) == (2, 0, 0, 0, 0)
    store = backend.open()
    hits = HybridRetriever(store, EMBEDDER).retrieve("蓝溪村的石桥", top_k=9)
    assert all(len(hit.chunk.text) <= 50 for hit in hits)
    store.close()


def test_another_embedder_rebuilds_everything(docs: Path, tmp_path: Path) -> None:
    indexer(LocalBackend(tmp_path / "index", RECIPE)).index([docs])
    other = RECIPE.model_copy(update={"fingerprint": "other", "dimensions": 32})
    backend = LocalBackend(tmp_path / "index", other)
    report = indexer(backend, embedder=HashingEmbedder(32)).index([docs])
    assert counts(report) == (2, 0, 0, 0, 0)
    store = backend.open()
    assert len(texts(store)) == 2
    store.close()


def test_a_rebuild_forgets_what_is_not_named(index: Index, docs: Path, opened: Opened) -> None:
    index()
    (docs / "school.txt").unlink()
    assert counts(index(rebuild=True)) == (1, 0, 0, 0, 0)
    assert set(texts(opened())) == {"docs/bridge.txt"}


def test_ids_are_the_same_in_two_builds_in_different_folders(docs: Path, tmp_path: Path) -> None:
    def ids(folder: Path) -> list[tuple[str, list[str]]]:
        articles = shutil.copytree(docs, folder / "docs")
        backend = LocalBackend(folder / "index", RECIPE)
        indexer(backend).index([articles])
        store = backend.open()
        try:
            hits = HybridRetriever(store, EMBEDDER).retrieve("蓝溪村的石桥 青山镇", top_k=9)
            chunks = sorted(hit.chunk.id for hit in hits)
            return [(info.id, chunks) for info, _ in store.documents()]
        finally:
            store.close()

    first = ids(tmp_path / "one")
    assert len(first) == 2
    assert first == ids(tmp_path / "deep" / "other")


def test_a_reprint_is_shown_once_at_question_time(index: Index, docs: Path, opened: Opened) -> None:
    reprint = BRIDGE.replace("石桥。", "石桥！")
    (docs / "reprint.txt").write_text(reprint, encoding="utf-8")
    index()
    hits = HybridRetriever(opened(), EMBEDDER).retrieve("蓝溪村修了多少座石桥", top_k=5)
    about_bridges = [hit for hit in hits if "石桥" in hit.chunk.text]
    assert len(about_bridges) == 1
    sources = {about_bridges[0].document.source}
    sources |= {info.source for info in about_bridges[0].duplicates}
    assert sources == {"docs/bridge.txt", "docs/reprint.txt"}


def test_an_interrupted_update_leaves_the_old_state(
    index: Index, docs: Path, backend: LocalBackend, opened: Opened
) -> None:
    index()
    before = backend.snapshot()
    (docs / "market.txt").write_text(MARKET, encoding="utf-8")

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(progress=interrupt)
    assert backend.snapshot() == before
    assert len(texts(opened())) == 2
    assert counts(index()) == (1, 0, 2, 0, 0)
