"""The local store and Milvus find the same; `python -m tests.stores.parity` asks at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.stores import milvus_server
from tests.stores.parity import agree, both, write_articles


@pytest.mark.parametrize(("bm25", "questions"), [(True, 300), (False, 40)])
def test_both_stores_find_the_same_five_passages(
    milvus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bm25: bool,
    questions: int,
) -> None:
    if not bm25:
        monkeypatch.setattr(milvus_server, "_BM25_FROM", (99, 0))
    paths = write_articles(tmp_path / "more", 40)
    done = both(tmp_path, paths, milvus, questions, alias=f"parity{bm25}")
    assert done.different == []
    assert done.same + done.ties == questions
    assert done.ties < questions // 10


def test_lists_agree_but_for_the_order_of_equals() -> None:
    one = [("a", 3.0), ("b", 2.0), ("c", 2.0), ("d", 1.0)]
    assert agree(one, [("a", 3.0), ("c", 2.0), ("b", 2.0), ("d", 1.0)])
    assert agree(one, [("a", 3.0), ("b", 2.0), ("c", 2.0), ("e", 1.0)])
    assert not agree(one, [("b", 3.0), ("a", 2.0), ("c", 2.0), ("d", 1.0)])
    assert not agree(one, one[:3])
    assert not agree(one, [("a", 3.0), ("b", 2.0), ("c", 1.9), ("d", 1.0)])
