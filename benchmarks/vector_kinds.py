"""Kinds of FAISS index over the vectors of a large index: what each costs and finds.

    python -m benchmarks.vector_kinds --work FOLDER --questions CMRC.jsonl.xz --passages 1000000

FOLDER is the work folder of `benchmarks.growth`, which has built the index and kept the exact
neighbours of its questions. A kind is a factory string of FAISS and, after `@`, settings of its
search, each measured: `HNSW32_SQ8@efSearch=64@efSearch=128`. One thread builds and searches.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.data import machine, rows
from rag.assembly import bundled_embedder
from rag.protocols import Vectors
from rag.stores.generations import BASE, VECTORS
from rag.stores.vectors import Keys, read_all

_KINDS = ["HNSW32_SQ8@efSearch=64@efSearch=128@efSearch=256"]
_TRAINING = 50_000
_NEIGHBOURS = 20
_ROWS = 20_000  # added at once, so that a long build can be interrupted
_faiss: Any = faiss


def stored(index: Path) -> tuple[Keys, Vectors]:
    """All keys and vectors of an index folder."""
    generation = index / "generations" / (index / "CURRENT").read_text().split()[0]
    parts = [part for part in (generation / VECTORS, generation / BASE / VECTORS) if part.exists()]
    found = [each for part in parts for each in read_all(part)]
    return np.concatenate([keys for keys, _ in found]), np.concatenate([some for _, some in found])


def built(kind: str, vectors: Vectors) -> Any:  # noqa: ANN401 - FAISS's hints lack the class
    """An index of the kind that holds the vectors."""
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        index.train(vectors[:: max(1, len(vectors) // _TRAINING)])
    for start in range(0, len(vectors), _ROWS):
        index.add(vectors[start : start + _ROWS])
    return index


def searched(index: Any, asked: Vectors, keys: Keys, exact: Keys) -> str:  # noqa: ANN401
    """Cells of the table: recall@20 of the exact neighbours, p50 and p95 in milliseconds."""
    times, hits = [], 0
    for vector, nearest in zip(asked, exact, strict=True):
        started = time.perf_counter()
        _, found = index.search(vector[None], _NEIGHBOURS)
        times.append(1000 * (time.perf_counter() - started))
        hits += len(set(keys[found[0][found[0] >= 0]].tolist()) & set(nearest.tolist()))
    p95 = statistics.quantiles(times, n=20)[18]
    return f"{hits / exact.size:.3f} | {statistics.median(times):.1f} / {p95:.1f}"


def main() -> None:
    """Build each kind and print a row for each setting of its search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", default=_KINDS)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    keys, vectors = stored(options.work / f"index-{options.passages}")
    exact: Keys = np.load(options.work / f"exact-{options.passages}.npy")
    questions = dict.fromkeys(r["question"] for r in rows(options.questions) if r["question"])
    embedder = bundled_embedder()
    asked = np.stack([embedder.embed_query(each) for each in islice(questions, len(exact))])
    print(f"{machine()}\n\n| kind | build, CPU s | MB | recall@20 | p50 / p95, ms |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for each in options.kinds:
        kind, *settings = each.split("@")
        started = time.process_time()
        index = built(kind, vectors)
        seconds = time.process_time() - started
        with tempfile.NamedTemporaryFile() as file:
            faiss.write_index(index, file.name)
            size = Path(file.name).stat().st_size / 1e6
        for setting in settings or [""]:
            if setting:
                _faiss.ParameterSpace().set_index_parameters(index, setting)
            cells = searched(index, asked, keys, exact)
            print(f"| {kind} {setting} | {seconds:,.0f} | {size:,.0f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
