"""How time, memory and disk grow with the number of passages: 10,000, 100,000, 1,000,000.

    python -m benchmarks.growth --articles NEWS.jsonl.xz --questions CMRC.jsonl.xz --work FOLDER

Articles beyond the end of the news are synthetic (`benchmarks/articles.py`). The articles, the
built indexes with the figures of their builds, and the exact neighbours of the questions are kept
in the work folder, so that a second run only measures opening, questions and updates. Each step is
a process of its own with one thread. CPU seconds are given beside wall seconds where a step is
long, as they tell of the work on a busy machine, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from benchmarks.articles import written
from benchmarks.data import machine, peak_mib, rows
from benchmarks.growth_report import picture
from rag.assembly import assistant_of, backend_of, embedder_of, indexer_of, retriever_of
from rag.chunking import Chunker
from rag.config import IndexSettings, Settings
from rag.protocols import PassageStore, Vectors
from rag.stores import vectors
from rag.stores.generations import BASE, VECTORS
from rag.stores.vectors import Keys

HERE = Path(__file__).parent
Figures = dict[str, float]
Item = TypeVar("Item")
_NEW = 100  # articles of an update
_NEIGHBOURS = 20
_QUESTIONS = 500


class Growth:
    """One size, in its work folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._articles: Path = options.articles
        self._asked: Path = options.questions
        self._passages: int = options.passages[0]
        self._work: Path = options.work
        self._index = self._work / f"index-{self._passages}"
        self._settings = Settings(index=IndexSettings(dir=self._index))

    def questions(self) -> list[str]:
        """Reading questions about Wikipedia, which news answers in part."""
        found = dict.fromkeys(row["question"] for row in rows(self._asked) if row["question"])
        return list(islice(found, _QUESTIONS))

    def build(self) -> Figures:
        """Index the articles and compact; wall and CPU seconds, peak MiB."""
        source = self._work / f"articles-{self._passages}.jsonl"
        if not source.exists():
            chunking = self._settings.chunking
            chunker = Chunker(size=chunking.size, overlap=chunking.overlap)
            written(self._articles, source, self._passages, chunker)
        shutil.rmtree(self._index, ignore_errors=True)
        indexer = indexer_of(self._settings)
        figures = _timed("build", lambda: indexer.index([source]))
        figures |= _timed("compaction", lambda: indexer.compact(lambda: None))
        return figures | {"build peak MiB": peak_mib()}

    def ask(self) -> Figures:
        """Opening, retrieval and whole answers by rules, one after another, and memory."""
        questions = self.questions()
        embedder = embedder_of(self._settings)
        embedder.embed_query("热身")
        backend = backend_of(self._settings, embedder)
        opened: list[PassageStore] = []
        self._evict()
        figures = _timed("cold open", lambda: opened.append(backend.open()))
        store = opened[0]
        figures["passages"] = float(store.stats().chunks)
        started = time.perf_counter()
        retriever = retriever_of(self._settings, embedder, store)
        retriever.retrieve(questions[0], top_k=8)
        figures["first search s"] = time.perf_counter() - started
        started = time.perf_counter()
        store.verify()
        figures["rest of the check s"] = time.perf_counter() - started
        figures |= _latency("retrieval", questions, lambda q: retriever.retrieve(q, top_k=8))
        embedded = [embedder.embed_query(question) for question in questions]
        figures |= _latency("vectors", embedded, lambda v: store.search([], v, limit=50))
        figures["recall@20"] = self._recall(embedded, store.search)
        store.close()
        return figures | self._resident() | _timed("open", lambda: backend.open().close())

    def _evict(self) -> None:
        """Have the system forget what it holds of the index's files, as after a restart."""
        for path in (self._index / "generations").rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def answer(self) -> Figures:
        """Whole answers, with the rules and with the reader, and memory after them."""
        figures: Figures = {}
        for reader in ("rules", "default"):
            answering = self._settings.answering.model_copy(update={"reader": reader})
            assistant = assistant_of(self._settings.model_copy(update={"answering": answering}))
            figures |= _latency(f"answer, {reader}", self.questions(), assistant.ask)
        return figures | {f"answer {name}": mib for name, mib in self._resident().items()}

    def _recall(self, embedded: Sequence[Vectors], search: Callable[..., object]) -> float:
        exact = self._exact(np.stack(embedded))
        hits = 0
        for vector, keys in zip(embedded, exact, strict=True):
            found = search([], vector, limit=_NEIGHBOURS).dense  # type: ignore[attr-defined]
            hits += len({candidate.key for candidate in found} & set(keys.tolist()))
        return hits / exact.size

    def _exact(self, questions: Vectors) -> Keys:
        """The keys of the nearest vectors by comparing with each, from the index's own vectors."""
        kept = self._work / f"exact-{self._passages}.npy"
        if kept.exists():
            return cast("Keys", np.load(kept))
        folder = backend_of(self._settings, embedder_of(self._settings)).snapshot()
        path = self._index / "generations" / folder
        parts = [path / VECTORS, path / BASE / VECTORS]
        best = np.full((len(questions), _NEIGHBOURS), -np.inf, np.float32)
        keys = np.zeros(best.shape, np.int64)
        for part in (p for p in parts if p.exists()):
            for some, block in vectors.read_all(part):
                scores = np.concatenate([best, questions @ block.T], axis=1)
                names = np.concatenate([keys, np.broadcast_to(some, (len(keys), len(some)))], 1)
                order = np.argpartition(-scores, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
                best = np.take_along_axis(scores, order, axis=1)
                keys = np.take_along_axis(names, order, axis=1)
        np.save(kept, keys)
        return keys

    def _resident(self) -> Figures:
        """What this process holds: all, and the part that is its own, not mapped files."""
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return {
            "resident MiB": int(lines["VmRSS"].split()[0]) / 1024,
            "of which not mapped files MiB": int(lines["RssAnon"].split()[0]) / 1024,
        }

    def update(self) -> Figures:
        """Seconds from `rag index` of 100 new articles to the first answer from one of them."""
        target = self._work / "updated"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._index, target, copy_function=os.link)
        (target / "CURRENT").unlink()  # a link would be the other index's pointer, too
        shutil.copyfile(self._index / "CURRENT", target / "CURRENT")
        settings = Settings(index=IndexSettings(dir=target))
        articles = self._work / "new.jsonl"
        with articles.open("w", encoding="utf-8") as file:
            for number in range(_NEW):
                text = f"第{number}号渡槽在青岚镇建成，全长{number + 3017}米。\n" * 8
                row = {"id": f"new-{number}", "title": f"第{number}号渡槽", "text": text}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        embedder_of(settings).embed_query("热身")
        indexer = indexer_of(settings)

        def searchable() -> None:
            indexer.index([articles])
            with closing(backend_of(settings, embedder_of(settings)).open()) as store:
                found = retriever_of(settings, embedder_of(settings), store).retrieve(
                    "青岚镇第42号渡槽全长多少米", top_k=3
                )
                assert found[0].document.id == "new-42"

        figures = _timed("update", searchable)
        shutil.rmtree(target)
        return figures

    def disk(self) -> Figures:
        """Megabytes of the generation in use."""
        name = (self._index / "CURRENT").read_text().split()[0]
        files = (self._index / "generations" / name).rglob("*")
        return {"disk MB": sum(p.stat().st_size for p in files if p.is_file()) / 1e6}


def _timed(name: str, work: Callable[[], object]) -> Figures:
    started, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return {
        f"{name} s": time.perf_counter() - started,
        f"{name} CPU s": sum(after[:4]) - sum(before[:4]),
    }


def _latency(name: str, items: Sequence[Item], work: Callable[[Item], object]) -> Figures:
    """Milliseconds of each item, the first twenty not counted; wall, and CPU of this thread."""
    wall, cpu = [], []
    for item in items:
        started, before = time.perf_counter(), time.thread_time()
        work(item)
        cpu.append(1000 * (time.thread_time() - before))
        wall.append(1000 * (time.perf_counter() - started))
    figures = {}
    for kind, values in (("", sorted(wall[20:])), (" CPU", sorted(cpu[20:]))):
        figures[f"{name}{kind} p50 ms"] = statistics.median(values)
        figures[f"{name}{kind} p95 ms"] = values[int(0.95 * len(values))]
    return figures


def measured(options: argparse.Namespace, passages: int) -> Figures:
    """All figures of one size; a build is only done where the work folder has none."""
    built = options.work / f"built-{passages}.json"
    if not built.exists():
        built.write_text(json.dumps(_in_process(options, passages, "build")), encoding="utf-8")
    figures: Figures = json.loads(built.read_text("utf-8"))
    for step in ("disk", "ask", "answer", "update"):
        figures |= _in_process(options, passages, step)
    return figures


def _in_process(options: argparse.Namespace, passages: int, step: str) -> Figures:
    command = [sys.executable, "-m", "benchmarks.growth", "--step", step]
    for name in ("articles", "questions", "work"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--passages", str(passages)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    run = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}
    )
    print(passages, step, run.stdout.strip(), file=sys.stderr, flush=True)
    figures: Figures = json.loads(run.stdout)
    return figures


def main() -> None:
    """Measure each size and print a Markdown table; the figures are in the work folder, too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--publish", action="store_true", help="write growth.json, growth.svg here")
    parser.add_argument("--step", choices=("build", "disk", "ask", "answer", "update"))
    options = parser.parse_args()
    if options.step:
        print(json.dumps(getattr(Growth(options), options.step)()))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    columns = {passages: measured(options, passages) for passages in options.passages}
    for folder in (options.work, HERE) if options.publish else (options.work,):
        (folder / "growth.json").write_text(json.dumps(columns, indent=1), encoding="utf-8")
        (folder / "growth.svg").write_text(picture(columns), encoding="utf-8")
    print(f"{machine()}\n\n| figure |" + "".join(f" {passages:,} |" for passages in columns))
    print("| --- |" + " ---: |" * len(columns))
    for name in next(iter(columns.values())):
        cells = (f"{column[name]:,.3g}" for column in columns.values())
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
