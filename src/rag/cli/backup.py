"""`rag backup` and `rag restore`."""

from __future__ import annotations

from pathlib import Path

import click

from rag.cli.base import cli, index_option, refuse_milvus, say, with_index
from rag.config import Settings


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@index_option
@click.pass_obj
def backup(settings: Settings, file: Path, index_dir: Path | None) -> None:
    """Write index and ratings into one .tar or .tar.gz; a server and an indexer may go on."""
    from rag.stores.backup import back_up

    refuse_milvus(settings, "backup")
    stats = back_up(with_index(settings, index_dir).index.dir, file)
    megabytes = f"{file.stat().st_size / 1e6:.1f} MB"
    say(
        f"{file}: {stats.documents} articles, {stats.chunks} passages, {megabytes}; it holds the "
        "articles' text and people's ratings, keep it as safe as those",
        f"{file}：{stats.documents} 篇文章，{stats.chunks} 个段落，{megabytes}；"
        "其中有文章全文和用户评价，请妥善保管",
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@index_option
@click.option("--feedback", is_flag=True, help="Replace the ratings that are there, too.")
@click.pass_obj
def restore(settings: Settings, file: Path, index_dir: Path | None, feedback: bool) -> None:
    """Put the index of a backup in use, once it is verified; a running server follows."""
    from rag.assembly import embedder_of, recipe_of
    from rag.stores.backup import restore as restored_from

    refuse_milvus(settings, "restore")
    settings = with_index(settings, index_dir)
    recipe = recipe_of(settings, embedder_of(settings))
    done = restored_from(settings.index.dir, file, recipe, replace_ratings=feedback)
    documents, chunks = done.stats.documents, done.stats.chunks
    en, zh = _RATINGS[done.ratings]
    say(
        f"index: {documents} articles, {chunks} passages in {settings.index.dir}; {en}",
        f"索引：{documents} 篇文章，{chunks} 个段落，位于 {settings.index.dir}；{zh}",
    )


_RATINGS = {
    "none": ("the backup has no ratings", "备份中没有评价"),
    "restored": ("the ratings were restored", "评价已恢复"),
    "kept": (
        "the ratings that are here stay; --feedback replaces them",
        "保留现有评价；如需替换请加 --feedback",
    ),
}
