"""How an index lies in Milvus: two collections a build, whose rows are never changed in place.

    wenyuan                          an alias: names the passages of the build in use
    wenyuan_20260102030405_1a2b      passages: vector, terms, and the chunk as JSON
    wenyuan_20260102030405_1a2b_records   states, articles, files and how often each term occurs

Every row says in which generation of its build it was born and died. A reader of generation g
sees the rows with born <= g < died, so an update shows all at once, when its state row is written,
and what an update left unfinished is told by its numbers. A rebuild fills a new build and moves
the alias.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from rag.protocols import IndexedDocument
from rag.stores import bm25
from rag.stores.generations import Recipe
from rag.stores.milvus_server import Row, Server
from rag.types import Chunk, Document, DocumentInfo, Heading, Page

if TYPE_CHECKING:
    from pymilvus import CollectionSchema
    from pymilvus.milvus_client.index import IndexParams

FORMAT = 1
ALIVE = 2**62  # the death of what lives
PASSAGE = ("key", "born", "died", "document", "body", "terms", "vector")
RECORD = ("id", "kind", "name", "number", "born", "died", "body", "nothing")
_TEXT_BYTES = 65_535  # the longest string that Milvus keeps
_PART = 16_000  # characters of at most four bytes
_LONGEST = 4000  # characters of a title or heading: of passages there may be 2,000
_WORDS = 4096  # the longest array that Milvus keeps


class State(BaseModel):
    """One committed generation: counts, the sum of the passages' terms, the next free key.

    `bm25` says how its build is searched for words: the server may have been renewed since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    recipe: Recipe
    generation: int
    documents: int
    chunks: int
    length: int
    next_key: int
    bm25: bool
    at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An article without its text: `origins` are the files that carry it."""

    key: int
    info: DocumentInfo
    origins: tuple[str, ...]
    chunks: int
    indexed_at: str


@dataclass(frozen=True, slots=True)
class Build:
    """The collections of one build."""

    name: str

    @property
    def records(self) -> str:
        """The other collection."""
        return f"{self.name}_records"

    @classmethod
    def new(cls, alias: str) -> Build:
        """A name that sorts by time."""
        return cls(f"{alias}_{datetime.now(UTC):%Y%m%d%H%M%S%f}_{secrets.token_hex(2)}")

    @classmethod
    def named(cls, name: str, alias: str) -> Build | None:
        """The build of this name; None where it isn't one of this index."""
        own = re.fullmatch(rf"{re.escape(alias)}_\d{{20}}_[0-9a-f]{{4}}", name)
        return cls(name) if own else None

    @classmethod
    def known(cls, server: Server, alias: str) -> list[Build]:
        """The builds on the server, oldest first."""
        names = {str(name).removesuffix("_records") for name in server.call("list_collections")}
        builds = (cls.named(name, alias) for name in sorted(names))
        return [build for build in builds if build is not None]

    def create(self, server: Server, dimensions: int, index: str) -> None:
        """Make both collections, empty."""
        self._create_passages(server, dimensions, index)
        self._create_records(server)

    def _create_passages(self, server: Server, dimensions: int, index: str) -> None:
        from pymilvus import DataType

        schema, indexes = _blank()
        schema.add_field("key", DataType.INT64, is_primary=True)
        for name in ("born", "died", "document"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("body", DataType.VARCHAR, max_length=_TEXT_BYTES)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        graph = {"M": 32, "efConstruction": 200} if index == "HNSW" else {}
        indexes.add_index("vector", index_type=index, metric_type="IP", params=graph)
        if server.has_bm25:
            indexes.add_index("document", index_type="INVERTED")
        _add_words(schema, indexes, server)
        _create(server, self.name, schema, indexes)

    def _create_records(self, server: Server) -> None:
        from pymilvus import DataType

        schema, indexes = _blank()
        schema.add_field("id", DataType.VARCHAR, max_length=64, is_primary=True)
        schema.add_field("kind", DataType.VARCHAR, max_length=8)
        schema.add_field("name", DataType.VARCHAR, max_length=32)
        for name in ("number", "born", "died"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("body", DataType.VARCHAR, max_length=_TEXT_BYTES)
        # A collection must have a vector.
        schema.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)
        indexes.add_index("nothing", index_type="FLAT", metric_type="L2")
        if server.has_bm25:
            indexes.add_index("name", index_type="INVERTED")
        _create(server, self.records, schema, indexes)

    def load(self, server: Server) -> None:
        """Have both collections in the server's memory; nothing happens where they are."""
        server.call("load_collection", self.name)
        server.call("load_collection", self.records)

    def drop(self, server: Server) -> None:
        """Remove both collections, as far as they are there."""
        for name in (self.name, self.records):
            if server.call("has_collection", name):
                server.call("drop_collection", name)

    def states(self, server: Server) -> list[State]:
        """The generations that were committed, newest first."""
        rows = server.query(self.records, 'kind == "state"', ("body",), strong=True)
        states = [State.model_validate_json(row["body"]) for row in rows]
        return sorted(states, key=lambda state: -state.generation)


def _blank() -> tuple[CollectionSchema, IndexParams]:
    from pymilvus import MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    return schema, MilvusClient.prepare_index_params()


def _create(server: Server, name: str, schema: CollectionSchema, indexes: IndexParams) -> None:
    server.call("create_collection", name, schema=schema)
    server.call("create_index", name, index_params=indexes, sync=False)  # loading waits for it
    server.call("load_collection", name)


def _add_words(schema: CollectionSchema, indexes: IndexParams, server: Server) -> None:
    """The fields that words are found by: BM25 where the server has it, else a list of hashes."""
    from pymilvus import DataType, Function, FunctionType

    if not server.has_bm25:
        schema.add_field("terms", DataType.VARCHAR, max_length=_TEXT_BYTES)
        schema.add_field("words", DataType.ARRAY, element_type=DataType.INT64, max_capacity=_WORDS)
        return
    # milvus-lite has no whitespace analyser; its standard one cuts at the same places.
    analyser = {"tokenizer": "standard" if server.lite else "whitespace"}
    schema.add_field("terms", DataType.VARCHAR, max_length=_TEXT_BYTES, enable_analyzer=True,
                     analyzer_params=analyser)  # fmt: skip
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(name="bm25", function_type=FunctionType.BM25, input_field_names=["terms"],
                 output_field_names=["sparse"])
    )  # fmt: skip
    indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25",
                      params={"bm25_k1": bm25.K1, "bm25_b": bm25.B})  # fmt: skip


def passage_fields(state: State) -> tuple[str, ...]:
    """What a passage is written again from."""
    return PASSAGE if state.bm25 else (*PASSAGE, "words")


def digest(text: str) -> str:
    """32 hexadecimal digits: what names are looked up by, so that no filter holds foreign text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def word(term: str) -> int:
    """The number that stands for a term in `words`."""
    return int(digest(term)[:15], 16)


def alive(generation: int) -> str:
    """The condition for what a reader of this generation sees."""
    return f"born <= {generation} and died > {generation}"


def among(field: str, values: Iterable[int | str]) -> str:
    """The condition for one of these values; strings are digests or constants."""
    return f"{field} in [{', '.join(json.dumps(value) for value in values)}]"


def record(kind: str, name: str, number: int, born: int, body: object = None) -> Row:
    """A record; one of the same kind, name, number and generation replaces it.

    Of terms and articles there is one a generation, whatever its number.
    """
    part = number if kind == "text" else 0
    return {
        "id": f"{kind}-{digest(name)}-{part}-{born}",
        "kind": kind,
        "name": digest(name),
        "number": number,
        "born": born,
        "died": ALIVE,
        "body": "" if body is None else json.dumps(body, ensure_ascii=False),
        "nothing": [0.0, 0.0],
    }


def passages_of(item: IndexedDocument, document: int, born: int, *, words: bool) -> Iterator[Row]:
    """The rows of an article's chunks; their keys follow that of the article."""
    for at, (chunk, terms) in enumerate(zip(item.chunks, item.terms, strict=True)):
        row: Row = {
            "key": document + 1 + at,
            "born": born,
            "died": ALIVE,
            "document": document,
            "body": json.dumps(
                [chunk.id, chunk.document_id, chunk.start, chunk.end, chunk.text,
                 chunk.context[:_LONGEST], chunk.page], ensure_ascii=False),
            # What is beyond belongs to a heading of thousands of characters.
            "terms": terms.encode()[:_TEXT_BYTES].decode(errors="ignore"),
            "vector": item.vectors[at].tolist(),
        }  # fmt: skip
        if words:
            row["words"] = sorted({word(term) for term in terms.split()})[:_WORDS]
        yield row


def chunk_of(row: Row) -> Chunk:
    """The chunk of a passage's row."""
    return Chunk(*json.loads(row["body"]))


def texts_of(document: Document, born: int) -> Iterator[Row]:
    """An article's text, pages and headings, in parts that Milvus can keep."""
    whole = json.dumps(
        [document.text, [(p.number, p.start, p.end) for p in document.pages],
         [(h.start, h.end, h.level) for h in document.headings]], ensure_ascii=False)  # fmt: skip
    for number, start in enumerate(range(0, len(whole), _PART)):
        row = record("text", document.info.id, number, born)
        yield row | {"body": whole[start : start + _PART]}


def document_of(info: DocumentInfo, parts: Iterable[Row]) -> Document:
    """The article that `texts_of` took apart."""
    whole = "".join(row["body"] for row in sorted(parts, key=lambda row: int(row["number"])))
    text, pages, headings = json.loads(whole)
    return Document(
        info=info,
        text=text,
        pages=tuple(Page(*page) for page in pages),
        headings=tuple(Heading(*heading) for heading in headings),
    )


def record_of(entry: Entry, born: int) -> Row:
    """An article's record."""
    info = entry.info
    body = [info.id, info.title[:_LONGEST], info.source, info.date, info.author,
            info.publisher, info.url, entry.origins, entry.chunks, entry.indexed_at]  # fmt: skip
    return record("info", info.id, entry.key, born, body)


def entry_of(row: Row) -> Entry:
    """The article of a record."""
    *info, origins, chunks, indexed_at = json.loads(row["body"])
    return Entry(int(row["number"]), DocumentInfo(*info), tuple(origins), chunks, indexed_at)
