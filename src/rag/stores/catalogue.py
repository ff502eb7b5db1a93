"""Documents, chunks and files in SQLite.

Chunks are stored as offsets alone, so that `chunk.text == document.text[start:end]` can't fail.
A catalogue is a recent part, which an update copies and changes, over a base, which it never
touches; the recent part also says what of the base no longer holds.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.protocols import FileRecord, ListedDocument
from rag.types import Chunk, Document, DocumentInfo, Heading, Page

# The last two say what no longer holds of the base. `hidden` has the number of a document that is
# gone, and the negative number of one whose row is in the recent part now, its chunks where they
# were; `replaced` has the files that are gone or were read anew.
_SCHEMA = """
CREATE TABLE {part}.documents (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, source TEXT NOT NULL,
    date TEXT, author TEXT, publisher TEXT, url TEXT,
    text TEXT NOT NULL, pages TEXT NOT NULL, headings TEXT NOT NULL, indexed_at TEXT NOT NULL);
CREATE TABLE {part}.chunks (
    key INTEGER PRIMARY KEY, document INTEGER NOT NULL, id TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, context TEXT NOT NULL, page INTEGER);
CREATE INDEX {part}.chunks_document ON chunks (document);
CREATE TABLE {part}.files (source TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE {part}.origins (
    source TEXT NOT NULL, document INTEGER NOT NULL,
    PRIMARY KEY (source, document)) WITHOUT ROWID;
CREATE INDEX {part}.origins_document ON origins (document);
CREATE TABLE {part}.hidden (document INTEGER PRIMARY KEY);
CREATE TABLE {part}.replaced (source TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Unqualified names are these views; `main` is the recent part.
_VIEWS = """
CREATE TEMP VIEW documents AS SELECT * FROM main.documents UNION ALL
    SELECT * FROM base.documents WHERE key NOT IN main.hidden AND -key NOT IN main.hidden;
CREATE TEMP VIEW names AS SELECT key, title, source FROM main.documents UNION ALL
    SELECT key, title, source FROM base.documents
    WHERE key NOT IN main.hidden AND -key NOT IN main.hidden;
CREATE TEMP VIEW chunks AS SELECT * FROM main.chunks UNION ALL
    SELECT * FROM base.chunks WHERE document NOT IN main.hidden;
CREATE TEMP VIEW files AS SELECT * FROM main.files UNION ALL
    SELECT * FROM base.files WHERE source NOT IN main.replaced
    AND source NOT IN (SELECT source FROM main.files);
CREATE TEMP VIEW origins AS SELECT * FROM main.origins UNION ALL
    SELECT * FROM base.origins WHERE source NOT IN main.replaced
    AND document NOT IN main.hidden;
"""
_TABLES = ("documents", "chunks", "files", "origins")
_UNCHANGING = "?mode=ro&immutable=1"
_INFO = "d.id, d.title, d.source, d.date, d.author, d.publisher, d.url"
# A document's chunks are all in one part. SQLite would read a whole view to count some of its rows.
_CHUNKS = " + ".join(
    f"(SELECT COUNT(*) FROM {part}.chunks c WHERE c.document = d.key)" for part in ("main", "base")
)

_NAMED = "WHERE d.title LIKE ? ESCAPE '!' OR d.source LIKE ? ESCAPE '!'"
# Counted over the columns in question: over `documents` every text would be read.
_COUNTED = f"SELECT COUNT(*) FROM names d {_NAMED}"
_COUNT = (
    "SELECT (SELECT COUNT(*) FROM main.documents) + (SELECT COUNT(*) FROM base.documents)"
    " - (SELECT COUNT(*) FROM main.hidden)"
)


def _connect(path: Path, base: Path | None, *, options: str = "") -> sqlite3.Connection:
    """A connection to a recent part with its base and the views over both."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}{options}", uri=True, check_same_thread=False,
        isolation_level=None,
    )  # fmt: skip
    try:
        if base is None:
            connection.execute("ATTACH ':memory:' AS base")
            connection.executescript(_SCHEMA.format(part="base"))
        else:
            connection.execute("ATTACH ? AS base", (f"{base.absolute().as_uri()}{_UNCHANGING}",))
    except BaseException:
        connection.close()
        raise
    return connection


class CatalogueReader:
    """Reads a catalogue that nobody changes; safe in several threads."""

    def __init__(self, path: Path, base: Path | None) -> None:
        self._connection = _connect(path, base, options=_UNCHANGING)
        self._connection.executescript(_VIEWS)
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

    def removed(self) -> list[int]:
        """The keys of the base's chunks that are gone."""
        with self._lock:
            return _removed(self._connection)

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
            f"SELECT {_INFO}, {_CHUNKS} FROM documents d ORDER BY d.source, d.key"
        ):
            yield DocumentInfo(*info), count

    def listing(self, search: str, limit: int, offset: int) -> tuple[list[ListedDocument], int]:
        """One page of the documents whose title or source holds `search`; how many there are."""
        pattern = f"%{_escaped(search)}%"
        where, values = (_NAMED, (pattern, pattern)) if search else ("", ())
        total = self._rows(_COUNTED if search else _COUNT, values)[0][0]
        # The order comes from the parts' indexes, merged; only the page's own rows are read whole.
        page = self._rows(
            f"SELECT d.source, d.key FROM documents d {where} "
            "ORDER BY d.source, d.key LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        keys = [key for _, key in page]
        rows = {
            key: ListedDocument(DocumentInfo(*info), chunks, at)
            for key, *info, chunks, at in self._rows(
                f"SELECT d.key, {_INFO}, {_CHUNKS}, d.indexed_at FROM documents d "
                f"WHERE d.key IN ({','.join('?' * len(keys))})",
                keys,
            )
        }
        return [rows[key] for key in keys], int(total)

    def files(self) -> dict[str, FileRecord]:
        with self._lock:
            return _files(self._connection)


class CatalogueWriter:
    """Changes a catalogue that no reader has open yet."""

    def __init__(self, path: Path, base: Path | None, *, next_key: int) -> None:
        new = not path.exists()
        self._connection = _connect(path, base)
        # The generation isn't published before everything is flushed, so a crash can't hurt it.
        self._connection.execute("PRAGMA main.journal_mode = OFF")
        self._connection.execute("PRAGMA main.synchronous = OFF")
        if new:
            self._connection.executescript(_SCHEMA.format(part="main"))
        self._connection.executescript(_VIEWS)
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

    def count_removed(self) -> int:
        """How many of the base's chunks are gone."""
        return len(_removed(self._connection))

    def put_file(self, source: str, sha256: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO main.files VALUES (?, ?)", (source, sha256)
        )

    def key_of(self, document_id: str) -> int | None:
        """The number of a document; None when there is none with this id."""
        row = self._connection.execute(
            "SELECT key FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    def add_origin(self, source: str, document: int) -> None:
        """Note that `source` carries this document."""
        self._connection.execute(
            "INSERT INTO main.origins SELECT ?1, ?2 WHERE NOT EXISTS "
            "(SELECT 1 FROM origins WHERE source = ?1 AND document = ?2)",
            (source, document),
        )

    def add(self, document: Document, chunks: Sequence[Chunk], source: str) -> tuple[int, range]:
        """Store a new document; its number and the keys of its chunks."""
        info = document.info
        key = self.next_key
        chunk_keys = range(key + 1, key + 1 + len(chunks))
        self.next_key = key + 1 + len(chunks)
        pages = json.dumps([(page.number, page.start, page.end) for page in document.pages])
        headings = json.dumps([(h.start, h.end, h.level) for h in document.headings])
        self._connection.execute(
            "INSERT INTO main.documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                key, info.id, info.title, info.source, info.date, info.author, info.publisher,
                info.url, document.text, pages, headings, self._now,
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT INTO main.chunks VALUES (?,?,?,?,?,?,?)",
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
        execute("DELETE FROM main.origins WHERE source = ?", (source,))
        execute("DELETE FROM main.files WHERE source = ?", (source,))
        execute("INSERT OR IGNORE INTO main.replaced VALUES (?)", (source,))
        orphans = []
        for document in carried:
            other = execute(
                "SELECT MIN(source) FROM origins WHERE document = ?", (document,)
            ).fetchone()[0]
            if other is None:
                orphans.append(document)
            else:  # the document stays and is now shown under the file that still carries it
                self._move(document, other)
        return orphans

    def _move(self, document: int, source: str) -> None:
        execute = self._connection.execute
        if execute("SELECT 1 FROM main.documents WHERE key = ?", (document,)).fetchone() is None:
            execute(
                "INSERT INTO main.documents SELECT * FROM base.documents WHERE key = ?", (document,)
            )
            execute("INSERT INTO main.hidden VALUES (?)", (-document,))
        execute("UPDATE main.documents SET source = ? WHERE key = ?", (source, document))

    def _of_file(self, source: str) -> Iterable[tuple[int]]:
        return self._connection.execute(
            "SELECT document FROM origins WHERE source = ?", (source,)
        ).fetchall()

    def remove_document(self, document: int) -> list[int]:
        """Delete a document; the keys its chunks had."""
        execute = self._connection.execute
        keys = [row[0] for row in execute("SELECT key FROM chunks WHERE document = ?", (document,))]
        execute("DELETE FROM main.chunks WHERE document = ?", (document,))
        execute("DELETE FROM main.origins WHERE document = ?", (document,))
        execute("DELETE FROM main.documents WHERE key = ?", (document,))
        execute("DELETE FROM main.hidden WHERE document = ?", (-document,))
        execute(
            "INSERT OR IGNORE INTO main.hidden SELECT key FROM base.documents WHERE key = ?",
            (document,),
        )
        return keys


def merge(path: Path, base: Path | None, target: Path) -> None:
    """Write what a recent part and its base show together as one new part."""
    with closing(_connect(path, base, options=_UNCHANGING)) as connection:
        connection.executescript(_VIEWS)
        connection.execute("ATTACH ? AS merged", (target.absolute().as_uri(),))
        connection.execute("PRAGMA merged.journal_mode = OFF")
        connection.execute("PRAGMA merged.synchronous = OFF")
        connection.executescript(_SCHEMA.format(part="merged"))
        connection.execute("BEGIN")
        for table in _TABLES:  # in the order of their keys, which fills pages best
            connection.execute(f"INSERT INTO merged.{table} SELECT * FROM {table} ORDER BY 1, 2")
        connection.execute("CREATE INDEX merged.documents_source ON documents (source, key)")
        connection.execute("COMMIT")


def _escaped(search: str) -> str:
    """Text whose wildcards stand for themselves."""
    for sign in "!%_":
        search = search.replace(sign, f"!{sign}")
    return search


def _removed(connection: sqlite3.Connection) -> list[int]:
    return [
        row[0]
        for row in connection.execute(  # CROSS JOIN: from the few to the many
            "SELECT c.key FROM main.hidden h CROSS JOIN base.chunks c WHERE c.document = h.document"
        )
    ]


def _files(connection: sqlite3.Connection) -> dict[str, FileRecord]:
    documents = dict(connection.execute("SELECT source, COUNT(*) FROM origins GROUP BY source"))
    return {
        source: FileRecord(source, sha256, documents.get(source, 0))
        for source, sha256 in connection.execute("SELECT source, sha256 FROM files ORDER BY source")
    }
