"""Plots as inline SVG. Colours are the page's CSS variables, so that they follow its scheme."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.record import Record
from rag.evaluation.selective import BINS, Floats, bin_of, risk_coverage

_WIDTH, _HEIGHT = 340.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 12.0, 12.0, 36.0
_POINTS = 200
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class _Axes:
    """From values to points of the picture; y grows upwards."""

    y_max: float = 1.0

    def x(self, value: float) -> float:
        return round(_LEFT + value * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = value / self.y_max if self.y_max else 0.0
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _arrays(records: Sequence[Record]) -> tuple[Floats, Floats]:
    confidence = np.array([record.confidence for record in records], dtype=np.float64)
    right = np.array([float(record.sure_right) for record in records], dtype=np.float64)
    return confidence, right


def risk_coverage_plot(records: Sequence[Record], x_label: str, y_label: str, now: str) -> str:
    """The curve, and the point where the system works now."""
    coverage, risk = risk_coverage(*_arrays(records))
    axes = _Axes()
    step = max(1, len(coverage) // _POINTS)
    kept = sorted({*range(0, len(coverage), step), len(coverage) - 1})
    points = " ".join(f"{axes.x(coverage[i])},{axes.y(risk[i])}" for i in kept)
    answered = [record for record in records if record.answered]
    body = f'<polyline class="line" points="{points}"/>'
    if answered:
        share = len(answered) / len(records)
        wrong = sum(not record.right for record in answered) / len(answered)
        title = html.escape(f"{now}: {share:.0%}, {wrong:.1%}")
        body += (
            f'<circle class="now" cx="{axes.x(share)}" cy="{axes.y(wrong)}" r="4">'
            f"<title>{title}</title></circle>"
        )
        # Beside the point, on whichever side there is room.
        anchor, dx = ("end", -8) if share > 0.6 else ("start", 8)
        body += (
            f'<text class="note" x="{axes.x(share) + dx}" y="{axes.y(wrong) - 8}" '
            f'text-anchor="{anchor}">{title}</text>'
        )
    return _figure(axes, body, x_label, y_label)


def reliability_plot(records: Sequence[Record], x_label: str, y_label: str) -> str:
    """How often answers of each confidence are right, beside the line of perfect calibration."""
    confidence, right = _arrays(records)
    axes, bins, body = _Axes(), bin_of(confidence), ""
    for i in range(BINS):
        inside = right[bins == i]
        if len(inside):
            share = float(inside.mean())
            title = f"{i / BINS:.1f}-{(i + 1) / BINS:.1f}: {share:.0%} (n = {len(inside)})"
            body += _bar(axes, i, 0.0, share, "right", title)
    start, end = (axes.x(0), axes.y(0)), (axes.x(1), axes.y(1))
    body += f'<path class="diagonal" d="M{start[0]},{start[1]}L{end[0]},{end[1]}"/>'
    return _figure(axes, body, x_label, y_label)


def confidence_plot(
    records: Sequence[Record], threshold: float, x_label: str, y_label: str, names: Sequence[str]
) -> str:
    """How many questions have each confidence: right, wrong, unanswerable (as `names`)."""
    kinds = np.array([2 if not r.answerable else 0 if r.sure_right else 1 for r in records])
    bins = bin_of(_arrays(records)[0])
    counts = np.array([[int(((bins == i) & (kinds == k)).sum()) for k in range(3)]
                       for i in range(BINS)])  # fmt: skip
    axes, body = _Axes(y_max=float(counts.sum(axis=1).max())), ""
    for i, row in enumerate(counts):
        base = 0.0
        for kind, count in zip(("right", "wrong", "unanswerable"), row.tolist(), strict=True):
            if count:
                name = names[("right", "wrong", "unanswerable").index(kind)]
                body += _bar(axes, i, base, base + count, kind, f"{name}: {count}")
                base += count
    at = axes.x(threshold)
    body += f'<path class="threshold" d="M{at},{_TOP}V{_HEIGHT - _BOTTOM}"/>'
    return _figure(axes, body, x_label, y_label)


def _bar(axes: _Axes, i: int, low: float, high: float, kind: str, title: str) -> str:
    x, width = axes.x(i / BINS) + 1, axes.x(1 / BINS) - axes.x(0) - 2
    y, height = axes.y(high), axes.y(low) - axes.y(high)
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{html.escape(title)}</title></rect>"
    )


def _figure(axes: _Axes, body: str, x_label: str, y_label: str) -> str:
    grid, labels = "", ""
    for tick in _TICKS:
        y, x = axes.y(tick * axes.y_max), axes.x(tick)
        shown = f"{tick:.0%}" if axes.y_max == 1.0 else f"{tick * axes.y_max:.0f}"
        grid += f'<path class="grid" d="M{axes.x(0)},{y}H{axes.x(1)}"/>'
        labels += f'<text x="{_LEFT - 5}" y="{y + 3.5}" text-anchor="end">{shown}</text>'
        labels += f'<text x="{x}" y="{_HEIGHT - 20}" text-anchor="middle">{tick:g}</text>'
    middle = (axes.x(0) + axes.x(1)) / 2
    labels += (
        f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">{html.escape(x_label)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{html.escape(y_label)}">{grid}{body}{labels}</svg>'
    )


__all__ = ["confidence_plot", "reliability_plot", "risk_coverage_plot"]
