"""Files prepared on real Ray clusters of loopback, whose nodes come and go."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from rag.assembly import bundled_embedder, indexer_of, recipe_of
from rag.chunking import Chunker
from rag.config import IndexSettings, Settings
from rag.embedders import open_embedder
from rag.errors import ClusterError, ConfigError, ModelError, RagError
from rag.indexing import Indexer, IndexReport, Progress
from rag.loaders import Limits
from rag.preparing import LocalPreparer, cluster, joining
from rag.protocols import Embedder, PassageStore, StoreBackend
from rag.stores import LocalBackend, Recipe
from rag.stores.vectors import open_index
from tests.preparing.ray_parts import DEADLY, MortalEmbedder, OtherEmbedder, running_on, tracing
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


class Machines:
    """A head without a CPU, to which nodes of one CPU each are added."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.client_port = free_port()
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **_NODE, "num_cpus": 0, "ray_client_server_port": self.client_port,
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


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    environment = dict(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: names of sockets have a limit
    os.environ |= {
        "RAY_TMPDIR": str(folder),  # Ray's own folder may be another account's, or not there
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # for the workers
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all addresses on loopback
    }
    machines = Machines()
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
    texts = list(generated(40))
    for number, text in enumerate(texts[:20]):
        (folder / f"{number:03}.md").write_text(text, encoding="utf-8")
    rows = [{"id": f"r{n}", "title": f"第{n}条", "text": t} for n, t in enumerate(texts[20:])]
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
        while (process := running_on(self._trace, self._node)) is None:
            assert time.monotonic() < end, "the node that is to be lost had no work"
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)  # it would outlive its node and hand in its work
        self._lose()
        self.done = True


def content(folder: Path, recipe: Recipe = RECIPE) -> tuple[list[object], Any]:
    """Every document, and every passage with its key; the vectors in the order of the keys."""
    store = LocalBackend(folder, recipe).open()
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


def test_without_a_machine_that_works_the_index_stays_as_it_was(
    machines: Machines, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_LOOK_S", 0.5)
    backend = LocalBackend(tmp_path / "index", RECIPE)
    with pytest.raises(ClusterError, match="no machine that works"):
        spread(backend, machines.address).index([docs])
    trace = tmp_path / "trace"
    trace.touch()
    lost = Breakdown(machines, machines.add(), trace)
    with pytest.raises(ClusterError, match="no machine that works"):
        spread(backend, machines.address, tracing(trace)).index([docs], progress=lost)
    assert lost.done
    assert not (tmp_path / "index" / "CURRENT").exists()
    assert list((tmp_path / "index" / "generations").iterdir()) == []


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
    assert len(stored) > 80
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


def command(folder: Path, *arguments: str) -> str:
    """Run `rag` in a folder; what it says on standard error. It prints no results."""
    done = subprocess.run(
        [sys.executable, "-m", "rag", "--lang", "en", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def test_the_command_makes_the_same_index_by_ray_client_and_on_this_machine_alone(
    machines: Machines, node: Ray, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    for number, text in enumerate(generated(6)):
        (tmp_path / "docs" / f"{number}.md").write_text(text, encoding="utf-8")
    client = f"ray://{HOST}:{machines.client_port}"
    indexer_of(Settings(index=IndexSettings(dir=tmp_path / "plain"))).index([tmp_path / "docs"])
    assert "6 added" in command(tmp_path, "index", "--index", "far", "--workers", client)
    assert "6 added" in command(tmp_path, "index", "--index", "near", "--workers", "ray")
    recipe = recipe_of(Settings(), bundled_embedder())
    plain, vectors = content(tmp_path / "plain", recipe)
    for name in ("far", "near"):
        stored, others = content(tmp_path / name, recipe)
        assert stored == plain
        np.testing.assert_array_equal(others, vectors)
    # Nothing has changed, so nobody is asked.
    far = Settings(index=IndexSettings(dir=tmp_path / "far"))
    report = indexer_of(far, workers=f"{HOST}:{free_port()}").index([tmp_path / "docs"])
    assert counts(report) == (0, 0, 6, 0, [])


def test_a_file_that_kills_its_worker_is_a_problem_and_the_others_are_stored(
    machines: Machines, node: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_RETRIES", 1)
    monkeypatch.setattr(cluster, "_TASKS_EACH_CPU", 1)  # all in one parcel
    (tmp_path / "docs").mkdir()
    for name, text in {"a": "山上有一座亭子。", "b": f"{DEADLY}。", "c": "河边有三棵树。"}.items():
        (tmp_path / "docs" / f"{name}.txt").write_text(text, encoding="utf-8")
    indexer = spread(LocalBackend(tmp_path / "index", RECIPE), machines.address, MortalEmbedder)
    report = indexer.index([tmp_path / "docs"])
    (problem,) = report.problems
    assert (report.added, problem.source) == (2, "docs/b.txt")
    assert "2 Ray workers died of it" in problem.error.en


def _only_here() -> Embedder:
    """Belongs to a module that no worker has."""
    return HashingEmbedder()


@pytest.mark.parametrize(
    ("open_embedder", "error", "said"),
    [
        (
            partial(open_embedder, "/no/such/model"),
            ModelError,
            r"On the Ray worker .*no/such/model",
        ),
        (OtherEmbedder, ConfigError, "isn't what the indexing machine has"),
        (_only_here, ConfigError, "has no package only_here"),
    ],
)
def test_a_worker_that_is_not_set_up_like_this_machine_is_told(
    machines: Machines,
    node: Ray,
    docs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_embedder: Any,
    error: type[RagError],
    said: str,
) -> None:
    module = types.ModuleType("only_here")
    module._only_here = _only_here  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "only_here", module)
    monkeypatch.setattr(_only_here, "__module__", "only_here")
    with pytest.raises(error, match=said):
        spread(LocalBackend(tmp_path / "index", RECIPE), machines.address, open_embedder).index(
            [docs]
        )


def test_a_cluster_of_another_version_is_told(
    machines: Machines, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray, "__version__", "1.2.3")
    for address in (machines.address, f"ray://{HOST}:{machines.client_port}"):
        with pytest.raises(ConfigError, match="another version of Ray or Python") as error:
            spread(LocalBackend(tmp_path / "index", RECIPE), address).index([docs])
        assert "1.2.3" in error.value.en
        assert "请在所有机器上安装相同版本" in error.value.zh


def test_an_address_where_no_cluster_answers_is_told(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "_REACH_S", 0.5)
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen()
        for port in (free_port(), silent.getsockname()[1]):
            for address in (f"{HOST}:{port}", f"ray://{HOST}:{port}"):
                with pytest.raises(ClusterError, match=r"no Ray cluster answered within 0\.5 s"):
                    spread(LocalBackend(tmp_path / "index", RECIPE), address).index([docs])
