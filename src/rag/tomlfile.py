"""Setting values in `rag.toml` while its comments and everything else in it stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from rag.errors import ConfigError, StorageError

Value = str | int | float | bool | None


def write_settings(path: Path, values: Mapping[str, Value], *, remark: str = "") -> None:
    """Set each `section.key` to its value; None takes the key out.

    Raises ConfigError where the file is no TOML, StorageError where it can't be written. The file
    is begun where there is none. `remark`, if any, becomes the comment beside what is set; without
    it a comment that stands there stays.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        for name, value in values.items():
            _set(document, *name.split("."), value=value, remark=remark)
    except (OSError, ValueError, TypeError, AttributeError, TOMLKitError) as error:
        raise ConfigError(
            f"{path}: not readable as TOML ({error}); mend it first",
            f"{path}：不是有效的 TOML（{error}），请先改正",
        ) from None
    try:
        path.write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path}: can't be written ({error.strerror}); check its permissions",
            f"{path}：无法写入（{error.strerror}），请检查权限",
        ) from None


def _set(
    document: tomlkit.TOMLDocument, section: str, key: str, *, value: Value, remark: str
) -> None:
    if value is None:
        table = document.get(section)
        if table is not None and key in table:
            del table[key]
        return
    table = document.setdefault(section, tomlkit.table())
    item = tomlkit.item(value)
    if remark:
        item.comment(remark)
    elif key in table and (trivia := getattr(table[key], "trivia", None)) and trivia.comment:
        item.comment(trivia.comment)
    table[key] = item


__all__ = ["write_settings"]
