"""Fit the confidence of answers, what `rag.answering.confidence` computes.

    python -m rag.training.confidence --data ../shared/data --out src/rag/models/confidence

Run in the project's folder: the gold sets of `eval/gold` are asked over `docs`, the articles of
DRCD and CMRC 2018 that the bundled reader never saw among news, each with the reader and with the
rules alone. A logistic regression (scikit-learn) learns from the clues whether an answer was
right. Its figures come from five folds that share no article; `--unseen` adds a set that nothing is
fitted on. About ten minutes of one core; `--work` keeps what was asked for another run.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from rag.evaluation.adapters import open_set
from rag.evaluation.gold import GoldSet
from rag.evaluation.selective import expected_calibration_error, risk_coverage
from rag.training.confidence_cases import Case, cases_of, held_out
from rag.training.reader_data import SPLIT_SETS

CLUES = (
    "around", "similarity", "lead", "rank", "words", "untyped", "no_figure", "read", "probability",
)  # fmt: skip
# What a question of each set counts: the reading sets are larger, and farther from what is asked.
WEIGHTS: Mapping[str, float] = {
    "sample": 6.0, "sample-wide": 6.0, "cmrc2018_trial": 1.0, "drcd_dev": 0.25,
}  # fmt: skip
_OWN = ("sample", "sample-wide")
READERS = ("default", "rules")
_FOLDS = 5
_INVERSE_REGULARISATION = 0.3
_COVERAGE = 0.85
_NEWS = 20_000  # articles that a reading set stands among
_OTHER = {
    "other-district", "other-place", "other-year", "other-person",
    "near_miss_place", "near_miss_year", "near_miss_person",
}  # fmt: skip
_OTHER_WORLD = {"other-world", "other_world"}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of unanswerable questions that are declined where `coverage` of the others are not.

    `near_miss` are those about another place, year or person; None where a set has none.
    """

    name: str
    questions: int
    declined: float
    declined_by_bm25: float
    near_miss: float | None
    other_world: float | None
    calibration: float

    @classmethod
    def of(cls, name: str, cases: Sequence[Case], confidence: Floats) -> Figures:
        answerable = np.array([case.gold.answerable for case in cases])
        right = np.array([case.right for case in cases], dtype=float)
        bm25 = np.array([case.bm25 for case in cases])
        bar = np.quantile(confidence[answerable], 1 - _COVERAGE)

        def share(tags: set[str]) -> float | None:
            chosen = ~answerable & [not tags.isdisjoint(case.gold.tags) for case in cases]
            return float((confidence[chosen] < bar).mean()) if chosen.any() else None

        lexical_bar = np.quantile(bm25[answerable], 1 - _COVERAGE)
        return cls(
            name=name,
            questions=len(cases),
            declined=float((confidence[~answerable] < bar).mean()),
            declined_by_bm25=float((bm25[~answerable] < lexical_bar).mean()),
            near_miss=share(_OTHER),
            other_world=share(_OTHER_WORLD),
            calibration=float(
                expected_calibration_error(confidence, right, np.ones((1, len(cases))))[0]
            ),
        )

    def row(self) -> str:
        """A row of a Markdown table."""
        shares = (self.declined, self.declined_by_bm25, self.near_miss, self.other_world)
        told = " | ".join("–" if share is None else f"{share:.3f}" for share in shares)
        return f"| {self.name} | {self.questions} | {told} | {self.calibration:.3f} |"


HEADER = (
    "| set | questions | declined | by BM25 | near misses | other world | ECE |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def fitted(cases: Sequence[Case]) -> Pipeline:
    """A model of the cases that have clues."""
    known = [case for case in cases if case.clues is not None]
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=2000)
    )
    weights = [WEIGHTS[case.set] for case in known]
    right = [case.right for case in known]
    return model.fit(_matrix(known), right, logisticregression__sample_weight=weights)


def confidences(model: Pipeline, cases: Sequence[Case]) -> Floats:
    """The model's, and the judge's own where it declined without clues; shape `(cases,)`."""
    found = np.array([case.confidence for case in cases])
    known = np.array([case.clues is not None for case in cases])
    if known.any():
        rows = _matrix([case for case in cases if case.clues is not None])
        found[known] = model.predict_proba(rows)[:, 1]
    return found


def out_of_fold(cases: Sequence[Case]) -> Floats:
    """Each case's confidence by a model that saw nothing of its article; shape `(cases,)`."""
    found = np.zeros(len(cases))
    groups = [f"{case.set} {case.group}" for case in cases]
    for train, test in GroupKFold(_FOLDS).split(found, groups=groups):
        model = fitted([cases[i] for i in train])
        found[test] = confidences(model, [cases[i] for i in test])
    return found


def _matrix(cases: Sequence[Case]) -> Floats:
    return np.array([[case.clues[name] for name in CLUES] for case in cases if case.clues])


def weights_of(model: Pipeline) -> dict[str, object]:
    """Bias and weights for clues as they are, without the scaling."""
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weights @ scaler.mean_)
    return {
        "bias": round(bias, 4),
        "weights": {n: round(float(w), 4) for n, w in zip(CLUES, weights, strict=True)},
    }


def curve(cases: Sequence[Case], confidence: Floats) -> Iterator[str]:
    """Rows of a Markdown table: what is declined and what goes wrong at some coverages."""
    answerable = np.array([case.gold.answerable for case in cases])
    right = np.array([case.right for case in cases], dtype=float)
    yield "| answerable answered | unanswerable declined | wrong among answered |"
    yield "| ---: | ---: | ---: |"
    for coverage in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5):
        bar = np.quantile(confidence[answerable], 1 - coverage)
        declined = float((confidence[~answerable] < bar).mean())
        shown = int((confidence >= bar).sum())
        risk = risk_coverage(confidence, right)[1][shown - 1]
        yield f"| {coverage:.2f} | {declined:.3f} | {risk:.3f} |"


@dataclass(frozen=True, slots=True)
class Source:
    """A set and the articles that it is asked over beside its own."""

    gold_set: GoldSet
    corpus: Path

    def cases(self, reader: str, work: Path) -> list[Case]:
        """Asked once: what `work` holds already is taken from there."""
        file = work / f"{self.gold_set.name}-{reader}.pickle"
        if not file.exists():
            limit = _NEWS if self.gold_set.brings_articles else None
            with tempfile.TemporaryDirectory() as name:
                found = cases_of(
                    self.gold_set, [self.corpus], Path(name), reader=reader, limit=limit
                )
                file.write_bytes(pickle.dumps(list(found)))
        cases: list[Case] = pickle.loads(file.read_bytes())
        return cases


def sources(data: Path) -> list[Source]:
    """What is fitted on. Raises GoldError."""
    own = [Source(open_set(Path(f"eval/gold/{name}.jsonl")), Path("docs")) for name in _OWN]
    news = data / "news.jsonl.xz"
    return own + [
        Source(held_out(open_set(data / f"{name}.jsonl.xz")), news) for name in SPLIT_SETS
    ]


def report(cases: Mapping[tuple[str, str], Sequence[Case]]) -> None:
    """Print the figures of each set and reader, and the curve of our own sets."""
    together = [case for group in cases.values() for case in group]
    found = out_of_fold(together)
    print(HEADER)  # noqa: T201
    at = 0
    own: list[tuple[Case, float]] = []
    for (name, reader), group in cases.items():
        part = found[at : at + len(group)]
        at += len(group)
        print(Figures.of(f"{name}, {reader}", group, part).row())  # noqa: T201
        if name in _OWN and reader == READERS[0]:
            own += zip(group, part, strict=True)
    chosen, confidence = [case for case, _ in own], np.array([value for _, value in own])
    print(Figures.of("both of our own", chosen, confidence).row())  # noqa: T201
    print("\n" + "\n".join(curve(chosen, confidence)), flush=True)  # noqa: T201


def main() -> None:
    """Ask, fit, write `weights.json` into the folder given by `--out`, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, required=True, help="folder of weights.json")
    parser.add_argument("--work", type=Path, help="folder that keeps what was asked")
    parser.add_argument(
        "--unseen", type=Path, nargs=2, action="append", default=[], metavar=("SET", "CORPUS"),
        help="a set to measure on alone, and the articles it is asked over",
    )  # fmt: skip
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = options.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        cases = {
            (source.gold_set.name, reader): source.cases(reader, work)
            for reader in READERS
            for source in sources(options.data)
        }
        report(cases)
        model = fitted([case for group in cases.values() for case in group])
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(weights_of(model), indent=1) + "\n"
        (options.out / "weights.json").write_text(text, encoding="utf-8")
        if options.unseen:
            print("\nNever fitted on:\n\n" + HEADER)  # noqa: T201
        for path, corpus in options.unseen:
            source = Source(open_set(path), corpus)
            for reader in READERS:
                group = source.cases(reader, work)
                figures = Figures.of(
                    f"{source.gold_set.name}, {reader}", group, confidences(model, group)
                )
                print(figures.row(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
