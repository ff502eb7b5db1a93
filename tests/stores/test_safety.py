"""The local store when things go wrong half-way: full disks, interruptions, damage, other users."""

from __future__ import annotations

import os
import pickletools
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import (
    DamagedIndexError,
    StorageError,
)
from rag.stores import LocalBackend, LocalStore, generations
from tests.stores.filling import LOANS, PARK, POSTS, lexical, publish
from tests.support import EMBEDDER, RECIPE, indexed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    """Two generations, so that the one in use has linked files and new ones."""
    backend = LocalBackend(tmp_path / "index", RECIPE)
    publish(backend, POSTS.info.source, POSTS)
    publish(backend, LOANS.info.source, LOANS)
    return backend


def in_use(root: Path) -> Path:
    return root / "generations" / (root / "CURRENT").read_text().split()[0]


def files_of(root: Path) -> list[Path]:
    inside = (file for file in in_use(root).rglob("*") if file.is_file())
    return [root / "CURRENT", *(file for file in inside if not file.name.endswith(".lock"))]


def replace(file: Path, content: bytes) -> None:
    """Other bytes under a new inode: links of other generations keep theirs."""
    file.unlink()
    file.write_bytes(content)


def answers(store: LocalStore, term: str) -> list[str]:
    found = store.search([term], EMBEDDER.embed_query(term), limit=10)
    passages = store.passages([candidate.key for candidate in found.lexical])
    return [passages[candidate.key][1].title for candidate in found.lexical]


def test_the_error_for_a_damaged_byte_names_the_file(backend: LocalBackend, tmp_path: Path) -> None:
    files = files_of(tmp_path / "index")
    assert {"CURRENT", "manifest.json", "documents.sqlite", "vectors.faiss", "meta.json"} <= {
        file.name for file in files
    }
    for file in files:
        content = file.read_bytes()
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 1
        replace(file, bytes(damaged))
        with pytest.raises(DamagedIndexError) as caught:
            backend.open()
        assert str(file) in caught.value.en
        assert str(file) in caught.value.zh
        replace(file, content)
    assert answers(backend.open(), "先锋") == ["先锋岗"]


@pytest.mark.parametrize("content", [b"", b"\n", b"one-word\n", b"a b c\n", b"../generations x\n"])
def test_a_pointer_that_makes_no_sense_is_damage(
    backend: LocalBackend, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "index" / "CURRENT").write_bytes(content)
    with pytest.raises(DamagedIndexError, match="CURRENT"):
        backend.open()
    with pytest.raises(DamagedIndexError, match="CURRENT"):
        backend.snapshot()


def test_an_update_interrupted_after_it_was_published_stays(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with backend.update() as writer:
        writer.add("docs/c.md", [indexed(PARK)])
        monkeypatch.setattr(generations.Generations, "clear", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.commit()
    monkeypatch.undo()
    assert lexical(backend.open(), "成甘") == [PARK.text]


@pytest.mark.parametrize("moment", ["sha256_of", "fsync", "describe"])
def test_an_update_interrupted_before_it_was_published_leaves_nothing(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = backend.snapshot()
    with backend.update() as writer:
        writer.add("docs/c.md", [indexed(PARK)])
        if moment == "describe":
            monkeypatch.setattr("rag.stores.local.describe_files", interrupted)
        else:
            monkeypatch.setattr(generations, moment, interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.commit()
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "index" / "generations").iterdir()] == [before]
    assert lexical(backend.open(), "先锋") == [POSTS.text]
    publish(backend, PARK.info.source, PARK)
    assert lexical(backend.open(), "成甘") == [PARK.text]


def test_an_error_of_the_caller_discards_the_update_and_frees_the_lock(
    backend: LocalBackend, tmp_path: Path
) -> None:
    def failing() -> None:
        with backend.update() as writer:
            writer.add("docs/c.md", [indexed(PARK)])
            raise ZeroDivisionError

    before = backend.snapshot()
    with pytest.raises(ZeroDivisionError):
        failing()
    assert backend.snapshot() == before
    assert [path.name for path in (tmp_path / "index" / "generations").iterdir()] == [before]
    publish(backend, PARK.info.source, PARK)


def test_a_failed_commit_is_a_storage_error_with_its_reason(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = backend.snapshot()
    with backend.update() as writer:
        writer.add("docs/c.md", [indexed(PARK)])
        monkeypatch.setattr(generations, "fsync", full)
        with pytest.raises(StorageError) as caught:
            writer.commit()
    monkeypatch.undo()
    assert str(tmp_path / "index") in caught.value.en
    assert "No space left on device" in caught.value.en
    assert "No space left on device" in caught.value.zh
    assert backend.snapshot() == before


def test_one_store_answers_in_several_threads(backend: LocalBackend) -> None:
    store = backend.open()

    def ask(_: int) -> tuple[list[str], int, int]:
        return answers(store, "先锋"), len(store.files()), len(list(store.documents()))

    with ThreadPoolExecutor(8) as pool:
        assert set(map(str, pool.map(ask, range(200)))) == {str((["先锋岗"], 2, 2))}


def test_every_file_of_an_index_has_a_format_of_its_own_and_none_is_a_pickle(
    backend: LocalBackend, tmp_path: Path
) -> None:
    path = in_use(tmp_path / "index")
    assert {child.name for child in path.iterdir()} == {
        "manifest.json",
        "documents.sqlite",
        "vectors.faiss",
        "terms",
    }
    assert (path / "documents.sqlite").read_bytes().startswith(b"SQLite format 3\x00")
    assert (path / "vectors.faiss").read_bytes().startswith(b"IxM2")
    for file in files_of(tmp_path / "index"):
        with pytest.raises((ValueError, IndexError, UnicodeDecodeError)):
            list(pickletools.genops(file.read_bytes()))


_FILL = """
    import pathlib, sys
    from rag.errors import StorageError
    from rag.stores import LocalBackend
    from tests.stores.filling import PARK, POSTS, lexical, publish
    from tests.support import RECIPE, article
    root = pathlib.Path(sys.argv[1])
    backend = LocalBackend(root / "index", RECIPE)
    long = article("很长的文章。" * 4_000, title="长文", source="docs/long.md")
    filler = root / "filler"
    failed = 0
    for free in range(0, 2_000_000, 60_000):
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"0" * 4096):
                    pass
            except OSError:
                pass
        size = filler.stat().st_size
        with filler.open("r+b") as file:
            file.truncate(max(0, size - free))
        before = backend.snapshot()
        try:
            publish(backend, "docs/long.md", long)
        except StorageError as error:
            failed += 1
            assert str(root / "index") in error.en, error.en
            assert "old index is still in use" in error.en, error.en
            assert backend.snapshot() == before
            assert lexical(backend.open(), "先锋") == [POSTS.text]
            left = [path.name for path in (root / "index" / "generations").iterdir()]
            assert left == [before], left
        else:
            break
    filler.unlink()
    publish(backend, PARK.info.source, PARK)
    assert lexical(backend.open(), "成甘") == [PARK.text]
    print(failed)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_however_little_space_is_left_the_old_index_stays_in_use(small_disk: Path) -> None:
    publish(LocalBackend(small_disk / "index", RECIPE), POSTS.info.source, POSTS)
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_FILL), str(small_disk)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= 2


def test_an_index_on_a_read_only_disk_opens_and_answers(small_disk: Path) -> None:
    backend = LocalBackend(small_disk / "index", RECIPE)
    publish(backend, POSTS.info.source, POSTS)
    publish(backend, LOANS.info.source, LOANS)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store = backend.open()
    assert answers(store, "先锋") == ["先锋岗"]
    with pytest.raises(StorageError, match="Read-only file system"):
        publish(backend, PARK.info.source, PARK)
    assert answers(store, "惠蓉") == ["惠蓉贷"]
    store.close()


def test_the_files_of_an_index_can_be_read_by_whoever_may_read_its_folder(
    backend: LocalBackend, tmp_path: Path
) -> None:
    path = in_use(tmp_path / "index")
    modes = {
        file.stat().st_mode & 0o777
        for file in path.rglob("*")
        if file.is_file() and not file.name.endswith(".lock")
    }
    assert modes == {(path / "manifest.json").stat().st_mode & 0o777}
    if os.umask(os.umask(0o022)) == 0o022:
        assert modes == {0o644}
