"""The backends that the contract suite runs over; a new backend adds itself here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.protocols import StoreBackend
from rag.stores import LocalBackend
from tests.stores.filling import Compacting, CompactingInTurn
from tests.stores.milvus_lite import MilvusLite, milvus_backend
from tests.support import RECIPE


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server: milvus-lite, or the one that MILVUS_URI names."""
    pytest.importorskip("pymilvus", reason="needs the package pymilvus (extra [milvus])")
    if uri := os.environ.get("MILVUS_URI"):
        yield uri
        return
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite (extra [dev])")
    server = MilvusLite(tmp_path_factory.mktemp("milvus"))
    yield server.uri
    server.kill()


def _local(folder: Path, _request: pytest.FixtureRequest) -> StoreBackend:
    return LocalBackend(folder / "index", RECIPE)


def _all_in_the_base(folder: Path, _request: pytest.FixtureRequest) -> StoreBackend:
    return Compacting(folder / "index", RECIPE)


def _with_a_base(folder: Path, _request: pytest.FixtureRequest) -> StoreBackend:
    return CompactingInTurn(folder / "index", RECIPE)


def _milvus(folder: Path, request: pytest.FixtureRequest) -> StoreBackend:
    uri: str = request.getfixturevalue("milvus")
    return milvus_backend(uri, folder, alias=f"t{secrets.token_hex(4)}")


def _milvus_without_bm25(folder: Path, request: pytest.FixtureRequest) -> StoreBackend:
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setattr("rag.stores.milvus_server._BM25_FROM", (99, 0))
    return _milvus(folder, request)


BACKENDS: dict[str, Callable[[Path, pytest.FixtureRequest], StoreBackend]] = {
    "local": _local,
    "local, all in the base": _all_in_the_base,
    "local, with a base": _with_a_base,
    "milvus": _milvus,
    "milvus without BM25": _milvus_without_bm25,
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> StoreBackend:
    return BACKENDS[request.param](tmp_path, request)
