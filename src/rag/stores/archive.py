"""An index as one file: a tar archive whose every member is known before it is read.

    backup.json                       what follows: names, sizes and sha256
    CURRENT                           as in the index folder
    generations/<name>/manifest.json
    generations/<name>/...            the files of the manifest, in its order
    feedback.sqlite                   people's ratings, where there are any

A reader asks for these members in this order and takes nothing else, so a path that leads
elsewhere, a link or a device is refused by its mere presence. The sha256 tell damage; they can't
tell a forged archive from a true one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import ArchiveError
from rag.stores.generations import FORMAT, MANIFEST, FileEntry, Manifest

LABEL = "backup.json"
RATINGS = "feedback.sqlite"
_FORMAT = 1
_BLOCK = 1 << 20
_SMALL = 1 << 24  # bytes that a label, a manifest or a header of the archive may have
MOST_RATINGS = 1 << 30  # bytes: they are held in memory on their way
_PART = re.compile(r"[A-Za-z0-9._-]{1,200}")
_GENERATION = re.compile(r"\d{8}-[0-9a-f]{6}")
# What a damaged or hostile archive makes the standard library raise.
_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, RecursionError)


class Label(BaseModel):
    """The first member: what the archive holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    generation: str
    manifest: FileEntry
    ratings: FileEntry | None


@dataclass(frozen=True, slots=True)
class Contents:
    """An archive that was read to its end and found to be as it says."""

    label: Label
    manifest: Manifest
    ratings: bytes | None


def entry_of(data: bytes) -> FileEntry:
    """Size and sha256 of some bytes."""
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def pointer_of(label: Label) -> bytes:
    """What CURRENT holds for this generation."""
    return f"{label.generation}\n{label.manifest.sha256}\n".encode("ascii")


class _Bounded:
    """Refuses to read much at once: a header may claim to be larger than the memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _SMALL:
            raise tarfile.ReadError("a header that is too large")
        return self._file.read(size)


class Reader:
    """Takes the members of an archive in the one order they may have. Raises ArchiveError."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path = path
        self._tar = tar

    def label(self) -> Label:
        """What the archive says that it holds."""
        try:
            label = Label.model_validate_json(self._small(LABEL))
        except ValidationError:
            raise foreign(self._path) from None
        if label.format != _FORMAT or not _GENERATION.fullmatch(label.generation):
            raise foreign(self._path)
        return label

    def manifest(self, label: Label) -> Manifest:
        """The manifest of the generation, once it is what the label says."""
        if self._small("CURRENT") != pointer_of(label):
            raise damaged(self._path, "CURRENT")
        name = f"generations/{label.generation}/{MANIFEST}"
        data = self._small(name)
        if entry_of(data) != label.manifest:
            raise damaged(self._path, name)
        try:
            manifest = Manifest.model_validate_json(data)
        except ValidationError:
            raise foreign(self._path) from None
        if manifest.format != FORMAT:
            raise ArchiveError(
                f"{self._path}: its index has format {manifest.format} and this version reads "
                f"{FORMAT}; restore it with the version that wrote it, or run: rag index",
                f"{self._path}：其中的索引格式为 {manifest.format}，本版本使用 {FORMAT}；"
                "请用写出它的版本恢复，或运行：rag index",
            )
        if not all(map(_harmless, manifest.files)):
            raise foreign(self._path)
        return manifest

    def files(self, label: Label, files: Mapping[str, FileEntry], target: Path | None) -> None:
        """Check every file of a generation and, with a target, write it there."""
        for name, entry in files.items():
            member = f"generations/{label.generation}/{name}"
            if target is None:
                self._copy(member, entry, None)
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with (target / name).open("xb") as out:
                self._copy(member, entry, out)

    def ratings(self, label: Label) -> bytes | None:
        """The ratings, and that nothing stands behind them."""
        ratings = None
        if label.ratings is not None:
            if label.ratings.size > MOST_RATINGS:
                raise foreign(self._path)
            out = io.BytesIO()
            self._copy(RATINGS, label.ratings, out)
            ratings = out.getvalue()
        if self._tar.next() is not None:
            raise foreign(self._path)
        return ratings

    def _small(self, name: str) -> bytes:
        file, size = self._take(name)
        if size > _SMALL:
            raise foreign(self._path)
        return file.read()

    def _copy(self, name: str, entry: FileEntry, out: IO[bytes] | None) -> None:
        file, size = self._take(name)
        digest = hashlib.sha256()
        while size == entry.size and (block := file.read(_BLOCK)):
            digest.update(block)
            if out is not None:
                out.write(block)
        if size != entry.size or digest.hexdigest() != entry.sha256:
            raise damaged(self._path, name)

    def _take(self, name: str) -> tuple[IO[bytes], int]:
        member = self._tar.next()
        if member is None:
            raise damaged(self._path, name)
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4; the next lines hold without it, too
            tarfile.data_filter(member, "/nowhere")
        if member.name != name or not member.isreg() or member.issparse():
            raise foreign(self._path)
        file = self._tar.extractfile(member)
        assert file is not None  # for a regular file there always is one
        return file, member.size


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """An archive open for reading. Raises ArchiveError for whatever is wrong with it."""
    try:
        with ExitStack() as stack:
            file = cast("IO[bytes]", stack.enter_context(path.open("rb")))
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=file)))
            bounded = cast("IO[bytes]", _Bounded(file))
            yield Reader(path, stack.enter_context(tarfile.open(fileobj=bounded, mode="r:")))
    except _DAMAGE as error:
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
        raise ArchiveError(
            f"{path}: not readable as a backup ({reason}); take one that `rag backup` wrote",
            f"{path}：无法作为备份读取（{reason}），请使用 rag backup 写出的文件",
        ) from None


def verified(path: Path) -> Contents:
    """Read an archive to its end and check every byte. Raises ArchiveError."""
    with reading(path) as archive:
        label = archive.label()
        manifest = archive.manifest(label)
        archive.files(label, manifest.files, None)
        return Contents(label, manifest, archive.ratings(label))


def extract(path: Path, contents: Contents, target: Path) -> None:
    """Write the files of a verified archive into `target`, checking them once more.

    Raises ArchiveError, and OSError for what can't be written.
    """
    failed: OSError | None = None
    with suppress(_Unwritable), reading(path) as archive:
        archive.manifest(archive.label())
        try:
            archive.files(contents.label, contents.manifest.files, target)
        except OSError as error:  # the disk's fault, not the archive's
            failed = error
            raise _Unwritable from error
    if failed is not None:
        raise failed


class _Unwritable(Exception):  # noqa: N818 - never seen outside this module
    """Carries the disk's error past what speaks about the archive."""


def _harmless(name: str) -> bool:
    """Whether a name of a manifest stays below the generation's folder."""
    parts = name.split("/")
    return (
        len(parts) <= 2  # `terms/` and `base/` are the only folders
        and all(_PART.fullmatch(part) and part.strip(".") for part in parts)
        and name != MANIFEST
    )


def foreign(path: Path) -> ArchiveError:
    """It isn't what `rag backup` writes."""
    return ArchiveError(
        f"{path}: not a backup of this program, or one that was tampered with; nothing was "
        "changed; take a file that `rag backup` wrote",
        f"{path}：不是本程序的备份，或已被改动；未做任何更改，请使用 rag backup 写出的文件",
    )


def damaged(path: Path, member: str) -> ArchiveError:
    """It is, but not as it was written."""
    return ArchiveError(
        f"{path}: damaged ({member} is missing or has changed); nothing was changed; "
        "take another copy of the backup",
        f"{path}：已损坏（{member} 缺失或被改动）；未做任何更改，请换一份备份",
    )
