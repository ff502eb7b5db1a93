"""Writes archives, and files that take their name when they are complete."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from rag.errors import ConfigError, StorageError
from rag.stores.generations import fsync

_SUFFIXES = (".tar", ".tar.gz", ".tgz")


@contextmanager
def drafted(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes the name `target` when it is complete and on the disk.

    Its owner alone may read it, as it holds what people asked. Raises StorageError.
    """
    try:
        descriptor, name = tempfile.mkstemp(".part", f".{target.name}.", target.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
            fsync(target.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{target}: can't be written ({reason}); check that folder, or name another file",
            f"{target}：无法写入（{reason}），请检查该目录或换一个文件名",
        ) from None


class Writer:
    """Puts members into a new archive."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def put(self, name: str, data: bytes) -> None:
        self.copy(name, io.BytesIO(data), len(data))

    def copy(self, name: str, source: IO[bytes], size: int) -> str:
        """Add `size` bytes of `source`; their sha256."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        hashing = _Hashing(source)
        self._tar.addfile(member, cast("IO[bytes]", hashing))
        return hashing.digest.hexdigest()


class _Hashing:
    """Hashes what is read through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


@contextmanager
def writing(file: IO[bytes], name: str) -> Iterator[Writer]:
    """An archive written into `file`, compressed where `name` says so."""
    with ExitStack() as stack:
        if not name.endswith(".tar"):
            file = cast(
                "IO[bytes]",
                stack.enter_context(gzip.GzipFile("", "wb", 6, cast("io.BytesIO", file), 0)),
            )
        tar = stack.enter_context(tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT))
        yield Writer(tar)


def check_name(target: Path) -> None:
    """Raises ConfigError unless the name says how the archive is to be written."""
    if not target.name.endswith(_SUFFIXES):
        raise ConfigError(
            f"{target}: name the archive .tar, or .tar.gz to have it compressed",
            f"{target}：文件名请以 .tar 结尾，需要压缩则用 .tar.gz",
        )
