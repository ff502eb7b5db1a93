"""Any extractive question-answering model of Hugging Face's kind as the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.hub import local_folder
from rag.protocols import ReadSpan

_LONGEST = 512  # pieces, unless the model says less
_ANSWER = 60
_KEPT = 5


class TransformerReader:
    """Reads with a model that `AutoModelForQuestionAnswering` opens. Never downloads."""

    def __init__(self, name: str) -> None:
        """`name` is a folder, or a name that `rag models pull` has fetched. Raises ModelError."""
        self.id = name
        try:
            from transformers import AutoModelForQuestionAnswering, AutoTokenizer

            folder = str(local_folder(name, setting="answering.reader"))
            offline = {"local_files_only": True, "trust_remote_code": False}
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **offline)
            self._model: Any = AutoModelForQuestionAnswering.from_pretrained(
                folder, **offline
            ).eval()
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"The reader {name} can't be opened ({_line(error)}); copy its folder here, fetch"
                " it with rag models pull, or set answering.reader to default",
                f"无法打开阅读模型 {name}（{_line(error)}）；请复制模型文件夹，或用 rag models pull"
                " 下载，或把 answering.reader 设为 default",
            ) from error
        if not self._tokenizer.is_fast:
            raise ModelError(
                f"The reader {name} has no tokenizer.json, which tells where its pieces stand;"
                " save its fast tokenizer in the folder",
                f"阅读模型 {name} 缺少 tokenizer.json，无法确定词片的位置；"
                "请把快速分词器存入该文件夹",
            )
        most = int(getattr(self._model.config, "max_position_embeddings", _LONGEST))
        # RoBERTa's kind keeps two positions for itself.
        self._longest = min(_LONGEST, most - 2, int(self._tokenizer.model_max_length))

    def room(self, question: str) -> int:
        asked = self.length(question)
        return self._longest - 4 - min(asked, self._longest // 2)

    def length(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def read(self, question: str, passages: Sequence[str]) -> list[ReadSpan]:
        """See `Reader.read`: each passage by itself, as these models were trained."""
        found = [
            span
            for number, passage in enumerate(passages)
            if passage.strip() and question.strip()
            for span in self._read(question, passage, number)
        ]
        return sorted(found, key=lambda span: (-span.margin, span.passage, span.start))[:_KEPT]

    def _read(self, question: str, passage: str, number: int) -> list[ReadSpan]:
        import torch

        encoded = self._tokenizer(
            question, passage, truncation="longest_first", max_length=self._longest,
            return_offsets_mapping=True, return_tensors="pt",
        )  # fmt: skip
        offsets = encoded.pop("offset_mapping")[0].tolist()
        sides = encoded.sequence_ids(0)
        with torch.inference_mode():
            output = self._model(**encoded)
        starts = output.start_logits[0].double().numpy()
        ends = output.end_logits[0].double().numpy()
        pieces = [i for i, side in enumerate(sides) if side == 1 and offsets[i][0] < offsets[i][1]]
        if not pieces:
            return []
        none = float(starts[0] + ends[0])
        scores = starts[pieces][:, None] + ends[pieces][None, :]
        length = np.arange(len(pieces))[None, :] - np.arange(len(pieces))[:, None]
        scores = np.where((length >= 0) & (length < _ANSWER), scores, -np.inf)
        total = float(np.logaddexp(np.logaddexp.reduce(scores, axis=None), none))
        first, last = divmod(int(scores.argmax()), len(pieces))
        start, end = offsets[pieces[first]][0], offsets[pieces[last]][1]
        score = float(scores[first, last])
        return [
            ReadSpan(
                passage=number, start=start, end=end, text=passage[start:end],
                probability=float(np.exp(score - total)), margin=score - none,
            )
        ]  # fmt: skip


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


__all__ = ["TransformerReader"]
