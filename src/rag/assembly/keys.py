"""Keys and tokens: settings name where they are, never what they are."""

from __future__ import annotations

import os
from pathlib import Path

from rag.config import GeneratorSettings
from rag.errors import ConfigError


def key_of(generator: GeneratorSettings) -> str:
    """The key, from the variable or the file that is named; empty where none is.

    Raises ConfigError, which never holds the key.
    """
    if generator.api_key_env:
        return secret_of("generator.api_key_env", generator.api_key_env)
    if not generator.api_key_file:
        return ""
    try:
        return Path(generator.api_key_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"generator.api_key_file={generator.api_key_file!r}: not readable "
            f"({type(error).__name__}); check the path and its permissions",
            f"generator.api_key_file={generator.api_key_file!r}：无法读取"
            f"（{type(error).__name__}），请检查路径和权限",
        ) from None


def secret_of(setting: str, variable: str) -> str:
    """The secret in the variable that a setting names; empty where it names none.

    Raises ConfigError, which never holds the secret.
    """
    secret = os.environ.get(variable, "").strip() if variable else ""
    if variable and not secret:
        raise ConfigError(
            f"{setting}={variable!r}: this variable isn't set; export it before starting",
            f"{setting}={variable!r}：没有设置这个环境变量，请先设置",
        )
    return secret
