"""`rag documents`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rag.cli.base import cli, index_option, say, with_index
from rag.config import Settings
from rag.errors import RagError


@cli.group()
def documents() -> None:
    """Look at the articles of the index, or remove one."""


@documents.command("list")
@index_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def documents_list(settings: Settings, index_dir: Path | None, as_json: bool) -> None:
    """List the articles with their ids."""
    from rag.assembly import backend_of, embedder_of

    settings = with_index(settings, index_dir)
    store = backend_of(settings, embedder_of(settings)).open()
    for info, chunks in store.documents():
        if as_json:
            row = {"document_id": info.id, "title": info.title, "date": info.date,
                   "source": info.source, "chunks": chunks}  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{info.id}  {info.date or '-':10}  {chunks:4}  {info.source}  {info.title}")


@documents.command("show")
@click.argument("document_id")
@index_option
@click.pass_obj
def documents_show(settings: Settings, document_id: str, index_dir: Path | None) -> None:
    """Print one article."""
    from rag.assembly import backend_of, embedder_of

    settings = with_index(settings, index_dir)
    document = backend_of(settings, embedder_of(settings)).open().document(document_id)
    if document is None:
        raise _unknown_document(document_id)
    click.echo(f"{document.info.title}\n{document.info.source}\n\n{document.text}")


@documents.command("remove")
@click.argument("document_id")
@index_option
@click.pass_obj
def documents_remove(settings: Settings, document_id: str, index_dir: Path | None) -> None:
    """Take one article out of the index; its file stays."""
    from rag.assembly import backend_of, embedder_of

    settings = with_index(settings, index_dir)
    backend = backend_of(settings, embedder_of(settings))
    backend.open().close()  # an update would start a new index where there is none to use
    with backend.update() as writer:
        if not writer.remove_document(document_id):
            raise _unknown_document(document_id)
        writer.commit()
    say(f"removed {document_id}", f"已移除 {document_id}")


def _unknown_document(document_id: str) -> RagError:
    return RagError(
        f"{document_id}: no article has this id; see: rag documents list",
        f"{document_id}：没有这个编号的文章，请查看：rag documents list",
    )
