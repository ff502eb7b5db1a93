"""What every embedder keeps to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import bundled_model_path, open_embedder
from rag.embedders.static import StaticEmbedder
from rag.embedders.transformer import TransformerEmbedder
from rag.protocols import Embedder

TEXTS = ["龙泉驿区建了多少党员先锋岗?", "邛崃的竹编在哪里", "", "dogs bark"]
BUILDERS: dict[str, Callable[[Path, Path], Embedder]] = {
    "bundled": lambda static, transformer: StaticEmbedder(bundled_model_path()),
    "static": lambda static, transformer: StaticEmbedder(static),
    "transformer": lambda static, transformer: TransformerEmbedder(transformer),
    "opened by folder": lambda static, transformer: open_embedder(str(transformer)),
}


@pytest.fixture(scope="module", params=BUILDERS)
def embedder(request: pytest.FixtureRequest, tiny_static: Path, tiny_transformer: Path) -> Embedder:
    return BUILDERS[request.param](tiny_static, tiny_transformer)


def test_passages_are_unit_rows_in_float32(embedder: Embedder) -> None:
    rows = embedder.embed_passages(TEXTS)
    assert rows.shape == (4, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0, 1], abs=1e-5)


def test_a_query_is_one_unit_row_and_an_empty_one_is_zero(embedder: Embedder) -> None:
    row = embedder.embed_query(TEXTS[0])
    assert row.shape == (embedder.dimensions,)
    assert row.dtype == np.float32
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
    assert not embedder.embed_query("").any()
    assert not embedder.embed_query("  ").any()


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimensions)


def test_a_row_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    alone = [embedder.embed_passages([text])[0] for text in TEXTS]
    assert np.allclose(alone, embedder.embed_passages(TEXTS), atol=1e-3)


def test_threads_get_what_one_caller_gets(embedder: Embedder) -> None:
    wanted = [embedder.embed_query(text) for text in TEXTS] * 25
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(embedder.embed_query, TEXTS * 25))
    assert np.allclose(wanted, got, atol=1e-3)


def test_the_fingerprint_is_short_and_stays(embedder: Embedder) -> None:
    assert len(embedder.fingerprint) == 16
    assert int(embedder.fingerprint, 16) >= 0
    assert embedder.fingerprint == embedder.fingerprint
    assert embedder.id
