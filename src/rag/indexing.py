"""Prepare -> store, incrementally: what hasn't changed isn't read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rag.loaders import Problem, SourceFile, discover, file_sha256
from rag.preparing import Prepared, Preparer, unreadable
from rag.protocols import FileRecord, StoreBackend, StoreStats, StoreWriter


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is; bytes count within a file too, estimated from its text."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a build did. Every file is in exactly one of the counts or among the problems."""

    added: int
    changed: int
    unchanged: int
    removed: int
    problems: tuple[Problem, ...]
    stats: StoreStats | None


@dataclass(slots=True)
class _Tally:
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def touched(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Indexer:
    """Brings an index up to date with files and folders."""

    def __init__(self, *, backend: StoreBackend, preparer: Preparer) -> None:
        self._backend = backend
        self._preparer = preparer

    def index(
        self,
        paths: Sequence[Path],
        *,
        prune: bool = False,
        rebuild: bool = False,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> IndexReport:
        """Read `paths` and update the index; all of it becomes visible at the end, or nothing.

        A file that can't be read becomes a problem of the report, and what the index had from it
        stays. With `prune`, files that the index knows under the same folders and that are gone
        are removed. Raises IndexBusyError, StorageError, IndexUnusableError, and what the
        preparer raises.
        """
        files, problems = discover(paths)
        tally = _Tally(problems=list(problems))
        with self._backend.update(rebuild=rebuild) as writer:
            known = writer.files()
            hashes, todo = self._changed(files, known, tally)
            self._fill(todo, hashes, known, writer, tally, progress)
            if prune:
                tally.removed = _prune(writer, files, paths)
            # An empty folder makes an empty index; one where everything failed makes none.
            fresh = not known and not tally.touched and not tally.problems
            stats = writer.commit() if tally.touched or fresh else None
        return IndexReport(
            tally.added, tally.changed, tally.unchanged, tally.removed, tuple(tally.problems), stats
        )

    def compact(self, starting: Callable[[], None]) -> bool:
        """As `StoreBackend.compact`: for after an update that people already have."""
        return self._backend.compact(starting)

    def _changed(
        self, files: Sequence[SourceFile], known: Mapping[str, FileRecord], tally: _Tally
    ) -> tuple[dict[str, str], list[SourceFile]]:
        """The hash of each file, and those whose hash isn't the one the index knows."""
        hashes: dict[str, str] = {}
        todo = []
        for file in files:
            try:
                hashes[file.source] = file_sha256(file.path)
            except OSError as error:
                tally.problems.append(unreadable(file.source, error))
                continue
            record = known.get(file.source)
            if record is not None and record.sha256 == hashes[file.source]:
                tally.unchanged += 1
            else:
                todo.append(file)
        return hashes, todo

    def _fill(
        self,
        files: Sequence[SourceFile],
        hashes: dict[str, str],
        known: Mapping[str, FileRecord],
        writer: StoreWriter,
        tally: _Tally,
        progress: Callable[[Progress], None],
    ) -> None:
        meter = _Meter(files, progress)
        started: dict[str, bool] = {}  # file being stored -> whether it has had a problem
        with closing(self._preparer.prepare(files)) as parts:
            for part in parts:
                source = part.file.source
                tally.problems.extend(part.problems)
                if part.documents and source not in started:
                    started[source] = False
                    writer.start_file(source)
                if part.documents:
                    writer.add(source, part.documents)
                if source in started and part.problems:
                    started[source] = True
                if part.done and source in started:
                    writer.finish_file(source, "" if started.pop(source) else hashes[source])
                    tally.changed += source in known
                    tally.added += source not in known
                meter.advance(part)


class _Meter:
    """Turns what has been stored into progress reports."""

    def __init__(self, files: Sequence[SourceFile], progress: Callable[[Progress], None]) -> None:
        self._progress = progress
        self._total = len(files)
        self._bytes_total = sum(file.size for file in files)
        self._files = self._done = self._within = self._documents = self._chunks = 0

    def advance(self, part: Prepared) -> None:
        self._documents += len(part.documents)
        self._chunks += sum(len(item.chunks) for item in part.documents)
        # A Chinese character takes three bytes in UTF-8: near enough for a bar.
        self._within += 3 * sum(len(item.document.text) for item in part.documents)
        if part.done:
            self._files += 1
            self._done += part.file.size
            self._within = 0
        self._progress(
            Progress(
                files_done=self._files,
                files_total=self._total,
                bytes_done=self._done + min(self._within, part.file.size),
                bytes_total=self._bytes_total,
                documents=self._documents,
                chunks=self._chunks,
            )
        )


def _prune(writer: StoreWriter, files: Sequence[SourceFile], paths: Sequence[Path]) -> int:
    """Remove the known files of the given folders that aren't there any more; how many.

    A file in a folder that can't be listed just now is still there.
    """
    present = {file.source for file in files}
    roots = [(f"{path.resolve().name}/", path) for path in paths if path.is_dir()]
    gone = []
    for source in sorted(writer.files().keys() - present):
        places = [
            root / source.removeprefix(name) for name, root in roots if source.startswith(name)
        ]
        if places and all(map(_vanished, places)):
            gone.append(source)
    for source in gone:
        writer.remove_file(source)
    return len(gone)


def _vanished(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
