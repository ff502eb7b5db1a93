"""Any CrossEncoder of sentence-transformers as the reranker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.hub import fingerprint, is_model_folder, local_folder, unusable

_BATCH = 16
_DECIMALS = 4  # what batches of another length change stands further to the right
_FINITE = 1e6


class CrossEncoderReranker:
    """A Reranker over sentence-transformers, which is imported only here.

    `name` is a folder or a name in the local cache. Scores are the model's logits: squeezed between
    0 and 1, the best passages of a sure model would all be 1. Never downloads nor runs a model's
    own code; raises ModelError when the model isn't on this machine or can't be opened, or when it
    gives another count of numbers than one.
    """

    def __init__(self, name: str, *, device: str | None = None) -> None:
        folder = local_folder(name, setting="retrieval.reranker")
        if not is_model_folder(folder):
            raise ModelError(
                f"{folder} is not a model folder: it has neither modules.json nor config.json; "
                "set retrieval.reranker to the folder that holds them",
                f"{folder} 不是模型文件夹：缺少 modules.json 和 config.json；"
                "请把 retrieval.reranker 设为包含这些文件的文件夹",
            )
        self._id = name
        self._fingerprint = fingerprint(folder)
        self._lock = threading.Lock()
        try:
            from sentence_transformers import CrossEncoder
            from torch.nn import Identity

            self._model: Any = CrossEncoder(
                str(folder), device=device, local_files_only=True, trust_remote_code=False
            )
            self._plain = Identity()
            outputs = np.asarray(self._predict([("问", "答")])).size
        except Exception as error:  # the loaders raise whatever the bytes provoke
            raise unusable(folder, error) from error
        if outputs != 1:
            raise ModelError(
                f"The model in {folder} gives {outputs} numbers for a passage and a reranker gives "
                "one; choose a reranker for retrieval.reranker",
                f"模型文件夹 {folder} 对每个段落给出 {outputs} 个数，而重排模型应只给出一个；"
                "请为 retrieval.reranker 选用重排模型",
            )

    @property
    def id(self) -> str:
        return self._id

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """See `Reranker.scores`: logits, rounded so that equal passages are equal."""
        if not passages:
            return []
        with self._lock:
            rows = self._predict([(query, passage) for passage in passages])
        finite = np.nan_to_num(
            np.asarray(rows, dtype=np.float64).reshape(-1),
            nan=-_FINITE,
            posinf=_FINITE,
            neginf=-_FINITE,
        )
        return [round(float(score), _DECIMALS) for score in finite]

    def _predict(self, pairs: Sequence[tuple[str, str]]) -> Any:  # noqa: ANN401  # untyped library
        return self._model.predict(
            list(pairs),
            batch_size=_BATCH,
            activation_fn=self._plain,
            convert_to_numpy=True,
            show_progress_bar=False,
        )


__all__ = ["CrossEncoderReranker"]
