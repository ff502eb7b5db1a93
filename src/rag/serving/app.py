"""One FastAPI application, one uvicorn process."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

from rag.assembly import LiveAssistant
from rag.config import ServerSettings, Settings
from rag.errors import ConfigError

# Before gradio is imported: it reads them then. Nothing is to leave the machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
import uvicorn
from fastapi import FastAPI

from rag.serving.chat import chat_page, css, theme


def create_app(settings: Settings) -> FastAPI:
    """The application. Raises ModelError, IndexUnusableError."""
    live = LiveAssistant(settings)
    live.get()  # an unusable index is said now, not at the first question
    app = FastAPI(title="Wenyuan", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    gr.mount_gradio_app(
        app,
        chat_page(live.get),
        path="/",
        theme=theme(),
        css=css(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
    )
    return app


def serve(settings: Settings, *, say: Callable[[str, str], None]) -> None:
    """Serve until interrupted. Raises ConfigError when the address can't be used."""
    server = settings.server
    _refuse_public(server)
    listener = _listen(server)
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if listener.family == socket.AF_INET6 else host
    app = create_app(settings)
    say(
        f"serving on http://{host}:{port} (stop with Ctrl-C)",
        f"已启动：http://{host}:{port}（Ctrl-C 停止）",
    )
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how a server is stopped, not a failure
        uvicorn.Server(config).run(sockets=[listener])


def _refuse_public(server: ServerSettings) -> None:
    if server.public or server.host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(server.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"server.host={server.host}: anyone who reaches this address could ask; say so with "
            "--public (or server.public = true), or use 127.0.0.1",
            f"server.host={server.host}：能访问该地址的人都可以提问；"
            "如确需开放请加 --public（或 server.public = true），否则请用 127.0.0.1",
        )


def _listen(server: ServerSettings) -> socket.socket:
    """Listen before the page is built, so that a taken port is said at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM
        )[0]
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
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
