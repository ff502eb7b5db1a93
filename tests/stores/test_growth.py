"""A large index: a base that updates leave alone, compaction, and what is checked when."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rag.errors import DamagedIndexError, StorageError
from rag.protocols import PassageStore, StoreBackend
from rag.stores import LocalBackend, LocalStore, compaction, vectors, verification
from rag.stores.terms import TermsReader
from rag.text import analyse
from tests.stores.filling import Compacting, CompactingInTurn, lexical, publish, put, text_of, texts
from tests.support import EMBEDDER, RECIPE

TREES = "桃李梅杏松柏槐柳桂樟榆桐"


def sentence(number: int, version: int = 0) -> str:
    return f"{number}号楼有{number * 37 % 101 + version}户人家，门前种{TREES[number % 12]}树。"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def large(root: Path) -> LocalBackend:
    """Forty passages in the base, one beside it, and one of the base gone."""
    backend = Compacting(root, RECIPE)
    publish(backend, "old.md", *(text_of(sentence(n), "old.md") for n in range(40)))
    publish(backend, "gone.md", text_of("已经拆除的楼。", "gone.md"))
    plain = LocalBackend(root, RECIPE)
    with plain.update() as writer:
        writer.remove_file("gone.md")
        put(writer, "new.md", text_of("新建的图书馆。", "new.md"))
        writer.commit()
    return plain


@pytest.fixture
def partial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read whole at opening but files of a kilobyte."""
    for name in ("HEAD", "_BLOCK"):
        monkeypatch.setattr(verification, name, 1024)
    monkeypatch.setattr(verification, "AT_OPENING", 0)
    monkeypatch.setattr(verification, "_sound", set())


def generation(root: Path) -> Path:
    return root / "generations" / (root / "CURRENT").read_text().split()[0]


def inodes(folder: Path) -> dict[str, int]:
    return {
        file.relative_to(folder).as_posix(): file.stat().st_ino
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".lock"
    }


def damage(file: Path, at: int) -> None:
    """One other byte, in a file of its own: links of other generations keep theirs."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.unlink()
    file.write_bytes(content)


# The base


def test_a_small_index_has_no_base(root: Path) -> None:
    backend = LocalBackend(root, RECIPE)
    publish(backend, "a.md", *(text_of(sentence(n)) for n in range(40)))
    assert not backend.compact()
    assert {path.name for path in generation(root).iterdir()} == {
        "manifest.json", "documents.sqlite", "vectors.faiss", "terms"
    }  # fmt: skip


def test_an_update_links_what_it_does_not_change(large: LocalBackend, root: Path) -> None:
    before = inodes(generation(root))
    publish(large, "third.md", text_of("第三个文件。", "third.md"))
    after = inodes(generation(root))
    kept = {name for name in before if after.get(name) == before[name]}
    assert {"base/documents.sqlite", "base/vectors.faiss"} <= kept
    written = {name for name in after.keys() - kept if not name.startswith("terms/")}
    assert written == {"documents.sqlite", "vectors.faiss", "manifest.json"}


def test_base_and_recent_are_searched_as_one(large: LocalBackend) -> None:
    store = large.open()
    assert store.stats().documents == store.stats().chunks == 41
    assert lexical(store, "图书馆") == ["新建的图书馆。"]
    assert lexical(store, "拆除") == []
    every = store.search([], EMBEDDER.embed_query(sentence(7)), limit=100).dense
    scores = [candidate.score for candidate in every]
    assert scores == sorted(scores, reverse=True)
    found = store.passages([candidate.key for candidate in every])
    assert {chunk.text for chunk, _ in found.values()} <= set(texts(store))
    assert found[every[0].key][0].text == sentence(7)


@pytest.mark.parametrize("kind", [Compacting, CompactingInTurn])
@pytest.mark.parametrize("seed", range(3))
def test_with_and_without_a_base_an_index_is_the_same(
    tmp_path: Path, kind: type[LocalBackend], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, other = LocalBackend(tmp_path / "plain", RECIPE), kind(tmp_path / "other", RECIPE)
    rng = random.Random(seed)
    for _ in range(12):
        changes = [(rng.choice("abcdef"), rng.sample(range(30), rng.randrange(4))) for _ in "123"]
        removed = rng.randrange(30)
        for backend in (plain, other):
            changed(backend, changes, removed)
        assert shown(plain.open()) == shown(other.open())


def changed(backend: StoreBackend, changes: list[tuple[str, list[int]]], removed: int) -> None:
    """Read files anew (an empty one is gone) that share articles, and take an article out."""
    with backend.update() as writer:
        for source, numbers in changes:
            writer.remove_file(source)
            if numbers:
                put(writer, source, *(text_of(sentence(n), source) for n in numbers))
        writer.remove_document(text_of(sentence(removed)).info.id)
        writer.commit()


def shown(store: PassageStore) -> dict[str, object]:
    """All that a store says but its keys, the time of day and its own name."""
    words = store.search(analyse("桃树人家"), EMBEDDER.embed_query(sentence(3)), limit=99)
    passages = store.passages([c.key for c in (*words.lexical, *words.dense)])
    rows, total = store.listing(limit=4, offset=3)
    named, count = store.listing(search="桃", limit=99)
    return {
        "stats": (store.stats().documents, store.stats().chunks),
        "documents": list(store.documents()),
        "texts": texts(store),
        "files": store.files(),
        "page": [row.info for row in rows],
        "total": total,
        "named": ([row.info for row in named], count),
        "lexical": sorted(passages[c.key][0].text for c in words.lexical),
        "dense": sorted((round(c.score, 2), passages[c.key][0].text) for c in words.dense),
    }


def test_a_moved_article_keeps_its_passages_and_can_go(root: Path) -> None:
    shared = text_of("两份文件里的文章。", "a.md")
    for kind in (Compacting, CompactingInTurn):
        backend = kind(root, RECIPE)
        with backend.update(rebuild=True) as writer:
            put(writer, "a.md", shared)
            put(writer, "b.md", shared)
            writer.commit()
        for source, left in (("a.md", 1), ("b.md", 0)):
            with backend.update() as writer:
                writer.remove_file(source)
                assert writer.commit().documents == left
            store = backend.open()
            assert [info.source for info, _ in store.documents()] == ["b.md"] * left
            assert store.listing()[1] == left
            assert lexical(store, "两份") == [shared.text] * left


# Sketches


@pytest.mark.parametrize("dimensions", [32, 33])
def test_a_base_with_sketches_finds_nearly_what_an_exact_one_does(
    tmp_path: Path, dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3000, dimensions)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    recent = vectors.new_index(dimensions)
    vectors.add(recent, range(5000, 8000), points)
    vectors.save_index(recent, tmp_path / "recent")
    vectors.save_index(vectors.new_index(dimensions), tmp_path / "empty")
    gone = [5007, 7999]
    for name, limit in (("exact", 10_000), ("sketched", 1000)):
        monkeypatch.setattr(vectors, "SKETCHED_FROM", limit)
        built = vectors.build_base(tmp_path / "recent", None, removed=[], dimensions=dimensions)
        vectors.save_index(built, tmp_path / name)
    exact, sketched = (
        vectors.VectorsReader(tmp_path / "empty", tmp_path / name, removed=gone)
        for name in ("exact", "sketched")
    )
    shared = 0
    for number in range(0, 3000, 100):
        one, two = (each.search(points[number], limit=20) for each in (exact, sketched))
        assert len(one) == len(two) == 20
        assert one[0] == two[0]
        shared += len({c.key for c in one} & {c.key for c in two})
    assert shared > 0.95 * 20 * 30
    assert sketched.search(points[7], limit=1)[0].key != 5007


def test_vectors_are_the_same_to_the_last_bit_when_they_are_compacted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "SKETCHED_FROM", 100)
    points = np.random.default_rng(0).normal(size=(400, 32)).astype(np.float32)
    recent = vectors.new_index(32)
    vectors.add(recent, range(1000, 1400), points)
    vectors.save_index(recent, tmp_path / "0")
    vectors.save_index(vectors.new_index(32), tmp_path / "empty")
    first = vectors.build_base(tmp_path / "0", None, removed=[], dimensions=32)
    vectors.save_index(first, tmp_path / "1")
    second = vectors.build_base(
        tmp_path / "empty", tmp_path / "1", removed=[1007, 1399], dimensions=32
    )
    vectors.save_index(second, tmp_path / "2")
    ((keys, before),) = vectors.read_all(tmp_path / "1")
    ((left, after),) = vectors.read_all(tmp_path / "2")
    assert left.tolist() == [key for key in keys.tolist() if key not in (1007, 1399)]
    assert (after == np.delete(before, [7, 399], axis=0)).all()
    assert np.abs(before - points).max() < 0.002


# Compaction


def test_compaction_publishes_the_same_articles_and_happens_once(
    large: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(large.open())
    first = large.snapshot()
    monkeypatch.setattr(compaction, "BASE_FROM", 0)
    monkeypatch.setattr(compaction, "_SHARE", 10**9)
    said: list[str] = []
    assert large.compact(lambda: said.append("begun"))
    assert not large.compact(lambda: said.append("begun again"))
    assert said == ["begun"]
    assert shown(large.open()) == before
    assert large.snapshot() != first
    assert set(inodes(generation(root))) >= {"base/documents.sqlite", "base/vectors.faiss"}


def test_what_is_recent_waits_until_it_is_a_tenth(
    large: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BASE_FROM", 1)
    assert not large.compact()  # one new and one gone beside 41
    publish(large, "more.md", *(text_of(sentence(n, 200), "more.md") for n in range(50, 53)))
    assert large.compact()


def test_a_compaction_that_fails_leaves_the_state_before(
    large: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before, state = large.snapshot(), shown(large.open())
    monkeypatch.setattr(compaction, "BASE_FROM", 0)
    monkeypatch.setattr(compaction, "_SHARE", 10**9)
    monkeypatch.setattr(vectors, "save_index", full)
    with pytest.raises(StorageError, match="No space left"):
        large.compact()
    assert [path.name for path in (root / "generations").iterdir()] == [before]
    monkeypatch.undo()
    assert shown(large.open()) == state


@pytest.mark.usefixtures("partial")
def test_a_damaged_base_is_not_merged(
    large: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BASE_FROM", 0)
    monkeypatch.setattr(compaction, "_SHARE", 10**9)
    damage(generation(root) / "base" / "vectors.faiss", -1)
    with pytest.raises(DamagedIndexError, match=r"base/vectors\.faiss"):
        large.compact()


# What is checked when


@pytest.mark.usefixtures("partial")
@pytest.mark.parametrize("name", ["base/vectors.faiss", "base/documents.sqlite", "terms/*.idx"])
def test_damage_deep_in_a_large_file_is_found_after_opening(
    large: LocalBackend, root: Path, name: str
) -> None:
    publish(large, "z.md", text_of("再来一篇。", "z.md"))
    file = max(generation(root).glob(name), key=lambda each: each.stat().st_size)
    damage(file, file.stat().st_size * 3 // 4)
    store = large.open()
    with pytest.raises(DamagedIndexError, match=file.name):
        store.verify()
    for use in (
        lambda: store.search(["树"], EMBEDDER.embed_query("树"), limit=1),
        lambda: store.passages([1]),
        store.listing,
    ):
        with pytest.raises(DamagedIndexError, match=file.name):
            use()


def test_terms_found_damaged_by_a_search_are_said_to_be(
    large: LocalBackend, root: Path, tmp_path: Path
) -> None:
    folder = generation(root) / "terms"
    reader = TermsReader(folder)
    words = sorted({term for n in range(40) for term in analyse(sentence(n))})
    sound = reader.search(words, limit=100)
    rng = random.Random(0)
    ends: Counter[str] = Counter()
    for number in range(60):
        shutil.copytree(folder, copied := tmp_path / f"{number}")
        file = max(copied.glob("*.idx"), key=lambda each: each.stat().st_size)
        content = bytearray(file.read_bytes())
        start = rng.randrange(len(content) - 64)
        content[start : start + 64] = rng.randbytes(64)
        file.write_bytes(content)
        try:
            damaged = TermsReader(copied)
            damaged.frequencies(words)
            ends["same" if damaged.search(words, limit=100) == sound else "other"] += 1
        except ValueError as error:
            ends["panic" if str(error).startswith("tantivy: ") else "said"] += 1
    assert ends["panic"] > 0, ends
    assert ends["said"] > 0, ends


@pytest.mark.usefixtures("partial")
def test_what_the_libraries_refuse_is_named(large: LocalBackend, root: Path) -> None:
    file = max((generation(root) / "terms").glob("*.idx"), key=lambda each: each.stat().st_size)
    damage(file, -1)  # tantivy reads the end at once, and doesn't say of which file
    with pytest.raises(DamagedIndexError, match=file.name):
        large.open()


@pytest.mark.usefixtures("partial")
def test_damage_anywhere_in_the_terms_is_found_before_an_update(
    large: LocalBackend, root: Path
) -> None:
    before = large.snapshot()
    for file in (generation(root) / "terms").glob("*.idx"):
        damage(file, -1)
        with pytest.raises(DamagedIndexError, match=file.name):
            publish(large, "b.md", text_of("第二个文件。", "b.md"))
        damage(file, -1)
    assert large.snapshot() == before
    publish(large, "b.md", text_of("第二个文件。", "b.md"))


@pytest.mark.usefixtures("partial")
@pytest.mark.parametrize("name", ["base/vectors.faiss", "base/documents.sqlite"])
def test_damage_at_the_start_or_another_size_is_found_at_opening(root: Path, name: str) -> None:
    backend = Compacting(root, RECIPE)
    publish(backend, "a.md", *(text_of(sentence(n)) for n in range(40)))
    file = generation(root) / name
    good = file.read_bytes()
    damage(file, 100)
    with pytest.raises(DamagedIndexError, match=name):
        backend.open()
    file.write_bytes(good[:-1])
    with pytest.raises(DamagedIndexError, match=name):
        backend.open()
    file.write_bytes(good)
    backend.open().verify()


def test_a_file_is_read_once_by_a_process_that_follows_updates(
    root: Path, partial: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Compacting(root, RECIPE)
    publish(backend, "a.md", *(text_of(sentence(n)) for n in range(40)))
    backend.open().verify()
    read: list[str] = []
    same = verification.Verification._same

    def noted(self: object, file: object, entry: object) -> bool:
        read.append(Path(file.name).parent.name)  # type: ignore[attr-defined]
        return same(self, file, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(verification.Verification, "_same", noted)
    publish(LocalBackend(root, RECIPE), "b.md", text_of("第二个文件。", "b.md"))
    backend.open().verify()
    assert "base" not in read


@pytest.mark.usefixtures("partial")
def test_an_update_keeps_what_the_manifest_says_of_a_linked_file(
    large: LocalBackend, root: Path
) -> None:
    damage(generation(root) / "base" / "vectors.faiss", -1)
    publish(large, "b.md", text_of("第二个文件。", "b.md"))
    with pytest.raises(DamagedIndexError, match=r"base/vectors\.faiss"):
        large.open().verify()


@pytest.mark.usefixtures("partial")
def test_nothing_is_made_from_a_damaged_file(large: LocalBackend, root: Path) -> None:
    before = large.snapshot()
    damage(generation(root) / "documents.sqlite", -1)  # SQLite notices nothing
    with pytest.raises(DamagedIndexError, match=r"documents\.sqlite"):
        publish(large, "b.md", text_of("第二个文件。", "b.md"))
    assert [path.name for path in (root / "generations").iterdir()] == [before]


def test_a_reader_that_is_closed_stops_its_check(root: Path, partial: None) -> None:
    backend = Compacting(root, RECIPE)
    publish(backend, "a.md", *(text_of(sentence(n)) for n in range(40)))
    store: LocalStore = backend.open()
    store.close()
    store.verify()
