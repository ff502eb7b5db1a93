"""A run as one self-contained HTML page.

No request leaves it, and nothing in it runs but its own script: articles and questions come in as
text. Figures and plots stand in the page as they are; the script fills the table of questions from
the data beside it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files

from rag.errors import Lang
from rag.evaluation.compare import Comparison, said
from rag.evaluation.diagnosis import OUTCOMES, outcome, outcomes
from rag.evaluation.gate import Check
from rag.evaluation.markdown import (
    compared,
    difference_row,
    gate_row,
    metric_name,
    outcome_name,
    records_of,
)
from rag.evaluation.plots import confidence_plot, reliability_plot, risk_coverage_plot
from rag.evaluation.record import Record, Run
from rag.evaluation.strings import all_strings, text
from rag.evaluation.summary import METRICS, Figure, Group, Summary

_TILES = ("accepted", "rejection", "recall@5", "f1", "citation_recall", "aurc")
_COLUMNS = ("accepted", "rejection", "recall@5", "f1")
_EMBEDDED = 3000  # a browser is slow with more, and the page heavy


def report_html(
    run: Run,
    summaries: Mapping[str, Summary],
    comparison: Comparison | None,
    checks: Sequence[Check],
    lang: Lang,
) -> str:
    """The whole page."""
    page = files("rag.evaluation") / "page"
    style = (page / "report.css").read_text("utf-8")
    script = (page / "report.js").read_text("utf-8")
    body = [f"<header><h1>{_t(run.name)}</h1><p>{_t(_line(run, lang))}</p></header>"]
    if checks:
        body.append(_gate(checks, lang))
    if comparison is not None:
        body.append(_comparison(comparison, lang))
    body += [_set(run, name, summary, lang) for name, summary in summaries.items()]
    body += [_questions(run, lang), _system(run, lang)]
    data = _json(_data(run, comparison, lang))
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{_t(text('title', lang))} {_t(run.name)}</title>\n<style>\n{style}</style>\n"
        f"</head>\n<body>\n<main>\n{''.join(body)}</main>\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _t(value: str) -> str:
    return html.escape(value)


def _json(value: object) -> str:
    """JSON that can stand inside a script element: no tag can end it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _line(run: Run, lang: Lang) -> str:
    own = run.fingerprint
    count = text("so_many", lang, count=len(run.records))
    return f"{run.started} · {count} · commit {own.commit}"


def _set(run: Run, name: str, summary: Summary, lang: Lang) -> str:
    records = records_of(run, name)
    group = summary.all
    tiles = "".join(
        f'<div class="tile"><b>{_value(metric, group.figures[metric])}</b>'
        f"<span>{_t(metric_name(metric, lang))}</span>"
        f"<small>{_range(metric, group.figures[metric])}</small></div>"
        for metric in _TILES
        if metric in group.figures
    )
    return (
        f'<section class="set"><h2>{_t(name)} '
        f"<small>{_t(text('so_many', lang, count=group.questions))}</small></h2>"
        f'<div class="tiles">{tiles}</div>'
        f"{_outcome_bar(records, run.top_k, lang)}"
        f'<div class="plots">{_plots(run, records, lang)}</div>'
        f"<details><summary>{_t(text('figures', lang))}</summary>{_figures(group, lang)}</details>"
        f"<details><summary>{_t(text('groups', lang))}</summary>{_groups(summary, lang)}</details>"
        "</section>\n"
    )


def _value(metric: str, figure: Figure) -> str:
    whole = METRICS[metric].more_is_better
    return f"{figure.value:.1%}" if whole else f"{figure.value:.3f}"


def _range(metric: str, figure: Figure) -> str:
    if METRICS[metric].more_is_better:
        return f"{figure.low:.1%} – {figure.high:.1%}"
    return f"{figure.low:.3f} – {figure.high:.3f}"


def _outcome_bar(records: Sequence[Record], top_k: int, lang: Lang) -> str:
    counts = outcomes(records, top_k=top_k)
    parts = "".join(
        f'<i class="{key}" style="flex:{count}" title="{_t(outcome_name(key, lang))}: {count}"></i>'
        for key, count in counts.items()
    )
    legend = "".join(
        f'<li><i class="{key}"></i>{_t(outcome_name(key, lang))} <b>{count}</b></li>'
        for key, count in counts.items()
    )
    return f'<div class="outcomes">{parts}</div><ul class="legend">{legend}</ul>'


def _plots(run: Run, records: Sequence[Record], lang: Lang) -> str:
    kinds = [text(key, lang) for key in ("right", "wrong", "unanswerable")]
    colours = zip(("right", "wrong", "unanswerable"), kinds, strict=True)
    legend = "".join(f'<i class="{colour}"></i>{_t(name)} ' for colour, name in colours)
    figures = (
        ("risk", risk_coverage_plot(
            records, text("coverage", lang), text("risk", lang), text("now", lang))),
        ("reliability", reliability_plot(
            records, text("confidence", lang), text("share_right", lang))),
        ("confidence", confidence_plot(
            records, run.threshold, text("confidence", lang), text("questions", lang), kinds)),
    )  # fmt: skip
    return "".join(
        f"<figure><figcaption><b>{_t(text(f'plot_{key}', lang))}</b> "
        f"{_t(text(f'plot_{key}_note', lang))}"
        f"{f'<span class=key>{legend}</span>' if key == 'confidence' else ''}"
        f"</figcaption>{svg}</figure>"
        for key, svg in figures
    )


def _figures(group: Group, lang: Lang) -> str:
    rows = [
        [_t(metric_name(name, lang)), _value(name, figure), _range(name, figure), str(figure.count)]
        for name, figure in group.figures.items()
    ]
    rows += [
        [f"{_t(stage)}: {_t(text('latency', lang))}", f"{p50:.1f} / {p95:.1f}", "", ""]
        for stage, (p50, p95) in group.latency.items()
    ]
    return _table([text("figure", lang), "", "95%", "n"], rows)


def _groups(summary: Summary, lang: Lang) -> str:
    shown = [name for name in _COLUMNS if name in summary.all.figures]
    header = [text("group", lang), "n", *(metric_name(name, lang) for name in shown)]
    rows = [
        [_t(name), str(group.questions), *(_bar(group.figures.get(metric)) for metric in shown)]
        for name, group in {**summary.langs, **summary.tags}.items()
    ]
    return _table(header, rows)


def _bar(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return (
        f'<span class="bar" style="--v:{figure.value:.3f}" title="{figure.low:.3f} – '
        f'{figure.high:.3f}, n = {figure.count}">{figure.value:.0%}</span>'
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already; the header is text."""
    head = "".join(f"<th>{_t(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _gate(checks: Sequence[Check], lang: Lang) -> str:
    missed = sum(not check.held for check in checks)
    rows = [[_t(cell) for cell in gate_row(check, lang)] for check in checks]
    header = ["", *(text(key, lang) for key in ("place", "figure", "measured", "wanted"))]
    state = "missed" if missed else "held"
    return (
        f'<section><h2>{_t(text("gate", lang))} <small class="{state}">'
        f"{_t(text(state, lang))}</small></h2>{_table(header, rows)}</section>\n"
    )


def _comparison(comparison: Comparison, lang: Lang) -> str:
    line = _t(compared(comparison, lang))
    parts = [f"<section><h2>{_t(text('comparison', lang))}</h2><p>{line}</p>"]
    if comparison.changes:
        rows = [[f"<code>{_t(key)}</code>", _t(a), _t(b)]
                for key, (a, b) in comparison.changes.items()]  # fmt: skip
        parts.append(_table([text(key, lang) for key in ("setting", "before", "after")], rows))
    keys = ("before", "after", "difference", "p", "changed")
    for name, differences in comparison.differences.items():
        changed = [one for one in differences if one.changed]
        rows = [[_t(cell) for cell in difference_row(one, lang)] for one in changed]
        parts.append(_table([name, *(text(key, lang) for key in keys)], rows))
        same = text("unchanged", lang, count=len(differences) - len(changed))
        parts.append(f"<p>{_t(same)}</p>")
    return "".join([*parts, "</section>\n"])


def _questions(run: Run, lang: Lang) -> str:
    left = max(0, len(run.records) - _EMBEDDED)
    note = f"<p>{_t(text('left_out', lang, count=left, limit=_EMBEDDED))}</p>" if left else ""
    return (
        f'<section id="questions"><h2>{_t(text("all_questions", lang))}</h2>{note}'
        f"<noscript>{_t(text('no_script', lang))}</noscript>"
        '<form id="filters"></form><p id="count" role="status"></p><div id="rows"></div>'
        f'<button id="more" type="button" hidden>{_t(text("show_more", lang))}</button></section>\n'
    )


def _system(run: Run, lang: Lang) -> str:
    own = asdict(run.fingerprint)
    config = own.pop("config")
    packages = own.pop("packages")
    own |= {
        f"{section}.{key}": value for section in config for key, value in config[section].items()
    }
    own |= packages
    rows = [[f"<code>{_t(key)}</code>", _t(str(value))] for key, value in own.items()]
    return (
        f"<section><details><summary>{_t(text('measured_system', lang))}</summary>"
        f"{_table(['', ''], rows)}</details></section>\n"
    )


def _data(run: Run, comparison: Comparison | None, lang: Lang) -> dict[str, object]:
    flips = {(flip.set, flip.id): flip for flip in comparison.flips} if comparison else {}
    chosen = list(run.records)
    if len(chosen) > _EMBEDDED:
        chosen = sorted(chosen, key=lambda record: (record.right, record.key not in flips))
        chosen = chosen[:_EMBEDDED]
    rows = []
    for record in chosen:
        row = asdict(record) | {"outcome": outcome(record, top_k=run.top_k), "said": said(record)}
        flip = flips.get(record.key)
        if flip is not None:
            row |= {"flip": "gained" if flip.gained else "lost", "was": flip.before}
        rows.append(row)
    return {
        "rows": rows,
        "strings": all_strings(lang),
        "outcomes": {key: outcome_name(key, lang) for key in OUTCOMES},
        "compared": comparison is not None,
    }


__all__ = ["report_html"]
