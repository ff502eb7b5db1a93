"""The local store's own promises: generations that never change, damage noticed, nothing lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rag.errors import (
    DamagedIndexError,
    IncompatibleIndexError,
    IndexBusyError,
    NoIndexError,
    StorageError,
)
from rag.stores import LocalBackend, vectors
from tests.stores.filling import LONGQUANYI, QIONGLAI, dense, lexical, publish, put, text_of, texts
from tests.support import EMBEDDER, RECIPE, indexed

PROJECT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def local(root: Path) -> LocalBackend:
    return LocalBackend(root, RECIPE)


def generation(root: Path) -> Path:
    return root / "generations" / (root / "CURRENT").read_text().split()[0]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def described_files(root: Path) -> list[Path]:
    path = generation(root)
    manifest = json.loads((path / "manifest.json").read_text())
    return [path / name for name in manifest["files"]]


def put_into_manifest(root: Path, **changes: object) -> None:
    """Write another manifest that CURRENT agrees with."""
    path = generation(root)
    manifest = json.loads((path / "manifest.json").read_text()) | changes
    data = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(data)
    (root / "CURRENT").write_text(f"{path.name}\n{hashlib.sha256(data).hexdigest()}\n")


@contextmanager
def started(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own, ended when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (PROJECT, PROJECT / "src")))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_script(code: str, *arguments: object) -> str:
    """What a process prints; it must end well."""
    with started(code, *arguments) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


# What CURRENT, the manifest and the files of a generation protect


def test_where_nothing_was_built_the_error_says_how_to_build(local: LocalBackend) -> None:
    with pytest.raises(NoIndexError, match="build one with: rag index") as caught:
        local.open()
    assert "rag index" in caught.value.zh
    assert caught.value.exit_code == 3


def test_a_generation_holds_what_the_manifest_describes(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    path = generation(root)
    there = {file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock"}
    assert there == {*described_files(root), path / "manifest.json"}
    assert {"documents.sqlite", "vectors.faiss"} < {file.name for file in there}
    assert len(there) >= 8


def test_a_changed_byte_in_any_file_is_noticed(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    publish(local, "b.md", text_of(QIONGLAI, "b.md"))  # files of two segments, some of them linked
    for file in [*described_files(root), generation(root) / "manifest.json"]:
        good = file.read_bytes()
        for at in sorted({0, len(good) // 2, len(good) - 1}):
            bad = bytearray(good)
            bad[at] ^= 0x10
            file.write_bytes(bad)
            with pytest.raises(DamagedIndexError) as caught:
                local.open()
            assert str(file) in caught.value.en
            assert str(file) in caught.value.zh
            assert "rag index --rebuild" in caught.value.en
            with pytest.raises(DamagedIndexError), local.update():
                pass  # nothing is built on damaged ground
        file.write_bytes(good)
    assert texts(local.open()) == [LONGQUANYI, QIONGLAI]


def test_a_cut_or_grown_file_is_noticed(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    for file in [*described_files(root), generation(root) / "manifest.json"]:
        good = file.read_bytes()
        for bad in (b"", good[:-1], good + b"\x00"):
            file.write_bytes(bad)
            with pytest.raises(DamagedIndexError) as caught:
                local.open()
            assert str(file) in caught.value.en
        file.write_bytes(good)
    assert texts(local.open()) == [LONGQUANYI]


def test_a_missing_file_is_noticed(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    for file in [*described_files(root), generation(root) / "manifest.json"]:
        good = file.read_bytes()
        file.unlink()
        with pytest.raises(DamagedIndexError) as caught:
            local.open()
        assert str(file) in caught.value.en
        file.write_bytes(good)
    assert texts(local.open()) == [LONGQUANYI]


def test_no_changed_bit_of_current_opens_another_state(local: LocalBackend, root: Path) -> None:
    stats = publish(local, "a.md", text_of(LONGQUANYI))
    pointer = root / "CURRENT"
    good = pointer.read_bytes()
    for at in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            pointer.write_bytes(bad)
            if bad.split() == good.split():  # another kind of white space names the same
                assert local.open().stats() == stats
                continue
            with pytest.raises(DamagedIndexError) as caught:
                local.open()
            # A wrong hash can't tell which of the two files has changed.
            assert str(pointer) in str(caught.value) or "manifest.json" in str(caught.value)
    for bad_text in (b"", b"\n", b"one", b"a b c", b"../.. 00", b". 00", "中 文".encode()):
        pointer.write_bytes(bad_text)
        with pytest.raises(DamagedIndexError):
            local.open()


def test_a_missing_generation_is_noticed(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    shutil.rmtree(generation(root))
    with pytest.raises(DamagedIndexError, match="CURRENT"):
        local.open()
    with pytest.raises(DamagedIndexError), local.update():
        pass


def test_a_rebuild_mends_a_damaged_index(local: LocalBackend, root: Path) -> None:
    for damaged in ("CURRENT", "manifest.json", "vectors.faiss", "documents.sqlite"):
        publish(local, "a.md", text_of(LONGQUANYI))
        file = root / damaged if damaged == "CURRENT" else generation(root) / damaged
        file.write_bytes(b"\x00damaged")
        with local.update(rebuild=True) as writer:
            assert writer.files() == {}
            put(writer, "a.md", text_of(LONGQUANYI))
            writer.commit()
        assert texts(local.open()) == [LONGQUANYI]


def test_an_index_of_another_format_is_refused_and_can_be_replaced(
    local: LocalBackend, root: Path
) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    put_into_manifest(root, format=9, something_new="?")
    with pytest.raises(IncompatibleIndexError, match=r"format 9 .* rag index --rebuild"):
        local.open()
    with local.update() as writer:
        assert writer.files() == {}
        put(writer, "a.md", text_of(QIONGLAI))
        writer.commit()
    assert texts(local.open()) == [QIONGLAI]


def test_a_manifest_with_other_entries_is_damaged(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    put_into_manifest(root, unheard_of=1)
    with pytest.raises(DamagedIndexError, match="missing entries"):
        local.open()


# Another recipe, another index


@pytest.mark.parametrize("changed", [{"embedder": "other-model"}, {"fingerprint": "retrained"}])
def test_an_index_of_another_embedder_is_refused(
    local: LocalBackend, root: Path, changed: dict[str, str]
) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    other = LocalBackend(root, RECIPE.model_copy(update=changed))
    with pytest.raises(IncompatibleIndexError) as caught:
        other.open()
    for sentence in (caught.value.en, caught.value.zh):
        assert RECIPE.embedder in sentence
        assert next(iter(changed.values())) in sentence
        assert "embedding.model" in sentence
        assert "rag index" in sentence


def test_an_index_of_another_analyser_is_refused(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    other = LocalBackend(root, RECIPE.model_copy(update={"analyser": "words-9"}))
    with pytest.raises(IncompatibleIndexError, match=r"cjk-uni-bi-1 .* words-9; run: rag index"):
        other.open()


@pytest.mark.parametrize("field", ["embedder", "fingerprint", "analyser", "chunking"])
def test_an_update_with_another_recipe_starts_from_nothing(
    local: LocalBackend, root: Path, field: str
) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    other = LocalBackend(root, RECIPE.model_copy(update={field: "another"}))
    with other.update() as writer:
        assert writer.files() == {}
        put(writer, "b.md", text_of(QIONGLAI, "b.md"))
        writer.commit()
    assert texts(other.open()) == [QIONGLAI]


def test_an_index_of_another_chunking_still_answers(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    other = LocalBackend(root, RECIPE.model_copy(update={"chunking": "200-20"}))
    assert lexical(other.open(), "党员先锋岗") == [LONGQUANYI]


# Generations


def test_old_generations_are_cleared_but_the_one_before_stays(
    local: LocalBackend, root: Path
) -> None:
    snapshots = [publish(local, "a.md", text_of(f"第{n}版。")).snapshot for n in range(5)]
    assert names(root / "generations") == set(snapshots[-2:])
    assert snapshots == sorted(snapshots)
    assert names(root) == {"CURRENT", "writer.lock", "generations"}


def test_what_a_killed_build_left_is_cleared_by_the_next(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    current = generation(root).name
    (root / "generations" / "00000009-abcdef" / "terms").mkdir(parents=True)
    (root / "generations" / "00000009-abcdef" / "vectors.faiss").write_bytes(b"half")
    with local.update():
        assert len(names(root / "generations") - {current}) == 1  # the one being built
    assert names(root / "generations") == {current}


def test_a_discarded_or_failed_update_leaves_no_folder(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    before = names(root / "generations")
    with local.update() as writer:
        put(writer, "b.md", text_of(QIONGLAI))
    with pytest.raises(ZeroDivisionError), local.update():
        raise ZeroDivisionError
    assert names(root / "generations") == before


def test_a_published_generation_never_changes(local: LocalBackend, root: Path) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    path = generation(root)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with local.update() as writer:
        put(writer, "b.md", text_of(QIONGLAI, "b.md"))
        writer.remove_file("a.md")
        writer.commit()
    local.open()
    assert generation(root) != path
    after = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert after == before


def test_linked_terms_survive_the_removal_of_the_old_generation(
    local: LocalBackend, root: Path
) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    first = generation(root)
    publish(local, "b.md", text_of(QIONGLAI, "b.md"))
    linked = [file for file in described_files(root) if file.stat().st_nlink > 1]
    shutil.rmtree(first)
    assert linked or not hasattr(os, "link")
    store = local.open()
    assert lexical(store, "党员先锋岗") == [LONGQUANYI]
    assert lexical(store, "竹编") == [QIONGLAI]
    assert publish(local, "c.md", text_of("第三篇。", "c.md")).documents == 3


def test_an_index_without_hard_links_is_copied(
    local: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    publish(local, "a.md", text_of(LONGQUANYI))
    publish(local, "b.md", text_of(QIONGLAI, "b.md"))
    assert texts(local.open()) == [LONGQUANYI, QIONGLAI]
    assert lexical(local.open(), "党员先锋岗") == [LONGQUANYI]


def test_a_reader_answers_though_its_generation_has_been_removed(
    local: LocalBackend, root: Path
) -> None:
    publish(local, "a.md", *(text_of(f"{n}号楼有{n * 3}户人家。") for n in range(30)))
    path = generation(root)
    store = local.open()
    before = store.search(["人家"], EMBEDDER.embed_query("7号楼"), limit=30)
    for n in range(3):
        publish(local, "a.md", text_of(f"第{n}次更新。"))
    assert not path.exists()
    assert store.search(["人家"], EMBEDDER.embed_query("7号楼"), limit=30) == before
    assert len(before.lexical) == len(before.dense) == 30
    assert len(texts(store)) == 30
    assert len(store.passages([candidate.key for candidate in before.dense])) == 30


def test_opening_while_updates_run_always_finds_a_whole_state(
    local: LocalBackend, root: Path
) -> None:
    publish(local, "a.md", text_of("第0版。"))
    code = """
import sys
from rag.stores import LocalBackend
from tests.stores.filling import publish, text_of
from tests.support import RECIPE
from pathlib import Path
for n in range(1, 26):
    publish(LocalBackend(Path(sys.argv[1]), RECIPE), "a.md", text_of(f"第{n}版。"))
"""
    seen = set()
    with started(code, root) as writer:
        while writer.poll() is None:
            [text] = texts(local.open())
            seen.add(text)
        _, err = writer.communicate()
    assert writer.returncode == 0, err
    assert seen <= {f"第{n}版。" for n in range(26)}
    assert texts(local.open()) == ["第25版。"]


# Vectors


def test_float16_beyond_the_limit_finds_the_same_neighbours(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [
        text_of(f"{n}号楼有{n * 37 % 101}户人家，门前种{'桃李梅杏'[n % 4]}树。") for n in range(60)
    ]
    exact, half = LocalBackend(root, RECIPE), LocalBackend(tmp_path / "half", RECIPE)
    publish(exact, "a.md", *documents)
    monkeypatch.setattr(vectors, "FLOAT16_FROM", 20)
    publish(half, "a.md", *documents)
    files = [generation(tmp_path / "half") / "vectors.faiss", generation(root) / "vectors.faiss"]
    assert files[0].stat().st_size < 0.6 * files[1].stat().st_size

    def same(query: str) -> None:
        one, two = (
            store.search([], EMBEDDER.embed_query(query), limit=5).dense
            for store in (half.open(), exact.open())
        )
        assert [c.key for c in one] == [c.key for c in two]
        assert [c.score for c in one] == pytest.approx([c.score for c in two], abs=2e-3)

    for document in documents[::7]:
        same(document.text)
    for backend in (exact, half):  # float16 can be added to and taken from
        with backend.update() as writer:
            for document in documents[::2]:
                writer.remove_document(document.info.id)
            writer.add("b.md", [indexed(text_of("新来的一家种了梨树。", "b.md"))])
            assert writer.commit().documents == 31
    for query in ("梨树", documents[1].text, documents[0].text):
        same(query)
    assert dense(half.open(), "新来的一家种了梨树", limit=1) == ["新来的一家种了梨树。"]


def test_the_vectors_grow_into_float16_at_the_limit(
    local: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "FLOAT16_FROM", 3)
    for n in range(6):
        publish(local, f"f{n}.md", text_of(f"{'甲乙丙丁戊己'[n]}厂生产{n}种竹编。", f"f{n}.md"))
        store = local.open()
        for m in range(n + 1):
            text = f"{'甲乙丙丁戊己'[m]}厂生产{m}种竹编。"
            assert dense(store, text, limit=1) == [text]


def test_a_zero_vector_is_stored_and_finds_nothing(local: LocalBackend) -> None:
    publish(local, "a.md", text_of("！！！"), text_of(QIONGLAI))
    store = local.open()
    assert dense(store, "竹编", limit=1) == [QIONGLAI]
    assert dense(store, "？") == []
    zero = store.search([], np.zeros(EMBEDDER.dimensions, dtype=np.float32), limit=3)
    assert zero.dense == []


# Two writers

HOLDER = """
import sys
from pathlib import Path
from rag.stores import LocalBackend
from tests.support import RECIPE
with LocalBackend(Path(sys.argv[1]), RECIPE).update() as writer:
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of an update; it ends when its input does."""
    with started(HOLDER, root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process


def test_a_second_process_finds_the_index_busy(
    local: LocalBackend, root: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(IndexBusyError, match="another process is writing") as caught,
        local.update(),
    ):
        pass
    assert str(root) in caught.value.en
    assert str(root) in caught.value.zh
    holder.communicate("")  # it ends in order
    assert publish(local, "a.md", text_of(LONGQUANYI)).documents == 1


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL needs a POSIX system")
def test_the_lock_dies_with_a_killed_process(
    local: LocalBackend, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert publish(local, "a.md", text_of(LONGQUANYI)).documents == 1
    assert texts(local.open()) == [LONGQUANYI]


def test_an_index_can_be_read_while_another_process_writes_it(
    local: LocalBackend, root: Path
) -> None:
    publish(local, "a.md", text_of(LONGQUANYI))
    with started(HOLDER, root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        assert lexical(local.open(), "党员先锋岗") == [LONGQUANYI]


# Read-only folders

READ_ONLY = """
import os, sys, tempfile
from pathlib import Path
from rag.errors import StorageError
from rag.stores import LocalBackend
from tests.stores.filling import dense, lexical, publish, text_of, texts
from tests.support import RECIPE
with tempfile.TemporaryDirectory() as name:  # loads every module before the user changes
    rehearsal = LocalBackend(Path(name), RECIPE)
    publish(rehearsal, "a.md", text_of("竹编"))
    dense(rehearsal.open(), "竹编")
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
backend = LocalBackend(Path(sys.argv[1]), RECIPE)
store = backend.open()
print(texts(store) == lexical(store, "竹编") == dense(store, "竹编"), len(texts(store)))
try:
    with backend.update():
        print("written")
except StorageError as error:
    print(type(error).__name__, sys.argv[1] in error.en, sys.argv[1] in error.zh, error.en)
store = backend.open()
print(lexical(store, "竹编") == texts(store))
"""


@pytest.mark.skipif(os.name == "nt", reason="folder permissions are another matter on Windows")
def test_a_read_only_index_can_be_searched_but_not_updated() -> None:
    # Not under tmp_path, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="read-only-") as name:
        root = Path(name) / "index"
        publish(LocalBackend(root, RECIPE), "a.md", text_of(QIONGLAI))
        folders = [Path(name), root, *(path for path in root.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        try:
            before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
            lines = run_script(READ_ONLY, root, NOBODY).splitlines()
            after = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        finally:
            for path in folders:
                path.chmod(0o755)
        assert lines[0] == "True 1"
        assert lines[1].startswith("StorageError True True ")
        assert "Permission denied" in lines[1]
        assert lines[2] == "True"
        assert after == before


# Full disks

FULL = """
import random, resource, sys
from pathlib import Path
import numpy as np
from rag.errors import StorageError
from rag.protocols import IndexedDocument
from rag.stores import LocalBackend
from rag.types import Chunk
from tests.stores.filling import text_of
from tests.support import EMBEDDER, RECIPE
root, heavy, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
def item(n):
    document = text_of(f"第{n}篇。" + "竹编" * (2000 if heavy == "text" else 1))
    count = 200 if heavy == "vectors" else 1
    chunks = [Chunk(f"{n}-{i}", document.info.id, 0, 1, "第") for i in range(count)]
    words = 600 if heavy == "terms" else 1
    terms = [" ".join(random.randbytes(8).hex() for _ in range(words)) for _ in chunks]
    return IndexedDocument(document, chunks, terms, np.ones((count, EMBEDDER.dimensions), "f4"))
for rebuild in (True, False):
    try:
        with LocalBackend(root, RECIPE).update(rebuild=rebuild) as writer:
            for n in range(150):
                writer.add("b.md", [item(n)])
            writer.commit()
        print("written")
    except StorageError as error:
        print(type(error).__name__, str(root) in error.en, str(root) in error.zh, error.en)
"""
HEAVY = ["text", "terms", "vectors"]


def assert_that_a_full_disk_loses_nothing(root: Path, heavy: str, *, limit: int) -> None:
    local = LocalBackend(root, RECIPE)
    before = publish(local, "a.md", text_of(LONGQUANYI))
    kept = names(root / "generations")
    for line in run_script(FULL, root, heavy, limit).splitlines():
        assert line.startswith("StorageError True True "), line
        assert "the old index is still in use" in line
    assert names(root / "generations") == kept  # the unfinished one was thrown away
    store = local.open()
    assert store.stats() == before
    assert texts(store) == lexical(store, "党员先锋岗") == dense(store, LONGQUANYI) == [LONGQUANYI]
    assert publish(local, "b.md", text_of(QIONGLAI, "b.md")).documents == 2


@pytest.mark.skipif(sys.platform != "linux", reason="mounting a small disk needs Linux")
@pytest.mark.parametrize("heavy", HEAVY)
@pytest.mark.parametrize("kibibytes", [180, 500])
def test_a_full_disk_leaves_the_old_index_answering(
    tmp_path: Path, heavy: str, kibibytes: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting isn't allowed here; a limit on file sizes is tested instead")
    try:
        assert_that_a_full_disk_loses_nothing(disk / "index", heavy, limit=0)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="limits on file sizes need a POSIX system")
@pytest.mark.parametrize("heavy", HEAVY)
@pytest.mark.parametrize("limit", [30_000, 200_000])
def test_a_file_that_may_not_grow_leaves_the_old_index_answering(
    root: Path, heavy: str, limit: int
) -> None:
    assert_that_a_full_disk_loses_nothing(root, heavy, limit=limit)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with (
        pytest.raises(StorageError, match="check free space and permissions"),
        LocalBackend(tmp_path / "file" / "index", RECIPE).update(),
    ):
        pass
