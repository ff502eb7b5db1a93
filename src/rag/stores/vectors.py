"""Dense vectors in FAISS by inner product: exact while few, sketched and refined in a large base.

Float32 while few, float16 beyond; float16 can be written again and again without loss. A large
base has, beside its float16 vectors, a sketch of each: four bits for every two dimensions (product
quantisation), in lists of neighbours. A search compares the question with the sketches of the
lists nearest to it, all of them in a base that isn't very large, which is ten times as fast as with
the vectors themselves, and then with the vectors of the best few hundred.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.protocols import Candidate, Vectors

# Measured at 256 dimensions and 104,000 vectors: float16 takes 2.7 ms a search where float32 takes
# 3.6 from a mapped file and 6.8 from memory, in half the space, and keeps recall@20 at 0.999.
FLOAT16_FROM = 50_000
# Measured: see benchmarks/README.md, "Growth".
SKETCHED_FROM = 100_000
_PER_LIST = 1024
# How many sketches a search looks at, and at least which share of them: neighbours of a question,
# unlike those of a passage, stand in many lists.
_SKETCHES = 500_000
_SHARE = 3 / 8
# How many of the best by sketch are compared exactly: at least so many, and a multiple of those
# asked for.
_REFINED = 200
_REFINED_FACTOR = 4
_TRAINING = 50_000  # vectors, more for many lists
_TRAINING_PER_LIST = 48
_STEP = 65_536  # vectors in memory at once: 64 MB at 256 dimensions
_HEADER = struct.Struct("<4xiq")  # of a file of FAISS: its kind, dimensions, vectors
_BLOCK = 2**20

# FAISS's type hints lack the classes that it hands out, and more.
_faiss: Any = faiss
Index: TypeAlias = Any
Keys = NDArray[np.int64]


def new_index(dimensions: int, kind: str = "Flat") -> Index:
    """An empty exact index that knows its vectors by key."""
    return faiss.index_factory(dimensions, f"IDMap2,{kind}", faiss.METRIC_INNER_PRODUCT)


def open_index(path: Path, *, mapped: bool) -> Index:
    """Read an index; `mapped` leaves its vectors on disk until they are asked for."""
    # One question is one short scan: waking threads for it costs more than it saves.
    faiss.omp_set_num_threads(1)
    if mapped:
        _read_ahead(path)
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)


def _read_ahead(path: Path) -> None:
    """Have the kernel read in one go all that FAISS reads to open a file of float16 vectors.

    FAISS maps a file for access at random and so reads sketches and keys page by page, from a cold
    disk in ten times the time.
    """
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        start = file.read(_HEADER.size)
        if len(start) < _HEADER.size:
            return  # FAISS says what is wrong with it
        dimensions, total = _HEADER.unpack(start)
        keys = 8 * total
        sketches = size - 2 * dimensions * total - keys
        if 0 <= sketches < size:
            for at, length in ((0, sketches), (size - keys, keys)):
                file.seek(at)
                for begun in range(0, length, _BLOCK):
                    file.read(min(_BLOCK, length - begun))


def save_index(index: Index, path: Path) -> None:
    """Write `index`, converted to float16 when it has grown past FLOAT16_FROM."""
    if (
        isinstance(index, faiss.IndexIDMap2)
        and index.ntotal > FLOAT16_FROM
        and isinstance(faiss.downcast_index(index.index), faiss.IndexFlat)
    ):
        index = _as_float16(index)
    # FAISS's own file writing passes over a write that fails at the end; Python's doesn't.
    with path.open("wb") as file:
        faiss.write_index(index, _faiss.PyCallbackIOWriter(file.write))


def add(index: Index, keys: Sequence[int], vectors: Vectors) -> None:
    """Add vectors of shape `(len(keys), dimensions)`."""
    if len(keys):
        index.add_with_ids(np.ascontiguousarray(vectors), np.asarray(keys, dtype=np.int64))


def remove(index: Index, keys: Sequence[int]) -> None:
    """Take the vectors with these keys out."""
    if len(keys):
        index.remove_ids(faiss.IDSelectorBatch(np.asarray(keys, dtype=np.int64)))


class VectorsReader:
    """A base, where there is one, and the vectors that came after it, searched as one."""

    def __init__(self, recent: Path, base: Path | None, *, removed: Sequence[int]) -> None:
        """`removed` are the keys of the base that are never to be found."""
        parts = [recent] if base is None else [base, recent]
        self._parts = [index for path in parts if (index := open_index(path, mapped=True)).ntotal]
        self._removed = frozenset(removed)

    def search(self, vector: Vectors, *, limit: int) -> list[Candidate]:
        """The `limit` keys with the greatest dot product with `vector` (shape `(dimensions,)`)."""
        if not limit or not vector.any():
            return []
        found = [
            candidate
            for index in self._parts
            for candidate in self._living(index, vector, min(limit, index.ntotal))
        ]
        if len(self._parts) > 1:
            found.sort(key=lambda candidate: -candidate.score)
        return found[:limit]

    def _living(self, index: Index, vector: Vectors, limit: int) -> list[Candidate]:
        """The best of one part without what was removed: as many more are asked for as it takes."""
        count = limit
        while True:
            scores, keys = index.search(vector[None, :], count, params=_refining(index, count))
            found = [
                Candidate(key=int(key), score=float(score))
                for key, score in zip(keys[0], scores[0], strict=True)
                if key >= 0 and int(key) not in self._removed
            ]
            if len(found) >= limit or count == index.ntotal:
                return found[:limit]
            count = min(2 * count, index.ntotal)


def _refining(index: Index, count: int) -> Any:  # noqa: ANN401 - FAISS's hints lack the class
    """How an index with sketches is searched; None for others."""
    if not isinstance(_faiss.downcast_index(index.index), _faiss.IndexRefine):
        return None
    factor = max(_REFINED / count, _REFINED_FACTOR)
    return _faiss.IndexRefineSearchParameters(k_factor=factor)


def build_base(
    recent: Path, base: Path | None, *, removed: Sequence[int], dimensions: int
) -> Index:
    """One index of all that a reader of the same arguments finds."""
    paths = [path for path in (base, recent) if path is not None]
    gone: Keys = np.asarray(removed, dtype=np.int64)
    total = sum(open_index(path, mapped=True).ntotal for path in paths)
    index = _empty_base(dimensions, total)
    if not index.is_trained:
        step = max(1, total // max(_TRAINING, _TRAINING_PER_LIST * _lists(total)))
        index.train(np.concatenate([some[::step] for path in paths for _, some in read_all(path)]))
    for path in paths:
        for keys, vectors in read_all(path):
            living = ~np.isin(keys, gone)
            index.add_with_ids(vectors[living], keys[living])
    return index


def _empty_base(dimensions: int, total: int) -> Index:
    # IDMap has no map from keys to places, unlike IDMap2: building it would be most of an opening.
    if total < SKETCHED_FROM:
        return faiss.index_factory(dimensions, "IDMap,SQfp16", faiss.METRIC_INNER_PRODUCT)
    parts = dimensions // 2 if dimensions % 2 == 0 else dimensions
    kind = f"IDMap,IVF{_lists(total)},PQ{parts}x4fs,Refine(SQfp16)"
    index = _faiss.index_factory(dimensions, kind, faiss.METRIC_INNER_PRODUCT)
    lists = _faiss.extract_index_ivf(_faiss.downcast_index(index.index).base_index)
    lists.by_residual = False  # one table of products serves every list
    lists.cp.min_points_per_centroid = 1  # FAISS warns on standard error of fewer than 39
    lists.nprobe = max(1, math.ceil(lists.nlist * max(_SHARE, min(1, _SKETCHES / total))))
    return index


def _lists(total: int) -> int:
    return max(1, total // _PER_LIST)


def read_all(path: Path) -> Iterator[tuple[Keys, Vectors]]:
    """Every vector of a file with its key, some at a time."""
    index = open_index(path, mapped=True)
    keys: Keys = faiss.vector_to_array(index.id_map)
    stored = _faiss.downcast_index(index.index)
    if isinstance(stored, _faiss.IndexRefine):
        stored = _faiss.downcast_index(stored.refine_index)
    for start in range(0, index.ntotal, _STEP):
        count = min(_STEP, index.ntotal - start)
        yield keys[start : start + count], stored.reconstruct_n(start, count)


def _as_float16(index: Index) -> Index:
    half = new_index(index.d, "SQfp16")
    keys = faiss.vector_to_array(index.id_map)
    for start in range(0, index.ntotal, _STEP):
        count = min(_STEP, index.ntotal - start)
        half.add_with_ids(index.index.reconstruct_n(start, count), keys[start : start + count])
    return half
