"""Build rate, question latency, memory and size of the core, beside the bare libraries.

    python -m benchmarks.core --articles NEWS.jsonl.xz --questions CMRC.jsonl.xz

The bare sum is the time that embedding, FAISS and tantivy take by themselves for the same passages
that are already cut, with terms that are already made: what no index over them can go below.
Figures of one run compare with each other; the machine may be busy, so compare ratios across runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from benchmarks.data import machine, peak_mib, rows
from rag.assembly import assistant_of, embedder_of, indexer_of
from rag.chunking import Chunker
from rag.config import IndexSettings, Settings
from rag.loaders import discover, read
from rag.protocols import Embedder
from rag.stores import terms, vectors
from rag.text import analyse
from rag.types import Chunk, Document, DocumentInfo

Figures = dict[str, float]
Result = TypeVar("Result")


def take_articles(source: Path, target: Path, passages: int, settings: Settings) -> list[Chunk]:
    """Copy articles to `target` until they make `passages` chunks; the chunks."""
    chunker = Chunker(size=settings.chunking.size, overlap=settings.chunking.overlap)
    with target.open("w", encoding="utf-8") as file:
        for row in rows(source):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            info = DocumentInfo(row["id"], row["title"], target.name)
            passages -= len(chunker.chunk(Document(info, row["text"])))
            if passages <= 0:
                break
    files, _ = discover([target])
    return [
        chunk
        for batch in read(files)
        for document in batch.documents
        for chunk in chunker.chunk(document)
    ]


def bare_sum(chunks: Sequence[Chunk], embedder: Embedder, folder: Path) -> Figures:
    """Seconds of embedding, FAISS and tantivy for passages that are ready."""
    texts = [f"{chunk.context}\n{chunk.text}" for chunk in chunks]
    cut = [" ".join(analyse(text)) for text in texts]
    keys = range(len(chunks))
    seconds: Figures = {}

    def timed(name: str, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - started
        return result

    embedded = timed("embedding", lambda: embedder.embed_passages(texts))
    dense = vectors.new_index(embedder.dimensions)

    def store_vectors() -> None:
        vectors.add(dense, keys, embedded)
        vectors.save_index(dense, folder / "bare.faiss")

    def store_terms() -> None:
        writer = terms.TermsWriter(folder / "bare", create=True)
        writer.add(0, zip(keys, cut, strict=True))
        writer.commit()

    timed("faiss", store_vectors)
    timed("tantivy", store_terms)
    seconds["sum"] = sum(seconds.values())
    return seconds


def questions_of(path: Path | None, chunks: Sequence[Chunk]) -> list[str]:
    """Reading questions, or sentences out of the passages where there are none."""
    if path is not None:
        return list(dict.fromkeys(row["question"] for row in islice(rows(path), 400)))
    step = max(1, len(chunks) // 400)
    return [chunk.text[:24] for chunk in chunks[::step]]


def latency(settings: Settings, questions: Sequence[str]) -> Figures:
    """Milliseconds by stage, p50 and p95, of warm questions asked one after another."""
    assistant = assistant_of(settings)
    for question in questions[:20]:
        assistant.ask(question)
    taken = [assistant.ask(question).timings_ms for question in questions]
    figures: Figures = {}
    for stage in ("retrieve", "answer", "total"):
        values = sorted(timing[stage] for timing in taken)
        figures[f"{stage} p50"] = statistics.median(values)
        figures[f"{stage} p95"] = values[int(0.95 * len(values))]
    return figures


def cold(index: Path, question: str) -> Figures:
    """Wall seconds and peak MiB of `rag ask` as a new process, the best of three."""
    command = [sys.executable, "-m", "rag", "ask", question, "--index", str(index)]
    walls = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - started)
    code = (
        "import sys; from benchmarks.data import peak_mib; from rag.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(peak_mib(), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *command[3:]],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {"cold ask s": min(walls), "cold ask MiB": float(run.stderr.split()[-1])}


def measure(articles: Path, questions: Path | None, passages: int) -> Figures:
    """All figures for about `passages` passages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(index=IndexSettings(dir=folder / "index"))
        chunks = take_articles(articles, folder / "articles.jsonl", passages, settings)
        embedder = embedder_of(settings)
        embedder.embed_passages([chunks[0].text])  # whatever is lazy happens now
        bare = bare_sum(chunks, embedder, folder)
        indexer = indexer_of(settings)
        started = time.perf_counter()
        indexer.index([folder / "articles.jsonl"])
        built = time.perf_counter() - started
        size = sum(p.stat().st_size for p in (folder / "index").rglob("*") if p.is_file())
        figures: Figures = {"passages": len(chunks), "build s": built}
        figures |= {f"bare {name} s": value for name, value in bare.items()}
        figures["build / bare sum"] = built / bare["sum"]
        figures["build passages/s"] = len(chunks) / built
        figures["index MB"] = size / 1e6
        asked = questions_of(questions, chunks)
        figures |= latency(settings, asked)
        figures |= cold(folder / "index", asked[0])
        figures["peak MiB"] = peak_mib()
        return figures


def main() -> None:
    """Measure each size in a process of its own and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--json", action="store_true", help="print one JSON object (one size)")
    options = parser.parse_args()
    if options.json:
        print(json.dumps(measure(options.articles, options.questions, options.passages[0])))
        return
    columns = []
    for passages in options.passages:
        command = [sys.executable, "-m", "benchmarks.core", "--json", "--articles",
                   str(options.articles), "--passages", str(passages)]  # fmt: skip
        if options.questions:
            command += ["--questions", str(options.questions)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(os.environ))
        columns.append(json.loads(run.stdout))
    print(f"{machine()}\n\n| figure |" + " |" * len(columns))
    print("| --- |" + " ---: |" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:,.2f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
