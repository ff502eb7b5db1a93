"""A trained network as the reader: a folder that `rag.training.reader` wrote, extra `[reader]`.

A small transformer encoder, run by onnxruntime in 8-bit integers without torch. onnxruntime and
not numpy: nine layers over 190 pieces cost numpy three times the 50 ms that a question may take.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.answering.reading_input import BETWEEN, InputMaker, ReadingInput
from rag.errors import ModelError
from rag.protocols import ReadSpan
from rag.text import Folded, fold, fold_passage, fold_with_offsets

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = 1
NETWORK, EMBEDDINGS, VOCABULARY = "network.onnx", "embeddings.npz", "tokenizer.json"
_BLOCK = 32  # numbers that share a scale in the table of pieces
_LONGEST_ANSWER = 60  # pieces
_KEPT = 20  # spans a reading gives, at most

Logits = NDArray[np.float32]


class NeuralReader:
    """Reads with the model in a folder that `rag.training.reader` wrote. Safe in threads."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelError when a file is missing, changed or of another format."""
        self.id = folder.name
        longest = _checked(folder)
        try:
            tokenizer = Tokenizer.from_file(str(folder / VOCABULARY))
            tables = np.load(folder / EMBEDDINGS, allow_pickle=False)
            self._quarters: NDArray[np.uint8] = tables["pieces"]
            self._scales = tables["scales"].astype(np.float32)
            self._positions = tables["positions"].astype(np.float32)
            self._session = _session(folder / NETWORK)
        except Exception as error:  # each of the three libraries has errors of its own
            raise _unusable(folder, error) from error
        self.input = InputMaker(tokenizer, longest=longest)

    def room(self, question: str) -> int:
        return self.input.room(fold(question).strip())

    def length(self, text: str) -> int:
        return self.input.count(fold_passage(text)) + 1  # one for what stands between two

    def read(self, question: str, passages: Sequence[str]) -> list[ReadSpan]:
        """See `Reader.read`."""
        folded = [fold_with_offsets(passage) for passage in passages]
        text = BETWEEN.join(passage.text for passage in folded)
        asked = fold(question).strip()
        if not asked or not text.strip():
            return []
        made = self.input.make(asked, text)
        if not made.spans:
            return []
        return _spans(self.logits(made), made, passages, folded)

    def logits(self, made: ReadingInput) -> Logits:
        """How well each piece begins and ends the answer, shape `(pieces, 2)`."""
        ids = np.array(made.pieces)
        packed = self._quarters[ids]
        blocks = np.concatenate((packed & 15, packed >> 4), axis=2).astype(np.float32) - 8.0
        rows = (blocks * self._scales[ids][:, :, None]).reshape(len(ids), -1)
        feed = {
            "embedded": (rows + self._positions[: len(ids)])[None],
            "levels": np.array([made.levels], dtype=np.int64),
            "sides": np.array([made.sides], dtype=np.int64),
        }
        result: Logits = self._session.run(["logits"], feed)[0][0]
        return result


def _spans(
    logits: Logits, made: ReadingInput, passages: Sequence[str], folded: Sequence[Folded]
) -> list[ReadSpan]:
    """The best spans, none of which crosses from one passage to the next."""
    starts = np.cumsum([0, *(len(passage.text) + len(BETWEEN) for passage in folded)])
    scores = span_scores(logits, made, _owners(made, starts)).astype(np.float64).ravel()
    none = float(logits[0].sum())
    total = float(np.logaddexp(np.logaddexp.reduce(scores), none))
    found: list[ReadSpan] = []
    for at in np.argsort(-scores, kind="stable")[:_KEPT]:
        score = float(scores[at])
        if not np.isfinite(score):
            break
        first, last = divmod(int(at), len(made.spans))
        left, right = made.spans[first][0], made.spans[last][1]
        passage = int(np.searchsorted(starts, left, "right")) - 1
        base = int(starts[passage])
        start, end = folded[passage].original_span(left - base, right - base)
        found.append(
            ReadSpan(
                passage=passage,
                start=start,
                end=end,
                text=passages[passage][start:end],
                probability=float(np.exp(score - total)),
                margin=score - none,
            )
        )
    return found


def _owners(made: ReadingInput, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The passage that each piece stands in; -1 for white space and what stands between two."""
    begin, end = np.array(made.spans).T
    owner = np.searchsorted(starts, begin, "right") - 1
    inside = (end > begin) & (end <= starts[owner + 1] - len(BETWEEN))
    result: NDArray[np.int64] = np.where(inside, owner, -1)
    return result


def span_scores(logits: Logits, made: ReadingInput, owners: NDArray[np.int64]) -> Logits:
    """Score of each span by its first and last piece, shape `(pieces, pieces)`; -inf where none is.

    Pieces of one span have one owner, which isn't -1.
    """
    count = len(made.spans)
    own = logits[made.first : made.first + count]
    index = np.arange(count)
    length = index[None, :] - index[:, None]
    same = (owners[:, None] == owners[None, :]) & (owners >= 0)[:, None]
    allowed = same & (length >= 0) & (length < _LONGEST_ANSWER)
    return np.where(allowed, own[:, :1] + own[None, :, 1], -np.inf)


def _checked(folder: Path) -> int:
    """How many pieces the model reads, once its files have the hashes that reader.json names."""
    try:
        about = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
        version, longest, hashes = about["format"], int(about["longest"]), about["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(folder, error) from error
    if version != FORMAT:
        raise ModelError(
            f"The reader in {folder} has format {version}, and this version reads format {FORMAT};"
            " install the package again or build the folder again",
            f"{folder} 中的阅读模型格式为 {version}，本版本只支持格式 {FORMAT}；"
            "请重新安装或重新生成",
        )
    for name in (NETWORK, EMBEDDINGS, VOCABULARY):
        try:
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise _unusable(folder, error) from error
        if digest != hashes.get(name):
            raise _unusable(folder, ValueError(f"{name} has changed"))
    return longest


def _session(path: Path) -> InferenceSession:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # One thread: a server answers several questions at once, and sums keep their order.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _unusable(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The reader in {folder} can't be opened ({error}); install the package again, build the"
        " folder again, or set answering.reader to rules",
        f"无法打开 {folder} 中的阅读模型（{error}）；请重新安装或重新生成，"
        "或把 answering.reader 设为 rules",
    )


__all__ = ["EMBEDDINGS", "FORMAT", "NETWORK", "VOCABULARY", "NeuralReader", "span_scores"]
