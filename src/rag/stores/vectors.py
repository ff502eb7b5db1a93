"""Dense vectors in FAISS: exact inner product, float32 while small, float16 beyond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import faiss
import numpy as np

from rag.protocols import Candidate, Vectors

# Measured at 256 dimensions and 104,000 vectors: float16 takes 2.7 ms a search where float32 takes
# 3.6 from a mapped file and 6.8 from memory, in half the space, and keeps recall@20 at 0.999.
FLOAT16_FROM = 50_000


def new_index(dimensions: int, kind: str = "Flat") -> faiss.IndexIDMap2:
    """An empty exact index that knows its vectors by key."""
    return _keyed(faiss.index_factory(dimensions, f"IDMap2,{kind}", faiss.METRIC_INNER_PRODUCT))


def _keyed(index: faiss.Index) -> faiss.IndexIDMap2:
    # FAISS hands out the most derived class already; its type hints don't say so.
    return cast("faiss.IndexIDMap2", index)


def open_index(path: Path, *, mapped: bool) -> faiss.IndexIDMap2:
    """Read an index; `mapped` leaves its vectors on disk until they are asked for."""
    # One question is one short scan: waking threads for it costs more than it saves.
    faiss.omp_set_num_threads(1)
    return _keyed(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0))


def save_index(index: faiss.IndexIDMap2, path: Path) -> None:
    """Write `index`, converted to float16 when it has grown past FLOAT16_FROM."""
    if index.ntotal > FLOAT16_FROM and isinstance(
        faiss.downcast_index(index.index), faiss.IndexFlat
    ):
        index = _as_float16(index)
    # FAISS's own file writing passes over a write that fails at the end; Python's doesn't.
    with path.open("wb") as file:
        writer = faiss.PyCallbackIOWriter(file.write)  # type: ignore[attr-defined]  # not in its hints
        faiss.write_index(index, writer)


def add(index: faiss.IndexIDMap2, keys: Sequence[int], vectors: Vectors) -> None:
    """Add vectors of shape `(len(keys), dimensions)`."""
    if len(keys):
        index.add_with_ids(np.ascontiguousarray(vectors), np.asarray(keys, dtype=np.int64))


def remove(index: faiss.IndexIDMap2, keys: Sequence[int]) -> None:
    """Take the vectors with these keys out."""
    if len(keys):
        index.remove_ids(faiss.IDSelectorBatch(np.asarray(keys, dtype=np.int64)))


def search(index: faiss.IndexIDMap2, vector: Vectors, *, limit: int) -> list[Candidate]:
    """The `limit` keys with the greatest dot product with `vector` (shape `(dimensions,)`)."""
    if not index.ntotal or not limit or not vector.any():
        return []
    scores, keys = index.search(vector[None, :], min(limit, index.ntotal))
    return [
        Candidate(key=int(key), score=float(score))
        for key, score in zip(keys[0], scores[0], strict=True)
        if key >= 0
    ]


def _as_float16(index: faiss.IndexIDMap2) -> faiss.IndexIDMap2:
    half = new_index(index.d, "SQfp16")
    keys = faiss.vector_to_array(index.id_map)
    step = 65_536  # bounds the extra memory to 64 MB at 256 dimensions
    for start in range(0, index.ntotal, step):
        count = min(step, index.ntotal - start)
        half.add_with_ids(index.index.reconstruct_n(start, count), keys[start : start + count])
    return half
