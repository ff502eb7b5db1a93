"""Backup and restore of an index folder while others read it and write it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from rag.errors import (
    ArchiveError,
    DamagedIndexError,
    IndexUnusableError,
    StorageError,
)
from rag.protocols import StoreStats
from rag.stores import archive, archive_writer
from rag.stores.archive import RATINGS, Contents, Label, entry_of
from rag.stores.generations import (
    MANIFEST,
    Generations,
    Manifest,
    Recipe,
    damaged,
    storage_errors,
)
from rag.stores.reader import LocalStore
from rag.stores.verification import verify_files

_ATTEMPTS = 5
_SCHEMA = {("table", "feedback"), ("index", "sqlite_autoindex_feedback_1")}
Ratings = Literal["none", "restored", "kept"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has put in place; `ratings` says what became of the archived ones."""

    stats: StoreStats
    ratings: Ratings


def back_up(root: Path, target: Path) -> StoreStats:
    """Write the generation in use and the ratings into one archive.

    Readers and a writer may go on meanwhile. Raises ConfigError, IndexUnusableError, StorageError,
    and leaves what stood at `target` when it does.
    """
    archive_writer.check_name(target)
    generations = Generations(root)
    with ExitStack() as stack:
        path, manifest, data, files = _hold(generations, stack)
        ratings = _snapshot(root / RATINGS)
        label = Label(
            format=1,
            generation=path.name,
            manifest=entry_of(data),
            ratings=None if ratings is None else entry_of(ratings),
        )
        file = stack.enter_context(archive_writer.drafted(target))
        with archive_writer.writing(file, target.name) as out:
            out.put(archive.LABEL, label.model_dump_json().encode())
            out.put("CURRENT", archive.pointer_of(label))
            folder = f"generations/{path.name}"
            out.put(f"{folder}/{MANIFEST}", data)
            for name, entry in manifest.files.items():
                same = os.fstat(files[name].fileno()).st_size == entry.size
                if (
                    not same
                    or out.copy(f"{folder}/{name}", files[name], entry.size) != entry.sha256
                ):
                    raise damaged(path / name, "its bytes have changed", "内容已被改动")
            if ratings is not None:
                out.put(RATINGS, ratings)
    return StoreStats(manifest.documents, manifest.chunks, path.name)


def _hold(
    generations: Generations, stack: ExitStack
) -> tuple[Path, Manifest, bytes, dict[str, IO[bytes]]]:
    """Open every file of the generation in use: what is open stays, whoever clears it away."""
    for attempt in range(_ATTEMPTS):
        path = generations.current()
        try:
            manifest = generations.manifest(path)
            data = (path / MANIFEST).read_bytes()
            with ExitStack() as opening:
                files: dict[str, IO[bytes]] = {
                    name: opening.enter_context((path / name).open("rb")) for name in manifest.files
                }
                stack.enter_context(opening.pop_all())
        except (DamagedIndexError, OSError) as error:
            # Two updates may have passed since CURRENT was read, and its files be gone.
            if attempt == _ATTEMPTS - 1 or generations.current() == path:
                if isinstance(error, DamagedIndexError):
                    raise
                verify_files(path, manifest)  # says which file it is
                raise damaged(path, "not readable", "无法读取") from None
        else:
            return path, manifest, data, files
    raise AssertionError("unreachable")


def _snapshot(path: Path) -> bytes | None:
    """The ratings as one consistent database, while a server may add to them."""
    if not path.exists():
        return None
    if path.stat().st_size > archive.MOST_RATINGS:
        raise StorageError(
            f"{path}: more ratings than a backup takes (1 GiB); copy that file by itself, with no "
            "server running, and move it away",
            f"{path}：评价超过备份的上限（1 GiB）；请停止服务后单独复制该文件并移走",
        )
    try:
        with (
            closing(sqlite3.connect(path, timeout=10)) as source,
            closing(sqlite3.connect(":memory:")) as copy,
        ):
            source.backup(copy)
            return copy.serialize() if _rated(copy) else None
    except sqlite3.Error as error:
        raise StorageError(
            f"{path}: the ratings can't be read ({error}); move that file away to back up the "
            "index alone",
            f"{path}：无法读取评价（{error}）；如只需备份索引，请先移走该文件",
        ) from None


def restore(root: Path, source: Path, recipe: Recipe, *, replace_ratings: bool = False) -> Restored:
    """Put an archive's generation in use, once every byte of the archive has been checked.

    Readers go on and follow. Ratings that are there already stay unless `replace_ratings`. Raises
    ArchiveError, IndexBusyError, StorageError, and leaves the old state in use when it does or
    when it is killed.
    """
    contents = archive.verified(source)
    _check_recipe(source, contents.manifest.recipe, recipe)
    ratings = None if contents.ratings is None else _opened(source, contents.ratings)
    generations = Generations(root)
    with generations.writing(), storage_errors(root):
        with suppress(IndexUnusableError):  # make room: what a killed run left behind
            generations.clear({generations.current().name})
        path = generations.begin()
        try:
            _install(generations, source, contents, path)
        finally:
            if not generations.published(path):
                shutil.rmtree(path, ignore_errors=True)
    stats = StoreStats(contents.manifest.documents, contents.manifest.chunks, path.name)
    if ratings is None:
        return Restored(stats, "none")
    with closing(ratings):
        replaced = _put_ratings(ratings, root / RATINGS, replace=replace_ratings)
    return Restored(stats, "restored" if replaced else "kept")


def _install(generations: Generations, source: Path, contents: Contents, path: Path) -> None:
    archive.extract(source, contents, path)
    try:
        LocalStore(path, contents.manifest).close()
    except DamagedIndexError:  # true to its sha256, and yet no index
        raise archive.foreign(source) from None
    generations.publish(path, contents.manifest)


def _check_recipe(source: Path, built: Recipe, wanted: Recipe) -> None:
    if (built.embedder, built.fingerprint) != (wanted.embedder, wanted.fingerprint):
        raise ArchiveError(
            f"{source}: its index was built with the embedding model {built.embedder} "
            f"({built.fingerprint[:12]}) and the configuration names {wanted.embedder} "
            f"({wanted.fingerprint[:12]}); set embedding.model to it, or run: rag index",
            f"{source}：其中的索引由向量模型 {built.embedder}（{built.fingerprint[:12]}）建立，"
            f"而当前配置为 {wanted.embedder}（{wanted.fingerprint[:12]}）；"
            "请改 embedding.model，或运行：rag index",
        )
    if built.analyser != wanted.analyser:
        raise ArchiveError(
            f"{source}: its index was cut into terms by {built.analyser} and this version uses "
            f"{wanted.analyser}; restore it with the version that wrote it, or run: rag index",
            f"{source}：其中的索引切词方式为 {built.analyser}，本版本为 {wanted.analyser}；"
            "请用写出它的版本恢复，或运行：rag index",
        )


def _opened(source: Path, ratings: bytes) -> sqlite3.Connection:
    """The archived ratings in memory, once they are ratings and nothing else."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(ratings)
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = set(connection.execute("SELECT type, name FROM sqlite_master"))
    except sqlite3.Error:
        sound, found = False, set()
    if not sound or not found <= _SCHEMA:
        connection.close()
        raise archive.foreign(source)
    return connection


def _put_ratings(ratings: sqlite3.Connection, path: Path, *, replace: bool) -> bool:
    """Whether the ratings were put in place, in one transaction of SQLite's own.

    A server may be adding one: a file put in the place of an open database would lose it.
    """
    try:
        with closing(sqlite3.connect(path, timeout=10)) as target:
            if not replace and _rated(target):
                return False
            ratings.backup(target)
    except sqlite3.Error as error:
        raise StorageError(
            f"{path}: the index was restored, the ratings can't be written ({error}); check the "
            "folder and the disk, then restore again with --feedback",
            f"{path}：索引已恢复，但无法写入评价（{error}）；"
            "请检查目录和磁盘，再加 --feedback 恢复一次",
        ) from None
    return True


def _rated(connection: sqlite3.Connection) -> bool:
    """Whether a database holds a rating."""
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'feedback'").fetchall()
    return bool(tables) and bool(connection.execute("SELECT 1 FROM feedback LIMIT 1").fetchall())


__all__ = ["Restored", "back_up", "restore"]
