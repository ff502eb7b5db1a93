"""Documents, chunks and files in SQLite.

Chunks are stored as offsets alone, so that `chunk.text == document.text[start:end]` can't fail.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.protocols import FileRecord, ListedDocument
from rag.types import Chunk, Document, DocumentInfo, Heading, Page

_SCHEMA = """
CREATE TABLE documents (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, source TEXT NOT NULL,
    date TEXT, author TEXT, publisher TEXT, url TEXT,
    text TEXT NOT NULL, pages TEXT NOT NULL, headings TEXT NOT NULL, indexed_at TEXT NOT NULL);
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY, document INTEGER NOT NULL, id TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, context TEXT NOT NULL, page INTEGER);
CREATE INDEX chunks_document ON chunks (document);
CREATE TABLE files (source TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
CREATE TABLE origins (
    source TEXT NOT NULL, document INTEGER NOT NULL,
    PRIMARY KEY (source, document)) WITHOUT ROWID;
CREATE INDEX origins_document ON origins (document);
"""
_INFO = "d.id, d.title, d.source, d.date, d.author, d.publisher, d.url"


class CatalogueReader:
    """Reads a catalogue that nobody changes; safe in several threads."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            path.absolute().as_uri() + "?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._lock = threading.Lock()

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def passages(self, keys: Sequence[int]) -> dict[int, tuple[Chunk, DocumentInfo]]:
        """The chunks with these keys and the documents they belong to."""
        marks = ",".join("?" * len(keys))
        rows = self._rows(
            'SELECT c.key, c.document, c.id, c.start, c."end", c.context, c.page '
            f"FROM chunks c WHERE c.key IN ({marks})",
            keys,
        )
        owners = sorted({row[1] for row in rows})
        marks = ",".join("?" * len(owners))
        documents = {
            row[0]: (row[1], DocumentInfo(*row[2:]))
            for row in self._rows(
                f"SELECT d.key, d.text, {_INFO} FROM documents d WHERE d.key IN ({marks})", owners
            )
        }
        found = {}
        for key, owner, chunk_id, start, end, context, page in rows:
            text, info = documents[owner]
            found[key] = (
                Chunk(chunk_id, info.id, start, end, text[start:end], context, page),
                info,
            )
        return found

    def document(self, document_id: str) -> Document | None:
        """The whole document; None when there is none with this id."""
        rows = self._rows(
            f"SELECT d.text, d.pages, d.headings, {_INFO} FROM documents d WHERE d.id = ?",
            (document_id,),
        )
        if not rows:
            return None
        text, pages, headings, *info = rows[0]
        return Document(
            info=DocumentInfo(*info),
            text=text,
            pages=tuple(Page(*page) for page in json.loads(pages)),
            headings=tuple(Heading(*heading) for heading in json.loads(headings)),
        )

    def documents(self) -> Iterator[tuple[DocumentInfo, int]]:
        """Every document with its number of chunks, by source, then in file order."""
        for *info, count in self._rows(
            f"SELECT {_INFO}, (SELECT COUNT(*) FROM chunks c WHERE c.document = d.key) "
            "FROM documents d ORDER BY d.source, d.key"
        ):
            yield DocumentInfo(*info), count

    def listing(self, search: str, limit: int, offset: int) -> tuple[list[ListedDocument], int]:
        """One page of the documents whose title or source holds `search`; how many there are."""
        pattern = f"%{_escaped(search)}%"
        where = "WHERE d.title LIKE ? ESCAPE '!' OR d.source LIKE ? ESCAPE '!'"
        rows = self._rows(
            f"SELECT {_INFO}, (SELECT COUNT(*) FROM chunks c WHERE c.document = d.key), "
            f"d.indexed_at FROM documents d {where} ORDER BY d.source, d.key LIMIT ? OFFSET ?",
            (pattern, pattern, limit, offset),
        )
        total = self._rows(f"SELECT COUNT(*) FROM documents d {where}", (pattern, pattern))[0][0]
        return [ListedDocument(DocumentInfo(*info), chunks, at) for *info, chunks, at in rows], int(
            total
        )

    def files(self) -> dict[str, FileRecord]:
        with self._lock:
            return _files(self._connection)


class CatalogueWriter:
    """Changes a catalogue that no reader has open yet."""

    def __init__(self, path: Path, *, next_key: int) -> None:
        new = not path.exists()
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The generation isn't published before everything is flushed, so a crash can't hurt it.
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        if new:
            self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")
        self.next_key = next_key
        self._now = datetime.now(UTC).isoformat(timespec="seconds")
        self._closed = False

    def close(self) -> None:
        """Write what is open and close; harmless when it was closed before."""
        if self._closed:
            return
        self._closed = True
        try:
            self._connection.execute("COMMIT")
        finally:
            self._connection.close()

    def files(self) -> dict[str, FileRecord]:
        return _files(self._connection)

    def counts(self) -> tuple[int, int]:
        """Numbers of documents and of chunks."""
        execute = self._connection.execute
        documents = execute("SELECT COUNT(*) FROM documents").fetchone()[0]
        return int(documents), int(execute("SELECT COUNT(*) FROM chunks").fetchone()[0])

    def put_file(self, source: str, sha256: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (source, sha256))

    def key_of(self, document_id: str) -> int | None:
        """The number of a document; None when there is none with this id."""
        row = self._connection.execute(
            "SELECT key FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    def add_origin(self, source: str, document: int) -> None:
        """Note that `source` carries this document."""
        self._connection.execute("INSERT OR IGNORE INTO origins VALUES (?, ?)", (source, document))

    def add(self, document: Document, chunks: Sequence[Chunk], source: str) -> tuple[int, range]:
        """Store a new document; its number and the keys of its chunks."""
        info = document.info
        key = self.next_key
        chunk_keys = range(key + 1, key + 1 + len(chunks))
        self.next_key = key + 1 + len(chunks)
        pages = json.dumps([(page.number, page.start, page.end) for page in document.pages])
        headings = json.dumps([(h.start, h.end, h.level) for h in document.headings])
        self._connection.execute(
            "INSERT INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                key, info.id, info.title, info.source, info.date, info.author, info.publisher,
                info.url, document.text, pages, headings, self._now,
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT INTO chunks VALUES (?,?,?,?,?,?,?)",
            [
                (chunk_key, key, chunk.id, chunk.start, chunk.end, chunk.context, chunk.page)
                for chunk_key, chunk in zip(chunk_keys, chunks, strict=True)
            ],
        )
        self.add_origin(source, key)
        return key, chunk_keys

    def remove_file(self, source: str) -> list[int]:
        """Forget a file; the numbers of the documents that no other file carries."""
        execute = self._connection.execute
        carried = [row[0] for row in self._of_file(source)]
        execute("DELETE FROM origins WHERE source = ?", (source,))
        execute("DELETE FROM files WHERE source = ?", (source,))
        orphans = []
        for document in carried:
            other = execute(
                "SELECT MIN(source) FROM origins WHERE document = ?", (document,)
            ).fetchone()[0]
            if other is None:
                orphans.append(document)
            else:  # the document stays and is now shown under the file that still carries it
                execute("UPDATE documents SET source = ? WHERE key = ?", (other, document))
        return orphans

    def _of_file(self, source: str) -> Iterable[tuple[int]]:
        return self._connection.execute(
            "SELECT document FROM origins WHERE source = ?", (source,)
        ).fetchall()

    def remove_document(self, document: int) -> list[int]:
        """Delete a document; the keys its chunks had."""
        execute = self._connection.execute
        keys = [row[0] for row in execute("SELECT key FROM chunks WHERE document = ?", (document,))]
        execute("DELETE FROM chunks WHERE document = ?", (document,))
        execute("DELETE FROM origins WHERE document = ?", (document,))
        execute("DELETE FROM documents WHERE key = ?", (document,))
        return keys


def _escaped(search: str) -> str:
    """Text whose wildcards stand for themselves."""
    for sign in "!%_":
        search = search.replace(sign, f"!{sign}")
    return search


def _files(connection: sqlite3.Connection) -> dict[str, FileRecord]:
    rows: Mapping[str, FileRecord] = {
        source: FileRecord(source, sha256, documents)
        for source, sha256, documents in connection.execute(
            "SELECT f.source, f.sha256, (SELECT COUNT(*) FROM origins o WHERE o.source = f.source) "
            "FROM files f ORDER BY f.source"
        )
    }
    return dict(rows)
