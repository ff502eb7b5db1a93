"""What can go wrong with a language model, each in one sentence for the person who asked.

The sentences name no address and no key: they are shown to everybody. What is at fault and how
to mend it is said by `rag doctor` and in the log.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from rag.errors import GeneratorError, Lang

_SAID: dict[str, tuple[str, str]] = {
    "refused": ("the language model can't be reached", "连接不上语言模型"),
    "dns": ("the language model's address doesn't exist", "找不到语言模型的地址"),
    "tls": (
        "the connection to the language model isn't secure",
        "与语言模型的加密连接有问题",
    ),
    "unauthorized": ("the language model refuses the key", "语言模型不接受密钥"),
    "no_model": ("the endpoint has no such language model", "语言模型服务没有所设的模型"),
    "rate_limited": ("the language model has too many requests", "语言模型的请求过多"),
    "server_error": ("the language model's server has an error", "语言模型的服务出错"),
    "bad_request": ("the language model refuses the request", "语言模型拒绝了请求"),
    "first_token_timeout": (
        "the language model didn't begin in time",
        "语言模型没有及时开始回答",
    ),
    "stalled": ("the language model stopped in the middle", "语言模型中途停住"),
    "timeout": ("the language model took too long", "语言模型用时过长"),
    "disconnected": ("the connection to the language model broke", "与语言模型的连接中断"),
    "malformed": (
        "the language model's server sent something unreadable",
        "语言模型的服务返回了无法读取的内容",
    ),
    "empty": ("the language model wrote nothing", "语言模型没有写出内容"),
    "repetition": ("the language model repeated itself", "语言模型不断重复"),
    "wrong_language": (
        "the language model answered in another language",
        "语言模型用了另一种语言回答",
    ),
    "unsupported": (
        "nothing that the language model wrote is supported by the documents",
        "语言模型写的内容在文章中都找不到依据",
    ),
    "filtered": ("the language model's filter stopped it", "语言模型的过滤器中止了回答"),
    "busy": ("the language model is busy with other questions", "语言模型正忙于回答别的问题"),
    "resting": (
        "the language model has failed repeatedly and is left alone for a moment",
        "语言模型连续出错，暂停使用片刻",
    ),
    "too_small": (
        "the language model's context is too small for a passage",
        "语言模型的上下文放不下一个段落",
    ),
}
# Where another try may help at once, and where the text is at fault, not the endpoint.
_RETRIABLE = frozenset({"refused", "rate_limited", "server_error", "disconnected"})
_OF_TEXT = frozenset(
    {"empty", "repetition", "wrong_language", "unsupported", "filtered", "busy", "resting",
     "too_small", "bad_request"}
)  # fmt: skip


def failure(code: str, *, retry_after_s: float | None = None) -> GeneratorError:
    """The error of a code."""
    en, zh = _SAID[code]
    return GeneratorError(
        en,
        zh,
        code=code,
        retriable=code in _RETRIABLE,
        of_endpoint=code not in _OF_TEXT,
        retry_after_s=retry_after_s,
    )


def notice(lang: Lang, error: GeneratorError, *, begun: bool) -> str:
    """What people are told beside the answer that was given instead, or after what had come."""
    if lang == "zh":
        rest = "后面的答案直接摘自文章。" if begun else "下面的答案直接摘自文章。"
        return f"{error.zh}，{rest}"
    rest = "what follows is quoted" if begun else "this answer is quoted"
    said = error.en[:1].upper() + error.en[1:]
    return f"{said}; {rest} from the documents instead."


def cut_short(lang: Lang) -> str:
    """What people are told when the answer reached the largest length."""
    if lang == "zh":
        return "答案达到长度上限，可能不完整。"
    return "The answer reached the largest length and may be incomplete."


def failure_of(error: BaseException, *, begun: bool) -> GeneratorError:
    """The failure that an exception of the client stands for; nothing of its text is kept."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _failure_of_status(error.status_code, error.response.headers.get("retry-after"))
    if isinstance(error, openai.APITimeoutError):
        return failure("stalled" if begun else "first_token_timeout")
    if isinstance(error, openai.APIConnectionError):
        return failure(_broken(error, begun))
    if isinstance(error, openai.APIError):
        return failure("server_error")
    if isinstance(error, ValueError | TypeError | AttributeError | KeyError):
        return failure("malformed")
    return failure("disconnected")


def _failure_of_status(status: int, retry_after: str | None) -> GeneratorError:
    codes = {401: "unauthorized", 403: "unauthorized", 404: "no_model", 429: "rate_limited"}
    code = codes.get(status, "server_error" if status >= 500 else "bad_request")
    seconds = None
    with suppress(TypeError, ValueError):
        seconds = max(0.0, float(retry_after or ""))
    return failure(code, retry_after_s=seconds)


def _broken(error: BaseException, begun: bool) -> str:
    """Why a connection failed, from the chain of causes."""
    said = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return "tls"
        said += f" {type(cause).__name__}: {cause}".lower()
        cause = cause.__cause__ or cause.__context__
    if "ssl" in said or "certificate" in said:
        return "tls"
    if "name or service" in said or "getaddrinfo" in said or "name resolution" in said:
        return "dns"
    return "refused" if "connecterror" in said and not begun else "disconnected"


CODES = tuple(_SAID)

__all__ = ["CODES", "cut_short", "failure", "failure_of", "notice"]
