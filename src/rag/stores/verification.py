"""Whether the files of a generation are as its manifest says.

FAISS, SQLite and tantivy load some damaged files without complaint; the sha256 of the manifest is
what notices. To compute them all takes as long as to read the index, so what is checked when is:

- at opening, the size of every file; the sha256 of whole files up to AT_OPENING bytes in sum, which
  is everything below some 50,000 passages; and of the rest that of their first HEAD bytes, where a
  large file has most of its structure: what comes behind it are texts and numbers, at which a
  reader may fail, and says so, but doesn't go astray;
- then, by a thread of the reader, the sha256 of the rest. Until it is through (seconds for a
  gigabyte), an answer may rest on damaged bytes; from when it finds some, the reader refuses. A
  file that this process has found sound isn't read again for the next generation that links it;
- before a writer begins, the terms, which tantivy merges by threads of its own; before it changes
  or merges another file, that file; a file that it only links keeps the sha256 it has, so that no
  damage is ever described as sound;
- everything, for `rag doctor`, backups and compaction.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from rag.errors import DamagedIndexError
from rag.stores.generations import BASE, MANIFEST, FileEntry, Manifest, damaged

HEAD = 8 * 2**20
AT_OPENING = 128 * 2**20
_BLOCK = 2**20
_Identity = tuple[int, int, int, int, str]
_sound: set[_Identity] = set()


def described(file: IO[bytes]) -> FileEntry:
    """Size and hashes of an open file, read from its start."""
    digest = hashlib.sha256()
    head, size = "", 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if size == HEAD:
            head = digest.hexdigest()
    return FileEntry(size=size, sha256=digest.hexdigest(), head=head)


def describe_files(
    path: Path, base: Path | None, known: Mapping[str, FileEntry]
) -> dict[str, FileEntry]:
    """The entry of every file under `path` but the manifest and locks.

    A file that is linked from `base`, the generation before, keeps the entry it has in `known`.
    """
    entries: dict[str, FileEntry] = {}
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        name = file.relative_to(path).as_posix()
        if name == MANIFEST or file.name.endswith(".lock"):
            continue
        if base is not None and name in known and _linked(file, base / name):
            entries[name] = known[name]
        else:
            with file.open("rb") as opened:
                entries[name] = described(opened)
    return entries


def _linked(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except OSError:
        return False


def verify_files(path: Path, manifest: Manifest, names: Iterable[str] | None = None) -> None:
    """Compare whole files with their sha256, all of them unless some are named.

    Raises DamagedIndexError naming the first that differs.
    """
    for name in manifest.files if names is None else names:
        try:
            with (path / name).open("rb") as file:
                same = described(file).sha256 == manifest.files[name].sha256
        except OSError:
            raise _unreadable(path / name) from None
        if not same:
            raise _changed(path / name)


def check(path: Path, manifest: Manifest, *, whole: str | None = None) -> list[str]:
    """What an opening checks; the names of the files that were not read to their end.

    Those under `whole`, a folder of the generation, are read in any case. Raises DamagedIndexError.
    """
    files = manifest.files
    for name, entry in files.items():
        try:
            size = (path / name).stat().st_size
        except OSError:
            raise _unreadable(path / name) from None
        if size != entry.size:
            raise _changed(path / name)
    read = {name for name in files if whole is not None and name.startswith(f"{whole}/")}
    left = AT_OPENING
    # The base last: no update reads it, a search reads little of it.
    for name in sorted(
        files.keys() - read, key=lambda n: (n.startswith(f"{BASE}/"), files[n].size)
    ):
        left -= files[name].size
        if left >= 0 or files[name].size <= HEAD:
            read.add(name)
        else:
            _verify_head(path / name, files[name])
    for name in sorted(read):
        _verify_once(path, manifest, name)
    return sorted(files.keys() - read)


def _verify_once(path: Path, manifest: Manifest, name: str) -> None:
    """Verify a file, but a large one that this process has found sound isn't read again."""
    entry = manifest.files[name]
    if entry.size <= HEAD:
        verify_files(path, manifest, [name])
    elif (identity := _identity((path / name).stat(), entry)) not in _sound:
        verify_files(path, manifest, [name])
        _sound.add(identity)


def _verify_head(file: Path, entry: FileEntry) -> None:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except OSError:
        raise _unreadable(file) from None
    if hashlib.sha256(head).hexdigest() != entry.head:
        raise _changed(file)


class Verification:
    """The check of a generation that a reader has open: its beginning is over when it is made."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Raises DamagedIndexError."""
        self._path = path
        self._damaged: Path | None = None
        self._stopped = threading.Event()
        self._done = threading.Event()
        rest = check(path, manifest)
        with ExitStack() as opening:
            files = []
            for name in rest:  # what is open stays, though the generation be cleared away
                try:
                    file = opening.enter_context((path / name).open("rb"))
                except OSError:
                    raise _unreadable(path / name) from None
                if _identity(os.fstat(file.fileno()), manifest.files[name]) not in _sound:
                    files.append((name, file, manifest.files[name]))
            kept = opening.pop_all()
        if files:
            threading.Thread(
                target=self._run, args=(files, kept), name="index check", daemon=True
            ).start()
        else:
            kept.close()
            self._done.set()

    def refuse_damage(self) -> None:
        """Raises DamagedIndexError once a damaged file has been found."""
        if self._damaged is not None:
            raise _changed(self._damaged)

    def wait(self) -> None:
        """Until every file has been read. Raises DamagedIndexError."""
        self._done.wait()
        self.refuse_damage()

    def stop(self) -> None:
        """Read no further."""
        self._stopped.set()

    def _run(self, files: list[tuple[str, IO[bytes], FileEntry]], kept: ExitStack) -> None:
        with kept:
            for name, file, entry in files:
                if not self._same(file, entry):
                    self._damaged = self._path / name
                    break
                if self._stopped.is_set():
                    break
                _sound.add(_identity(os.fstat(file.fileno()), entry))
        self._done.set()

    def _same(self, file: IO[bytes], entry: FileEntry) -> bool:
        digest = hashlib.sha256()
        try:
            while block := file.read(_BLOCK):
                digest.update(block)
                if self._stopped.is_set():
                    return True
        except OSError:
            return False
        return digest.hexdigest() == entry.sha256


def _identity(stat: os.stat_result, entry: FileEntry) -> _Identity:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, entry.sha256


def _unreadable(file: Path) -> DamagedIndexError:
    return damaged(file, "missing or not readable", "缺失或无法读取")


def _changed(file: Path) -> DamagedIndexError:
    return damaged(file, "its bytes have changed", "内容已被改动")
