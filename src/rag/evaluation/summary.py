"""From records to figures: by set, by language and by tag, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.record import Record
from rag.evaluation.selective import area_under_risk_coverage, expected_calibration_error
from rag.evaluation.statistics import Floats, interval, resample_weights, weighted_mean


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure's name for people, and whether more of it is better."""

    en: str
    zh: str
    more_is_better: bool = True


# A question's own measures; the figure is their mean over the questions that have one.
MEANS: Mapping[str, Metric] = {
    "recall@1": Metric("Recall@1", "召回率@1"),
    "recall@5": Metric("Recall@5", "召回率@5"),
    "recall@20": Metric("Recall@20", "召回率@20"),
    "mrr@10": Metric("MRR@10", "MRR@10"),
    "ndcg@10": Metric("nDCG@10", "nDCG@10"),
    "exact_match": Metric("Exact match", "完全匹配（EM）"),
    "f1": Metric("F1", "F1"),
    "short_accepted": Metric("Short answer accepted", "短答案正确率"),
    "accepted": Metric("Answered right, with evidence", "有据答对率"),
    "coverage": Metric("Coverage of answerable", "可答问题作答率"),
    "rejection": Metric("Rejection of unanswerable", "不可答问题拒答率"),
    "precision": Metric("Right among answered", "作答中的正确率"),
    "accuracy": Metric("Right of all", "总正确率"),
    "citation_precision": Metric("Citation precision", "引文精确率"),
    "citation_recall": Metric("Citation recall", "引文召回率"),
    "citation_support": Metric("Citation support", "引文支持率"),
    "gate_precision": Metric("Markers that the gate confirms", "门控确认的标注率"),
    "gate_recall": Metric("Statements that the gate confirms", "门控确认的陈述率"),
}
# Figures of a whole group, from `(confidence, right, weights)`.
CURVES: Mapping[str, tuple[Metric, Callable[[Floats, Floats, Floats], Floats]]] = {
    "aurc": (
        Metric("Area under risk-coverage", "风险-覆盖曲线面积", more_is_better=False),
        area_under_risk_coverage,
    ),
    "ece": (
        Metric("Calibration error (ECE)", "校准误差（ECE）", more_is_better=False),
        expected_calibration_error,
    ),
}
METRICS: Mapping[str, Metric] = {**MEANS, **{name: metric for name, (metric, _) in CURVES.items()}}
ALL = "all"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over `count` questions, with its 95% interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some questions; latencies are (p50, p95) in milliseconds by stage."""

    questions: int
    figures: Mapping[str, Figure]
    latency: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one set: of all its questions, and of each language and tag."""

    all: Group
    langs: Mapping[str, Group]
    tags: Mapping[str, Group]


def summarise(records: Sequence[Record]) -> dict[str, Summary]:
    """A summary for each set, and `all` over them where there is more than one."""
    names = list(dict.fromkeys(record.set for record in records))
    sets = {name: [record for record in records if record.set == name] for name in names}
    if len(sets) > 1:
        sets[ALL] = list(records)
    return {name: _summary(own) for name, own in sets.items()}


def _summary(records: Sequence[Record]) -> Summary:
    langs, tags = dict[str, list[Record]](), dict[str, list[Record]]()
    for record in records:
        if record.lang:
            langs.setdefault(record.lang, []).append(record)
        for tag in record.tags:
            tags.setdefault(tag, []).append(record)
    return Summary(
        group_of(records),
        {name: group_of(langs[name]) for name in sorted(langs)},
        {name: group_of(tags[name]) for name in sorted(tags)},
    )


def group_of(records: Sequence[Record]) -> Group:
    """Figures of some records; a figure that applies to none of them is left out."""
    if not records:
        return Group(0, {}, {})
    weights = resample_weights(len(records))
    figures: dict[str, Figure] = {}
    for name in MEANS:
        has = np.array([name in record.measures for record in records])
        if has.any():
            values = np.array([record.measures.get(name, 0.0) for record in records])[has]
            low, high = interval(weighted_mean(values, weights[:, has]))
            figures[name] = Figure(float(values.mean()), low, high, int(has.sum()))
    confidence = np.array([record.confidence for record in records])
    right = np.array([float(record.sure_right) for record in records])
    once = np.ones((1, len(records)))
    for name, (_, curve) in CURVES.items():
        low, high = interval(curve(confidence, right, weights))
        value = float(curve(confidence, right, once)[0])
        figures[name] = Figure(value, low, high, len(records))
    return Group(len(records), figures, _latency(records))


def _latency(records: Sequence[Record]) -> dict[str, tuple[float, float]]:
    stages = dict.fromkeys(stage for record in records for stage in record.timings_ms)
    found = {}
    for stage in stages:
        took = [record.timings_ms[stage] for record in records if stage in record.timings_ms]
        p50, p95 = np.quantile(took, [0.5, 0.95])
        found[stage] = (float(p50), float(p95))
    return found


def summary_dict(summaries: Mapping[str, Summary]) -> dict[str, object]:
    """Ready for `json.dumps`; figures that aren't numbers are null."""
    return {
        name: {
            "all": _group_dict(summary.all),
            "langs": {key: _group_dict(group) for key, group in summary.langs.items()},
            "tags": {key: _group_dict(group) for key, group in summary.tags.items()},
        }
        for name, summary in summaries.items()
    }


def _group_dict(group: Group) -> dict[str, object]:
    return {
        "questions": group.questions,
        "figures": {
            name: {
                "value": _number(figure.value),
                "low": _number(figure.low),
                "high": _number(figure.high),
                "count": figure.count,
            }
            for name, figure in group.figures.items()
        },
        "latency_ms": {
            stage: {"p50": round(p50, 3), "p95": round(p95, 3)}
            for stage, (p50, p95) in group.latency.items()
        },
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


__all__ = [
    "ALL",
    "CURVES",
    "MEANS",
    "METRICS",
    "Figure",
    "Group",
    "Metric",
    "Summary",
    "group_of",
    "summarise",
    "summary_dict",
]
