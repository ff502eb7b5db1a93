"""The same articles and questions through the local store and Milvus: the same best passages?

    python -m tests.stores.parity --articles ../shared/data/news.jsonl.xz --count 5000

starts milvus-lite on loopback, or uses `--uri`; prints one line of counts and ends with 1 where
the five best passages of a question differ by more than the order of equals.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from rag.assembly import backend_of, embedder_of, indexer_of
from rag.config import IndexSettings, Settings, StoreSettings
from rag.protocols import Candidate, Candidates, Embedder, PassageStore
from rag.retrieval import HybridRetriever
from rag.text import analyse
from tests.stores.milvus_lite import MilvusLite

_DOCS = Path(__file__).parents[2] / "docs"
_TOP = 5
_CANDIDATES = 50
_NEAR = 1e-4  # float32 sums in another order differ by less
_PLACES = "青石镇 蓝溪村 白鹭县 云岭乡 双桥街道 柳湾社区 石门区 长坪镇".split()
_DEEDS = "修建 改造 引进 验收 捐赠 评选 培训 种植".split()
_THINGS = "石桥 水渠 路灯 果园 图书室 养老院 粮仓 观测站 茶园 文化广场".split()
_UNITS = "座 条 盏 处 间 所".split()


def generated(count: int, seed: int = 7) -> Iterator[str]:
    """Articles of some sentences about made-up villages, as JSON Lines' text."""
    pick = random.Random(seed)
    for number in range(count):
        place, year = pick.choice(_PLACES), pick.randint(1998, 2025)
        lines = [f"# {place}第{number}号简报\n"]
        for _ in range(pick.randint(4, 12)):
            deed, thing, unit = pick.choice(_DEEDS), pick.choice(_THINGS), pick.choice(_UNITS)
            lines.append(
                f"{year}年{pick.randint(1, 12)}月，{place}{deed}了{pick.randint(2, 900)}{unit}"
                f"{thing}，投入{pick.randint(3, 9000)}万元，{pick.choice(_PLACES)}派人前来学习。"
            )
        yield "\n".join(lines)


def questions_of(store: PassageStore, count: int, seed: int = 7) -> list[str]:
    """Parts of random sentences, with a figure of theirs asked for where there is one."""
    pick = random.Random(seed)
    ids = [info.id for info, _ in store.documents()]
    asked: list[str] = []
    while len(asked) < count:
        document = store.document(pick.choice(ids))
        assert document is not None
        sentences = [s for s in re.split(r"[。！？\n]", document.text) if len(s) >= 8]
        if sentences:
            sentence = pick.choice(sentences)
            start = pick.randrange(max(1, len(sentence) - 24))
            part = sentence[start : start + 24]
            asked.append(re.sub(r"\d+", "多少", part, count=1) + "？")
    return asked


def agree(one: Sequence[tuple[str, float]], other: Sequence[tuple[str, float]]) -> bool:
    """Whether two lists of names and scores are the same but for the order of equal scores.

    At the end of a list, of equals that no longer fit, each may hold others.
    """
    if len(one) != len(other):
        return False
    if any(
        abs(a - b) > _NEAR * max(1.0, abs(a)) for (_, a), (_, b) in zip(one, other, strict=True)
    ):
        return False
    last = one[-1][1] if one else 0.0
    theirs = dict(other)
    return all(
        abs(theirs.get(name, last) - score) <= _NEAR * max(1.0, abs(score)) for name, score in one
    )


@dataclass(slots=True)
class Parity:
    """How many questions gave the same five passages, differed by ties alone, or differed."""

    same: int = 0
    ties: int = 0
    different: list[str] = field(default_factory=list)
    local_s: float = 0.0
    milvus_s: float = 0.0


class Side:
    """One store, and what it finds."""

    def __init__(self, store: PassageStore, embedder: Embedder) -> None:
        self.store = store
        self._embedder = embedder
        self._retriever = HybridRetriever(store, embedder, candidates=_CANDIDATES)
        self.seconds = 0.0

    def best(self, question: str) -> list[str]:
        """The ids of the five best passages."""
        start = time.perf_counter()
        hits = self._retriever.retrieve(question, top_k=_TOP)
        self.seconds += time.perf_counter() - start
        return [hit.chunk.id for hit in hits]

    def searches(self, question: str) -> list[list[tuple[str, float]]]:
        """What each of the two searches finds, as chunk ids and scores."""
        vector = self._embedder.embed_query(question)
        terms = list(dict.fromkeys(analyse(question)))
        found: Candidates = self.store.search(terms, vector, limit=_CANDIDATES)
        return [self._named(found.lexical), self._named(found.dense)]

    def _named(self, candidates: Sequence[Candidate]) -> list[tuple[str, float]]:
        passages = self.store.passages([c.key for c in candidates])
        return [(passages[c.key][0].id, c.score) for c in candidates]


def compare(local: PassageStore, milvus: PassageStore, embedder: Embedder, count: int) -> Parity:
    """Ask both stores `count` questions."""
    one, other = Side(local, embedder), Side(milvus, embedder)
    done = Parity()
    for question in questions_of(local, count):
        if one.best(question) == other.best(question):
            done.same += 1
        elif all(
            agree(*pair)
            for pair in zip(one.searches(question), other.searches(question), strict=True)
        ):
            done.ties += 1
        else:
            done.different.append(question)
    done.local_s, done.milvus_s = one.seconds / count, other.seconds / count
    return done


def build(folder: Path, paths: Sequence[Path], store: StoreSettings) -> PassageStore:
    """The index of these files, opened."""
    settings = Settings(index=IndexSettings(dir=folder), store=store)
    report = indexer_of(settings).index(paths)
    assert not report.problems, report.problems[0].error
    return backend_of(settings, embedder_of(settings)).open()


def both(
    folder: Path,
    paths: Sequence[Path],
    uri: str,
    count: int,
    *,
    vectors: Literal["HNSW", "FLAT"] = "FLAT",
    alias: str = "parity",
) -> Parity:
    """Build both indexes of these files and compare them."""
    local = build(folder / "local", paths, StoreSettings())
    server = StoreSettings(backend="milvus", uri=uri, collection=alias, vectors=vectors)
    milvus = build(folder / "milvus", paths, server)
    assert (local.stats().documents, local.stats().chunks) == (
        milvus.stats().documents,
        milvus.stats().chunks,
    )
    return compare(local, milvus, embedder_of(Settings()), count)


def write_articles(
    folder: Path, count: int, more: Path | None = None, limit: int = 0
) -> list[Path]:
    """The files to index: docs/, `count` generated ones, and the first of `more`."""
    folder.mkdir()
    for number, text in enumerate(generated(count)):
        (folder / f"{number:04}.md").write_text(text, encoding="utf-8")
    if more is not None:
        import lzma

        with lzma.open(more, "rt", encoding="utf-8") as lines:
            (folder / "more.jsonl").write_text("".join(islice(lines, limit)), encoding="utf-8")
    return [_DOCS, folder]


def main() -> int:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--articles", type=Path, help="JSON Lines, .xz, besides docs/")
    parser.add_argument("--count", type=int, default=5000, help="how many of them")
    parser.add_argument("--generated", type=int, default=200)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--uri", help="a Milvus server; else milvus-lite is started")
    parser.add_argument("--vectors", choices=("FLAT", "HNSW"), default="FLAT")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_articles(folder / "more", options.generated, options.articles, options.count)
        lite = None if options.uri else MilvusLite(folder / "lite")
        try:
            uri = options.uri or (lite.uri if lite else "")
            done = both(folder, paths, uri, options.questions, vectors=options.vectors)
        finally:
            if lite:
                lite.kill()
    sys.stdout.write(
        f"same {done.same}, by ties {done.ties}, different {len(done.different)}; a question takes "
        f"{1000 * done.local_s:.1f} ms locally, {1000 * done.milvus_s:.1f} ms on Milvus\n"
    )
    sys.stdout.writelines(f"differs: {question}\n" for question in done.different)
    return 1 if done.different else 0


if __name__ == "__main__":
    sys.exit(main())
