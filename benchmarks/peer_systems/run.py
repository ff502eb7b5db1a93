"""Measure one system in this process: `python -m benchmarks.peer_systems.run NAME DATA MODEL`."""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.data import peak_mib, rows
from benchmarks.peer_systems import Ask

Figures = dict[str, float]
_WARM = 10
_K = 20


def latency(
    ask: Ask, questions: Sequence[str], seconds: float
) -> tuple[list[float], list[list[int]]]:
    """Milliseconds and findings of the first questions, as many as `seconds` allow."""
    for question in questions[:_WARM]:
        ask(question, _K)
    spent: list[float] = []
    found: list[list[int]] = []
    end = time.perf_counter() + seconds
    for question in questions:
        started = time.perf_counter()
        found.append(ask(question, _K))
        spent.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > end:
            break
    return spent, found


def together(ask: Ask, questions: Sequence[str], workers: int = 2) -> float:
    """Questions a second that `workers` threads get answered."""
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda question: ask(question, _K), questions))
    return len(questions) / (time.perf_counter() - started)


def _cpu() -> float:
    """Seconds of processor time, of this process and of those it has waited for."""
    return sum(os.times()[:4])


def measure(name: str, data: Path, model: str, seconds: float) -> tuple[Figures, list[int]]:
    """All figures but the size of the installation, and the rank of each question's passage.

    Ranks count from 0; that of a passage that wasn't found is 20.
    """
    passages = list(rows(data / "passages.jsonl"))
    asked = list(rows(data / "questions.jsonl"))
    started = time.perf_counter()
    system = importlib.import_module(f"benchmarks.peer_systems.{name}")
    imported, before = time.perf_counter(), _cpu()
    ask: Ask = system.build([row["text"] for row in passages], model)
    built, after = time.perf_counter(), _cpu()
    spent, found = latency(ask, [row["question"] for row in asked], seconds)
    answered = _cpu()
    owners = [row["paragraph"] for row in passages]
    ranks = [
        next((i for i, key in enumerate(keys) if owners[key] == row["paragraph"]), _K)
        for row, keys in zip(asked, found, strict=False)
    ]
    figures = {
        "import s": imported - started,
        "build s": built - imported,
        "build CPU s": after - before,
        "questions": len(spent),
        "p50 ms": statistics.median(spent),
        "p95 ms": sorted(spent)[int(0.95 * len(spent))],
        "CPU ms": 1000 * (answered - after) / (len(spent) + min(_WARM, len(asked))),
        "questions/s, 2 workers": together(
            ask, [row["question"] for row in asked[: max(20, len(spent) // 2)]]
        ),
        "peak MiB": peak_mib(),
    }
    return figures | recall(ranks), ranks


def recall(ranks: Sequence[int], part: str = "") -> Figures:
    """Shares of passages found in the first place and among the first 20."""
    return {
        f"recall@1{part}": sum(rank < 1 for rank in ranks) / len(ranks),
        f"recall@{_K}{part}": sum(rank < _K for rank in ranks) / len(ranks),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))))
