"""A static model: a vector a token, a text is the mean of its tokens. Opened without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from model2vec import StaticModel

from rag.embedders.folders import fingerprint, unit_rows, unusable
from rag.protocols import Vectors
from rag.text import fold


class StaticEmbedder:
    """An Embedder over a static model folder, of sentence-transformers or of model2vec.

    `folded` says whether texts go through `rag.text.fold` first. The bundled model is trained on
    folded text, so its vocabulary has neither Traditional characters nor full-width digits; a
    foreign model has its own normaliser and may know what folding takes away.

    Reading only, so safe to use from several threads. Raises ModelError when the folder can't
    be read as a model.
    """

    def __init__(self, folder: Path, *, name: str | None = None, folded: bool = True) -> None:
        self._id = name or folder.name
        self._folded = folded
        self._fingerprint = fingerprint(folder)
        try:
            # Without a limit on tokens, as sentence-transformers has it: a limit would also write
            # to the tokenizer at every call, which threads share.
            self._model = StaticModel.from_pretrained(folder, normalize=True, max_length=None)
        except Exception as error:  # noqa: BLE001  # the loaders raise whatever the bytes provoke
            raise unusable(folder, error) from error

    @property
    def id(self) -> str:
        return self._id

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        return int(self._model.dim)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        prepared = [fold(text) for text in texts] if self._folded else list(texts)
        return unit_rows(self._model.encode(prepared, use_multiprocessing=False))

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = self.embed_passages([text])[0]
        return row
