"""`rag models`: which models there are, which to use, and the one command that fetches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unicodedata import east_asian_width

import click

from rag.cli.base import cli, lang, say
from rag.config import CONFIG_FILE, Settings, load_settings
from rag.errors import ConfigError

if TYPE_CHECKING:
    from rag.cli.models_parts import InUse, Model, Role

    _Values = dict[str, str | None]

_HEADS = {
    "en": ("kind", "name", "MB", "dimensions", "origin, licence"),
    "zh": ("用途", "名称", "MB", "维数", "来源、许可"),
}
# What needs no check of a folder, and how it is written: None takes the setting out.
_BACK: dict[str, dict[str, str | None]] = {
    "embedding": {"default": None, "wenyuan-static-zh": None},
    "reader": {"default": "default", "wenyuan-reader-zh": "default", "rules": None},
    "reranker": {"default": None, "none": None},
}


@cli.group()
def models() -> None:
    """Look at the models, choose others, or fetch one."""


@models.command("list")
@click.option(
    "--in",
    "own",
    type=click.Path(path_type=Path),
    help="Folder with models of your own.  [default: models]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def models_list(settings: Settings, own: Path | None, as_json: bool) -> None:
    """List the models in the package and on this machine, and those in use; reaches no network."""
    from rag.cli.models_parts import OWN, as_dict, bundled, found, in_use

    listed, used = [*bundled(), *found(own or OWN)], list(in_use(settings))
    if as_json:
        click.echo(json.dumps(as_dict(listed, used), ensure_ascii=False))
        return
    for one in used:
        click.echo(_used(one))
    click.echo()
    rows = [_HEADS[lang()], *map(_row, listed)]
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, strict=True)
        line = "  ".join(cell + " " * (width - _width(cell)) for cell, width in cells)
        click.echo(line.rstrip())


def _width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _row(model: Model) -> tuple[str, ...]:
    dimensions = "-" if model.dimensions is None else str(model.dimensions)
    size = f"{model.bytes / 1e6:.1f}"
    return model.role, model.name, size, dimensions, model.origin


def _used(one: InUse) -> str:
    missing = " - 不在本机" if lang() == "zh" else " - not on this machine"
    return f"{one.setting} = {one.name or '-'}{'' if one.here else missing}"


@models.command("use")
@click.argument("name", metavar="NAME_OR_PATH")
@click.option("--reader", "role", flag_value="reader", help="Use it to read short answers.")
@click.option(
    "--reranker", "role", flag_value="reranker", help="Use it to put passages in a new order."
)
@click.option("--query-prompt", help="Text before a question, where the model card names one.")
@click.option("--passage-prompt", help="Text before a passage.")
@click.pass_context
def models_use(
    context: click.Context,
    name: str,
    role: str | None,
    query_prompt: str | None,
    passage_prompt: str | None,
) -> None:
    """Check that a model opens, and write it into the settings file; it is never fetched.

    NAME_OR_PATH is a folder or a name that this machine has. It is used as embedding model unless
    an option says otherwise. `default` goes back (for a reader: to the bundled one, `rules` to
    patterns alone; for a reranker: to none).
    """
    from rag.cli.models_parts import SETTINGS, check, refuse_other_role
    from rag.hub import local_folder
    from rag.tomlfile import write_settings

    chosen = cast("Role", role or "embedding")
    setting = SETTINGS[chosen]
    values: _Values = {}
    if name in _BACK[chosen]:
        values[setting] = _BACK[chosen][name]
    else:
        folder = local_folder(name, setting=setting)
        refuse_other_role(chosen, name, folder)
        values[setting] = str(folder.absolute()) if Path(name).expanduser().is_dir() else name
    if chosen == "embedding":
        values |= _prompts(name, query_prompt, passage_prompt)
    elif query_prompt is not None or passage_prompt is not None:
        raise ConfigError(
            "only an embedding model has prompts; leave out --query-prompt and --passage-prompt",
            "只有向量模型才有提示词；请去掉 --query-prompt 和 --passage-prompt",
        )
    wanted = _with(context.obj, values)
    check(wanted, chosen, name)
    path = context.find_root().params.get("config") or CONFIG_FILE
    write_settings(path, values)
    _report(path, values, wanted)
    _say_what_is_left(chosen, changed=wanted.embedding != context.obj.embedding)


def _prompts(name: str, query: str | None, passage: str | None) -> dict[str, str | None]:
    """The prompts to write: those given, else of a known family; the model's own are left to it."""
    from rag.embedders import BUNDLED, family_prompts, is_static, own_prompts
    from rag.hub import local_folder

    if name not in ("default", BUNDLED):
        folder = local_folder(name)
        if not own_prompts(folder) and not is_static(folder):
            family = family_prompts(name)
            query = query if query is not None else family.query or None
            passage = passage if passage is not None else family.passage or None
    return {"embedding.query_prompt": query, "embedding.passage_prompt": passage}


def _with(settings: Settings, values: _Values) -> Settings:
    """The settings as they will be."""
    changed: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        section, key = name.split(".")
        default = type(getattr(settings, section)).model_fields[key].default
        changed.setdefault(section, {})[key] = default if value is None else value
    sections = {
        section: getattr(settings, section).model_copy(update=keys)
        for section, keys in changed.items()
    }
    return settings.model_copy(update=sections)


def _report(path: Path, values: _Values, wanted: Settings) -> None:
    """What was written, and what the environment says otherwise."""
    now = load_settings(path)
    for name, value in values.items():
        if value is not None:
            say(f"{path}: {name} = {value!r}", f"{path}：{name} = {value!r}")
        elif not name.endswith("_prompt"):
            say(f"{path}: {name} is as it comes", f"{path}：{name} 恢复默认值")
        section, key = name.split(".")
        seen = getattr(getattr(now, section), key)
        if seen != getattr(getattr(wanted, section), key):
            variable = f"RAG_{section}__{key}".upper()
            say(
                f"the environment variable {variable}={seen!r} wins over the file; unset it",
                f"环境变量 {variable}={seen!r} 优先于该文件，请取消它",
            )


def _say_what_is_left(role: Role, *, changed: bool) -> None:
    if role != "embedding":
        say("start rag serve again; the index stays", "请重新启动 rag serve；索引无须重建")
    elif not changed:
        say("nothing has changed; the index stays", "设置没有变化，索引无须重建")
    else:
        say(
            "the index has to be built again with this model: rag index PATH ... (as before); then "
            "start rag serve again",
            "须用此模型重建索引：rag index 路径 ...（与之前相同），然后重新启动 rag serve",
        )


@models.command("pull")
@click.argument("name")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to put it in, instead of Hugging Face's cache.",
)
def models_pull(name: str, to: Path | None) -> None:
    """Fetch a model from Hugging Face's hub, or from HF_ENDPOINT; nothing else ever does.

    Without internet, copy a model's folder from another machine and run: rag models use FOLDER.
    """
    from rag.cli.models_parts import role_of
    from rag.hub.fetch import fetch

    folder = fetch(name, to=to)
    role = role_of(folder) or "embedding"
    option = "" if role == "embedding" else f" --{role}"
    click.echo(folder)
    used = name if to is None else to
    say(
        f"fetched; to use it: rag models use {used}{option}",
        f"已下载；使用：rag models use {used}{option}",
    )
