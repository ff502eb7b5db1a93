"""How well the citation gate tells supported sentences from faulty ones, and what it costs.

    python -m benchmarks.gate [--show]

tests/data/gate.jsonl has scripted answers over the sample articles in docs/, sentence by sentence
with its fault, if any. The thresholds were set on the first part. The others were each written
before the gate had seen them, and afterwards used to improve it; what each gave at first sight
stands in the README. `--show` prints what the gate got wrong.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answering import CitationGate
from rag.answering.markers import piece_of
from rag.assembly import embedder_of, place_list, segment
from rag.chunking import Chunker
from rag.config import Settings
from rag.loaders import discover, read
from rag.types import Hit

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence of the set and what the gate said: the kind of fault, None for a right one."""

    part: int
    text: str
    fault: str | None
    supported: bool
    missing: tuple[str, ...]
    coverage: float
    moved: bool = False

    @property
    def caught(self) -> bool:
        """Whether the gate marked it, or gave a right sentence its right citation."""
        return not self.supported or (self.fault == "wrong_article" and self.moved)


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of the faulty sentences that are caught, and of the right ones that are marked."""

    faulty: int
    right: int
    caught: float
    marked: float


def article_hits() -> dict[str, list[Hit]]:
    """The passages of each sample article, by the stem of its file, as indexing cuts them."""
    chunking = Settings().chunking
    chunker = Chunker(size=chunking.size, overlap=chunking.overlap)
    files, _ = discover([ROOT / "docs"])
    found: dict[str, list[Hit]] = {}
    for batch in read(files):
        for document in batch.documents:
            name = Path(document.info.source).stem
            found[name] = [
                Hit(rank, 1.0, chunk, document.info)
                for rank, chunk in enumerate(chunker.chunk(document), start=1)
            ]
    return found


def new_gate() -> CitationGate:
    """The gate as the product puts it together."""
    return CitationGate(segment, place_list(), embedder_of(Settings()))


def check(gate: CitationGate, articles: dict[str, list[Hit]]) -> tuple[list[Checked], list[float]]:
    """Every sentence of the set, and the milliseconds that each answer took."""
    checked: list[Checked] = []
    spent: list[float] = []
    for line in (ROOT / "tests/data/gate.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        hits = [hit for name in row["articles"] for hit in articles[name]]
        started = time.thread_time()
        passages = gate.read(hits)
        for sentence in row["sentences"]:
            piece = piece_of(sentence["text"])
            cited = set(_numbers(piece.markers, row["articles"], articles))
            finding = gate.check(piece.text, cited, passages)
            checked.append(
                Checked(
                    row["part"],
                    sentence["text"],
                    sentence["fault"],
                    finding.supported,
                    finding.unsupported_terms,
                    finding.coverage,
                    not any(unit.passage in cited for unit in finding.units),
                )
            )
        spent.append(1000 * (time.thread_time() - started))
    return checked, spent


def _numbers(
    markers: Sequence[int], names: Sequence[str], articles: dict[str, list[Hit]]
) -> Iterator[int]:
    """The passages of the articles that a sentence cites: [1] is the first article."""
    for marker in markers:
        at = marker - 1
        first = sum(len(articles[name]) for name in names[:at])
        yield from range(first + 1, first + 1 + len(articles[names[at]]))


def figures_of(checked: Sequence[Checked]) -> Figures:
    """The two shares that the gate is held to."""
    faulty = [item for item in checked if item.fault]
    right = [item for item in checked if not item.fault]
    return Figures(
        faulty=len(faulty),
        right=len(right),
        caught=sum(item.caught for item in faulty) / max(len(faulty), 1),
        marked=sum(not item.supported for item in right) / max(len(right), 1),
    )


def main() -> None:
    """Print the figures of each part and of each kind of fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print what the gate got wrong")
    arguments = parser.parse_args()
    gate, articles = new_gate(), article_hits()
    check(gate, articles)  # words and passages are remembered, as in a running server
    checked, spent = check(gate, articles)
    for part in sorted({item.part for item in checked}):
        of_part = [item for item in checked if item.part == part]
        if not of_part:
            continue
        figures = figures_of(of_part)
        print(f"part {part}: {figures.caught:.1%} of {figures.faulty} faulty sentences caught, "
              f"{figures.marked:.1%} of {figures.right} right ones marked")  # fmt: skip
        for kind in sorted({item.fault for item in of_part if item.fault}):
            caught = [item.caught for item in of_part if item.fault == kind]
            print(f"    {kind}: {sum(caught)} of {len(caught)}")
    print(f"an answer: {statistics.mean(spent):.1f} ms on average, {max(spent):.1f} ms at most")
    for item in checked if arguments.show else ():
        if item.caught != bool(item.fault):
            print(f"{item.part} {item.fault} {item.coverage:.2f} {item.missing} {item.text}")


if __name__ == "__main__":
    main()
