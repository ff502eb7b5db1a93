"""A server under many clients for a long time, while its index is updated again and again.

    python -m benchmarks.soak --articles NEWS.jsonl.xz --questions CMRC.jsonl.xz

200 clients, each with its next question as soon as it has the last answer, for ten minutes; every
20 seconds another process adds an article. Whatever isn't an answer is counted: refusals (503) and
failures apart. Each new article is asked for until the server answers from it. Memory, threads and
open files of the server are noted after each update; the first minute's are the measure of growth.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

import httpx

from benchmarks.data import machine, rows
from benchmarks.serving import built, resident_mib, started, update

_FRESH_S = 60.0  # within which an article must be answered from


@dataclass(slots=True)
class Soak:
    """What came of it. `sizes`: seconds since the start, MiB, threads, open files."""

    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)  # seconds from an update to its answer
    sizes: list[tuple[float, float, int, int]] = field(default_factory=list)


async def ask(http: httpx.AsyncClient, url: str, question: str, soak: Soak) -> str:
    """The text of the answer; empty where there is none. Everything is counted."""
    begun = time.perf_counter()
    try:
        reply = await http.post(f"{url}/api/ask", json={"question": question})
    except httpx.HTTPError as error:
        soak.failed.append(f"{type(error).__name__}: {error}")
        return ""
    if reply.status_code == 503:
        soak.refused += 1
    elif reply.status_code != 200:
        soak.failed.append(f"{reply.status_code}: {reply.text[:200]}")
    else:
        soak.latencies.append(time.perf_counter() - begun)
        return str(reply.json()["answer"])
    return ""


async def client(
    http: httpx.AsyncClient, url: str, questions: list[str], end: float, soak: Soak
) -> None:
    """One client until `end`, a time of the monotonic clock."""
    for number in count():
        if time.monotonic() >= end:
            return
        # In front: behind the question mark it would be taken for a second question.
        question = f"{number} {questions[number % len(questions)]}"
        if not await ask(http, url, question, soak):
            await asyncio.sleep(1)


async def updates(
    http: httpx.AsyncClient, url: str, index: Path, process: int, end: float, soak: Soak
) -> None:
    """Add articles until `end`, and see each answered."""
    begun = time.monotonic()
    for number in count(1):
        if time.monotonic() + 20 >= end:
            return
        article = index.parent / f"new-{number}.txt"
        article.write_text(f"青溪{number}号桥在2025年建成，全长{number}17米。", encoding="utf-8")
        await asyncio.to_thread(update, index, article)
        added = time.monotonic()
        while f"{number}17米" not in await ask(http, url, f"青溪{number}号桥全长多少？", soak):
            if time.monotonic() - added > _FRESH_S:
                soak.failed.append(f"article {number} wasn't answered from")
                break
            await asyncio.sleep(0.2)
        soak.fresh.append(time.monotonic() - added)
        sizes = resident_mib(process), *_counts(process)
        soak.sizes.append((time.monotonic() - begun, *sizes))
        await asyncio.sleep(max(0.0, 20 - (time.monotonic() - added)))


def _counts(process: int) -> tuple[int, int]:
    folder = f"/proc/{process}"
    return len(os.listdir(f"{folder}/task")), len(os.listdir(f"{folder}/fd"))  # noqa: PTH208


async def run(
    url: str, process: int, index: Path, questions: list[str], clients: int, seconds: float
) -> Soak:
    """All clients and the updates, side by side."""
    soak = Soak()
    limits = httpx.Limits(max_connections=clients + 1)
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as http:
        end = time.monotonic() + seconds
        await asyncio.gather(
            updates(http, url, index, process, end, soak),
            *(client(http, url, questions[i:] + questions[:i], end, soak) for i in range(clients)),
        )
    return soak


def report(soak: Soak, seconds: float) -> None:
    """Print what came of it."""
    cuts = statistics.quantiles(soak.latencies, n=100)
    print(
        f"{len(soak.latencies)} answers, {len(soak.latencies) / seconds:.1f} a second, "
        f"p50 {cuts[49]:.1f} s, p95 {cuts[94]:.1f} s, slowest {max(soak.latencies):.1f} s; "
        f"{soak.refused} refused, {len(soak.failed)} failed"
    )
    print(
        f"{len(soak.fresh)} updates, each answered from within {max(soak.fresh):.1f} s "
        f"(median {statistics.median(soak.fresh):.1f} s)"
    )
    print("| s | MiB | threads | open files |\n| ---: | ---: | ---: | ---: |")
    for at, memory, threads, files in soak.sizes[:: max(1, len(soak.sizes) // 12)]:
        print(f"| {at:.0f} | {memory:.0f} | {threads} | {files} |")
    for line in soak.failed[:5]:
        print(f"failed: {line}")


def main() -> None:
    """Build an index, serve it, and soak the server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    questions = [row["question"] for row in islice(rows(options.questions), 1000)]
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        index = built(options.articles, options.passages, Path(name))
        command = [sys.executable, "-m", "rag", "--lang", "en", "serve", "--index", str(index)]
        limits = {"RAG_SERVER__RATE_LIMIT": "", "RAG_SERVER__DAILY_LIMIT": ""}
        with started([*command, "--port", "0"], **limits) as (url, process, _):
            soak = asyncio.run(
                run(url, process, index, questions, options.clients, options.seconds)
            )
        report(soak, options.seconds)


if __name__ == "__main__":
    main()
