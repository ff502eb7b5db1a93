"""A run as Markdown, for a terminal or a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.errors import Lang
from rag.evaluation.compare import Comparison, Difference
from rag.evaluation.diagnosis import OUTCOMES, outcomes
from rag.evaluation.gate import Check
from rag.evaluation.record import Record, Run
from rag.evaluation.strings import text
from rag.evaluation.summary import ALL, METRICS, Figure, Group, Summary
from rag.evaluation.tune import Tuning

_BY_GROUP = ("accepted", "rejection", "recall@5", "f1")
_FLIPS = 30


def metric_name(name: str, lang: Lang) -> str:
    """A figure's name for people."""
    metric = METRICS[name]
    return metric.zh if lang == "zh" else metric.en


def run_markdown(run: Run, summaries: Mapping[str, Summary], lang: Lang) -> str:
    """Figures of every set side by side, then by language and tag, then what was measured."""
    names = list(summaries)
    header = [text("figure", lang), *names]
    rows = [[text("questions", lang), *(str(summaries[name].all.questions) for name in names)]]
    for metric in METRICS:
        figures = [summaries[name].all.figures.get(metric) for name in names]
        if any(figures):
            rows.append([metric_name(metric, lang), *map(_with_interval, figures)])
    stages = dict.fromkeys(stage for name in names for stage in summaries[name].all.latency)
    for stage in stages:
        cells = [_milliseconds(summaries[name].all, stage) for name in names]
        rows.append([f"{stage}: {text('latency', lang)}", *cells])
    parts = [f"# {run.name}", _table(header, rows), text("interval", lang)]
    parts.append(_table([text("outcome", lang), *names], _outcomes(run, names, lang)))
    parts += [
        f"## {name}\n\n{_groups(summaries[name], lang)}"
        for name in run.sets
        if summaries[name].tags or len(summaries[name].langs) > 1
    ]
    return "\n\n".join([*parts, _system(run, lang)]) + "\n"


def compared(comparison: Comparison, lang: Lang) -> str:
    """Which two runs are compared, on how many questions."""
    return text(
        "compared",
        lang,
        before=comparison.before,
        after=comparison.after,
        common=comparison.common,
        only_before=comparison.only_before,
        only_after=comparison.only_after,
    )


def comparison_markdown(comparison: Comparison, lang: Lang) -> str:
    """What changed, the differences with their significance, and the flips."""
    parts = [compared(comparison, lang)]
    if comparison.changes:
        rows = [[f"`{key}`", a, b] for key, (a, b) in comparison.changes.items()]
        parts.append(_table([text(key, lang) for key in ("setting", "before", "after")], rows))
    keys = ("before", "after", "difference", "p", "changed")
    for name, differences in comparison.differences.items():
        header = [f"{name}", *(text(key, lang) for key in keys)]
        changed = [one for one in differences if one.changed]
        if changed:
            parts.append(_table(header, [difference_row(one, lang) for one in changed]))
        same = len(differences) - len(changed)
        parts.append(f"{name}: {text('unchanged', lang, count=same)}")
    parts.append(f"### {text('flips', lang)}")
    lines = [
        f"- {'✓' if flip.gained else '✗'} {flip.set}/{flip.id} {_cell(flip.question)}: "
        f"{_cell(flip.before)} → {_cell(flip.after)}"
        + (f" ({_cell(flip.expected)})" if flip.expected else "")
        for flip in sorted(comparison.flips, key=lambda flip: flip.gained)[:_FLIPS]
    ]
    if len(comparison.flips) > _FLIPS:
        lines.append(f"- {text('more', lang).format(count=len(comparison.flips) - _FLIPS)}")
    parts.append("\n".join(lines) or text("none", lang))
    return "\n\n".join(parts) + "\n"


def difference_row(one: Difference, lang: Lang) -> list[str]:
    """Cells of one difference: name, before, after, difference with interval, p, better/worse."""
    return [
        metric_name(one.name, lang),
        f"{one.before:.3f}",
        f"{one.after:.3f}",
        f"{one.delta:+.3f} [{one.low:+.3f}, {one.high:+.3f}]",
        f"{one.p:.4f}" if one.p >= 0.0001 else "<0.0001",
        f"{one.gained} / {one.lost}",
    ]


def tuning_markdown(tuning: Tuning, lang: Lang) -> str:
    """The values and the figures: before, held out, and on all questions."""
    was, now = tuning.before, tuning.chosen
    values = [["retrieval.dense_weight", f"{was.dense_weight:g}", f"{now.dense_weight:g}"],
              ["answering.threshold", f"{was.threshold:g}", f"{now.threshold:g}"]]  # fmt: skip
    columns = (tuning.as_was, tuning.held_out, tuning.fitted)
    rows = [[text("score", lang), *(_decimals(one.score) for one in columns)]]
    rows.append([metric_name("accepted", lang), *(_decimals(one.accepted) for one in columns)])
    rows.append([metric_name("rejection", lang), *(_decimals(one.rejection) for one in columns)])
    rows.append([metric_name("mrr@10", lang), *(_decimals(one.mrr) for one in columns)])
    keys = ("setting", "before", "chosen")
    header = [text("figure", lang), *(text(key, lang) for key in ("before", "held_out", "fitted"))]
    change = text(
        "held_out_change",
        lang,
        delta=tuning.held_out.score - tuning.as_was.score,
        low=tuning.low,
        high=tuning.high,
        p=tuning.p,
        count=tuning.questions,
    )
    parts = [_table([text(key, lang) for key in keys], values), _table(header, rows), change]
    return "\n\n".join(parts) + "\n"


def _decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def gate_markdown(checks: Sequence[Check], lang: Lang) -> str:
    """Every threshold with what was measured, the missed ones first."""
    rows = [gate_row(check, lang) for check in sorted(checks, key=lambda check: check.held)]
    header = ["", *(text(key, lang) for key in ("place", "figure", "measured", "wanted"))]
    return f"### {text('gate', lang)}\n\n" + _table(header, rows) + "\n"


def gate_row(check: Check, lang: Lang) -> list[str]:
    """Cells of one threshold: held or not, where, figure, measured, wanted."""
    return [
        text("held" if check.held else "missed", lang),
        check.place,
        check.name,
        "-" if check.value is None else f"{check.value:.3f}",
        f"{'≤' if check.at_most else '≥'} {check.bound:g}",
    ]


def _outcomes(run: Run, names: Sequence[str], lang: Lang) -> list[list[str]]:
    counts = [outcomes(records_of(run, name), top_k=run.top_k) for name in names]
    return [
        [outcome_name(key, lang), *(str(count.get(key, "-")) for count in counts)]
        for key in OUTCOMES
        if any(key in count for count in counts)
    ]


def outcome_name(key: str, lang: Lang) -> str:
    """An outcome's name for people."""
    en, zh = OUTCOMES[key]
    return zh if lang == "zh" else en


def records_of(run: Run, name: str) -> list[Record]:
    """The records of a set, or of `all`."""
    return [record for record in run.records if name in (record.set, ALL)]


def _groups(summary: Summary, lang: Lang) -> str:
    shown = [name for name in _BY_GROUP if name in summary.all.figures]
    header = [text("group", lang), text("questions", lang)]
    header += [metric_name(name, lang) for name in shown]
    groups = {**summary.langs, **summary.tags}
    rows = [
        [name, str(group.questions), *(_plain(group.figures.get(metric)) for metric in shown)]
        for name, group in groups.items()
    ]
    return _table(header, rows)


def _system(run: Run, lang: Lang) -> str:
    own = run.fingerprint
    models = [f"{own.embedder} {own.embedder_sha}", f"{own.reranker} {own.reranker_sha}".strip()]
    return text(
        "system",
        lang,
        documents=own.documents,
        chunks=own.chunks,
        index=own.index_sha,
        model=" + ".join(filter(None, models)),
        commit=own.commit,
        machine=own.machine,
        seconds=run.seconds,
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *[list(map(_cell, r)) for r in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.replace("|", "\\|").split())


def _with_interval(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _plain(figure: Figure | None) -> str:
    return f"{figure.value:.3f}" if figure else "-"


def _milliseconds(group: Group, stage: str) -> str:
    if stage not in group.latency:
        return "-"
    p50, p95 = group.latency[stage]
    return f"{p50:.1f} / {p95:.1f}"


__all__ = [
    "comparison_markdown",
    "difference_row",
    "gate_markdown",
    "gate_row",
    "metric_name",
    "outcome_name",
    "records_of",
    "run_markdown",
    "tuning_markdown",
]
