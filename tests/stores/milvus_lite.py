"""milvus-lite as a server in a process of its own, on loopback: its default would be 0.0.0.0."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from rag.protocols import StoreBackend
from rag.stores import Recipe
from tests.support import RECIPE

HOST = "127.0.0.1"
_START_S = 60.0


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        return int(trial.getsockname()[1])


class MilvusLite:
    """The server over one folder; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.uri = f"http://{HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self._folder),
             "--host", HOST, "--port", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            assert self._process.poll() is None, "milvus-lite ended as it started"
            with socket.socket() as trial:
                if trial.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("milvus-lite didn't listen in time")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()


def milvus_backend(
    uri: str, folder: Path, *, alias: str, recipe: Recipe = RECIPE, **address: object
) -> StoreBackend:
    """An exact index of that name on a server; `folder` holds the writer's lock."""
    from rag.stores.milvus import MilvusBackend
    from rag.stores.milvus_server import Address

    return MilvusBackend(
        Address(uri, **address),  # type: ignore[arg-type]
        recipe, root=folder / "index", alias=alias, index="FLAT",
    )  # fmt: skip
