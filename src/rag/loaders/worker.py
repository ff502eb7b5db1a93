"""The reading process: takes files from its standard input, gives documents on its output.

It is a process of its own because a malformed or hostile file may hang a library, crash it or
take the memory. Both ways go length-prefixed messages of plain values, packed by `marshal`:
unlike pickles, they can't make the other side run code.

    in    (number, path, source)                            one file to read
    out   ("ready",)                                        once, before anything else
          ("alive",)                                        work goes on
          ("batch", number, documents, problems, done)      documents as tuples of their fields
"""

from __future__ import annotations

import importlib
import marshal
import os
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from rag.errors import LoadError
from rag.loaders.cleaning import no_text, refusal
from rag.loaders.registry import STREAMED, Builder, Context
from rag.types import Document, DocumentInfo, Heading, Page

Message = tuple[Any, ...]

_BATCH_DOCUMENTS = 256
_BATCH_CHARACTERS = 1_000_000
_HEARTBEAT = 1.0
_LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, message: Message) -> None:
    """Write one message and flush it. Raises OSError when the other side is gone."""
    data = marshal.dumps(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """One message, still packed; None at the end of the stream, also in mid-message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def pack(document: Document) -> Message:
    """A document as plain values."""
    info = document.info
    return (
        (info.id, info.title, info.source, info.date, info.author, info.publisher, info.url),
        document.text,
        [(page.number, page.start, page.end) for page in document.pages],
        [(heading.start, heading.end, heading.level) for heading in document.headings],
    )


def unpack(message: Message) -> Document:
    """The document that `pack` took apart."""
    info, text, pages, headings = message
    return Document(
        DocumentInfo(*info),
        text,
        tuple(Page(*page) for page in pages),
        tuple(Heading(*heading) for heading in headings),
    )


class Worker:
    """Reads files by the loaders it is given and writes messages to `out`.

    A process whose file hangs with the interpreter's lock held can't be told anything, so an
    alarm ends it when there is no progress for twice `seconds` (0: no alarm), even with its
    parent dead.
    """

    def __init__(
        self,
        out: BinaryIO,
        loaders: dict[str, Builder],
        *,
        seconds: int,
        file_bytes: int,
        stream_bytes: int,
        unpacked_bytes: int,
        ocr: bool,
    ) -> None:
        self._out = out
        self._loaders = loaders
        self._seconds = seconds if hasattr(signal, "alarm") else 0
        self._limits = (file_bytes, stream_bytes)
        self._context = Context(self._report, self._progress, ocr, unpacked_bytes)
        self._documents: list[Message] = []
        self._problems: list[tuple[str, str]] = []
        self._characters = 0
        self._last = 0.0

    def send(self, *message: Any) -> None:  # noqa: ANN401 -- marshal takes any plain value
        """Write a message; waiting for a busy reader is not a hang, so the alarm rests."""
        self._alarm(0)
        send(self._out, message)
        self._last = time.monotonic()
        self._alarm(2 * self._seconds)

    def read(self, number: int, path: Path, source: str) -> None:
        """Send the documents of one file and then that it is done, whatever happens."""
        try:
            for document in self._load(path, source):
                self._documents.append(pack(document))
                self._characters += len(document.text)
                if (
                    len(self._documents) >= _BATCH_DOCUMENTS
                    or self._characters >= _BATCH_CHARACTERS
                ):
                    self._flush(number, done=False)
        except LoadError as error:
            self._report(error)
        except Exception as error:  # noqa: BLE001 -- one file must never stop the others
            self._report(_unforeseen(error, source))
        self._flush(number, done=True)
        self._alarm(0)

    def _load(self, path: Path, source: str) -> Iterator[Document]:
        extension = path.suffix.lower()
        size, limit = path.stat().st_size, self._limits[extension in STREAMED]
        if size == 0:
            raise no_text(source)
        if size > limit:
            raise refusal(
                source,
                f"has {size >> 20} MB, more than the {limit >> 20} MB that one file may have; "
                "split it",
                f"大小为 {size >> 20} MB，超过单个文件 {limit >> 20} MB 的上限；请拆分",
            )
        self._alarm(2 * self._seconds)
        yield from self._loaders[extension](self._context).load(path, source=source)

    def _flush(self, number: int, *, done: bool) -> None:
        self.send("batch", number, self._documents, self._problems, done)
        self._documents, self._problems, self._characters = [], [], 0

    def _report(self, error: LoadError) -> None:
        self._problems.append((error.en, error.zh))

    def _progress(self) -> None:
        if time.monotonic() - self._last > _HEARTBEAT:
            self.send("alive")

    def _alarm(self, seconds: int) -> None:
        if self._seconds:
            signal.alarm(seconds)


def _unforeseen(error: Exception, source: str) -> LoadError:
    if isinstance(error, MemoryError):
        return refusal(
            source,
            "needs more memory than one file may take; split it",
            "所需内存超过单个文件的上限；请拆分",
        )
    if isinstance(error, PermissionError):
        return refusal(
            source, "may not be read; check its permissions", "没有读取权限；请检查文件权限"
        )
    if isinstance(error, FileNotFoundError):
        return refusal(
            source, "vanished before it was read; run again", "在读取之前已消失；请重新运行"
        )
    what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return refusal(
        source,
        f"can't be read ({what}); is it damaged? Save it again from its program",
        f"无法读取（{what}）；文件可能已损坏，请用原程序重新保存",
    )


def limit_memory(size: int) -> None:
    """Bound this process's address space, where the system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _tasks(stream: BinaryIO) -> Iterator[Message]:
    """The files to read; ends the process as soon as the other side closes, even mid-file."""
    waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def listen() -> None:
        while (data := receive(stream)) is not None:
            waiting.put(marshal.loads(data))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield waiting.get()


def main() -> None:
    """Serve until standard input ends. The arguments are given by `rag.loaders.reading`."""
    registry, memory, options = sys.argv[1], int(sys.argv[2]), list(map(int, sys.argv[3:]))
    # Libraries that print would garble the messages: they get standard error instead.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    limit_memory(memory)
    module, name = registry.split(":")
    loaders = getattr(importlib.import_module(module), name)
    seconds, file_bytes, stream_bytes, unpacked_bytes, ocr = options
    worker = Worker(
        out,
        loaders,
        seconds=seconds,
        file_bytes=file_bytes,
        stream_bytes=stream_bytes,
        unpacked_bytes=unpacked_bytes,
        ocr=bool(ocr),
    )
    worker.send("ready")
    for number, path, source in _tasks(sys.stdin.buffer):
        worker.read(number, Path(path), source)


if __name__ == "__main__":
    main()
