"""All settings, where they are read from, and how they are listed."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.config.answering import (
    AnsweringSettings,
    ChunkingSettings,
    EmbeddingSettings,
    IndexSettings,
    LoadingSettings,
    RetrievalSettings,
    StoreSettings,
)
from rag.config.serving import GeneratorSettings, ServerSettings
from rag.errors import ConfigError

CONFIG_FILE = Path("rag.toml")
_PREFIX = "RAG_"


class Settings(BaseSettings):
    """Every setting, with its default. Read with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    index: IndexSettings = IndexSettings()
    store: StoreSettings = StoreSettings()
    loading: LoadingSettings = LoadingSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    generator: GeneratorSettings = GeneratorSettings()
    server: ServerSettings = ServerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment variables win over the file, which wins over the defaults."""
        toml = TomlConfigSettingsSource(settings_cls, _toml_in_use)
        return init_settings, env_settings, toml


_toml_in_use = CONFIG_FILE


def load_settings(path: Path | None = None) -> Settings:
    """Read `path` (default: `rag.toml` in the working folder, if there is one) and the environment.

    Raises ConfigError, with the nearest right name for a key that doesn't exist.
    """
    global _toml_in_use  # pydantic-settings asks for its sources class-wide
    if path is not None and not path.is_file():
        raise ConfigError(
            f"{path}: there is no such configuration file; check --config",
            f"{path}：没有这个配置文件，请检查 --config",
        )
    _toml_in_use = path or CONFIG_FILE
    _refuse_unknown_environment(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        raise _explained(error, _toml_in_use) from None
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"{_toml_in_use}: not readable as TOML ({error}); mend that line",
            f"{_toml_in_use}：不是有效的 TOML（{error}），请改正",
        ) from None
    finally:
        _toml_in_use = CONFIG_FILE  # settings made without `load_settings` don't read that file


def setting_names() -> Iterator[tuple[str, object, str]]:
    """Every setting as `(section.key, default, description)`, in the order of this module."""
    for section, outer in Settings.model_fields.items():
        group = outer.annotation
        assert isinstance(group, type)
        assert issubclass(group, BaseModel)
        for key, field in group.model_fields.items():
            yield f"{section}.{key}", field.default, field.description or ""


def written(value: object) -> str:
    """A value as it is written in the environment."""
    if isinstance(value, bool | list):
        return json.dumps(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def settings_table() -> str:
    """The Markdown table of all settings that the README shows."""
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, default, description in setting_names():
        shown = written(default) or "(empty)"
        rows.append(f"| `{name}` | `{shown}` | {description} |")
    return "\n".join(rows)


def _nearest(name: str) -> str:
    names = [known for known, _, _ in setting_names()]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return close[0] if close else names[0]


def _refuse_unknown_environment(environment: Mapping[str, str]) -> None:
    known = {f"{_PREFIX}{name.replace('.', '__')}".upper() for name, _, _ in setting_names()}
    sections = {f"{_PREFIX}{section}".upper() for section in Settings.model_fields}
    for variable in sorted(environment):
        ours = variable.startswith(_PREFIX) and ("__" in variable or variable in sections)
        if ours and variable.upper() not in known:
            right = _nearest(variable[len(_PREFIX) :].lower().replace("__", "."))
            right_variable = f"{_PREFIX}{right.replace('.', '__')}".upper()
            raise ConfigError(
                f"{variable}: there is no such setting; did you mean {right_variable}?",
                f"{variable}：没有这个设置项，是否想写 {right_variable}？",
            )


def _explained(error: ValidationError, path: Path) -> ConfigError:
    first = error.errors(include_url=False)[0]
    # An address in the place of a name may hold a password.
    name = re.sub(r"//\S*@", "//...@", ".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        right = _nearest(name)
        return ConfigError(
            f"{path}: there is no setting {name}; did you mean {right}?",
            f"{path}：没有设置项 {name}，是否想写 {right}？",
        )
    message = first["msg"].removeprefix("Value error, ")
    value = first.get("input")
    shown = f"={value!r}" if isinstance(value, str | int | float | bool) else ""
    if first["type"] == "secret_in_url":
        shown = ""
    return ConfigError(
        f"{name}{shown}: {message}; mend it in {path} or in the environment",
        f"{name}{shown}：取值不对（{message}），请在 {path} 或环境变量中改正",
    )
