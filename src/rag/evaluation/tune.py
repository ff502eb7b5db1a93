"""Fitting the weight of the vector search and the abstention threshold, by cross-validation.

Every weight is run once without a threshold; what a threshold would make of it follows from the
confidences. The score of a question is 1 when it is right (answered or declined), 0 when an answer
is withheld that could have been given, and -cost when a wrong answer is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.config import Settings
from rag.errors import ConfigError
from rag.evaluation.gold import Gold, GoldSet
from rag.evaluation.record import Record
from rag.evaluation.runner import System, run_sets
from rag.evaluation.statistics import Floats, interval, resample_weights, sign_flip, weighted_mean
from rag.tomlfile import write_settings

WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """A weight of the vector search and a threshold."""

    dense_weight: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the questions; `accepted` and `rejection` are None where none applies."""

    score: float
    accepted: float | None
    rejection: float | None
    mrr: float | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was chosen, and the figures: as it was, and on questions that the choice didn't see.

    `low`, `high` and `p` are of the held-out difference in score.
    """

    before: Choice
    chosen: Choice
    questions: int
    as_was: Scores
    held_out: Scores
    fitted: Scores
    low: float
    high: float
    p: float

    @property
    def helps(self) -> bool:
        """Whether the choice did better on questions it didn't see."""
        return self.chosen != self.before and self.held_out.score > self.as_was.score


Runs = Mapping[float, Sequence[Record]]


def tune(
    open_system: Callable[[Settings], System],
    settings: Settings,
    sets: Sequence[GoldSet],
    *,
    cost: float = 1.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Tuning:
    """Run every weight over the questions and choose. Raises ConfigError for too few questions."""
    questions = [gold for gold_set in sets for gold in gold_set.questions]
    folds = np.array([fold_of(gold) for gold in questions])
    if min(np.bincount(folds, minlength=FOLDS)) < 2:
        raise ConfigError(
            f"{len(questions)} questions are too few to tune on; give at least 50",
            f"{len(questions)} 个问题不足以拟合，请至少提供 50 个",
        )
    before = Choice(settings.retrieval.dense_weight, settings.answering.threshold)
    runs: dict[float, Sequence[Record]] = {}
    for weight in sorted({*WEIGHTS, before.dense_weight}):
        system = open_system(_with(settings, Choice(weight, 0.0)))
        runs[weight] = run_sets(system, sets, progress=progress)
        system.close()
    return choose(runs, folds, before, cost=cost)


def _with(settings: Settings, choice: Choice) -> Settings:
    retrieval = settings.retrieval.model_copy(update={"dense_weight": choice.dense_weight})
    answering = settings.answering.model_copy(update={"threshold": choice.threshold})
    return settings.model_copy(update={"retrieval": retrieval, "answering": answering})


def fold_of(gold: Gold) -> int:
    """The fold of a question; questions about one passage are in one fold, on every machine."""
    group = (gold.documents or gold.evidence or (gold.id,))[0]
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[0] % FOLDS


def choose(runs: Runs, folds: NDArray[np.integer[Any]], before: Choice, *, cost: float) -> Tuning:
    """The choice on all questions, judged by choices made without the questions they are judged on.

    `runs` are the records of each weight, without a threshold, in the order of `folds`.
    """
    thresholds = sorted({*THRESHOLDS, before.threshold})
    choices = [Choice(weight, threshold) for weight in runs for threshold in thresholds]
    table = np.array([_points(runs[c.dense_weight], c.threshold, cost) for c in choices])
    ranks = np.array([_ranks(runs[c.dense_weight]) for c in choices])
    at_first = choices.index(before)
    held_out, by_question = np.zeros(len(folds)), np.zeros(len(folds), dtype=np.intp)
    for fold in range(FOLDS):
        inside = folds == fold
        best = _best(table[:, ~inside], ranks[:, ~inside], choices, before)
        held_out[inside] = table[best, inside]
        by_question[inside] = best
    chosen = _best(table, ranks, choices, before)
    change = held_out - table[at_first]
    low, high = interval(weighted_mean(change, resample_weights(len(change))))
    return Tuning(
        before=before,
        chosen=choices[chosen],
        questions=len(folds),
        as_was=_scores(runs, [before] * len(folds), cost),
        held_out=_scores(runs, [choices[i] for i in by_question], cost),
        fitted=_scores(runs, [choices[chosen]] * len(folds), cost),
        low=low,
        high=high,
        p=sign_flip(change.tolist()),
    )


def _points(records: Sequence[Record], threshold: float, cost: float) -> list[float]:
    return [_point(record, threshold, cost) for record in records]


def _point(record: Record, threshold: float, cost: float) -> float:
    if not answers(record, threshold):
        return 0.0 if record.answerable else 1.0
    return 1.0 if record.sure_right else -cost


def answers(record: Record, threshold: float) -> bool:
    """Whether a question that was run without a threshold is answered with this one."""
    return record.answered and record.confidence >= threshold


def _ranks(records: Sequence[Record]) -> list[float]:
    return [record.measures.get("mrr@10", 0.0) for record in records]


def _best(table: Floats, ranks: Floats, choices: Sequence[Choice], before: Choice) -> int:
    """The weight that ranks best, with the threshold that scores best at it.

    In that order, since answers tell little about weights; among equals, what is nearest to what
    was. MRR counts to three decimals: less is no reason to change a setting.
    """

    def ranking(i: int) -> tuple[float, float]:
        away = abs(choices[i].dense_weight - before.dense_weight)
        return round(float(ranks[i].mean()), 3), -away

    def score(i: int) -> tuple[float, float]:
        return round(float(table[i].mean()), 6), -abs(choices[i].threshold - before.threshold)

    weight = choices[max(range(len(choices)), key=ranking)].dense_weight
    return max((i for i, one in enumerate(choices) if one.dense_weight == weight), key=score)


def _scores(runs: Runs, choices: Sequence[Choice], cost: float) -> Scores:
    """Figures where each question has a choice of its own."""
    picked = [runs[choice.dense_weight][i] for i, choice in enumerate(choices)]
    pairs = list(zip(picked, choices, strict=True))
    given = [
        float(answers(record, choice.threshold) and record.sure_right)
        for record, choice in pairs
        if record.answerable
    ]
    declined = [
        float(not answers(record, choice.threshold))
        for record, choice in pairs
        if not record.answerable
    ]
    ranks = [record.measures["mrr@10"] for record in picked if "mrr@10" in record.measures]
    points = [_point(record, choice.threshold, cost) for record, choice in pairs]
    return Scores(float(np.mean(points)), _mean(given), _mean(declined), _mean(ranks))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def write_choice(path: Path, tuning: Tuning, remark: str) -> None:
    """Set both values in a settings file, keeping all else in it. Raises ConfigError, StorageError.

    `remark` becomes the comment beside them: where they come from.
    """
    chosen = {
        "retrieval.dense_weight": tuning.chosen.dense_weight,
        "answering.threshold": tuning.chosen.threshold,
    }
    write_settings(path, chosen, remark=remark)


__all__ = ["Choice", "Scores", "Tuning", "choose", "fold_of", "tune", "write_choice"]
