"""Requests a second and latency of `/api/ask` under load, beside an endpoint that only sleeps.

    python -m benchmarks.serving --articles NEWS.jsonl.xz --questions CMRC.jsonl.xz

The bare endpoint is FastAPI with a thread that sleeps as long as an answer took with one client:
what HTTP and threads cost by themselves, on a machine with a core for every answer. Clients and
server share this machine, so compare the two columns of one run. Every question differs from the
one before; the clients are closed-loop, each sends the next question when it has the last answer,
or has waited as long as a refusal (503) says. `RAG_SERVER__QUEUE` and other settings reach the
server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import httpx

from benchmarks.core import take_articles
from benchmarks.data import machine, rows
from rag.assembly import indexer_of
from rag.config import IndexSettings, Settings

BARE = """
import sys, time, uvicorn
from fastapi import FastAPI
app = FastAPI()
pause = float(sys.argv[1])

@app.post("/api/ask")
def ask(body: dict) -> dict:
    time.sleep(pause)
    return body

import socket
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
server.run(sockets=[listener])
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One level of load: latencies in seconds of the answers, and how many were told to wait."""

    clients: int
    latencies: Sequence[float]
    refused: int
    seconds: float

    def row(self) -> str:
        """Answers a second, p50 and p95 in milliseconds, refusals."""
        if not self.latencies:
            return f"0/s, {self.refused} refused"
        cuts = statistics.quantiles(self.latencies, n=20) if len(self.latencies) > 1 else [0] * 19
        p50 = 1000 * statistics.median(self.latencies)
        rate = len(self.latencies) / self.seconds
        return (
            f"{rate:7.1f}/s  p50 {p50:7.1f} ms  p95 {1000 * cuts[18]:7.1f} ms  {self.refused} 503"
        )


@contextmanager
def started(command: Sequence[str], **environment: str) -> Iterator[tuple[str, int, float]]:
    """`(URL, process id, seconds until it said that it serves)`."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stderr is not None
    said = next(line for line in process.stderr if "serving on" in line)
    found = re.search(r"http://\S+", said)
    assert found is not None
    yield found.group(), process.pid, time.perf_counter() - begun
    process.terminate()
    process.wait(timeout=30)


async def load(
    url: str,
    questions: Sequence[str],
    clients: int,
    answers: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Load:
    """Ask `answers` questions, or until `stopped`, with so many clients at once."""
    numbers = count()
    latencies: list[float] = []
    refused = 0

    async def client(http: httpx.AsyncClient) -> None:
        nonlocal refused
        while (number := next(numbers)) < answers and not stopped():
            # In front: behind the question mark it would be taken for a second question.
            question = f"{number} {questions[number % len(questions)]}"
            begun = time.perf_counter()
            reply = await http.post(f"{url}/api/ask", json={"question": question})
            if reply.status_code == 200:
                latencies.append(time.perf_counter() - begun)
            else:
                assert reply.status_code == 503, reply.text
                refused += 1
                await asyncio.sleep(float(reply.headers["retry-after"]))

    limits = httpx.Limits(max_connections=clients)
    begun = time.perf_counter()
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    return Load(clients, latencies, refused, time.perf_counter() - begun)


def resident_mib(process: int) -> float:
    """Memory that a process holds, in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def update(index: Path, article: Path) -> None:
    """Add an article in a process of its own, as `rag index` from a shell."""
    command = [sys.executable, "-m", "rag", "index", str(article), "--index", str(index)]
    subprocess.run(command, check=True, capture_output=True)


async def updated(url: str, questions: Sequence[str], index: Path) -> Load:
    """One client's answers while the index is updated three times."""
    done = asyncio.Event()
    asking = asyncio.create_task(load(url, questions, 1, 10**9, done.is_set))
    for number in range(3):
        article = index.parent / f"new-{number}.txt"
        article.write_text(f"第{number}号新桥在2025年建成，全长{number}17米。", encoding="utf-8")
        await asyncio.to_thread(update, index, article)
        await asyncio.sleep(2)  # the server looks twice a second
    done.set()
    return await asking


def measure(index: Path, questions: Sequence[str], levels: Sequence[int], answers: int) -> None:
    """Print the table."""
    command = [sys.executable, "-m", "rag", "--lang", "en", "serve", "--index", str(index)]
    with started([*command, "--port", "0"], RAG_SERVER__RATE_LIMIT="") as (url, process, ready):
        begun = time.perf_counter()
        httpx.get(url, trust_env=False, timeout=60)
        page = time.perf_counter() - begun
        begun = time.perf_counter()
        asyncio.run(load(url, questions, 1, 1))
        first = time.perf_counter() - begun
        print(f"ready after {ready:.1f} s; first page {page:.2f} s, first answer {first:.2f} s")
        one = asyncio.run(load(url, questions, 1, min(300, answers)))
        before = resident_mib(process)
        pause = statistics.median(one.latencies)
        during = asyncio.run(updated(url, questions, index))
        print(
            f"slowest answer of {len(one.latencies)}: {1000 * max(one.latencies):.0f} ms; "
            f"of {len(during.latencies)} during three updates of the index: "
            f"{1000 * max(during.latencies):.0f} ms, {during.refused} refused"
        )
        with started([sys.executable, "-c", BARE, str(pause)]) as (bare, _, _):
            for clients in levels:
                ours = asyncio.run(load(url, questions, clients, answers))
                floor = asyncio.run(load(bare, questions, clients, answers))
                print(f"{clients:4} clients   ask   {ours.row()}")
                print(f"{'':12} sleep {floor.row()}", flush=True)
        after = resident_mib(process)
        total = len(levels) * answers
        print(f"memory {before:.0f} MiB after 300 questions, {after:.0f} MiB after {total} more")


def built(articles: Path, passages: int, folder: Path) -> Path:
    """Index as many articles as make `passages` passages; the index, below `folder`."""
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    chosen = folder / "articles.jsonl"
    take_articles(articles, chosen, passages, settings)
    indexer_of(settings).index([chosen])
    return settings.index.dir


def main() -> None:
    """Build an index, serve it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--answers", type=int, default=2500, help="questions at each level")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64, 256])
    arguments = parser.parse_args()
    questions = [row["question"] for row in islice(rows(arguments.questions), 2000)]
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        index = built(arguments.articles, arguments.passages, Path(name))
        measure(index, questions, arguments.clients, arguments.answers)


if __name__ == "__main__":
    main()
