"""What `rag doctor` finds, and its findings about who writes the answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.config import GeneratorSettings, Settings
from rag.errors import GeneratorError

if TYPE_CHECKING:
    from rag.answering.endpoint import ChatEndpoint

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


def generator(settings: Settings) -> Iterator[Finding]:
    """Who writes the answers, and whether it can be reached."""
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
