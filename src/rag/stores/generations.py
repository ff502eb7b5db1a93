"""Immutable generations and the one pointer to the generation in use.

    index/
      CURRENT            the name of the generation in use and its manifest's sha256,
                         replaced atomically
      writer.lock        held by the one writer; the operating system drops it with the process
      generations/<name>/
        manifest.json    what is inside, with the sha256 of every other file
        documents.sqlite, vectors.faiss, terms/
        base/            the bulk of a large index: documents.sqlite, vectors.faiss

A generation is complete before CURRENT names it and never changes afterwards, so a process that
is killed at any moment leaves either the old state or the new one. Files that an update doesn't
change (the base, most of the terms) are hard links to those of the generation before.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import (
    DamagedIndexError,
    IncompatibleIndexError,
    IndexBusyError,
    NoIndexError,
    StorageError,
)

FORMAT = 3
MANIFEST = "manifest.json"
DOCUMENTS = "documents.sqlite"
VECTORS = "vectors.faiss"
TERMS = "terms"
BASE = "base"
_NAME_DIGITS = 8


class FileEntry(BaseModel):
    """Size in bytes and sha256 of one file of a generation; `head` that of a large one's start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str
    head: str = ""


class Recipe(BaseModel):
    """What decides how articles become vectors and terms: another recipe, another index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str
    fingerprint: str
    dimensions: int
    analyser: str
    chunking: str


class Manifest(BaseModel):
    """What a generation says about itself.

    `recent` is how much isn't as the base has it: passages beside it and passages gone from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    recipe: Recipe
    documents: int
    chunks: int
    recent: int
    next_key: int
    files: Mapping[str, FileEntry]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Generations:
    """The generations of one index folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pointer = root / "CURRENT"
        self.folder = root / "generations"

    def current(self) -> Path:
        """The folder of the generation in use. Raises NoIndexError, DamagedIndexError."""
        try:
            name, _ = self._read_pointer()
            path = self.folder / name
            found = "/" not in name and path.is_dir()
        except FileNotFoundError:
            raise NoIndexError(
                f"{self.root}: there is no index here; build one with: rag index",
                f"{self.root}：这里还没有索引，请先运行：rag index",
            ) from None
        except (OSError, ValueError):
            raise damaged(self.pointer, "not readable", "无法读取") from None
        if not found:
            raise damaged(self.pointer, "names no generation", "所指的版本不存在")
        return path

    def named(self) -> str | None:
        """The generation that CURRENT names, there or not; None where it names none.

        Raises OSError when CURRENT can't be read: what it names must not be taken for unused.
        """
        try:
            return self._read_pointer()[0]
        except (FileNotFoundError, ValueError):
            return None

    def _read_pointer(self) -> tuple[str, str]:
        """Name and manifest hash. Raises OSError, ValueError."""
        name, sha256 = self.pointer.read_text(encoding="ascii").split()
        return name, sha256

    def manifest(self, path: Path) -> Manifest:
        """The verified manifest of the generation in use.

        Raises DamagedIndexError, IncompatibleIndexError.
        """
        file = path / MANIFEST
        try:
            _, sha256 = self._read_pointer()
            if sha256_of(file) != sha256:
                raise damaged(
                    file, f"it isn't as {self.pointer} says", f"与 {self.pointer} 的记录不符"
                )
            data = file.read_bytes()
            built = json.loads(data)["format"]
        except (OSError, ValueError, KeyError, TypeError):
            raise damaged(file, "missing or not readable", "缺失或无法读取") from None
        if built != FORMAT:
            raise IncompatibleIndexError(
                f"{path}: the index has format {built} and this version reads {FORMAT}; "
                "rebuild it with: rag index --rebuild",
                f"{path}：索引格式为 {built}，本版本使用 {FORMAT}，请重建：rag index --rebuild",
            )
        try:
            return Manifest.model_validate_json(data)
        except ValidationError:
            raise damaged(file, "missing entries", "内容不完整") from None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock. Raises IndexBusyError, StorageError."""
        with storage_errors(self.root):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / "writer.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                raise IndexBusyError(
                    f"{self.root}: another process is writing this index; wait until it has ended",
                    f"{self.root}：另一个进程正在写入该索引，请等它结束",
                ) from None
        try:
            yield
        finally:
            lock.release()

    def begin(self) -> Path:
        """A new empty folder for the next generation; call with the lock held."""
        numbers = [int(p.name[:_NAME_DIGITS]) for p in self.folder.glob("[0-9]*-*")]
        number = max(numbers, default=0) + 1
        path = self.folder / f"{number:0{_NAME_DIGITS}d}-{secrets.token_hex(3)}"
        path.mkdir()
        return path

    def publish(self, path: Path, manifest: Manifest) -> None:
        """Make `path` the generation in use, durably, and clear away older ones.

        The generation before stays for readers that are just opening it.
        """
        (path / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        sha256 = sha256_of(path / MANIFEST)
        readable = (path / MANIFEST).stat().st_mode
        for file in path.rglob("*"):
            # tantivy makes some of its files for their owner alone.
            if file.is_file() and file.stat().st_mode != readable:
                file.chmod(readable)
            fsync(file)
        fsync(path)
        fsync(self.folder)
        previous = self.named()
        draft = self.pointer.with_suffix(".new")
        draft.write_text(f"{path.name}\n{sha256}\n", encoding="ascii")
        fsync(draft)
        draft.replace(self.pointer)
        try:
            fsync(self.root)
        except OSError as error:
            raise StorageError(
                f"{self.root}: the new index is in use, but the disk didn't confirm it "
                f"({error.strerror}) and a power cut may bring the old one back; check that disk",
                f"{self.root}：新索引已启用，但磁盘未确认写入（{error.strerror}），"
                "断电后可能恢复为旧索引，请检查该磁盘",
            ) from error
        with suppress(OSError):  # the next update clears away what this one can't
            self.clear(keep={path.name, previous})

    def published(self, path: Path) -> bool:
        """Whether `path` is the generation in use, or may be: CURRENT can't be read."""
        try:
            return self.named() == path.name
        except OSError:
            return True

    def clear(self, keep: Collection[str | None]) -> None:
        """Remove every generation but those named, such as what a killed build left behind."""
        for path in self.folder.iterdir():
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)


def base_of(path: Path, manifest: Manifest, name: str) -> Path | None:
    """The base's file of this name; None in a generation without a base."""
    return path / BASE / name if f"{BASE}/{name}" in manifest.files else None


def link_files(source: Path, target: Path) -> None:
    """A folder `target` that shares the files of `source`, which nobody ever changes."""
    target.mkdir()
    for file in source.iterdir():
        if file.name.endswith(".lock"):
            continue
        try:
            os.link(file, target / file.name)
        except OSError:  # a file system without hard links
            shutil.copyfile(file, target / file.name)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Translate what SQLite, tantivy and FAISS raise when a file of a generation isn't readable.

    Whoever verified the files may find them gone a moment later: two updates have passed.
    """
    try:
        yield
    except (UnicodeError, sqlite3.ProgrammingError):  # the caller's doing
        raise
    except (OSError, sqlite3.Error, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise damaged(path, f"not readable: {reason}", f"无法读取：{reason}") from error


@contextmanager
def storage_errors(root: Path) -> Iterator[None]:
    """Translate what the operating system, SQLite, tantivy and FAISS raise when writing fails."""
    try:
        yield
    except StorageError:
        raise
    except (OSError, sqlite3.Error, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = " ".join(reason.split())[:200]
        raise StorageError(
            f"{root}: the index could not be written ({reason}); the old index is still in use; "
            "check free space and permissions of that folder",
            f"{root}：无法写入索引（{reason}），原有索引仍可使用，请检查该目录的剩余空间和权限",
        ) from error


def damaged(file: Path, en: str, zh: str) -> DamagedIndexError:
    """What is said of a file of the index that isn't as it was written."""
    return DamagedIndexError(
        f"{file}: damaged index file ({en}); rebuild it with: rag index --rebuild",
        f"{file}：索引文件已损坏（{zh}），请重建：rag index --rebuild",
    )


def fsync(path: Path) -> None:
    """Have a file, or a folder's list of names, on the disk before going on."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no way to flush a folder
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
