"""`rag doctor`: what works, what doesn't, and how to mend it, a sentence each."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

import click

from rag.cli.base import cli, index_option, index_place, lang, with_index
from rag.cli.doctor_parts import Finding, generator
from rag.config import Settings
from rag.errors import RagError

_LEAST_FREE_MB = 500


@cli.command()
@index_option
@click.pass_obj
def doctor(settings: Settings, index_dir: Path | None) -> int:
    """Check this installation and say what is wrong and how to mend it; exit code 1 if anything."""
    settings = with_index(settings, index_dir)
    findings = []
    for check in _CHECKS:
        for finding in _tried(check, settings):
            findings.append(finding)
            mark = "✓" if finding.well else "✗"
            click.echo(f"{mark} {finding.zh if lang() == 'zh' else finding.en}")
    return 0 if all(finding.well for finding in findings) else 1


def _tried(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """The findings of a check; an error on the way is one, too."""
    try:
        yield from check(settings)
    except RagError as error:
        yield Finding(False, error.en, error.zh)
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
        said = f"{type(error).__name__}: {error}"
        yield Finding(False, f"{check.__name__[1:]}: {said}", f"{check.__name__[1:]}：{said}")


def _python(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    # An older one couldn't even have read this module.
    yield Finding(True, f"Python {version}", f"Python {version}")


def _dependencies(_settings: Settings) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wrong = []
    wanted = [Requirement(line) for line in metadata.requires("wenyuan") or ()]
    needed = [item for item in wanted if item.marker is None or item.marker.evaluate({"extra": ""})]
    for item in needed:
        try:
            version = metadata.version(item.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{item.name} (-)")
            continue
        if not item.specifier.contains(version, prereleases=True):
            wrong.append(f"{item.name} {version} ({item.specifier})")
    if wrong:
        listed = ", ".join(wrong)
        yield Finding(
            False,
            f"missing or unsuitable packages: {listed}; run: pip install -c constraints.txt .",
            f"缺少或版本不合的依赖：{listed}，请运行：pip install -c constraints.txt .",
        )
    else:
        count = len(needed)
        yield Finding(True, f"all {count} packages are there", f"{count} 个依赖齐全")


def _model(settings: Settings) -> Iterator[Finding]:
    from rag.assembly import embedder_of

    embedder = embedder_of(settings)
    shown = f"{embedder.id}, {embedder.fingerprint[:12]}"
    yield Finding(True, f"embedding model: {shown}", f"向量模型：{shown}")


def _reader(settings: Settings) -> Iterator[Finding]:
    from rag.assembly import reading_of

    reading = reading_of(settings)
    if reading is not None:
        yield Finding(True, f"reader: {reading.reader.id}", f"阅读模型：{reading.reader.id}")


def _reranker(settings: Settings) -> Iterator[Finding]:
    from rag.assembly import reranker_of

    reranker = reranker_of(settings)
    if reranker is not None:
        shown = f"{reranker.id}, {reranker.fingerprint[:12]}"
        yield Finding(True, f"reranker: {shown}", f"重排模型：{shown}")


def _server(settings: Settings) -> Iterator[Finding]:
    """The Milvus server, where there is one; `_index` says what is in it."""
    if settings.store.backend != "milvus":
        return
    from rag.assembly import embedder_of, milvus_of, recipe_of

    server = milvus_of(settings, recipe_of(settings, embedder_of(settings))).server
    shown = f"Milvus {server.version} @ {settings.store.uri}"
    if server.lite:
        yield Finding(
            True,
            f"{shown}: milvus-lite is for trials; the local store is much faster",
            f"{shown}：milvus-lite 仅供试用，本地存储快得多",
        )
    elif server.has_bm25:
        yield Finding(True, shown, shown)
    else:
        yield Finding(
            True,
            f"{shown} searches words slowly, by lists; 2.5 or newer has BM25",
            f"{shown} 只能按词表慢速检索，2.5 或更新版本才有 BM25",
        )


def _index(settings: Settings) -> Iterator[Finding]:
    from rag.assembly import backend_of, embedder_of

    with closing(backend_of(settings, embedder_of(settings)).open()) as store:
        store.verify()  # every byte, however large it is
        stats = store.stats()
    place = index_place(settings)
    yield Finding(
        True,
        f"index {place}: {stats.documents} articles, {stats.chunks} passages",
        f"索引 {place}：{stats.documents} 篇文章，{stats.chunks} 个段落",
    )


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.index.dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    well = free >= _LEAST_FREE_MB
    yield Finding(
        well,
        f"{free} MiB free at {folder}" + ("" if well else "; make room before indexing"),
        f"{folder} 剩余 {free} MiB" + ("" if well else "，请先腾出空间再建索引"),
    )


def _access(settings: Settings) -> Iterator[Finding]:
    """Who may ask: keys, origins, limits, and the headers that a proxy sends."""
    from rag.serving.access import Access

    server = settings.server
    Access(server)  # raises what is wrong with them
    proxies = ", ".join(server.trusted_proxies)
    if server.trusted_header and not proxies:
        yield Finding(
            False,
            f"server.trusted_header={server.trusted_header} is believed from nowhere, so every "
            "request is refused; set server.trusted_proxies to the proxy's address",
            f"server.trusted_header={server.trusted_header} 不被任何地址采信，所有请求都会被拒绝；"
            "请把 server.trusted_proxies 设为代理的地址",
        )
    elif server.trusted_header:
        yield Finding(
            True,
            f"{server.trusted_header} is believed from {proxies}; that proxy must always set it",
            f"采信来自 {proxies} 的 {server.trusted_header}，代理必须始终设置它",
        )
    elif proxies:
        yield Finding(
            True,
            f"X-Forwarded-For and X-Forwarded-Proto are believed from {proxies}; a proxy elsewhere "
            "belongs into server.trusted_proxies",
            f"采信来自 {proxies} 的 X-Forwarded-For 和 X-Forwarded-Proto；"
            "代理若在别处，请写入 server.trusted_proxies",
        )


def _port(settings: Settings) -> Iterator[Finding]:
    host, port = settings.server.host, settings.server.port
    address = f"{host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            yield Finding(
                False,
                f"{address} can't be listened on ({error.strerror}); if rag serve isn't running "
                "there, choose another server.port",
                f"无法监听 {address}（{error.strerror}），"
                "若不是 rag serve 正在运行，请更换 server.port",
            )
            return
    yield Finding(True, f"{address} is free", f"{address} 可用")


_CHECKS = (
    _python,
    _dependencies,
    _model,
    _reader,
    _reranker,
    _server,
    _index,
    _disk,
    _access,
    _port,
    generator,
)
