"""`rag serve`."""

from __future__ import annotations

from pathlib import Path

import click

from rag.cli.base import cli, index_option, say, with_index
from rag.cli.indexing import DEFAULT_ARTICLES, build
from rag.config import Settings
from rag.errors import NoIndexError


@cli.command()
@index_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: 7860]")
@click.option("--public", is_flag=True, help="Allow an address that other machines can reach.")
@click.pass_obj
def serve(
    settings: Settings, index_dir: Path | None, host: str | None, port: int | None, public: bool
) -> int:
    """Serve the chat page; builds the index from docs/ first when there is none."""
    settings = with_index(settings, index_dir)
    chosen = {"host": host, "port": port, "public": public or None}
    server = settings.server.model_copy(update={k: v for k, v in chosen.items() if v is not None})
    settings = settings.model_copy(update={"server": server})
    _ensure_index(settings)
    from rag.serving.app import serve as run

    run(settings, say=say)
    return 0


def _ensure_index(settings: Settings) -> None:
    from rag.assembly import backend_of, embedder_of

    try:
        backend_of(settings, embedder_of(settings)).open().close()
    except NoIndexError:
        if not DEFAULT_ARTICLES.is_dir():
            raise
        build(settings, [DEFAULT_ARTICLES])
