"""`rag doctor`: what works, what doesn't, and how to mend it, a sentence each."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.cli.base import cli, index_option, index_place, lang, with_index
from rag.config import GeneratorSettings, Settings
from rag.errors import GeneratorError, RagError

if TYPE_CHECKING:
    from rag.answering.endpoint import ChatEndpoint

_LEAST_FREE_MB = 500
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# How to mend what a language model's endpoint answers.
_CURES: dict[str, tuple[str, str]] = {
    "refused": (
        "start the server there, or mend generator.base_url",
        "请启动该服务，或改正 generator.base_url",
    ),
    "dns": ("mend the host name in generator.base_url", "请改正 generator.base_url 中的主机名"),
    "tls": (
        "check whether the address should begin with http:// and whether its certificate is valid",
        "请检查地址是否应以 http:// 开头，证书是否有效",
    ),
    "unauthorized": (
        "check the key that generator.api_key_env or generator.api_key_file names",
        "请检查 generator.api_key_env 或 generator.api_key_file 所指的密钥",
    ),
    "no_model": (
        "check generator.model, and that generator.base_url ends as the provider says, often /v1",
        "请检查 generator.model，以及 generator.base_url 的结尾（通常是 /v1）",
    ),
    "rate_limited": ("wait, or raise the limit at the provider", "请稍候，或向服务方提高限额"),
    "bad_request": (
        "check generator.context_tokens and generator.temperature (-1 leaves it out)",
        "请检查 generator.context_tokens 和 generator.temperature（-1 表示不传）",
    ),
    "first_token_timeout": (
        "raise generator.first_token_timeout_s, or take a smaller model",
        "请调大 generator.first_token_timeout_s，或换用较小的模型",
    ),
    "empty": (
        "a reasoning model may need a larger generator.max_tokens",
        "推理模型可能需要更大的 generator.max_tokens",
    ),
}
_LOOK = ("look at the server's own log", "请查看该服务的日志")


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence in both languages, and whether all is well."""

    well: bool
    en: str
    zh: str


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


def _generator(settings: Settings) -> Iterator[Finding]:
    generator = settings.generator
    if generator.backend == "extractive":
        yield Finding(True, "answers are quoted; no language model", "答案摘自原文，未使用语言模型")
        return
    if generator.backend == "openai":
        yield from _proxies(generator)
        yield _endpoint(generator)
        return
    from rag.assembly import embedder_of, writer_of

    writer_of(settings, embedder_of(settings))
    name = generator.backend
    yield Finding(True, f"the plug-in {name} starts", f"插件 {name} 可以启动")


def _proxies(generator: GeneratorSettings) -> Iterator[Finding]:
    used = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if used:
        names = ", ".join(used)
        yield Finding(
            True,
            f"calls to {generator.base_url} may go through the proxy of {names}; "
            "NO_PROXY names the hosts that it isn't for",
            f"访问 {generator.base_url} 可能经过 {names} 所设的代理；NO_PROXY 可排除主机",
        )


def _endpoint(generator: GeneratorSettings) -> Finding:
    """One short completion: the only check that says whether answers will come."""
    from rag.answering.endpoint import Request
    from rag.answering.prompts import Message
    from rag.assembly import endpoint_of

    where = f"{generator.model} @ {generator.base_url}"
    with closing(endpoint_of(generator)) as endpoint:
        try:
            request = Request([Message("user", "1 + 1 = ?")], generator.max_tokens)
            for delta in endpoint.stream(request):
                if delta.text.strip():
                    break
        except GeneratorError as error:
            en, zh = _CURES.get(error.code, _LOOK)
            if error.code == "no_model" and (known := _models(endpoint)):
                en, zh = f"{en}; it has: {known}", f"{zh}；该服务现有：{known}"
            return Finding(False, f"{where}: {error.en}; {en}", f"{where}：{error.zh}，{zh}")
    return Finding(True, f"{where} answers", f"{where} 可以应答")


def _models(endpoint: ChatEndpoint) -> str:
    """The names of some models that the endpoint has; empty where it doesn't say."""
    try:
        return ", ".join(endpoint.models()[:8])
    except GeneratorError:
        return ""


_CHECKS = (
    _python,
    _dependencies,
    _model,
    _reader,
    _reranker,
    _server,
    _index,
    _disk,
    _port,
    _generator,
)
