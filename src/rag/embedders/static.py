"""A static model: a vector a token, a text is the mean of its tokens. Opened without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from model2vec import StaticModel
from safetensors import safe_open
from tokenizers import Tokenizer

from rag.embedders.folders import unit_rows
from rag.hub import fingerprint, unusable
from rag.protocols import Vectors
from rag.text import fold


class StaticEmbedder:
    """An Embedder over a static model folder, of sentence-transformers or of model2vec.

    Text goes through `rag.text.fold` first when the model's vocabulary holds Simplified characters
    only, as that of the bundled model and of what is fine-tuned from it: it was trained on folded
    text. A foreign model has its own normaliser and may know what folding takes away.

    Reading only, so safe to use from several threads. Raises ModelError when the folder can't
    be read as a model.
    """

    def __init__(self, folder: Path) -> None:
        self._id = folder.name
        self._fingerprint = fingerprint(folder)
        try:
            self._model = _open(folder)
        except Exception as error:  # the loaders raise whatever the bytes provoke
            raise unusable(folder, error) from error
        known = self._model.tokenizer.token_to_id
        self._folded = known("国") is not None and known("國") is None
        self._latest: tuple[str, Vectors] | None = None

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
        """As `Embedder.embed_query`; a question is embedded to find and again to weigh."""
        known = self._latest
        if known is not None and known[0] == text:
            return known[1]
        row: Vectors = self.embed_passages([text])[0]
        row.flags.writeable = False
        self._latest = (text, row)  # replaced whole, so that threads never see half of it
        return row


def _open(folder: Path) -> StaticModel:
    """No limit on tokens, as sentence-transformers has none.

    The flat folder of sentence-transformers is read here, which spares the import of the hub's
    client, half of the time that `from_pretrained` takes.
    """
    weights = folder / "model.safetensors"
    if (folder / "config_sentence_transformers.json").is_file() and weights.is_file():
        with safe_open(weights, framework="numpy") as tensors:
            if "embedding.weight" in tensors.keys():  # noqa: SIM118  # it is no mapping
                rows = tensors.get_tensor("embedding.weight")
                tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
                return StaticModel(rows, tokenizer, normalize=True, max_length=None)
    return StaticModel.from_pretrained(folder, normalize=True, max_length=None)
