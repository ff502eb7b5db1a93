"""What exactly was measured: settings, model, index, code and machine."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rag
from rag.config import Settings, cores
from rag.evaluation.record import Fingerprint
from rag.protocols import Embedder, PassageStore, Reranker

_PACKAGES = ("faiss-cpu", "ir-measures", "model2vec", "numpy", "opencc", "tantivy", "tokenizers")


def fingerprint_of(
    settings: Settings,
    embedder: Embedder,
    store: PassageStore,
    reranker: Reranker | None = None,
) -> Fingerprint:
    """Of a system that is open. Never raises for what can't be found out."""
    stats = store.stats()
    return Fingerprint(
        version=rag.__version__,
        commit=commit(),
        # Addresses and keys are nobody's business who reads a report; no answer depends on them.
        config=settings.model_dump(
            mode="json", exclude={"server": True, "generator": {"base_url", "api_key_file"}}
        ),
        embedder=embedder.id,
        embedder_sha=embedder.fingerprint,
        index_sha=index_sha(store),
        documents=stats.documents,
        chunks=stats.chunks,
        machine=_machine(),
        python=platform.python_version(),
        packages={name: _version(name) for name in _PACKAGES},
        reranker=reranker.id if reranker else "",
        reranker_sha=reranker.fingerprint if reranker else "",
    )


def index_sha(store: PassageStore) -> str:
    """16 hexadecimal digits of the articles and how they are cut: the same after a rebuild.

    Names of files don't count, their bytes and the resulting passages do.
    """
    digest = hashlib.sha256()
    for sha in sorted(record.sha256 for record in store.files().values()):
        digest.update(f"{sha}\n".encode())
    for line in sorted(f"{info.id}\t{chunks}\n" for info, chunks in store.documents()):
        digest.update(line.encode())
    return digest.hexdigest()[:16]


def commit() -> str | None:
    """The commit of the code that runs, with "+" where files have changed since; None without git.

    Of the folder that holds the package, not of the working folder: a user's articles may well be
    in a repository of their own.
    """
    folder = Path(rag.__file__).parent
    try:
        head = _git("rev-parse", "--short=12", "HEAD", folder=folder)
        tracked = _git("ls-files", "--", "__init__.py", folder=folder)
        if not tracked:
            return None
        return head + ("+" if _git("status", "--porcelain", "--", ".", folder=folder) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _machine() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), name)
    return f"{name}, {cores()} cores"


__all__ = ["commit", "fingerprint_of", "index_sha"]
