"""Any SentenceTransformer, by folder or by a name that is already in the local cache."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.embedders.folders import unit_rows
from rag.embedders.prompts import family_prompts, own_prompts
from rag.hub import fingerprint, local_folder, unusable
from rag.protocols import Vectors

_MULTI_PROCESS_FROM = 10_000  # below this, starting the processes costs more than they save


class TransformerEmbedder:
    """An Embedder over sentence-transformers, which is imported only here.

    Text is passed on as it is: a foreign tokenizer has its own normaliser, and a model that was
    trained on Traditional text or on capitals may need them. `processes` above 1 spreads large
    builds over that many processes. A prompt that is None is the model's own or its family's; an
    empty one is none. Never downloads nor runs a model's own code; raises ModelError when the model
    isn't on this machine or can't be opened. Safe to use from several threads: calls take turns.
    """

    def __init__(
        self,
        name_or_folder: str | Path,
        *,
        device: str | None = None,
        batch_size: int = 64,
        processes: int = 0,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
    ) -> None:
        self._id = str(name_or_folder)
        self._folder = local_folder(self._id)
        self._batch_size = batch_size
        self._processes = processes
        self._lock = threading.Lock()
        self._model = _open(self._folder, device)
        asked = (query_prompt, passage_prompt)
        self._query_prompt, self._passage_prompt = _prompts(self._folder, self._id, *asked)
        known = _prompts(self._folder, self._id, None, None)[1]
        self._fingerprint = fingerprint(self._folder)
        if self._passage_prompt != known:
            self._fingerprint = _stamped(self._fingerprint, self._passage_prompt or "")

    @property
    def id(self) -> str:
        return self._id

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        return int(self._model.get_embedding_dimension())

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        many = self._processes > 1 and len(texts) >= _MULTI_PROCESS_FROM
        devices = [str(self._model.device)] * self._processes if many else None
        return self._embed(texts, self._model.encode_document, self._passage_prompt, devices)

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = self._embed([text], self._model.encode_query, self._query_prompt, None)[0]
        return row

    def _embed(
        self,
        texts: Sequence[str],
        encode: Any,  # noqa: ANN401  # a method of an untyped library
        prompt: str | None,
        devices: list[str] | None,
    ) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        filled = [i for i, text in enumerate(texts) if text.strip()]
        if filled:
            with self._lock:
                rows[filled] = encode(
                    [texts[i] for i in filled],
                    prompt=prompt,
                    batch_size=self._batch_size,
                    device=devices,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
        return unit_rows(rows)


def _open(folder: Path, device: str | None) -> Any:  # noqa: ANN401  # an untyped library's class
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the loaders raise whatever the bytes provoke
        raise unusable(folder, error) from error


def _prompts(
    folder: Path, name: str, query: str | None, passage: str | None
) -> tuple[str | None, str | None]:
    """As they go to the library: None leaves the choice to it, which is to the model's own."""
    if own_prompts(folder):
        return query, passage
    family = family_prompts(name)
    asked = (
        family.query if query is None else query,
        family.passage if passage is None else passage,
    )
    return asked[0] or None, asked[1] or None


def _stamped(weights: str, passage: str) -> str:
    """Another prompt gives other vectors, so an index made with it must be known by it."""
    return hashlib.sha256(f"{weights}\0{passage}".encode()).hexdigest()[: len(weights)]
