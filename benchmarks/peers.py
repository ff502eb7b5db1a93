"""Wenyuan beside LangChain, LlamaIndex, Haystack, txtai and the bare libraries, in one run.

    python -m benchmarks.peers --articles NEWS.jsonl.xz --questions CMRC.jsonl.xz --passages 100000

All index the same passages (cut by Wenyuan's chunker) and read with the bundled model. A passage
is right when it was cut from the paragraph that the question was written for. Each system runs in
a process of its own, in OUT/env/NAME where that is an environment (see peers-requirements.txt).
A system that fails is recorded with the last line of its error, and the rest go on. Writes
OUT/peers.json and prints the table; `--publish` writes peers.json, peers.svg and the section of
README.md here, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from benchmarks.data import machine, rows
from benchmarks.peer_systems.run import recall
from benchmarks.peers_report import Figures, picture, section, write_section
from rag.chunking import Chunker
from rag.config import Settings
from rag.embedders import bundled_model_path
from rag.types import Document, DocumentInfo

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks"
SYSTEMS = (
    "floor", "wenyuan", "llamaindex", "txtai", "langchain", "haystack", "haystack_faiss",
)  # fmt: skip
# Nothing is fetched and nothing is reported to anyone.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare(articles: Path, questions: Path, passages: int, asked: int, out: Path) -> int:
    """Write passages.jsonl and questions.jsonl; the number of passages.

    The paragraphs of the questions come first, then news until `passages` are full. A passage
    without any letter or digit (a bracket that was left over) has no vector and is left out:
    txtai divides by its length of 0, and nothing can be indexed.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen = [row for row in rows(questions) if row["question"].strip()][:asked]
    paragraphs = {row["paragraph_id"]: row["context"] for row in chosen}
    news = ((None, row["text"]) for row in rows(articles))
    count = 0
    with (out / "passages.jsonl").open("w", encoding="utf-8") as file:
        for paragraph, text in _cut(chain(paragraphs.items(), news)):
            if count == passages:
                break
            row = {"paragraph": paragraph, "text": text}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    with (out / "questions.jsonl").open("w", encoding="utf-8") as file:
        for row in chosen:
            asking = {"question": row["question"], "paragraph": row["paragraph_id"]}
            file.write(json.dumps(asking, ensure_ascii=False) + "\n")
    return count


def _cut(texts: Iterator[tuple[str | None, str]]) -> Iterator[tuple[str | None, str]]:
    chunking = Settings().chunking
    chunker = Chunker(size=chunking.size, overlap=chunking.overlap)
    for number, (paragraph, text) in enumerate(texts):
        info = DocumentInfo(str(number), "", "peers")
        for chunk in chunker.chunk(Document(info, text)):
            if any(map(str.isalnum, chunk.text)):
                yield paragraph, chunk.text


def measure(name: str, out: Path, seconds: float) -> tuple[Figures, list[int]]:
    """One system's figures, in its own environment where there is one, else in this one; ranks.

    Raises CalledProcessError, with what it wrote on standard error, when the system fails.
    """
    environment = out / "env" / name.split("_")[0]
    own = environment / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    path = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [python, "-m", "benchmarks.peer_systems.run", name, str(out),
               str(bundled_model_path()), str(seconds)]  # fmt: skip
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT,
        env=dict(os.environ) | _OFFLINE | path,
    )  # fmt: skip
    figures: Figures
    figures, ranks = json.loads(run.stdout.splitlines()[-1])
    if own.exists():
        files = environment.rglob("*")
        size = sum(p.stat().st_size for p in files if p.is_file() and not p.is_symlink())
        figures["installed MB"] = size / 1e6
    return figures, ranks


def compared(results: Mapping[str, Figures], ranks: Mapping[str, Sequence[int]]) -> None:
    """Add the recall of the questions that every system was asked, where some had fewer."""
    counts = sorted(map(len, ranks.values()))
    for name, figures in results.items():
        if counts[0] < counts[-1]:
            figures |= recall(ranks[name][: counts[0]], f", first {counts[0]}")


def _save(
    out: Path, passages: int, results: Mapping[str, Figures], failed: Mapping[str, str]
) -> None:
    report = {"machine": machine(), "passages": passages, "systems": results, "failed": failed}
    (out / "peers.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the systems one after another."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60, help="at most, for the questions")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/out/peers")
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    count = prepare(options.articles, options.questions, options.passages, options.asked, out)
    results: dict[str, Figures] = {}
    failed: dict[str, str] = {}
    ranks: dict[str, list[int]] = {}
    for name in options.systems:
        try:
            results[name], ranks[name] = measure(name, out, options.seconds)
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"ended with {error.returncode}"]
            failed[name] = lines[-1]
        _save(out, count, results, failed)
    compared(results, ranks)
    _save(out, count, results, failed)
    text = section(machine(), count, results, failed)
    print(text)
    if options.publish:
        shutil.copyfile(out / "peers.json", HERE / "peers.json")
        (HERE / "peers.svg").write_text(picture(results), encoding="utf-8")
        write_section(HERE / "README.md", text)


if __name__ == "__main__":
    main()
