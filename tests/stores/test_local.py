from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from rag.errors import DamagedIndexError, IncompatibleIndexError, IndexBusyError
from rag.stores import LocalBackend, vectors
from tests.stores.test_contract import LOANS, PARK, POSTS, lexical, put
from tests.support import RECIPE, article

ROOT = Path(__file__).parents[2]


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    backend = LocalBackend(tmp_path / "index", RECIPE)
    put(backend, POSTS)
    put(backend, LOANS)
    return backend


def files_of(root: Path) -> list[Path]:
    """Every file that decides what the index in use says."""
    name = (root / "CURRENT").read_text().split()[0]
    inside = (root / "generations" / name).rglob("*")
    return [root / "CURRENT", *(p for p in inside if p.is_file() and p.suffix != ".lock")]


def replace(file: Path, content: bytes) -> None:
    """Give the file other bytes under a new inode: readers of the old one have it mapped."""
    file.unlink()
    file.write_bytes(content)


def test_a_flipped_byte_in_any_file_is_noticed_and_named(
    backend: LocalBackend, tmp_path: Path
) -> None:
    files = files_of(tmp_path / "index")
    assert len(files) > 8
    for file in files:
        content = file.read_bytes()
        for at in {0, len(content) // 2, len(content) - 1}:
            damaged = bytearray(content)
            damaged[at] ^= 0x55
            replace(file, bytes(damaged))
            with pytest.raises(DamagedIndexError, match="rag index --rebuild") as caught:
                backend.open()
            assert file.name in caught.value.en or file.name == "CURRENT"
            assert "rag index --rebuild" in caught.value.zh
        replace(file, content)
        backend.open()


def test_a_missing_file_is_noticed_and_named(backend: LocalBackend, tmp_path: Path) -> None:
    for file in files_of(tmp_path / "index")[1:]:
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(DamagedIndexError):
            backend.open()
        file.write_bytes(content)


def test_a_damaged_index_is_not_built_upon_but_can_be_rebuilt(
    backend: LocalBackend, tmp_path: Path
) -> None:
    damaged = next(p for p in files_of(tmp_path / "index") if p.name == "documents.sqlite")
    replace(damaged, b"nothing")
    with pytest.raises(DamagedIndexError), backend.update():
        pass
    with backend.update(rebuild=True) as writer:
        writer.commit()
    assert backend.open().stats().documents == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"embedder": "other"}, "set embedding.model back or run: rag index"),
        ({"fingerprint": "other"}, "set embedding.model back or run: rag index"),
        ({"analyser": "words-1"}, "run: rag index"),
    ],
)
def test_an_index_of_another_recipe_is_refused_with_the_cure(
    backend: LocalBackend, tmp_path: Path, change: dict[str, str], sentence: str
) -> None:
    other = LocalBackend(tmp_path / "index", RECIPE.model_copy(update=change))
    with pytest.raises(IncompatibleIndexError) as caught:
        other.open()
    assert sentence in caught.value.en
    with other.update() as writer:
        assert writer.files() == {}


def test_other_chunk_sizes_answer_now_and_start_anew_at_the_next_update(
    backend: LocalBackend, tmp_path: Path
) -> None:
    other = LocalBackend(tmp_path / "index", RECIPE.model_copy(update={"chunking": "300-60"}))
    assert other.open().stats().documents == 2
    with other.update() as writer:
        assert writer.files() == {}


def test_a_lock_dies_with_its_process(backend: LocalBackend, tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import pathlib, time
        from rag.stores import LocalBackend
        from tests.support import RECIPE
        with LocalBackend(pathlib.Path({str(tmp_path / "index")!r}), RECIPE).update():
            print("locked", flush=True)
            time.sleep(60)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(IndexBusyError), backend.update():
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    put(backend, PARK)
    assert lexical(backend, "成甘") == ["园区"]


def test_a_full_disk_leaves_the_old_index_in_use(backend: LocalBackend, tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import pathlib, resource, signal
        from rag.errors import StorageError
        from rag.stores import LocalBackend
        from tests.stores.test_contract import put
        from tests.support import RECIPE, article
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        backend = LocalBackend(pathlib.Path({str(tmp_path / "index")!r}), RECIPE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        try:
            put(backend, article("很长的文章。" * 20_000, source="docs/long.md"))
        except StorageError as error:
            print(error.en)
    """)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "could not be written" in run.stdout, run.stderr
    assert str(tmp_path / "index") in run.stdout
    assert "the old index is still in use" in run.stdout
    assert lexical(backend, "先锋") == ["先锋岗"]
    put(backend, PARK)
    assert lexical(backend, "成甘") == ["园区"]


@pytest.mark.skipif(os.name != "posix", reason="users and modes of POSIX")
def test_a_read_only_index_answers_and_refuses_updates_in_a_sentence(
    backend: LocalBackend, tmp_path: Path
) -> None:
    root = tmp_path / "index"
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = textwrap.dedent(f"""
        import os, pathlib, sys
        import numpy, tantivy, faiss
        from rag.errors import StorageError
        from rag.stores import LocalBackend
        from tests.stores.test_contract import LOANS, lexical, put
        from tests.support import RECIPE
        backend = LocalBackend(pathlib.Path({str(root)!r}), RECIPE)
        if os.getuid() == 0:
            lexical(backend, "先锋")  # imports what that user may not be able to read
            os.setgid(65534); os.setuid(65534)
        print(lexical(backend, "先锋"))
        try:
            put(backend, LOANS)
        except StorageError as error:
            print(error.en)
    """)
    for parent in list(tmp_path.parents)[:3]:
        if os.getuid() == 0 and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = run.stdout.splitlines()
    assert lines, run.stderr
    assert lines[0] == "['先锋岗']", run.stderr
    assert "could not be written" in lines[1]
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_old_generations_go_and_the_last_two_stay(backend: LocalBackend, tmp_path: Path) -> None:
    for number in range(4):
        put(backend, article(f"第{number}版。", source="docs/v.md"))
    kept = sorted(p.name for p in (tmp_path / "index" / "generations").iterdir())
    assert len(kept) == 2
    assert kept[-1] == backend.snapshot()


def test_the_leftovers_of_a_killed_build_are_cleared(backend: LocalBackend, tmp_path: Path) -> None:
    orphan = tmp_path / "index" / "generations" / "00000099-abcdef"
    orphan.mkdir()
    (orphan / "documents.sqlite").write_bytes(b"half")
    put(backend, PARK)
    assert not orphan.exists()


def test_float16_finds_the_same_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(7)
    rows = chance.standard_normal((300, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = vectors.new_index(32)
    vectors.add(exact, range(1000, 1300), rows)
    monkeypatch.setattr(vectors, "FLOAT16_FROM", 100)
    vectors.save_index(exact, tmp_path / "half.faiss")
    half = vectors.open_index(tmp_path / "half.faiss", mapped=True)
    assert (tmp_path / "half.faiss").stat().st_size < 300 * 32 * 4
    for row in rows[:20]:
        wanted = [c.key for c in vectors.search(exact, row, limit=5)]
        assert [c.key for c in vectors.search(half, row, limit=5)] == wanted
    editable = vectors.open_index(tmp_path / "half.faiss", mapped=False)
    vectors.remove(editable, [1000])
    assert vectors.search(editable, rows[0], limit=1)[0].key != 1000


def test_nothing_of_an_index_is_a_pickle(backend: LocalBackend, tmp_path: Path) -> None:
    for file in files_of(tmp_path / "index"):
        assert not file.read_bytes().startswith(b"\x80\x04"), file
