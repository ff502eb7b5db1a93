"""`rag bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from rag.cli.base import cli, index_option, refuse_milvus, say, with_index
from rag.config import Settings


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@index_option
@click.option("--extra", "extras", multiple=True, help="Extra to include, such as ocr.")
@click.option(
    "--no-dependencies",
    is_flag=True,
    help="The package alone, for a machine that has an earlier bundle.",
)
@click.pass_obj
def bundle(
    settings: Settings,
    file: Path,
    index_dir: Path | None,
    extras: tuple[str, ...],
    no_dependencies: bool,
) -> None:
    """Write one .tar that installs all this, index included, on a machine without a network.

    There: tar xf FILE.tar && sh wenyuan/install.sh (Linux or macOS, same Python and platform).
    """
    from rag.cli.bundle_parts import make_bundle

    refuse_milvus(settings, "bundle")
    if not no_dependencies:
        say(
            "gathering wheels with pip; torch alone is some hundred MB, with CUDA some thousand",
            "正在用 pip 收集依赖包；仅 torch 就有数百 MB，CUDA 版有数 GB",
        )
    settings = with_index(settings, index_dir)
    indexed = make_bundle(
        file, index=settings.index.dir, extras=extras, dependencies=not no_dependencies
    )
    size = f"{file.stat().st_size / 1e6:.0f} MB"
    say(
        f"{file}: {size}, {'with the index' if indexed else 'without an index'}; "
        f"on the other machine: tar xf {file.name} && sh wenyuan/install.sh",
        f"{file}：{size}，{'含索引' if indexed else '不含索引'}；"
        f"在目标机器上运行：tar xf {file.name} && sh wenyuan/install.sh",
    )
    if indexed and settings.embedding.model != "default":
        say(
            f"the index needs the embedding model {settings.embedding.model}, which isn't in the "
            "bundle: take that folder along and set embedding.model",
            f"该索引需要向量模型 {settings.embedding.model}，安装包中没有：请一并复制并设置 "
            "embedding.model",
        )
