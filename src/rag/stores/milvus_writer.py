"""One update of an index on Milvus, and what clears away after earlier ones."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from rag.errors import StorageError
from rag.protocols import FileRecord, IndexedDocument, StoreStats
from rag.stores.milvus_rows import (
    ALIVE,
    RECORD,
    Build,
    Entry,
    State,
    alive,
    among,
    digest,
    entry_of,
    passage_fields,
    passages_of,
    record,
    record_of,
    texts_of,
)
from rag.stores.milvus_server import Row, Server

_FLUSH = 1000  # passages
_SPILL = 500_000  # terms
_BATCH = 2000  # names in one condition
_GRACE_S = 24 * 3600.0


class MilvusWriter:
    """The next generation of a build; `MilvusBackend.update` makes one.

    `publish` puts a new build in use; None where the build is in use already.
    """

    def __init__(
        self, server: Server, build: Build, base: State, *, publish: Callable[[], None] | None
    ) -> None:
        self._server = server
        self._build = build
        self._base = base
        self._born = base.generation + 1
        self._fields = passage_fields(base)
        self._publish = publish
        self._next_key = base.next_key
        self._chunks = base.chunks
        self._length = base.length
        self._passages: dict[int, Row] = {}
        self._records: dict[str, Row] = {}
        self._replaced: dict[str, set[str]] = {"info": set(), "file": set()}
        self._gone: dict[int, str] = {}
        self._terms: Counter[str] = Counter()
        self._now = datetime.now(UTC).isoformat(timespec="seconds")
        self._token = secrets.token_hex(8)
        self.committed = False
        server.upsert(build.records, [_owner(self._token)])
        seen = alive(base.generation)
        rows = server.every(build.records, f'kind == "info" and {seen}', ("number", "body"))
        self._entries = {entry.info.id: entry for entry in map(entry_of, rows)}
        self._carried: defaultdict[str, set[str]] = defaultdict(set)
        for entry in self._entries.values():
            for source in entry.origins:
                self._carried[source].add(entry.info.id)
        rows = server.every(build.records, f'kind == "file" and {seen}', ("body",))
        self._files = dict(json.loads(row["body"]) for row in rows)

    def files(self) -> Mapping[str, FileRecord]:
        return _counted(self._files, self._entries.values())

    def start_file(self, source: str) -> None:
        self.remove_file(source)
        self.finish_file(source, "")

    def finish_file(self, source: str, sha256: str) -> None:
        self._files[source] = sha256
        self._replaced["file"].add(source)
        self._keep(record("file", source, 0, self._born, [source, sha256]))

    def add(self, source: str, documents: Iterable[IndexedDocument]) -> None:
        """As `StoreWriter.add`."""
        for item in documents:
            known = self._entries.get(item.document.info.id)
            if known is None:
                self._add(item, source)
            elif source not in known.origins:
                self._put_entry(replace(known, origins=(*known.origins, source)))
        if len(self._passages) >= _FLUSH:
            self._flush()

    def _add(self, item: IndexedDocument, source: str) -> None:
        key = self._next_key
        self._next_key += 1 + len(item.chunks)
        rows = list(passages_of(item, key, self._born, words=not self._base.bm25))
        self._passages |= {row["key"]: row for row in rows}
        self._count([row["terms"] for row in rows], 1)
        for row in texts_of(item.document, self._born):
            self._keep(row)
        self._put_entry(Entry(key, item.document.info, (source,), len(item.chunks), self._now))

    def _count(self, passages: Iterable[str], sign: int) -> None:
        for terms in passages:
            cut = terms.split()
            self._chunks += sign
            self._length += sign * len(cut)
            for term in set(cut):
                self._terms[term] += sign

    def _put_entry(self, entry: Entry) -> None:
        self._entries[entry.info.id] = entry
        for source in entry.origins:
            self._carried[source].add(entry.info.id)
        self._replaced["info"].add(entry.info.id)
        self._keep(record_of(entry, self._born))

    def _keep(self, row: Row) -> None:
        self._records[row["id"]] = row

    def remove_file(self, source: str) -> int:
        if source not in self._files:
            return 0
        removed = 0
        for entry in self._of(source):
            others = tuple(name for name in entry.origins if name != source)
            if others:  # it stays and is now shown under a file that still carries it
                info = replace(entry.info, source=min(others))
                self._put_entry(replace(entry, info=info, origins=others))
            else:
                self._remove(entry)
                removed += 1
        del self._files[source]
        self._replaced["file"].add(source)
        self._keep(record("file", source, 0, self._born, [source, ""]) | {"died": self._born})
        return removed

    def _of(self, source: str) -> list[Entry]:
        """The articles that a file carries."""
        entries = (self._entries.get(name) for name in sorted(self._carried.pop(source, ())))
        return [entry for entry in entries if entry is not None and source in entry.origins]

    def remove_document(self, document_id: str) -> bool:
        entry = self._entries.get(document_id)
        if entry is not None:
            self._remove(entry)
        return entry is not None

    def _remove(self, entry: Entry) -> None:
        if entry.info.id in self._replaced["info"]:  # of this update: what ends must be there
            self._flush()
        del self._entries[entry.info.id]
        self._gone[entry.key] = entry.info.id

    def _flush(self) -> None:
        """End what was removed or replaced, then write what was added."""
        self._refuse_if_overtaken()
        keys, names = list(self._gone), [digest(name) for name in self._gone.values()]
        for start in range(0, len(keys), _BATCH):
            of = among("document", keys[start : start + _BATCH])
            self._end(self._build.name, of, self._fields)
            kinds = among("kind", ["info", "text"])
            of = f"{kinds} and {among('name', names[start : start + _BATCH])}"
            self._end(self._build.records, of, RECORD)
        for kind, replaced in self._replaced.items():
            names = sorted(map(digest, replaced)) if self._base.generation else []
            for start in range(0, len(names), _BATCH):
                of = f'kind == "{kind}" and {among("name", names[start : start + _BATCH])}'
                self._end(self._build.records, f"{of} and born < {self._born}", RECORD)
            replaced.clear()
        self._server.upsert(self._build.name, list(self._passages.values()))
        self._server.upsert(self._build.records, list(self._records.values()))
        self._gone.clear()
        self._passages.clear()
        self._records.clear()
        if len(self._terms) >= _SPILL:
            self._flush_terms()

    def _end(self, collection: str, condition: str, fields: tuple[str, ...]) -> None:
        """Let these rows end with this generation; the passages' terms are counted no more."""
        seen = alive(self._born)
        while rows := self._server.query(
            collection, f"{condition} and {seen}", fields, strong=True, limit=_FLUSH
        ):
            self._server.upsert(collection, [row | {"died": self._born} for row in rows])
            if fields is self._fields:
                self._count([row["terms"] for row in rows], -1)

    def _flush_terms(self) -> None:
        """Write in how many passages each touched term stands now."""
        changed = {digest(term): (term, by) for term, by in self._terms.items() if by}
        names = list(changed)
        for start in range(0, len(names), _BATCH):
            some = names[start : start + _BATCH]
            condition = f'kind == "term" and {among("name", some)} and {alive(self._born)}'
            old = (
                {row["name"]: row for row in
                 self._server.query(self._build.records, condition, RECORD, strong=True)}
            )  # fmt: skip
            rows = [row | {"died": self._born} for row in old.values() if row["born"] < self._born]
            for name in some:
                term, by = changed[name]
                count = by + (old[name]["number"] if name in old else 0)
                new = record("term", term, count, self._born)
                rows.append(new if count else new | {"died": self._born})
            self._server.upsert(self._build.records, rows)
        self._terms.clear()

    def commit(self) -> StoreStats:
        """Write everything, then the state that makes it visible. Raises StorageError."""
        self._flush()
        self._flush_terms()
        state = self._base.model_copy(
            update={
                "generation": self._born,
                "documents": len(self._entries),
                "chunks": self._chunks,
                "length": self._length,
                "next_key": self._next_key,
                "at": time.time(),
            }
        )
        self._refuse_if_overtaken()
        row = record("state", str(self._born), self._born, self._born)
        self._server.upsert(self._build.records, [row | {"body": state.model_dump_json()}])
        if self._publish is not None:
            # Sealed rows are indexed; the server would wait for more of them.
            self._server.call("flush", self._build.name)
            self._server.call("flush", self._build.records)
            self._publish()
        self.committed = True
        return StoreStats(state.documents, state.chunks, f"{self._build.name}:{self._born}")

    def _refuse_if_overtaken(self) -> None:
        if not self._owned():
            uri = self._server.address.uri
            raise StorageError(
                f"{uri}: another machine has begun to update this index; this update is "
                "discarded, run it again when the other has ended",
                f"{uri}：另一台机器正在更新该索引，本次更新已放弃，请在其结束后重新运行",
            )

    def _owned(self) -> bool:
        rows = self._server.query(self._build.records, 'kind == "owner"', ("body",), strong=True)
        return [row["body"] for row in rows] == [json.dumps(self._token)]

    def discard(self) -> None:
        """Take back what was written; another machine's update isn't touched."""
        if self._publish is not None:
            self._build.drop(self._server)
        elif self._owned():
            roll_back(self._server, self._build, self._base)


def _owner(token: str) -> Row:
    return record("owner", "", 0, 0, token)


def files_of(rows: Iterable[Row], entries: Iterable[Entry]) -> dict[str, FileRecord]:
    """The files of file rows, with the number of articles that each carries."""
    return _counted(dict(json.loads(row["body"]) for row in rows), entries)


def _counted(files: Mapping[str, str], entries: Iterable[Entry]) -> dict[str, FileRecord]:
    counts = Counter(source for entry in entries for source in entry.origins)
    return {
        source: FileRecord(source, sha256, counts[source])
        for source, sha256 in sorted(files.items())
    }


def roll_back(server: Server, build: Build, state: State) -> None:
    """Undo what an update after `state` left unfinished, and forget what nobody reads any more.

    Readers follow within seconds; rows that ended a day ago are of no use to any.
    """
    at = state.generation
    for collection, fields in ((build.name, passage_fields(state)), (build.records, RECORD)):
        server.call("delete", collection, filter=f"born > {at}")
        ended = f"died > {at} and died < {ALIVE}"
        while rows := server.query(collection, ended, fields, strong=True, limit=_FLUSH):
            server.upsert(collection, [row | {"died": ALIVE} for row in rows])
    states = build.states(server)
    old = [s.generation for s in states if s.at < time.time() - _GRACE_S]
    if old:
        for collection in (build.name, build.records):
            server.call("delete", collection, filter=f"died <= {old[0]}")
        server.call("delete", build.records, filter=f'kind == "state" and number < {old[0]}')


def sweep(server: Server, known: Iterable[Build], in_use: Build | None) -> None:
    """Remove builds that were never put in use, and those replaced by one before the last."""
    older = [build for build in known if in_use is not None and build.name < in_use.name]
    for build in known:
        if build != in_use and build not in older[-1:]:
            build.drop(server)
