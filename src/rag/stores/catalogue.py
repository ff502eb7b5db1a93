"""Documents, chunks and files in SQLite.

Chunks are stored as offsets alone, so that `chunk.text == document.text[start:end]` can't fail.
A catalogue is a recent part, which an update copies and changes, over a base, which it never
touches; the recent part also says what of the base no longer holds.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.protocols import FileRecord, ListedDocument
from rag.types import Chunk, Document, DocumentInfo, Heading, Page

# The last two say what no longer holds of the base. `hidden` has the number of a document that is
# gone, and the negative number of one whose row is in the recent part now, its chunks where they
# were; `replaced` has the files that are gone or were read anew.
SCHEMA = """
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
VIEWS = """
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
UNCHANGING = "?mode=ro&immutable=1"
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


def connect(path: Path, base: Path | None, *, options: str = "") -> sqlite3.Connection:
    """A connection to a recent part with its base and the views over both."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}{options}", uri=True, check_same_thread=False,
        isolation_level=None,
    )  # fmt: skip
    try:
        if base is None:
            connection.execute("ATTACH ':memory:' AS base")
            connection.executescript(SCHEMA.format(part="base"))
        else:
            connection.execute("ATTACH ? AS base", (f"{base.absolute().as_uri()}{UNCHANGING}",))
    except BaseException:
        connection.close()
        raise
    return connection


class CatalogueReader:
    """Reads a catalogue that nobody changes; safe in several threads."""

    def __init__(self, path: Path, base: Path | None) -> None:
        self._connection = connect(path, base, options=UNCHANGING)
        self._connection.executescript(VIEWS)
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
            return removed_chunks(self._connection)

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
            return files_of(self._connection)


def _escaped(search: str) -> str:
    """Text whose wildcards stand for themselves."""
    for sign in "!%_":
        search = search.replace(sign, f"!{sign}")
    return search


def removed_chunks(connection: sqlite3.Connection) -> list[int]:
    """The keys of the base's chunks that are gone."""
    return [
        row[0]
        for row in connection.execute(  # CROSS JOIN: from the few to the many
            "SELECT c.key FROM main.hidden h CROSS JOIN base.chunks c WHERE c.document = h.document"
        )
    ]


def files_of(connection: sqlite3.Connection) -> dict[str, FileRecord]:
    """The files that a catalogue knows, by source."""
    documents = dict(connection.execute("SELECT source, COUNT(*) FROM origins GROUP BY source"))
    return {
        source: FileRecord(source, sha256, documents.get(source, 0))
        for source, sha256 in connection.execute("SELECT source, sha256 FROM files ORDER BY source")
    }
