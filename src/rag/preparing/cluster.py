"""Files prepared on a Ray cluster; the one writer of the index stays in this process.

Workers get files as bytes, so they need no common disk, and give back what is ready to be stored,
in the order of the files: the index comes out as a build on one machine makes it. Of a node that
is lost Ray does the work again on another, and what is done twice still arrives once, because this
process takes each result once. Streams (JSON Lines, CSV) too long to be sent whole are read here,
and cut and embedded there, some hundred articles at a time.

Ray's tasks rather than Ray Data: its blocks mix files, while an update needs to know when a file is
complete and what was wrong with it; its sources are folders that every node can see; and it brings
pandas and pyarrow for tables that nobody needs here.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from rag.chunking import Chunker
from rag.errors import ClusterError, LoadError
from rag.loaders import Batch, Limits, Problem, SourceFile, read
from rag.loaders.registry import STREAMED
from rag.preparing.joining import checked, joined, short, told
from rag.preparing.local import Prepared
from rag.preparing.worker import Carried, Kit, Work, prepare
from rag.protocols import Embedder

_LOOK_S = 20.0  # how often a long wait asks whether any machine is left
# A parcel: enough files to be worth a reading process, few enough to spread and to be done again.
_PARCEL_FILES = 64
_PARCEL_BYTES = 4 << 20
_STREAM_BYTES = 8 << 20  # longer streams are read here
_UNDER_WAY_BYTES = 256 << 20  # sent and not yet stored
_TASKS_EACH_CPU = 4
_RETRIES = 8  # of a task whose process or machine dies


class RayPreparer:
    """A Preparer on the machines of a Ray cluster, which is joined when there is work.

    `address` is `ray://HOST:PORT` (Ray Client), `HOST:PORT` (the cluster that this machine is a
    node of) or `ray` (a cluster of this machine alone, ended afterwards). `embedder` is this
    process's own; `open_embedder`, which must be picklable, opens the same on a worker. Raises
    ConfigError.
    """

    def __init__(
        self,
        address: str,
        *,
        open_embedder: Callable[[], Embedder],
        embedder: Embedder,
        chunker: Chunker,
        limits: Limits,
        ocr: bool = True,
    ) -> None:
        self._address = checked(address)
        self._kit = Kit(
            secrets.token_hex(8), open_embedder, embedder.fingerprint, chunker, limits, ocr
        )

    def prepare(self, files: Sequence[SourceFile]) -> Generator[Prepared]:
        """As `Preparer.prepare`.

        Raises ConfigError where Ray is missing here or another there, ModelError where a worker
        can't open the model, ClusterError where the cluster is out of reach or breaks down.
        """
        if files:
            with joined(self._address) as ray:
                yield from _Run(ray, self._address, self._kit, files).results()


class _Run:
    """One build's traffic with the cluster."""

    def __init__(
        self, ray: ModuleType, address: str, kit: Kit, files: Sequence[SourceFile]
    ) -> None:
        self._ray = ray
        self._address = address
        self._limits = kit.limits
        self._ocr = kit.ocr
        self._files = {file.source: file for file in files}
        with self._broken():
            self._task = ray.remote(num_cpus=1, max_retries=_RETRIES)(prepare)
            self._kit = ray.put(kit)
        self._cpus = self._workers()

    def results(self) -> Iterator[Prepared]:
        """Everything, in order, with as much under way as memory and machines allow."""
        waiting: deque[tuple[int, Work, Any]] = deque()
        under_way = 0
        for size, work in self._works():
            while waiting and (
                len(waiting) >= _TASKS_EACH_CPU * self._cpus or under_way + size > _UNDER_WAY_BYTES
            ):
                done, *first = waiting.popleft()
                yield from self._result(*first)
                under_way -= done
            waiting.append((size, work, self._send(work)))
            under_way += size
        while waiting:
            _, *first = waiting.popleft()
            yield from self._result(*first)

    def _works(self) -> Iterator[tuple[int, Work]]:
        """The files as parcels, and long streams as batches of articles, with their bytes."""
        most = max(1, min(_PARCEL_FILES, len(self._files) // (_TASKS_EACH_CPU * self._cpus)))
        parcel: list[Carried] = []
        size = 0
        for file in self._files.values():
            data = self._whole(file)
            # Order is kept: what can't join the parcel ends it.
            if parcel and (data is None or len(parcel) >= most or size + file.size > _PARCEL_BYTES):
                yield size, tuple(parcel)
                parcel, size = [], 0
            if data is None:
                yield from self._read(file)
            else:
                parcel.append(Carried(file.path.name, file.source, data))
                size += len(data)
        if parcel:
            yield size, tuple(parcel)

    def _whole(self, file: SourceFile) -> bytes | None:
        """The bytes of a file; None where it is better read here."""
        stream = file.path.suffix.lower() in STREAMED
        if file.size > (_STREAM_BYTES if stream else self._limits.file_bytes):
            return None
        try:
            return file.path.read_bytes()
        except OSError:  # the reading process says what is wrong
            return None

    def _read(self, file: SourceFile) -> Iterator[tuple[int, Work]]:
        for batch in read([file], limits=self._limits, ocr=self._ocr):
            yield 3 * sum(len(document.text) for document in batch.documents), batch

    def _send(self, work: Work) -> Any:  # noqa: ANN401 - a reference of Ray's
        with self._broken():
            return self._task.remote(self._kit, work)

    def _result(self, work: Work, reference: Any) -> Iterator[Prepared]:  # noqa: ANN401
        """What became of one piece of work; if need be, file by file."""
        parts = self._awaited(reference)
        if parts is None and isinstance(work, tuple) and len(work) > 1:
            for one in work:  # the others aren't to blame
                yield from self._result((one,), self._send((one,)))
            return
        for part in parts or (_given_up(work),):
            yield replace(part, file=self._files[part.file.source])

    def _awaited(self, reference: Any) -> list[Prepared] | None:  # noqa: ANN401
        """The result; None where the process that works at it died again and again."""
        from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

        with self._broken():
            while not self._ray.wait([reference], timeout=_LOOK_S)[0]:
                self._cpus = self._workers()
            try:
                result: list[Prepared] = self._ray.get(reference)
            except RayTaskError as error:
                raise told(self._address, error) from error
            except (WorkerCrashedError, OutOfMemoryError):
                return None
            return result

    def _workers(self) -> int:
        """CPUs of the cluster just now. Raises ClusterError where there are none."""
        with self._broken():
            cpus = int(self._ray.cluster_resources().get("CPU", 0))
        if cpus < 1:
            raise ClusterError(
                f"{self._address}: the Ray cluster has no machine that works; start one and run "
                "again",
                f"{self._address}：Ray 集群中没有可用的工作节点，请启动节点后重试",
            )
        return cpus

    @contextmanager
    def _broken(self) -> Iterator[None]:
        """Ray's own errors as ClusterError."""
        from ray.exceptions import RayError

        try:
            yield
        except (RayError, OSError, RuntimeError) as error:
            raise ClusterError(
                f"{self._address}: the Ray cluster broke down ({short(error)}); the index is as "
                "it was, run again when the cluster is back",
                f"{self._address}：Ray 集群发生故障（{short(error)}）；索引保持原样，"
                "请待集群恢复后重试",
            ) from error


def _given_up(work: Work) -> Prepared:
    """One file, or a part of it, at which processes die."""
    if isinstance(work, Batch):
        file, problems, done = work.file, work.problems, work.done
    else:
        file, problems, done = SourceFile(Path(), work[0].source, 0), (), True
    error = LoadError(
        f"{file.source}: {_RETRIES + 1} Ray workers died of it, perhaps for want of memory; split "
        "the file",
        f"{file.source}：处理它的 Ray 进程 {_RETRIES + 1} 次异常终止，可能是内存不足；请拆分该文件",
    )
    return Prepared(file, (), (*problems, Problem(file.source, error)), done)
