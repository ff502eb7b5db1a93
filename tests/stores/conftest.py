"""The backends that the contract suite runs over; a new backend adds itself here."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.protocols import StoreBackend
from rag.stores import LocalBackend
from tests.stores.milvus_lite import MilvusLite, milvus_backend
from tests.support import RECIPE


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusLite]:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite (extra [dev])")
    pytest.importorskip("pymilvus", reason="needs the package pymilvus (extra [milvus])")
    server = MilvusLite(tmp_path_factory.mktemp("milvus"))
    yield server
    server.kill()


def _local(folder: Path, _request: pytest.FixtureRequest) -> StoreBackend:
    return LocalBackend(folder / "index", RECIPE)


def _milvus(folder: Path, request: pytest.FixtureRequest) -> StoreBackend:
    server: MilvusLite = request.getfixturevalue("milvus")
    return milvus_backend(server.uri, folder, alias=f"t{secrets.token_hex(4)}")


BACKENDS: dict[str, Callable[[Path, pytest.FixtureRequest], StoreBackend]] = {
    "local": _local,
    "milvus": _milvus,
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> StoreBackend:
    return BACKENDS[request.param](tmp_path, request)
