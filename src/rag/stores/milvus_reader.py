"""One generation of a Milvus build, opened to be asked.

Words are scored here, exactly as the local store does it: what the server finds are candidates, and
the sign and scale of its scores don't matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from rag.protocols import (
    Candidate,
    Candidates,
    FileRecord,
    ListedDocument,
    StoreStats,
    Vectors,
)
from rag.stores import bm25
from rag.stores.milvus_rows import (
    Build,
    Entry,
    State,
    alive,
    among,
    chunk_of,
    digest,
    document_of,
    entry_of,
    word,
)
from rag.stores.milvus_server import Row, Server
from rag.stores.milvus_writer import files_of
from rag.types import Chunk, Document, DocumentInfo

_SPARE = 3  # candidates a wanted one: the server's scores are only nearly ours
_FETCHED = 2000  # passages that words are looked up in where the server has no BM25
_TERMS = 500  # term counts asked for at once
_COUNTS = 20_000  # term counts remembered


class MilvusStore:
    """One generation of a build: it stays as it is while newer ones are committed."""

    def __init__(self, server: Server, build: Build, state: State) -> None:
        self._server = server
        self._build = build
        self._state = state
        self._alive = alive(state.generation)
        self._counts: dict[str, int] = {}
        self._catalogue: list[Entry] | None = None
        self._lock = threading.Lock()
        build.load(server)
        # What was acknowledged before is seen from here on; later reads needn't wait for it.
        server.query(build.name, "key < 0", ("key",), strong=True)

    def search(self, terms: Sequence[str], vector: Vectors, *, limit: int) -> Candidates:
        """As `PassageStore.search`."""
        if not limit or not self._state.chunks:
            return Candidates([], [])
        return Candidates(self._lexical(list(dict.fromkeys(terms)), limit),
                          self._dense(vector, limit))  # fmt: skip

    def _dense(self, vector: Vectors, limit: int) -> list[Candidate]:
        if not vector.any():
            return []
        found = self._server.call(
            "search", self._build.name, data=[vector.tolist()], anns_field="vector", limit=limit,
            filter=self._alive, output_fields=["key"], consistency_level="Bounded",
            search_params={"metric_type": "IP", "params": {"ef": max(128, 2 * limit)}},
        )  # fmt: skip
        return [Candidate(int(row["key"]), float(row["distance"])) for row in found[0]]

    def _lexical(self, terms: Sequence[str], limit: int) -> list[Candidate]:
        counts = dict(zip(terms, self.document_frequencies(terms), strict=True))
        weight = bm25.weights(counts, self._state.chunks)
        if not weight:
            return []
        rarest = sorted(weight, key=lambda term: counts[term])
        rows = self._by_bm25(rarest, limit) if self._state.bm25 else self._by_words(rarest, counts)
        average = self._state.length / self._state.chunks
        found = [
            Candidate(int(row["key"]), bm25.score(row["terms"].split(), weight, average))
            for row in rows
        ]
        found.sort(key=lambda candidate: (-candidate.score, candidate.key))
        return [candidate for candidate in found[:limit] if candidate.score > 0]

    def _by_bm25(self, terms: Sequence[str], limit: int) -> list[Row]:
        found = self._server.call(
            "search", self._build.name, data=[" ".join(terms)], anns_field="sparse",
            limit=_SPARE * limit, filter=self._alive, output_fields=["key", "terms"],
            consistency_level="Bounded", search_params={"metric_type": "BM25"},
        )  # fmt: skip
        return [{"key": row["key"], **row["entity"]} for row in found[0]]

    def _by_words(self, rarest: Sequence[str], counts: Mapping[str, int]) -> list[Row]:
        """The passages with the rarest terms, some thousand at most: commoner ones rank little."""
        chosen, total = [rarest[0]], counts[rarest[0]]
        for term in rarest[1:]:
            total += counts[term]
            if total > _FETCHED:
                break
            chosen.append(term)
        numbers = ", ".join(str(word(term)) for term in chosen)
        condition = f"array_contains_any(words, [{numbers}]) and {self._alive}"
        return self._server.query(self._build.name, condition, ("key", "terms"))

    def document_frequencies(self, terms: Sequence[str]) -> list[int]:
        """As `PassageStore.document_frequencies`; what was asked before isn't asked again."""
        kept = self._counts
        counts = {term: kept[term] for term in terms if term in kept}
        unknown = {digest(term): term for term in terms if term not in counts}
        names = list(unknown)
        for start in range(0, len(names), _TERMS):
            some = names[start : start + _TERMS]
            counts |= {unknown[name]: 0 for name in some}
            for row in self._records("term", among("name", some), "name", "number"):
                counts[unknown[row["name"]]] = int(row["number"])
        # Replaced, not changed: other threads may be reading it.
        self._counts = (kept if len(kept) < _COUNTS else {}) | counts
        return [counts[term] for term in terms]

    def _records(self, kind: str, condition: str, *fields: str) -> list[Row]:
        where = f'kind == "{kind}" and {condition} and {self._alive}'
        return self._server.query(self._build.records, where, fields)

    def passages(self, keys: Sequence[int]) -> Mapping[int, tuple[Chunk, DocumentInfo]]:
        if not keys:
            return {}
        condition = f"{among('key', keys)} and {self._alive}"
        rows = self._server.query(self._build.name, condition, ("key", "body"))
        chunks = {int(row["key"]): chunk_of(row) for row in rows}
        names = sorted({digest(chunk.document_id) for chunk in chunks.values()})
        found = self._records("info", among("name", names), "number", "body") if names else []
        infos = {entry.info.id: entry.info for entry in map(entry_of, found)}
        return {
            key: (chunk, infos[chunk.document_id])
            for key, chunk in chunks.items()
            if chunk.document_id in infos
        }

    def document(self, document_id: str) -> Document | None:
        name = among("name", [digest(document_id)])
        rows = self._records("info", name, "number", "body")
        if not rows:
            return None
        return document_of(entry_of(rows[0]).info, self._records("text", name, "number", "body"))

    def _entries(self) -> list[Entry]:
        """Every article by source, then in file order; read once."""
        with self._lock:
            if self._catalogue is None:
                where = f'kind == "info" and {self._alive}'
                rows = self._server.every(self._build.records, where, ("number", "body"))
                entries = map(entry_of, rows)
                self._catalogue = sorted(entries, key=lambda entry: (entry.info.source, entry.key))
            return self._catalogue

    def documents(self) -> Iterator[tuple[DocumentInfo, int]]:
        for entry in self._entries():
            yield entry.info, entry.chunks

    def listing(
        self, *, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[ListedDocument], int]:
        wanted = search.lower()
        found = [
            entry
            for entry in self._entries()
            if wanted in entry.info.title.lower() or wanted in entry.info.source.lower()
        ]
        page = found[offset : offset + limit]
        return [ListedDocument(e.info, e.chunks, e.indexed_at) for e in page], len(found)

    def files(self) -> Mapping[str, FileRecord]:
        where = f'kind == "file" and {self._alive}'
        rows = self._server.every(self._build.records, where, ("body",))
        return files_of(rows, self._entries())

    def stats(self) -> StoreStats:
        return StoreStats(
            self._state.documents, self._state.chunks, name_of(self._build, self._state)
        )

    def verify(self) -> None:
        """Nothing: the server answers for its own files."""

    def close(self) -> None:
        """Nothing: the connection belongs to the backend."""


def name_of(build: Build, state: State) -> str:
    """The name of a state."""
    return f"{build.name}:{state.generation}"


__all__ = ["MilvusStore", "name_of"]
