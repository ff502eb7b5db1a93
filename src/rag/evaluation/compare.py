"""Two runs side by side: paired differences, their significance, and the questions that flipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from rag.evaluation.record import Record, Run
from rag.evaluation.statistics import (
    interval,
    mcnemar,
    resample_weights,
    sign_flip,
    weighted_mean,
)
from rag.evaluation.summary import ALL, MEANS


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure over the questions that have it in both runs; `after - before` with its interval.

    `p` is two-sided: McNemar's exact test where each question is 0 or 1, else random signs.
    """

    name: str
    count: int
    before: float
    after: float
    low: float
    high: float
    p: float
    gained: int
    lost: int

    @property
    def delta(self) -> float:
        return self.after - self.before

    @property
    def changed(self) -> bool:
        """Whether any question is better or worse."""
        return bool(self.gained or self.lost)


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that became right (`gained`) or wrong; what was said before and after."""

    set: str
    id: str
    question: str
    expected: str
    before: str
    after: str
    gained: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Over the questions that both runs asked in the same words; the others are counted."""

    before: str
    after: str
    common: int
    only_before: int
    only_after: int
    changes: Mapping[str, tuple[str, str]]
    differences: Mapping[str, tuple[Difference, ...]]
    flips: tuple[Flip, ...]

    def to_dict(self) -> dict[str, object]:
        """Ready for `json.dumps`."""
        return asdict(self) | {
            "differences": {
                name: [asdict(one) | {"delta": one.delta} for one in differences]
                for name, differences in self.differences.items()
            }
        }


def compare(before: Run, after: Run) -> Comparison:
    """What changed from one run to another, by set, and over all where there are several."""
    old = {record.key: record for record in before.records}
    pairs = [
        (old[record.key], record)
        for record in after.records
        if record.key in old and old[record.key].question == record.question
    ]
    names = list(dict.fromkeys(new.set for _, new in pairs))
    groups = {name: [pair for pair in pairs if pair[1].set == name] for name in names}
    if len(groups) > 1:
        groups[ALL] = pairs
    return Comparison(
        before=before.name,
        after=after.name,
        common=len(pairs),
        only_before=len(before.records) - len(pairs),
        only_after=len(after.records) - len(pairs),
        changes=_changes(before, after),
        differences={name: differences(group) for name, group in groups.items()},
        flips=tuple(_flip(a, b) for a, b in pairs if a.right != b.right),
    )


def differences(pairs: Sequence[tuple[Record, Record]]) -> tuple[Difference, ...]:
    """Each figure that applies to some question in both runs."""
    found = []
    for name in MEANS:
        values = [
            (a.measures[name], b.measures[name])
            for a, b in pairs
            if name in a.measures and name in b.measures
        ]
        if values:
            found.append(_difference(name, values))
    return tuple(found)


def _difference(name: str, values: Sequence[tuple[float, float]]) -> Difference:
    before, after = np.array(values, dtype=np.float64).T
    change = after - before
    low, high = interval(weighted_mean(change, resample_weights(len(change))))
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    binary = set(np.unique(values)) <= {0.0, 1.0}
    p = mcnemar(gained, lost) if binary else sign_flip(change.tolist())
    return Difference(
        name, len(change), float(before.mean()), float(after.mean()), low, high, p, gained, lost
    )


def _flip(before: Record, after: Record) -> Flip:
    return Flip(
        after.set,
        after.id,
        after.question,
        " / ".join(after.expected),
        said(before),
        said(after),
        gained=after.right,
    )


def said(record: Record) -> str:
    """The short answer, or the reason of the refusal in brackets."""
    return record.short_answer or "" if record.answered else f"[{record.reason}]"


def _changes(before: Run, after: Run) -> dict[str, tuple[str, str]]:
    """What differs between the two systems: settings, model, index, code."""
    a, b = _flat(before), _flat(after)
    return {
        key: (a.get(key, "-"), b.get(key, "-"))
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    }


def _flat(run: Run) -> dict[str, str]:
    print_of = run.fingerprint
    flat = {
        f"{section}.{key}": str(value)
        for section, values in print_of.config.items()
        if section != "index"  # where an index lies changes no answer
        for key, value in values.items()
    }
    return flat | {
        "embedder": f"{print_of.embedder} {print_of.embedder_sha}",
        "reranker": f"{print_of.reranker} {print_of.reranker_sha}".strip(),
        "index": print_of.index_sha,
        "commit": str(print_of.commit),
    }


__all__ = ["Comparison", "Difference", "Flip", "compare", "differences", "said"]
