"""One FastAPI application, one uvicorn process."""

from __future__ import annotations

import ctypes
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress

from rag import __version__
from rag.config import ServerSettings, Settings
from rag.errors import ConfigError, NoIndexError

# Before gradio is imported: it reads them then. Nothing is to leave the machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
import uvicorn
from anyio import to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from rag.serving import api, openai_api, pages, replies
from rag.serving.chat import I18N, chat_page, theme
from rag.serving.chathead import ChatHead
from rag.serving.middleware import CORS_HEADERS, Guard, SecurityHeaders
from rag.serving.service import Service

_LONGEST_STOP_S = 10  # for connections that don't end
_M_ARENA_MAX = -8  # of malloc.h


def create_app(settings: Settings) -> FastAPI:
    """The application. Raises ConfigError, ModelError, IndexUnusableError.

    Without an index it starts all the same where an administrator can upload articles.
    """
    service = Service(settings)
    try:
        service.live.refresh()  # an unusable index is said now, not at the first question
    except NoIndexError:
        if not service.access.has_admin:
            raise
    prefix = settings.server.path.rstrip("/")
    app = FastAPIOffline(
        title="Wenyuan",
        version=__version__,
        docs_url=f"{prefix}/api/docs",
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
        static_url=f"{prefix}/api/docs/static",
        swagger_ui_oauth2_redirect_url=f"{prefix}/api/docs/oauth2-redirect",
        lifespan=_following(service),
        max_body_size=settings.server.max_upload_mb << 20,
    )
    app.state.service, app.state.prefix = service, prefix
    replies.install(app)
    for router in (api.router, openai_api.router, pages.router):
        app.include_router(router, prefix=prefix)
    api.close(app, prefix)
    _add_middleware(app, service, prefix)
    gr.mount_gradio_app(
        app,
        chat_page(service, prefix),
        path=prefix or "/",
        theme=theme(),
        i18n=I18N,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
    )
    return app


def _following(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.live.follow()
        yield
        service.live.stop()

    return lifespan


def _add_middleware(app: FastAPI, service: Service, prefix: str) -> None:
    """From the inside out: the guard, cross-origin replies, headers."""
    app.add_middleware(ChatHead, prefix=prefix)
    refused = service.metrics.refused
    most = service.settings.server.max_upload_mb << 20
    app.add_middleware(
        Guard, access=service.access, prefix=prefix, upload_bytes=most, refused=refused
    )
    # Gradio would otherwise allow any origin on a host that isn't local.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(service.access.origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(CORS_HEADERS),
        expose_headers=["Retry-After"],
        max_age=3600,
    )
    app.add_middleware(SecurityHeaders, origins=service.access.origins)


def serve(settings: Settings, *, say: Callable[[str, str], None]) -> None:
    """Serve until interrupted. Raises ConfigError when the address can't be used."""
    server = settings.server
    _refuse_public(server)
    listener = _listen(server)
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if listener.family == socket.AF_INET6 else host
    _share_freed_memory()
    app = create_app(settings)
    prefix = server.path.rstrip("/")
    say(
        f"serving on http://{host}:{port}{prefix} (stop with Ctrl-C)",
        f"已启动：http://{host}:{port}{prefix}（Ctrl-C 停止）",
    )
    # Forwarding headers are read by the access rules alone, which know the trusted proxies.
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=_LONGEST_STOP_S,
    )  # fmt: skip
    # What is wrong with somebody's upload is said to them, not to whoever reads the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how a server is stopped, not a failure
        _Server(config, app).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends what would go on as long as it likes before it waits for the connections to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        service: Service = self._app.state.service
        await to_thread.run_sync(service.live.stop)  # what a language model is writing
        for route in self._app.routes:
            mounted = getattr(route, "app", None)
            if isinstance(mounted, gr.routes.App):
                mounted.stop_event.set()  # the connection that every open page keeps
        await super().shutdown(sockets)


def _share_freed_memory() -> None:
    """Let the threads have two heaps together.

    glibc gives each thread its own, up to eight a core, and keeps in each what was freed there:
    100 MiB more after a few thousand answers, and no faster.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):  # a C library without heaps of that kind
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _refuse_public(server: ServerSettings) -> None:
    closed = bool(server.api_keys or server.trusted_header)
    if server.public or closed or server.host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(server.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"server.host={server.host}: anyone who reaches this address could ask; say so with "
            "--public (or server.public = true), ask for keys (server.api_keys), or use 127.0.0.1",
            f"server.host={server.host}：能访问该地址的人都可以提问；如确需开放请加 --public"
            "（或 server.public = true），或设置密钥（server.api_keys），否则请用 127.0.0.1",
        )


def _listen(server: ServerSettings) -> socket.socket:
    """Listen before the page is built, so that a taken port is said at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM
        )[0]
        with ExitStack() as stack:
            # The protocol is named: asyncio turns Nagle's algorithm off only for sockets that say
            # TCP, and with it on every small piece of an answer waits 40 ms.
            listener = stack.enter_context(
                socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            )
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()  # until then another process may bind the port as well
            stack.pop_all()
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that can't be one
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"can't listen on {server.host}:{server.port} ({reason}); "
            "choose another with --host and --port",
            f"无法监听 {server.host}:{server.port}（{reason}），请用 --host 和 --port 换一个",
        ) from None
    return listener
