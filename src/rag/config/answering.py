"""Settings of the index, of the search in it and of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from rag.config.section import Section, plain_address


class IndexSettings(Section):
    """Where the index lives."""

    dir: Annotated[Path, Field(description="folder of the index")] = Path("index")


class StoreSettings(Section):
    """What keeps the passages: a folder of this machine, or a Milvus server."""

    backend: Annotated[
        Literal["local", "milvus"],
        Field(description="`local`: the folder of the index; `milvus`: a Milvus server"),
    ] = "local"
    uri: Annotated[str, Field(description="address of the Milvus server; `https://` for TLS")] = (
        "http://127.0.0.1:19530"
    )
    token_env: Annotated[
        str,
        Field(
            description="environment variable that holds its token (`user:password` or a key); "
            "empty: none"
        ),
    ] = ""
    ca_file: Annotated[
        str,
        Field(
            description="PEM file of the certificates that the server is checked by; empty: those "
            "of the system"
        ),
    ] = ""
    collection: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$",
            description="name of the index on the server: an alias, and how its collections begin",
        ),
    ] = "wenyuan"
    vectors: Annotated[
        Literal["HNSW", "FLAT"],
        Field(description="how Milvus searches vectors: `HNSW` (fast) or `FLAT` (exact)"),
    ] = "HNSW"
    timeout_s: Annotated[
        float, Field(gt=0, description="seconds that one call of the server may take")
    ] = 30.0

    @field_validator("uri")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return plain_address(value, "http://127.0.0.1:19530", "store.token_env")


class LoadingSettings(Section):
    """What one file may cost while it is read."""

    timeout_s: Annotated[
        float, Field(gt=0, description="seconds without progress after which a file is given up")
    ] = 60.0
    memory_mb: Annotated[
        int, Field(ge=256, description="memory that reading one file may take, in MiB")
    ] = 2048
    ocr: Annotated[
        bool, Field(description="read scanned pages, where the extra [ocr] is installed")
    ] = True


class ChunkingSettings(Section):
    """How articles are cut into passages."""

    size: Annotated[int, Field(ge=50, le=8000, description="characters of a passage, at most")] = (
        400
    )
    overlap: Annotated[
        int, Field(ge=0, description="characters that neighbouring passages may share")
    ] = 80

    @model_validator(mode="after")
    def _overlap_below_size(self) -> ChunkingSettings:
        if self.overlap >= self.size:
            raise ValueError(
                f"overlap={self.overlap} must be smaller than size={self.size}; "
                "set chunking.overlap"
            )
        return self


class EmbeddingSettings(Section):
    """The model that turns text into vectors."""

    model: Annotated[
        str,
        Field(
            min_length=1,
            description="`default` (in the package), a folder, or the name of a model that "
            "this machine already has",
        ),
    ] = "default"
    device: Annotated[
        str,
        Field(
            description="`cpu`, `cuda`, ... for transformers, a reranker too; empty lets the "
            "library choose"
        ),
    ] = ""
    batch_size: Annotated[int, Field(ge=1, description="texts a transformer embeds at once")] = 64
    processes: Annotated[
        int, Field(ge=0, description="processes that embed with a transformer; 0: this one alone")
    ] = 0
    query_prompt: Annotated[
        str,
        Field(
            description="what a transformer reads before a question; `auto`: what the model or its "
            "family wants; empty: nothing"
        ),
    ] = "auto"
    passage_prompt: Annotated[
        str, Field(description="the same before a passage; another one needs another index")
    ] = "auto"


class RetrievalSettings(Section):
    """How passages are found."""

    top_k: Annotated[int, Field(ge=1, le=100, description="passages an answer is drawn from")] = 8
    candidates: Annotated[
        int, Field(ge=1, le=1000, description="passages each of the two searches proposes")
    ] = 50
    dense_weight: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            description="least weight of the vector search beside 1 for the word search",
        ),
    ] = 0.05
    adaptive: Annotated[
        bool,
        Field(
            description="let that weight grow by itself where a question's words aren't found; "
            "`false` with a weight of 0 searches by words alone"
        ),
    ] = True
    reranker: Annotated[
        str,
        Field(
            description="cross-encoder that puts the best passages in a new order: a folder, or "
            "the name of a model that this machine already has; empty: none"
        ),
    ] = ""
    rerank_top: Annotated[
        int, Field(ge=2, le=200, description="passages it reads; each costs time")
    ] = 20


class AnsweringSettings(Section):
    """When to answer and when to decline."""

    threshold: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="probability of being right below which the answer is declined",
        ),
    ] = 0.3
    reader: Annotated[
        str,
        Field(
            min_length=1,
            description="what finds the short answer: `default`: the bundled model; `rules`: "
            "patterns alone; or folder or name of a Hugging Face extractive-QA model",
        ),
    ] = "default"
