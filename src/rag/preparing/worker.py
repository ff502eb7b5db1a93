"""What a process of a Ray cluster gets and does: files or articles in, prepared documents out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from rag import __version__
from rag.chunking import Chunker
from rag.errors import ConfigError, RagError
from rag.loaders import Batch, Limits, SourceFile
from rag.preparing.local import LocalPreparer, Prepared
from rag.protocols import Embedder
from rag.text import ANALYSER_VERSION


@dataclass(frozen=True, slots=True)
class Carried:
    """A file as it travels."""

    name: str
    source: str
    data: bytes


Work = tuple[Carried, ...] | Batch


@dataclass(frozen=True)
class Kit:
    """What workers prepare with. Kits of one `run` are equal: a process opens the model once."""

    run: str
    open_embedder: Callable[[], Embedder] = field(compare=False)
    fingerprint: str = field(compare=False)
    chunker: Chunker = field(compare=False)
    limits: Limits = field(compare=False)
    ocr: bool = field(compare=False)
    versions: tuple[str, str] = field(default=(__version__, ANALYSER_VERSION), compare=False)


def prepare(kit: Kit, work: Work) -> list[Prepared]:
    """Prepare one piece of work; RagErrors say on which machine."""
    try:
        preparer = LocalPreparer(
            embedder=_embedder(kit), chunker=kit.chunker, limits=kit.limits, ocr=kit.ocr
        )
        if isinstance(work, Batch):
            return preparer.finish([work])
        with TemporaryDirectory(prefix="wenyuan-") as folder:
            return list(preparer.prepare(_unpacked(work, Path(folder))))
    except RagError as error:
        host = socket.gethostname()
        raise type(error)(
            f"On the Ray worker {host}: {error.en}", f"Ray 工作节点 {host}：{error.zh}"
        ) from error


def _unpacked(parcel: Sequence[Carried], folder: Path) -> list[SourceFile]:
    """The files on this machine's disk, each under its own name: some are called by it."""
    files = []
    for number, one in enumerate(parcel):
        path = folder / str(number) / one.name
        path.parent.mkdir()
        path.write_bytes(one.data)
        files.append(SourceFile(path, one.source, len(one.data)))
    return files


@lru_cache(maxsize=1)
def _embedder(kit: Kit) -> Embedder:
    """The model, opened once in each process. Raises ModelError, ConfigError where it differs."""
    embedder = kit.open_embedder()
    if (__version__, ANALYSER_VERSION, embedder.fingerprint) != (*kit.versions, kit.fingerprint):
        raise ConfigError(
            f"Wenyuan {__version__} with the model {embedder.id} ({embedder.fingerprint}) isn't "
            f"what the indexing machine has ({kit.versions[0]}, {kit.fingerprint}); install the "
            "same version and model there",
            f"问源版本 {__version__} 及模型 {embedder.id}（{embedder.fingerprint}）与建立索引的机器"
            f"（{kit.versions[0]}，{kit.fingerprint}）不同，请安装相同的版本和模型",
        )
    return embedder
