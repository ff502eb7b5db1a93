"""How probable it is that an answer is right: a logistic regression over a few clues.

The weights are fitted by `rag.training.confidence` and lie in `rag/models/confidence`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answering.evidence import Evidence
from rag.answering.kinds import MEASURED, TYPED
from rag.answering.question import Question
from rag.answering.reading import Read
from rag.errors import ModelError

Clues = Mapping[str, float]
_LEAST = 1e-4  # of the reader's probabilities that are told apart


@dataclass(frozen=True, slots=True)
class Confidence:
    """`1 / (1 + exp(-(bias + the weighted clues)))`; a clue without a weight counts nothing."""

    bias: float
    weights: Mapping[str, float]

    @classmethod
    def from_file(cls, path: Path) -> Confidence:
        """Read what `rag.training.confidence` wrote. Raises ModelError."""
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            weights = {str(name): float(value) for name, value in row["weights"].items()}
            return cls(float(row["bias"]), weights)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{path}: the confidence's weights are not readable ({type(error).__name__}); "
                "install the package again",
                f"{path}：无法读取置信度权重（{type(error).__name__}），请重新安装本软件",
            ) from None

    def of(self, clues: Clues) -> float:
        """The probability, from 0 to 1, that the answer is right."""
        z = self.bias + sum(self.weights.get(name, 0.0) * value for name, value in clues.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def clues_of(question: Question, evidence: Sequence[Evidence], read: Read) -> Clues:
    """What speaks for or against an answer, by name.

    `evidence` is what the reading began with, in the rules' order and not empty: its first
    sentence shows how well the question is met, that of `read` where the answer comes from.
    """
    best = evidence[0]
    others = (item for item in evidence if item.hit.document.id != best.hit.document.id)
    second = next(others, None)
    short = best.short is not None
    probability = read.probability
    return {
        "around": best.around,
        "similarity": best.similarity,
        "lead": best.score - (second.score if second is not None else 0.0),
        "rank": 1.0 / read.evidence[0].hit.rank,
        "words": math.log(len(question.words)),
        "untyped": float(question.kind in TYPED and not short),
        "no_figure": float(question.kind in MEASURED and not short),
        "read": float(probability is not None),
        "probability": math.log(max(probability, _LEAST)) if probability is not None else 0.0,
    }


__all__ = ["Clues", "Confidence", "clues_of"]
