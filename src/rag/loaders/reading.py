"""Files in, batches of documents out; the reading itself happens in a process of its own."""

from __future__ import annotations

import marshal
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from rag.errors import LoadError
from rag.loaders.cleaning import refusal
from rag.loaders.files import Problem, SourceFile
from rag.loaders.worker import Message, receive, send, unpack
from rag.types import Document

_REGISTRY = "rag.loaders.registry:LOADERS"
# Batches read ahead while the caller works, and files handed over beyond the current one.
_AHEAD_BATCHES = 4
_AHEAD_FILES = 4
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost.

    `seconds` counts without progress, however long a file takes in all. `memory_bytes` bounds
    the address space of the reading process. JSON Lines and CSV are read as streams and may be
    larger than `file_bytes`. `unpacked_bytes` is what a compressed document may grow to.
    """

    seconds: float = 60.0
    memory_bytes: int = 2 << 30
    file_bytes: int = 200_000_000
    stream_bytes: int = 20_000_000_000
    unpacked_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents of one file and the problems met since the last batch.

    `done` marks the last batch of the file; every file has exactly one.
    """

    file: SourceFile
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    done: bool


def read(
    files: Sequence[SourceFile], *, limits: Limits = Limits(), ocr: bool = True
) -> Iterator[Batch]:
    """Yield the documents of `files`, in order, in batches of up to a few hundred.

    A file that hangs, crashes its reader or takes too much memory becomes a problem, and the
    others are still read. Raises LoadError only when no reading process can be started at all.
    """
    return read_with(_REGISTRY, files, limits=limits, ocr=ocr)


def read_with(
    registry: str, files: Sequence[SourceFile], *, limits: Limits, ocr: bool = True
) -> Iterator[Batch]:
    """`read`, with the loaders found at `registry` ("module:name", imported by the reader)."""
    first = 0
    while first < len(files):
        with _Reader(registry, limits, ocr) as reader:
            done = yield from reader.read(files, first)
        first += done


class _Reader:
    """One reading process with the thread that takes its messages as they come."""

    def __init__(self, registry: str, limits: Limits, ocr: bool) -> None:
        self._limits = limits
        arguments = (
            registry,
            limits.memory_bytes,
            math.ceil(limits.seconds),
            limits.file_bytes,
            limits.stream_bytes,
            limits.unpacked_bytes,
            int(ocr),
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rag.loaders.worker", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                # A thread pool per library would cost address space and fight for the cores.
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        self._messages: queue.Queue[bytes | None] = queue.Queue(_AHEAD_BATCHES)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._process.kill()
        self._process.wait()
        while self._thread.is_alive():
            with suppress(queue.Empty):  # the thread may be waiting for room
                self._messages.get_nowait()
            self._thread.join(0.01)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # a task may still lie in the buffer of a dead process
                cast(IO[bytes], pipe).close()

    def _listen(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        data: bytes | None = b""
        while data is not None and not self._closing.is_set():
            data = receive(stream)
            self._messages.put(data)

    def read(self, files: Sequence[SourceFile], first: int) -> Generator[Batch, None, int]:
        """Yield the batches from file `first` on; the number of files that are done with.

        It returns early, after saying what happened, when the process has to be replaced.
        """
        self._await_start()
        at = sent = first
        while at < len(files):
            while sent < min(at + 1 + _AHEAD_FILES, len(files)):
                self._request(sent, files[sent])
                sent += 1
            try:
                data = self._messages.get(timeout=self._limits.seconds)
            except queue.Empty:
                yield self._given_up(files[at], _hung(files[at].source, self._limits.seconds))
                return at + 1 - first
            if data is None:
                yield self._given_up(files[at], self._ended(files[at].source))
                return at + 1 - first
            kind, *rest = marshal.loads(data)
            if kind == "batch":
                _, documents, problems, done = rest
                yield _batch(files[at], documents, problems, done)
                at += done
        return at - first

    def _await_start(self) -> None:
        try:
            data = self._messages.get(timeout=_START_SECONDS)
        except queue.Empty:
            data = None
        if data is None:
            raise LoadError(
                "The process that reads files could not be started; allow it more memory.",
                "读取文件的进程无法启动；请提高其内存上限。",
            )

    def _request(self, number: int, file: SourceFile) -> None:
        with suppress(OSError):  # a dead process is noticed where its messages end
            send(cast(BinaryIO, self._process.stdin), (number, str(file.path), file.source))

    def _given_up(self, file: SourceFile, error: LoadError) -> Batch:
        return Batch(file, (), (Problem(file.source, error),), done=True)

    def _ended(self, source: str) -> LoadError:
        code = self._process.wait()
        if code == -getattr(signal, "SIGALRM", 0):
            return _hung(source, self._limits.seconds)
        return refusal(
            source,
            f"made its reader crash (status {code}), perhaps for want of memory; save it again "
            "from its program, or split it",
            f"导致读取进程崩溃（状态 {code}），可能是内存不足；请用原程序重新保存或拆分该文件",
        )


def _hung(source: str, seconds: float) -> LoadError:
    return refusal(
        source,
        f"was given up after {seconds:g} seconds without progress; save it again from its program, "
        "or split it",
        f"在 {seconds:g} 秒内没有进展，已放弃读取；请用原程序重新保存或拆分该文件",
    )


def _batch(
    file: SourceFile, documents: list[Message], problems: list[tuple[str, str]], done: bool
) -> Batch:
    return Batch(
        file,
        tuple(map(unpack, documents)),
        tuple(Problem(file.source, LoadError(en, zh)) for en, zh in problems),
        done,
    )
