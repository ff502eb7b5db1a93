"""Files prepared on real Ray clusters of loopback, whose nodes come and go."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from rag.chunking import Chunker
from rag.errors import ClusterError
from rag.indexing import Indexer, IndexReport, Progress
from rag.loaders import Limits
from rag.preparing import LocalPreparer, cluster
from rag.protocols import Embedder, PassageStore, StoreBackend
from rag.stores import LocalBackend
from rag.stores.vectors import open_index
from tests.preparing.ray_parts import (
    running_on,
    tracing,
)
from tests.stores.milvus_lite import HOST, MilvusLite, free_port, milvus_backend
from tests.stores.parity import Side, agree, generated, questions_of
from tests.support import EMBEDDER, RECIPE, HashingEmbedder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the package ray (extra [ray])"),
    # Ray leaves its processes and sockets to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),
]
Ray = Any


class Machines:
    """A head without a CPU, to which nodes of one CPU each are added."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.client_port = free_port()
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **_NODE, "num_cpus": 0, "ray_client_server_port": self.client_port,
                "temp_dir": str(folder),
                "_system_config": _SOON,
            },
        )  # fmt: skip
        self.address: str = self._cluster.address

    def add(self) -> Ray:
        return self._cluster.add_node(**_NODE, num_cpus=1)

    def lose(self, node: Ray) -> None:
        """End a node as a power cut would."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


_NODE = {
    "include_dashboard": False,
    "node_ip_address": HOST,
    "object_store_memory": 100_000_000,
}


# A dead node is noticed within some seconds; by default it takes up to half a minute.
_SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    environment = dict(os.environ)
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # for the workers
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all addresses on loopback
    }
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: names of sockets have a limit
    machines = Machines(folder)
    yield machines
    machines.close()
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.clear()
    os.environ |= environment


@pytest.fixture(scope="module")
def node(machines: Machines) -> Ray:
    """A node that stays."""
    return machines.add()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Short files, one long stream, one damaged file."""
    folder = tmp_path / "docs"
    folder.mkdir()
    texts = list(generated(150))
    for number, text in enumerate(texts[:60]):
        (folder / f"{number:03}.md").write_text(text, encoding="utf-8")
    rows = [{"id": f"r{n}", "title": f"第{n}条", "text": t} for n, t in enumerate(texts[60:])]
    lines = [json.dumps(row, ensure_ascii=False) for row in [*rows, rows[0]]]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "no json"]), encoding="utf-8")
    (folder / "damaged.txt").write_bytes(b"\x00\x01\x02\x03" * 500)
    return folder


def local(backend: StoreBackend, embedder: Embedder = EMBEDDER) -> Indexer:
    chunker = Chunker(size=400, overlap=80)
    preparer = LocalPreparer(embedder=embedder, chunker=chunker, limits=Limits())
    return Indexer(backend=backend, preparer=preparer)


def spread(
    backend: StoreBackend, address: str, open_embedder: Callable[[], Embedder] = HashingEmbedder
) -> Indexer:
    preparer = cluster.RayPreparer(
        address,
        open_embedder=open_embedder,
        embedder=EMBEDDER,
        chunker=Chunker(size=400, overlap=80),
        limits=Limits(),
    )
    return Indexer(backend=backend, preparer=preparer)


class Breakdown:
    """A progress report that loses a node while it works, once something has arrived."""

    def __init__(self, machines: Machines, node: Ray, trace: Path) -> None:
        self._lose = partial(machines.lose, node)
        self._node = node.node_id
        self._trace = trace
        self.done = False

    def __call__(self, progress: Progress) -> None:
        if self.done or not progress.documents:
            return
        end = time.monotonic() + 60
        while not running_on(self._trace, self._node):
            assert time.monotonic() < end, "the node that is to be lost had no work"
            time.sleep(0.01)
        self._lose()
        self.done = True


def content(folder: Path) -> tuple[list[object], Any]:
    """Every document, and every passage with its key; the vectors in the order of the keys."""
    store = LocalBackend(folder, RECIPE).open()
    (vectors,) = folder.glob("generations/*/vectors.faiss")
    index = open_index(vectors, mapped=False)
    keys = sorted(faiss.vector_to_array(index.id_map).tolist())
    passages = store.passages(keys)
    assert len(keys) == len(set(keys)) == len(passages) == store.stats().chunks
    stored: list[object] = [sorted(store.files().values(), key=lambda record: record.source)]
    stored += [store.document(info.id) for info, _ in store.documents()]
    stored += sorted(passages.items())
    store.close()
    return stored, np.stack([index.reconstruct(key) for key in keys])


def counts(report: IndexReport) -> tuple[object, ...]:
    problems = [(problem.source, problem.error.en) for problem in report.problems]
    return report.added, report.changed, report.unchanged, report.removed, problems


def test_no_machine_is_a_sentence_before_anything_is_written(
    machines: Machines, docs: Path, tmp_path: Path
) -> None:
    backend = LocalBackend(tmp_path / "index", RECIPE)
    with pytest.raises(ClusterError, match="no machine that works"):
        spread(backend, machines.address).index([docs])
    assert not (tmp_path / "index" / "CURRENT").exists()


def test_a_build_that_loses_a_node_is_the_build_of_one_process(
    machines: Machines, node: Ray, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_STREAM_BYTES", 10_000)  # the stream is read here
    one = local(LocalBackend(tmp_path / "one", RECIPE)).index([docs])
    trace = tmp_path / "trace"
    trace.touch()
    lost = Breakdown(machines, machines.add(), trace)
    spread_out = spread(LocalBackend(tmp_path / "two", RECIPE), machines.address, tracing(trace))
    two = spread_out.index([docs], progress=lost)

    assert lost.done
    words = trace.read_text(encoding="utf-8").split()
    assert words.count("begin") > words.count("end")  # work was lost in the middle
    assert counts(one) == counts(two)
    (stored, vectors), (again, vectors_again) = content(tmp_path / "one"), content(tmp_path / "two")
    assert len(stored) > 200
    assert stored == again
    np.testing.assert_array_equal(vectors, vectors_again)


def found(store: PassageStore, questions: list[str]) -> list[list[list[tuple[str, float]]]]:
    side = Side(store, EMBEDDER)
    return [side.searches(question) for question in questions]


def test_a_build_into_milvus_loses_a_node_and_no_passage(
    machines: Machines, node: Ray, docs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite (extra [dev])")
    local(LocalBackend(tmp_path / "one", RECIPE)).index([docs])
    server = MilvusLite(tmp_path / "milvus")
    trace = tmp_path / "trace"
    trace.touch()
    try:
        backend = milvus_backend(server.uri, tmp_path, alias=f"t{secrets.token_hex(4)}")
        lost = Breakdown(machines, machines.add(), trace)
        spread(backend, machines.address, tracing(trace)).index([docs], progress=lost)
        assert lost.done
        ours, theirs = LocalBackend(tmp_path / "one", RECIPE).open(), backend.open()
        assert dict(ours.documents()) == dict(theirs.documents())
        assert ours.files() == theirs.files()
        questions = questions_of(ours, 40)
        for here, there in zip(found(ours, questions), found(theirs, questions), strict=True):
            assert all(agree(*pair) for pair in zip(here, there, strict=True))
    finally:
        server.kill()
