"""Backup and restore: nothing lost, nothing let in, and others go on meanwhile."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import (
    ArchiveError,
    ConfigError,
    DamagedIndexError,
    IndexBusyError,
    NoIndexError,
    RagError,
    StorageError,
)
from rag.serving.feedback import FILE_NAME, FeedbackStore, Given
from rag.stores import LocalBackend
from rag.stores.archive import RATINGS, entry_of
from rag.stores.backup import back_up, restore
from rag.stores.generations import Generations
from rag.types import Answer
from tests.stores.filling import LONGQUANYI, QIONGLAI, publish, text_of, texts
from tests.stores.killing import assert_one_of_two_states
from tests.support import RECIPE

KILLS = 80
Member = tuple[tarfile.TarInfo, bytes]


def rate(folder: Path, number: int) -> None:
    answer = Answer("有几个岗位?", "有几个岗位?", True, "12个。", "12个", 0.9, None, (), (), "x")
    FeedbackStore(folder / FILE_NAME).add(Given(f"a{number}", answer), "up", "")


def ratings(folder: Path) -> list[str]:
    return [str(one["id"]) for one in FeedbackStore(folder / FILE_NAME).candidates()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index with one article and one rating."""
    publish(LocalBackend(tmp_path / "index", RECIPE), "a.md", text_of(LONGQUANYI))
    rate(tmp_path / "index", 1)
    return tmp_path / "index"


@pytest.fixture(params=["b.tar", "b.tar.gz"])
def backup(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    back_up(folder, tmp_path / request.param)
    return tmp_path / str(request.param)


def found(folder: Path) -> list[str]:
    with closing(LocalBackend(folder, RECIPE).open()) as store:
        return texts(store)


def test_a_backup_comes_back_in_an_empty_folder(backup: Path, tmp_path: Path) -> None:
    done = restore(tmp_path / "new", backup, RECIPE)
    assert (done.stats.documents, done.ratings) == (1, "restored")
    assert found(tmp_path / "new") == [LONGQUANYI]
    assert ratings(tmp_path / "new") == ["feedback-a1"]


def test_a_backup_can_be_unpacked_by_tar_alone(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert found(tmp_path / "unpacked") == [LONGQUANYI]


def test_the_ratings_are_named_as_the_server_names_them() -> None:
    assert RATINGS == FILE_NAME


def test_restoring_replaces_the_index_and_keeps_the_ratings_that_are_there(
    backup: Path, folder: Path
) -> None:
    publish(LocalBackend(folder, RECIPE), "b.md", text_of(QIONGLAI))
    rate(folder, 2)
    assert restore(folder, backup, RECIPE).ratings == "kept"
    assert found(folder) == [LONGQUANYI]
    assert ratings(folder) == ["feedback-a1", "feedback-a2"]
    assert restore(folder, backup, RECIPE, replace_ratings=True).ratings == "restored"
    assert ratings(folder) == ["feedback-a1"]


def test_an_index_without_ratings_leaves_those_that_are_there(tmp_path: Path, folder: Path) -> None:
    publish(LocalBackend(tmp_path / "bare", RECIPE), "b.md", text_of(QIONGLAI))
    back_up(tmp_path / "bare", tmp_path / "bare.tar")
    assert restore(folder, tmp_path / "bare.tar", RECIPE, replace_ratings=True).ratings == "none"
    assert (found(folder), ratings(folder)) == ([QIONGLAI], ["feedback-a1"])


def test_what_a_process_killed_at_its_first_rating_leaves_counts_as_no_ratings(
    backup: Path, folder: Path, tmp_path: Path
) -> None:
    (folder / FILE_NAME).write_bytes(b"")
    assert ratings(folder) == []
    back_up(folder, tmp_path / "unrated.tar")
    assert restore(tmp_path / "new", tmp_path / "unrated.tar", RECIPE).ratings == "none"
    assert restore(folder, backup, RECIPE).ratings == "restored"
    assert ratings(folder) == ["feedback-a1"]


def test_an_open_reader_keeps_what_it_had(backup: Path, folder: Path) -> None:
    backend = LocalBackend(folder, RECIPE)
    publish(backend, "b.md", text_of(QIONGLAI))
    with closing(backend.open()) as reader:
        restore(folder, backup, RECIPE)
        assert texts(reader) == [LONGQUANYI, QIONGLAI]
        assert found(folder) == [LONGQUANYI]


def test_an_update_goes_on_from_what_was_restored(backup: Path, folder: Path) -> None:
    restore(folder, backup, RECIPE)
    publish(LocalBackend(folder, RECIPE), "b.md", text_of(QIONGLAI))
    assert found(folder) == [LONGQUANYI, QIONGLAI]


def test_while_another_process_writes_nothing_is_restored(backup: Path, folder: Path) -> None:
    with Generations(folder).writing(), pytest.raises(IndexBusyError):
        restore(folder, backup, RECIPE)
    assert found(folder) == [LONGQUANYI]


def test_an_index_can_be_backed_up_while_it_is_written_and_rated(
    folder: Path, tmp_path: Path
) -> None:
    stopped = threading.Event()

    def index() -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            publish(LocalBackend(folder, RECIPE), "b.md", text_of(f"第{number}版。"))
            rate(folder, number)

    thread = threading.Thread(target=index)
    thread.start()
    try:
        for number in range(10):
            back_up(folder, tmp_path / f"{number}.tar")
    finally:
        stopped.set()
        thread.join()
    for number in range(10):
        new = tmp_path / str(number)
        restore(new, tmp_path / f"{number}.tar", RECIPE)
        assert found(new)[0] == LONGQUANYI
        assert "feedback-a1" in ratings(new)


@pytest.mark.parametrize("name", ["b.zip", "b.tar.zst", "b"])
def test_a_name_that_does_not_say_how_to_write_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.tar"):
        back_up(folder, folder / name)


def test_what_cannot_be_backed_up_leaves_the_older_backup(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    target.write_bytes(b"older")
    with pytest.raises(NoIndexError):
        back_up(tmp_path / "nothing", target)
    (next(folder.glob("generations/*/documents.sqlite"))).write_bytes(b"damaged")
    with pytest.raises(DamagedIndexError, match=r"documents\.sqlite"):
        back_up(folder, target)
    assert target.read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir()} == {"b.tar", folder.name}


def test_a_place_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    for name in ("nowhere/b.tar", "folder.tar"):
        with pytest.raises(StorageError, match="can't be written"):
            back_up(folder, tmp_path / name)


def test_a_full_disk_leaves_the_older_backup_and_no_draft(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    back_up(folder, tmp_path / "b.tar")
    older = (tmp_path / "b.tar").read_bytes()
    monkeypatch.setattr("rag.stores.archive_writer.os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        back_up(folder, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == older
    assert {path.name for path in tmp_path.iterdir()} == {"b.tar", folder.name}


def test_more_ratings_than_the_memory_should_hold_are_refused_both_ways(
    backup: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.stores.archive.MOST_RATINGS", 1000)
    with pytest.raises(StorageError, match="more ratings"):
        back_up(folder, tmp_path / "c.tar")
    with pytest.raises(ArchiveError):
        restore(folder, backup, RECIPE)


def test_only_its_owner_may_read_a_backup(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", [{"fingerprint": "other"}, {"analyser": "other"}])
def test_an_index_of_another_model_is_refused(
    backup: Path, folder: Path, change: dict[str, str]
) -> None:
    with pytest.raises(ArchiveError, match="other"):
        restore(folder, backup, RECIPE.model_copy(update=change))


# Hostile and damaged archives


def members(backup: Path) -> list[Member]:
    with tarfile.open(backup) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def written(target: Path, changed: list[Member]) -> Path:
    with tarfile.open(target, "w") as tar:
        for member, data in changed:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return target


def renamed(name: str) -> Callable[[list[Member]], list[Member]]:
    def change(all_of_them: list[Member]) -> list[Member]:
        all_of_them[-1][0].name = name
        return all_of_them

    return change


def typed(kind: bytes, link: str = "") -> Callable[[list[Member]], list[Member]]:
    def change(all_of_them: list[Member]) -> list[Member]:
        member, _ = all_of_them[-1]
        member.type, member.linkname = kind, link
        all_of_them[-1] = (member, b"")
        return all_of_them

    return change


def naming(name: str) -> Callable[[list[Member]], list[Member]]:
    """A manifest that is true to its sha256 and names a file elsewhere."""

    def change(all_of_them: list[Member]) -> list[Member]:
        (label, data), (pointer, _), (manifest, content), *files = all_of_them
        document = json.loads(content)
        document["files"][name] = entry_of(b"owned").model_dump()
        content = json.dumps(document).encode()
        told = json.loads(data)
        told["manifest"] = entry_of(content).model_dump()
        at = f"{told['generation']}\n{told['manifest']['sha256']}\n".encode()
        extra = tarfile.TarInfo(f"generations/{told['generation']}/{name}")
        last = len(document["files"]) - 1
        files.insert(last, (extra, b"owned"))
        return [(label, json.dumps(told).encode()), (pointer, at), (manifest, content), *files]

    return change


def extra(name: str) -> Callable[[list[Member]], list[Member]]:
    return lambda all_of_them: [*all_of_them, (tarfile.TarInfo(name), b"owned")]


HOSTILE: dict[str, Callable[[list[Member]], list[Member]]] = {
    "an absolute path": renamed("/tmp/owned"),
    "a path that leads up": renamed("../../owned"),
    "another name": renamed("owned"),
    "a symbolic link": typed(tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": typed(tarfile.LNKTYPE, "CURRENT"),
    "a device": typed(tarfile.CHRTYPE),
    "a pipe": typed(tarfile.FIFOTYPE),
    "a folder": typed(tarfile.DIRTYPE),
    "one more member": extra("owned"),
    "one more that leads up": extra("../owned"),
    "a manifest that leads up": naming("../../owned"),
    "a manifest with an absolute path": naming("/tmp/owned"),
    "a manifest that names itself": naming("manifest.json"),
    "a manifest with deep folders": naming("a/b/c"),
    "a manifest with a back-slash": naming("..\\owned"),
    "a member twice": lambda all_of_them: [all_of_them[0], *all_of_them],
    "no label": lambda all_of_them: all_of_them[1:],
    "nothing behind the label": lambda all_of_them: all_of_them[:1],
    "another order": lambda all_of_them: [*all_of_them[:3], *reversed(all_of_them[3:])],
    "nothing": lambda _: [],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_touched(
    folder: Path, tmp_path: Path, what: str
) -> None:
    back_up(folder, tmp_path / "b.tar")
    archive = written(tmp_path / "hostile.tar", HOSTILE[what](members(tmp_path / "b.tar")))
    before = state_of(tmp_path)
    with pytest.raises(ArchiveError) as error:
        restore(folder, archive, RECIPE, replace_ratings=True)
    assert error.value.en.startswith(str(archive))
    assert error.value.zh.startswith(str(archive))
    assert state_of(tmp_path) == before


def state_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "writer.lock"
    }


def test_true_to_its_sha256_and_yet_no_index_is_refused(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "b.tar")
    (label, data), (pointer, _), (manifest, content), *files = members(tmp_path / "b.tar")
    document, told = json.loads(content), json.loads(data)
    for position, (member, _) in enumerate(files):
        name = member.name.removeprefix(f"generations/{told['generation']}/")
        if name == "vectors.faiss":
            files[position] = (member, b"no vectors")
            document["files"][name] = entry_of(b"no vectors").model_dump()
    content = json.dumps(document).encode()
    told["manifest"] = entry_of(content).model_dump()
    at = f"{told['generation']}\n{told['manifest']['sha256']}\n".encode()
    changed = [(label, json.dumps(told).encode()), (pointer, at), (manifest, content), *files]
    before = state_of(folder)
    with pytest.raises(ArchiveError, match="not a backup"):
        restore(folder, written(tmp_path / "x.tar", changed), RECIPE)
    assert state_of(folder) == before


def test_ratings_that_bring_a_trigger_are_refused(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER t AFTER INSERT ON feedback BEGIN DELETE FROM feedback; END"
        )
    back_up(folder, tmp_path / "b.tar")
    with pytest.raises(ArchiveError, match="not a backup"):
        restore(tmp_path / "new", tmp_path / "b.tar", RECIPE)
    assert not (tmp_path / "new").exists()


def test_a_header_that_unpacks_to_more_than_the_memory_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    bomb = tarfile.TarInfo("././@PaxHeader")
    bomb.type, bomb.size = tarfile.XHDTYPE, 1 << 32
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", compresslevel=9) as file:
        file.write(bomb.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(1 << 25))
    with pytest.raises(ArchiveError, match="too large"):
        restore(folder, tmp_path / "bomb.tar.gz", RECIPE)


def test_what_is_no_archive_is_said(folder: Path, tmp_path: Path) -> None:
    for content in (b"", b"hello", bytes(5000), b"\x1f\x8bhello", gzip.compress(b"hello")):
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises(ArchiveError):
            restore(folder, tmp_path / "x.tar", RECIPE)
    for path in (tmp_path / "missing.tar", tmp_path):
        with pytest.raises(ArchiveError):
            restore(folder, path, RECIPE)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, bytes]]:
    folder = tmp_path_factory.mktemp("sample")
    publish(LocalBackend(folder / "index", RECIPE), "a.md", text_of(LONGQUANYI))
    rate(folder / "index", 1)
    back_up(folder / "index", folder / "b.tar")
    yield folder / "index", folder / "x.tar", (folder / "b.tar").read_bytes()
    assert found(folder / "index") == [LONGQUANYI]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(
    sample: tuple[Path, Path, bytes], data: st.DataObject
) -> None:
    folder, path, whole = sample
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    path.write_bytes(changed[:length])
    with suppress(ArchiveError):  # damage in padding, times and owners changes nothing that is read
        restore(folder, path, RECIPE)
    assert found(folder) == [LONGQUANYI]


def test_a_restore_that_cannot_write_leaves_the_old_index(
    backup: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(LocalBackend(folder, RECIPE), "b.md", text_of(QIONGLAI))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Generations, "publish", full)
    with pytest.raises(RagError, match="No space left"):
        restore(folder, backup, RECIPE)
    assert found(folder) == [LONGQUANYI, QIONGLAI]
    assert len(list((folder / "generations").iterdir())) == 1


@pytest.mark.slow
def test_a_restore_killed_at_any_moment_leaves_the_old_or_the_new_state() -> None:
    pytest.importorskip("fcntl", reason="forks and SIGKILL need a POSIX system")
    assert_one_of_two_states(KILLS, "--restore")
