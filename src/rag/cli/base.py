"""What all commands share: the language of messages, the settings, the index option."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import click

from rag import __version__
from rag.config import Settings, load_settings
from rag.errors import ConfigError, Lang

_SETUP = {"max_content_width": 100}

_lang: Lang = "en"


def lang() -> Lang:
    """The language of messages for people."""
    return _lang


def say(en: str, zh: str) -> None:
    """Print a sentence for people, in their language, on standard error."""
    click.echo(zh if _lang == "zh" else en, err=True)


def _system_lang() -> Lang:
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


class _Group(click.Group):
    """A group that doesn't mind when the reader of its output has gone (`rag ask ... | head`)."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # further out, click itself would make it exit code 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.group(cls=_Group, context_settings=_SETUP)
@click.version_option(__version__, package_name="wenyuan", prog_name="rag")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of messages.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file.  [default: rag.toml]"
)
@click.pass_context
def cli(context: click.Context, lang: str | None, config: Path | None) -> None:
    """Ask a folder of articles and read a short answer with the sentence that supports it."""
    global _lang  # one process, one language
    _lang = cast("Lang", lang) if lang else _system_lang()
    context.obj = load_settings(config)


def index_option(function: Callable[..., object]) -> Callable[..., object]:
    """The option --index, as `index_dir`."""
    return click.option(
        "--index", "index_dir", type=click.Path(path_type=Path), help="Folder of the index."
    )(function)


def with_index(settings: Settings, index_dir: Path | None) -> Settings:
    """The settings with the folder that --index named."""
    if index_dir is None:
        return settings
    index = settings.index.model_copy(update={"dir": index_dir})
    return settings.model_copy(update={"index": index})


def index_place(settings: Settings) -> str:
    """What people call the place of the index."""
    store = settings.store
    local = store.backend == "local"
    return str(settings.index.dir) if local else f"{store.uri}/{store.collection}"


def refuse_milvus(settings: Settings, command: str) -> None:
    """Raise ConfigError where the index isn't a folder that `command` could copy."""
    if settings.store.backend == "milvus":
        raise ConfigError(
            f"rag {command} works on a local index, and store.backend is milvus; back up the "
            "collections with Milvus's own tools, such as milvus-backup",
            f"rag {command} 只适用于本地索引，而 store.backend 为 milvus；"
            "请用 Milvus 自带的工具（如 milvus-backup）备份集合",
        )
