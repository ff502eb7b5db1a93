"""The backends that the contract suite runs over; a new backend adds itself here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag.protocols import StoreBackend
from rag.stores import LocalBackend
from tests.support import RECIPE

BACKENDS: dict[str, Callable[[Path], StoreBackend]] = {
    "local": lambda folder: LocalBackend(folder / "index", RECIPE),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> StoreBackend:
    return BACKENDS[request.param](tmp_path)
