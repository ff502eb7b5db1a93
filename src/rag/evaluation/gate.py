"""Thresholds that a run must keep: what CI holds the line with.

A gate file is TOML or JSON. A table for each set (`all` for all of them together) gives the least
value of each figure, or the greatest where less is better:

    [sample]
    accepted = 0.9
    aurc = 0.1
    latency_p95_ms = 200
    [sample.tags.quantity]
    accepted = 0.9
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import ConfigError
from rag.evaluation.summary import ALL, METRICS, Group, Summary

_LATENCIES = {"latency_p50_ms": 0, "latency_p95_ms": 1}
_GROUPS = ("tags", "langs")


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold and what was measured; `value` is None where the figure doesn't exist."""

    place: str
    name: str
    bound: float
    value: float | None
    at_most: bool

    @property
    def held(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def read_gate(path: Path) -> dict[str, object]:
    """The gate file's tables. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}); check --gate",
            f"{path}：无法读取（{error.strerror}），请检查 --gate",
        ) from None
    except ValueError as error:
        raise ConfigError(
            f"{path}: not valid TOML or JSON ({error}); mend it there",
            f"{path}：不是有效的 TOML 或 JSON（{error}），请改正",
        ) from None
    if not isinstance(tables, dict) or not tables:
        raise _wrong(path, "", "has no thresholds; write [set] and figure = 0.9", "没有任何阈值")
    return tables


def check_gate(path: Path, summaries: Mapping[str, Summary]) -> tuple[Check, ...]:
    """Every threshold of the file that the run can be held to. Raises ConfigError.

    Tables of sets that weren't asked are passed over (`unchecked` names them), so that one file
    serves several runs; when that leaves none, or a figure or tag doesn't exist, it is an error:
    a gate that checks nothing holds nothing.
    """
    checks: list[Check] = []
    for name, table in read_gate(path).items():
        summary = summaries.get(name)
        if summary is None and name == ALL:
            summary = next(iter(summaries.values()))
        if summary is not None:
            checks += _table(path, name, table, summary)
    if not checks:
        names = ", ".join(summaries)
        raise _wrong(
            path,
            "",
            f"has no threshold for the sets of this run ({names}); add a table [{names}]",
            f"没有针对本次题集（{names}）的阈值，请加上 [{names}] 一节",
        )
    return tuple(checks)


def unchecked(path: Path, summaries: Mapping[str, Summary]) -> list[str]:
    """The tables of a gate file that this run has no set for."""
    return [name for name in read_gate(path) if name not in summaries and name != ALL]


def _table(path: Path, place: str, table: object, summary: Summary) -> Iterator[Check]:
    if not isinstance(table, dict):
        raise _wrong(path, place, "must be a table: [set]", "应为一个表：[题集名]")
    figures = {key: value for key, value in table.items() if key not in _GROUPS}
    yield from _checks(path, place, figures, summary.all)
    for kind, groups in (("tags", summary.tags), ("langs", summary.langs)):
        for name, own in dict(table.get(kind, {})).items():
            inside = f"{place}.{kind}.{name}"
            if name not in groups:
                raise _wrong(
                    path, inside, "has no question in this run", "在本次评测中没有对应的问题"
                )
            yield from _checks(path, inside, own, groups[name])


def _checks(path: Path, place: str, table: Mapping[str, object], group: Group) -> Iterator[Check]:
    for name, bound in table.items():
        if name not in METRICS and name not in _LATENCIES:
            near = difflib.get_close_matches(name, [*METRICS, *_LATENCIES], n=1, cutoff=0.3)
            hint = near[0] if near else ", ".join(METRICS)
            raise _wrong(
                path,
                f"{place}.{name}",
                f"is no figure; did you mean {hint}?",
                f"不是已有的指标，是否想写 {hint}？",
            )
        if not isinstance(bound, int | float) or isinstance(bound, bool):
            raise _wrong(path, f"{place}.{name}", "must be a number", "必须是数字")
        if name in _LATENCIES:
            total = group.latency.get("total")
            value = total[_LATENCIES[name]] if total else None
            yield Check(place, name, float(bound), value, at_most=True)
        else:
            figure = group.figures.get(name)
            at_most = not METRICS[name].more_is_better
            yield Check(place, name, float(bound), figure.value if figure else None, at_most)


def _wrong(path: Path, place: str, en: str, zh: str) -> ConfigError:
    at = f"{place} " if place else ""
    return ConfigError(f"{path}: {at}{en}", f"{path}：{at}{zh}")


__all__ = ["Check", "check_gate", "read_gate", "unchecked"]
