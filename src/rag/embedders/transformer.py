"""Any SentenceTransformer, by folder or by a name that is already in the local cache."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.embedders.folders import fingerprint, unit_rows, unusable
from rag.errors import ModelError
from rag.protocols import Vectors

# What well-known families were trained with but some of their folders don't say. Matched against
# the name, the first that fits; query prompt, passage prompt.
PROMPTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("e5-small", "e5-base", "e5-large"), "query: ", "passage: "),
    (("bge-m3",), "", ""),
    (("bge-small-zh", "bge-base-zh", "bge-large-zh"), "为这个句子生成表示以用于检索相关文章：", ""),
    (
        ("bge-small-en", "bge-base-en", "bge-large-en"),
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
)
_MULTI_PROCESS_FROM = 10_000  # below this, starting the processes costs more than they save


class TransformerEmbedder:
    """An Embedder over sentence-transformers, which is imported only here.

    Text is passed on as it is: a foreign tokenizer has its own normaliser, and a model that was
    trained on Traditional text or on capitals may need them. `processes` above 1 spreads large
    builds over that many processes. Never downloads; raises ModelError when the model isn't on
    this machine or can't be opened. Safe to use from several threads: calls take turns.
    """

    def __init__(
        self,
        name_or_folder: str | Path,
        *,
        device: str | None = None,
        batch_size: int = 64,
        processes: int = 0,
    ) -> None:
        self._id = str(name_or_folder)
        self._folder = local_folder(self._id)
        self._fingerprint = fingerprint(self._folder)
        self._batch_size = batch_size
        self._processes = processes
        self._lock = threading.Lock()
        self._model = _open(self._folder, device)
        self._query_prompt, self._passage_prompt = _prompts(self._model, self._id)

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


def local_folder(name: str) -> Path:
    """The folder of a model: itself, or its snapshot in the cache. Raises ModelError."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"There is no model {name!r} on this machine: it is neither a folder nor in the local"
            f" cache; fetch it with `rag models pull {name}` or set embedding.model to its folder",
            f"本机没有模型 {name!r}：既不是文件夹，也不在本地缓存中；"
            f"请运行 `rag models pull {name}`，或把 embedding.model 设为模型文件夹",
        ) from error


def _open(folder: Path, device: str | None) -> Any:  # noqa: ANN401  # an untyped library's class
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    except Exception as error:  # the loaders raise whatever the bytes provoke
        raise unusable(folder, error) from error


def _prompts(model: Any, name: str) -> tuple[str | None, str | None]:  # noqa: ANN401
    """None leaves the choice to the model, whose own prompts come first."""
    if any(model.prompts.values()):
        return None, None
    for fragments, query, passage in PROMPTS:
        if any(fragment in name.lower() for fragment in fragments):
            return query or None, passage or None
    return None, None
