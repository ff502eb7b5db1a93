"""What spreading the preparation of articles is worth, and what a passage takes.

    python -m benchmarks.workers --articles NEWS.jsonl.xz

Prepares the first articles in this process and by `--workers ray` (the cores of this machine), and
stores what was prepared into a local index; prints seconds, CPU seconds (steadier on a busy
machine) and the mean bytes of a passage's parts. CAPACITY.md computes from these.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.data import machine, rows
from rag.assembly import backend_of, embedder_of, preparer_of
from rag.config import IndexSettings, Settings
from rag.loaders import SourceFile, discover
from rag.preparing import Prepared
from rag.protocols import IndexedDocument

_FILE_ARTICLES = 200


def written(articles: Path, count: int, folder: Path) -> list[SourceFile]:
    """The first articles in files that are short enough to be sent whole."""
    lines = [json.dumps(row, ensure_ascii=False) for row in islice(rows(articles), count)]
    for start in range(0, len(lines), _FILE_ARTICLES):
        file = folder / f"{start:07}.jsonl"
        file.write_text("\n".join(lines[start : start + _FILE_ARTICLES]), encoding="utf-8")
    files, _ = discover([folder])
    return files


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def prepared(
    files: Sequence[SourceFile], settings: Settings, workers: str
) -> tuple[list[Prepared], float, float, float]:
    """What was prepared; seconds in all and from the first result on, and CPU seconds."""
    preparer = preparer_of(settings, embedder_of(settings), workers)
    start, cpu, first = time.perf_counter(), cpu_s(), 0.0
    parts = []
    for part in preparer.prepare(files):
        first = first or time.perf_counter()
        parts.append(part)
    end = time.perf_counter()
    return parts, end - start, end - first, cpu_s() - cpu


def stored(parts: Sequence[Prepared], settings: Settings) -> tuple[float, float]:
    """Seconds and CPU seconds that the writer of a local index takes for them."""
    backend = backend_of(settings, embedder_of(settings))
    start, cpu = time.perf_counter(), cpu_s()
    with backend.update() as writer:
        for part in parts:
            writer.add(part.file.source, part.documents)
        writer.commit()
    return time.perf_counter() - start, cpu_s() - cpu


def bytes_of(items: Sequence[IndexedDocument]) -> str:
    """Mean bytes of a passage's text, terms and vector, and how many different terms it has."""
    texts = [chunk.text for item in items for chunk in item.chunks]
    terms = [line for item in items for line in item.terms]
    n = len(texts)
    return (
        f"a passage: text {sum(len(t.encode()) for t in texts) / n:.0f} bytes, terms "
        f"{sum(len(t.encode()) for t in terms) / n:.0f} bytes, "
        f"{sum(len(set(t.split())) for t in terms) / n:.0f} different terms, vector "
        f"{items[0].vectors.shape[1] * 4} bytes"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--articles", type=Path, required=True, help="JSON Lines, .xz or not")
    parser.add_argument("--count", type=int, default=6000, help="how many of them")
    options = parser.parse_args()
    print(machine())
    with TemporaryDirectory() as name:
        (Path(name) / "articles").mkdir()
        files = written(options.articles, options.count, Path(name) / "articles")
        settings = Settings(index=IndexSettings(dir=Path(name) / "index"))
        parts, alone, _, alone_cpu = prepared(files, settings, "")
        items = [item for part in parts for item in part.documents]
        passages = sum(len(item.chunks) for item in items)
        spread, all_s, working_s, _ = prepared(files, settings, "ray")
        assert sum(len(item.chunks) for part in spread for item in part.documents) == passages
        writing, writing_cpu = stored(parts, settings)
    print(f"{len(items)} articles, {passages} passages")
    rate, writing_rate = passages / alone_cpu, passages / writing_cpu
    print(
        f"prepared in this process: {alone:.1f} s, CPU {alone_cpu:.1f} s, {rate:.0f} a CPU second"
    )
    print(f"by --workers ray: {all_s:.1f} s, {working_s:.1f} of them after the first result")
    print(f"stored: {writing:.1f} s, CPU {writing_cpu:.1f} s, {writing_rate:.0f} a CPU second")
    print(bytes_of(items))


if __name__ == "__main__":
    main()
