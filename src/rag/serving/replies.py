"""Errors over HTTP: one shape for all, in the asker's language, OpenAI's shape included."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from rag.errors import (
    BusyError,
    IndexBusyError,
    IndexUnusableError,
    Lang,
    RagError,
    StorageError,
)
from rag.serving.access import Refusal
from rag.text import is_cjk

_STATUS: tuple[tuple[type[RagError], int, str], ...] = (
    (BusyError, 503, "busy"),
    (IndexUnusableError, 503, "no_index"),
    (IndexBusyError, 409, "index_busy"),
    (StorageError, 507, "storage"),
)
NOT_FOUND = Refusal(404, "not_found", "there is nothing at this address", "该地址没有内容")
_KNOWN: Mapping[int, tuple[str, str, str]] = {
    404: (NOT_FOUND.code, NOT_FOUND.en, NOT_FOUND.zh),
    405: ("method_not_allowed", "this address takes another method", "该地址不支持此方法"),
    413: ("too_large", "the request is too large; send less", "请求过大，请减小后再发送"),
}


class ApiError(Exception):
    """A refusal raised from inside a route."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.en)
        self.refusal = refusal


def lang_of(headers: Headers, question: str = "") -> Lang:
    """The question's language; without one, what the browser asks for."""
    if question:
        return "zh" if is_cjk(question) else "en"
    return "zh" if headers.get("accept-language", "").lower().startswith("zh") else "en"


def refusal_of(error: RagError) -> Refusal:
    """Status and code of an error of the product."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            wait = BusyError.retry_s if status == 503 else None
            return Refusal(status, code, error.en, error.zh, wait)
    return Refusal(422, "refused", error.en, error.zh)


def error_response(refusal: Refusal, lang: Lang) -> JSONResponse:
    """`{"error": {"code", "message", "type"}}`, with Retry-After and the key's challenge."""
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.code == "key_required":
        # A browser then asks for it: any name, the key as password.
        headers["WWW-Authenticate"] = 'Basic realm="Wenyuan", charset="UTF-8"'
    message = refusal.zh if lang == "zh" else refusal.en
    error = {"code": refusal.code, "message": message, "type": _type(refusal.status)}
    return JSONResponse({"error": error}, refusal.status, headers)


def _type(status: int) -> str:
    """OpenAI's name for this sort of error."""
    if status in (401, 403):
        return "authentication_error"
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def install(app: FastAPI) -> None:
    """Every error of the application takes the one shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        return error_response(error.refusal, lang_of(request.headers))

    @app.exception_handler(RagError)
    async def failed(request: Request, error: RagError) -> JSONResponse:
        return error_response(refusal_of(error), lang_of(request.headers))

    @app.exception_handler(OSError)
    async def broken(request: Request, error: OSError) -> JSONResponse:
        # A full /tmp at an upload, say. What the server reads and writes by itself says where.
        reason = error.strerror or type(error).__name__
        refusal = Refusal(
            507, "storage",
            f"the server could not read or write a file ({reason}); ask whoever runs it to look "
            "at its disk",
            f"服务器无法读写文件（{reason}），请联系管理员检查磁盘",
        )  # fmt: skip
        return error_response(refusal, lang_of(request.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        en, zh = f"{where}: {first['msg']}", f"{where}：取值不对（{first['msg']}）"
        return error_response(Refusal(422, "invalid", en, zh), lang_of(request.headers))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        status = error.status_code
        code, en, zh = _KNOWN.get(status, ("refused", str(error.detail), str(error.detail)))
        response = error_response(Refusal(status, code, en, zh), lang_of(request.headers))
        response.headers.update(error.headers or {})
        return response
