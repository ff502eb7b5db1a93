"""The articles, as the page and the API manage them: upload and remove."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.assembly import LiveAssistant, indexer_of
from rag.config import Settings
from rag.errors import IndexBusyError, LoadError, RagError, StorageError
from rag.loaders import source_name
from rag.stores.generations import fsync

if TYPE_CHECKING:
    from rag.indexing import Progress

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200b-\u200f\u202a-\u202e\u2066-\u2069]')
_LONGEST_NAME = 200  # bytes in UTF-8: file systems allow 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that someone sends: its name there, and where its bytes are now."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one upload: kept under `source`, or `error`."""

    name: str
    source: str | None
    error: RagError | None


class Library:
    """Adds files to the folder of articles and the index, one update at a time."""

    def __init__(self, settings: Settings, live: LiveAssistant) -> None:
        self._settings = settings
        self._live = live
        self._lock = threading.Lock()

    def add(
        self,
        uploads: Sequence[Upload],
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> list[Outcome]:
        """Keep the files and index them; a file that can't be read isn't kept.

        Raises IndexBusyError, StorageError, IndexUnusableError.
        """
        folder = self._settings.server.upload_dir
        if not self._lock.acquire(blocking=False):
            raise IndexBusyError(
                "another upload is being indexed; send yours again when it is done",
                "另一批文件正在入库，请稍后再上传",
            )
        try:
            with _kept(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=folder, prefix=".upload-") as scratch:
                    return self._add(uploads, folder, Path(scratch), progress)
        finally:
            self._lock.release()

    def _add(
        self,
        uploads: Sequence[Upload],
        folder: Path,
        scratch: Path,
        progress: Callable[[Progress], None],
    ) -> list[Outcome]:
        targets: dict[Path, str] = {}
        outcomes: list[Outcome] = []
        with ExitStack() as undoing:
            for upload in uploads:
                name = safe_name(upload.name)
                if name is None:
                    outcomes.append(Outcome(upload.name, None, _bad_name(upload.name)))
                    continue
                target = folder / name
                if target not in targets:
                    undoing.callback(_put_back, target, _copied(target, scratch / f"old {name}"))
                # Whole and on the disk before it takes the place of the one that is there.
                _copy(upload.path, scratch / name)
                (scratch / name).replace(target)
                targets[target] = upload.name
            fsync(folder)
            report = indexer_of(self._settings).index(list(targets), progress=progress)
            undoing.pop_all()
        problems = {problem.source: problem.error for problem in report.problems}
        for target, name in targets.items():
            source = source_name(target)
            error = problems.get(source)
            if error is not None:
                old = scratch / f"old {target.name}"
                _put_back(target, old if old.exists() else None)
            outcomes.append(Outcome(name, None if error else source, error))
        self._live.refresh()
        self._live.compact()
        return outcomes

    def remove(self, document_id: str) -> bool:
        """Take an article out of the index, its file stays; False when there is none with this id.

        Raises IndexBusyError, StorageError.
        """
        with self._live.update() as writer:
            if not writer.remove_document(document_id):
                return False
            writer.commit()
        self._live.refresh()
        self._live.compact()
        return True


def safe_name(name: str) -> str | None:
    """A file name without folders and signs that harm; None when nothing usable is left."""
    bare = _FORBIDDEN.sub("", name.replace("\\", "/").rsplit("/", 1)[-1]).strip().lstrip(".~")
    stem, suffix = Path(bare).stem, Path(bare).suffix
    room = _LONGEST_NAME - len(suffix.encode())
    stem = stem.encode("utf-8", "ignore")[: max(0, room)].decode("utf-8", "ignore").strip()
    return f"{stem}{suffix}" if stem and suffix else None


def _copied(target: Path, old: Path) -> Path | None:
    """What stands at `target`, kept as `old`; None where there is nothing."""
    if not target.exists():
        return None
    _copy(target, old)
    return old


def _put_back(target: Path, old: Path | None) -> None:
    """As it was before the upload."""
    if old is None:
        target.unlink(missing_ok=True)
    else:
        old.replace(target)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Translate what the operating system says when a file can't be kept."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{folder}: the uploaded files can't be kept ({reason}); nothing has changed; check "
            "free space and permissions of that folder",
            f"{folder}：无法保存上传的文件（{reason}），未做任何更改，请检查该目录的剩余空间和权限",
        ) from error


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        while block := read.read(1 << 20):
            write.write(block)
        write.flush()
        os.fsync(write.fileno())


def _bad_name(name: str) -> LoadError:
    return LoadError(
        f"{name!r}: not a usable file name; give it a name and an extension such as .docx",
        f"{name!r}：文件名不可用，请改成带扩展名的名字，例如 .docx",
    )
