"""Dense vectors in FAISS: inner product, exact while few, by inverted lists in a large base.

Float32 while few, float16 beyond; float16 can be written again and again without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.protocols import Candidate, Vectors

# Measured at 256 dimensions and 104,000 vectors: float16 takes 2.7 ms a search where float32 takes
# 3.6 from a mapped file and 6.8 from memory, in half the space, and keeps recall@20 at 0.999.
FLOAT16_FROM = 50_000
# A scan of all float16 vectors takes 5 ms at 200,000 and grows with them; the lists of a question's
# neighbourhood hold PROBED of them. Measured with questions: see benchmarks/README.md, "Growth".
LISTS_FROM = 200_000
PROBED = 1 / 8
PER_LIST = 512
_TRAINING = 64  # vectors a list, for k-means
_STEP = 65_536  # vectors in memory at once: 64 MB at 256 dimensions
_SEED = 1

# FAISS's type hints lack the classes that it hands out, and more.
_faiss: Any = faiss
Index: TypeAlias = Any
Parameters: TypeAlias = Any
Keys = NDArray[np.int64]


def new_index(dimensions: int, kind: str = "Flat") -> Index:
    """An empty exact index that knows its vectors by key."""
    return faiss.index_factory(dimensions, f"IDMap2,{kind}", faiss.METRIC_INNER_PRODUCT)


def open_index(path: Path, *, mapped: bool) -> Index:
    """Read an index; `mapped` leaves its vectors on disk until they are asked for."""
    # One question is one short scan: waking threads for it costs more than it saves.
    faiss.omp_set_num_threads(1)
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)


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
        indexes = [open_index(path, mapped=True) for path in parts]
        self._parts = [
            (index, _parameters(index, removed if path == base else ()))
            for path, index in zip(parts, indexes, strict=True)
            if index.ntotal
        ]

    def search(self, vector: Vectors, *, limit: int) -> list[Candidate]:
        """The `limit` keys with the greatest dot product with `vector` (shape `(dimensions,)`)."""
        if not limit or not vector.any():
            return []
        found: list[Candidate] = []
        for index, parameters in self._parts:
            scores, keys = index.search(
                vector[None, :], min(limit, index.ntotal), params=parameters
            )
            found.extend(
                Candidate(key=int(key), score=float(score))
                for key, score in zip(keys[0], scores[0], strict=True)
                if key >= 0
            )
        if len(self._parts) > 1:
            found.sort(key=lambda candidate: -candidate.score)
        return found[:limit]


def _has_lists(index: Index) -> bool:
    return isinstance(index, faiss.IndexIVF)


def _parameters(index: Index, removed: Sequence[int]) -> Parameters:
    """How to search an index without what was removed from it."""
    living: dict[str, Any] = {}
    if len(removed):
        batch = faiss.IDSelectorBatch(np.asarray(removed, dtype=np.int64))
        living = {"sel": faiss.IDSelectorNot(batch)}
    if _has_lists(index):
        probed = max(1, round(index.nlist * PROBED))
        return _faiss.SearchParametersIVF(nprobe=probed, **living)
    return faiss.SearchParameters(**living) if living else None


def build_base(
    recent: Path, base: Path | None, *, removed: Sequence[int], dimensions: int
) -> Index:
    """One index of all that a reader of the same arguments finds."""
    parts = [open_index(path, mapped=True) for path in (base, recent) if path is not None]
    gone: Keys = np.asarray(removed, dtype=np.int64)
    kept = [np.setdiff1d(_keys(part), gone) for part in parts]
    total = sum(map(len, kept))
    index = _empty_base(dimensions, total)
    if _has_lists(index):
        index.train(_sample(parts, kept, _TRAINING * index.nlist))
    for part, keys in zip(parts, kept, strict=True):
        for some, vectors in _read(part, keys):
            index.add_with_ids(vectors, some)
    return index


def _empty_base(dimensions: int, total: int) -> Index:
    if total < LISTS_FROM:
        return new_index(dimensions, "SQfp16")
    lists = max(1, 2 ** round(np.log2(total / PER_LIST)))
    index = _faiss.index_factory(dimensions, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    # The vectors themselves, not what is left of them beside their list's centre: nothing is lost
    # when they are sorted into other lists one day.
    index.by_residual = False
    index.cp.seed = _SEED
    index.cp.min_points_per_centroid = 1  # FAISS warns on standard error of fewer than 39
    return index


def _keys(index: Index) -> Keys:
    if not _has_lists(index):
        return cast("Keys", faiss.vector_to_array(index.id_map))
    lists = index.invlists
    sizes = [lists.list_size(number) for number in range(index.nlist)]
    return np.concatenate(
        [
            faiss.rev_swig_ptr(lists.get_ids(number), size).copy()
            for number, size in enumerate(sizes)
            if size
        ]
    )


def _read(index: Index, keys: Keys) -> Iterator[tuple[Keys, Vectors]]:
    """The vectors with these keys, some at a time, with their keys."""
    if _has_lists(index):
        index.set_direct_map_type(_faiss.DirectMap.Hashtable)
    for start in range(0, len(keys), _STEP):
        some = keys[start : start + _STEP]
        yield some, index.reconstruct_batch(some)


def read_all(path: Path) -> Iterator[tuple[Keys, Vectors]]:
    """Every vector of a file with its key, some at a time."""
    index = open_index(path, mapped=True)
    return _read(index, _keys(index)) if index.ntotal else iter(())


def _sample(parts: Sequence[Index], kept: Sequence[Keys], count: int) -> Vectors:
    """Vectors of about `count` keys, spread evenly."""
    step = max(1, sum(map(len, kept)) // count)
    return np.concatenate(
        [
            vectors
            for part, keys in zip(parts, kept, strict=True)
            for _, vectors in _read(part, keys[::step])
        ]
    )


def _as_float16(index: Index) -> Index:
    half = new_index(index.d, "SQfp16")
    keys = faiss.vector_to_array(index.id_map)
    for start in range(0, index.ntotal, _STEP):
        count = min(_STEP, index.ntotal - start)
        half.add_with_ids(index.index.reconstruct_n(start, count), keys[start : start + count])
    return half
