"""Settings: `rag.toml`, then environment variables `RAG_SECTION__KEY`, checked and explained.

A key that doesn't exist is refused with the nearest right name: a setting that is silently
ignored costs its owner an afternoon.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.errors import ConfigError

CONFIG_FILE = Path("rag.toml")
_PREFIX = "RAG_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def plain_address(value: str, example: str, secret: str) -> str:
    """`value`, an http(s) address without a key in it. Raises ValueError, naming `secret`."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"an address such as {example} is needed")
    if parts.username or parts.password or parts.query:
        raise PydanticCustomError(
            "secret_in_url",
            "keys don't belong into the address; use {setting}",
            {"setting": secret},
        )
    return value


class IndexSettings(_Section):
    """Where the index lives."""

    dir: Annotated[Path, Field(description="folder of the index")] = Path("index")


class StoreSettings(_Section):
    """What keeps the passages: a folder of this machine, or a Milvus server."""

    backend: Annotated[
        Literal["local", "milvus"],
        Field(description="`local`: the folder of the index; `milvus`: a Milvus server"),
    ] = "local"
    uri: Annotated[str, Field(description="address of the Milvus server; `https://` for TLS")] = (
        "http://127.0.0.1:19530"
    )
    token_env: Annotated[
        str,
        Field(
            description="environment variable that holds its token (`user:password` or a key); "
            "empty: none"
        ),
    ] = ""
    ca_file: Annotated[
        str,
        Field(
            description="PEM file of the certificates that the server is checked by; empty: those "
            "of the system"
        ),
    ] = ""
    collection: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$",
            description="name of the index on the server: an alias, and how its collections begin",
        ),
    ] = "wenyuan"
    vectors: Annotated[
        Literal["HNSW", "FLAT"],
        Field(description="how Milvus searches vectors: `HNSW` (fast) or `FLAT` (exact)"),
    ] = "HNSW"
    timeout_s: Annotated[
        float, Field(gt=0, description="seconds that one call of the server may take")
    ] = 30.0

    @field_validator("uri")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return plain_address(value, "http://127.0.0.1:19530", "store.token_env")


class LoadingSettings(_Section):
    """What one file may cost while it is read."""

    timeout_s: Annotated[
        float, Field(gt=0, description="seconds without progress after which a file is given up")
    ] = 60.0
    memory_mb: Annotated[
        int, Field(ge=256, description="memory that reading one file may take, in MiB")
    ] = 2048
    ocr: Annotated[
        bool, Field(description="read scanned pages, where the extra [ocr] is installed")
    ] = True


class ChunkingSettings(_Section):
    """How articles are cut into passages."""

    size: Annotated[int, Field(ge=50, le=8000, description="characters of a passage, at most")] = (
        400
    )
    overlap: Annotated[
        int, Field(ge=0, description="characters that neighbouring passages may share")
    ] = 80

    @model_validator(mode="after")
    def _overlap_below_size(self) -> ChunkingSettings:
        if self.overlap >= self.size:
            raise ValueError(
                f"overlap={self.overlap} must be smaller than size={self.size}; "
                "set chunking.overlap"
            )
        return self


class EmbeddingSettings(_Section):
    """The model that turns text into vectors."""

    model: Annotated[
        str,
        Field(
            min_length=1,
            description="`default` (in the package), a folder, or the name of a model that "
            "this machine already has",
        ),
    ] = "default"
    device: Annotated[
        str,
        Field(
            description="`cpu`, `cuda`, ... for transformers, a reranker too; empty lets the "
            "library choose"
        ),
    ] = ""
    batch_size: Annotated[int, Field(ge=1, description="texts a transformer embeds at once")] = 64
    processes: Annotated[
        int, Field(ge=0, description="processes that embed with a transformer; 0: this one alone")
    ] = 0
    query_prompt: Annotated[
        str,
        Field(
            description="what a transformer reads before a question; `auto`: what the model or its "
            "family wants; empty: nothing"
        ),
    ] = "auto"
    passage_prompt: Annotated[
        str, Field(description="the same before a passage; another one needs another index")
    ] = "auto"


class RetrievalSettings(_Section):
    """How passages are found."""

    top_k: Annotated[int, Field(ge=1, le=100, description="passages an answer is drawn from")] = 8
    candidates: Annotated[
        int, Field(ge=1, le=1000, description="passages each of the two searches proposes")
    ] = 50
    dense_weight: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            description="least weight of the vector search beside 1 for the word search",
        ),
    ] = 0.05
    adaptive: Annotated[
        bool,
        Field(
            description="let that weight grow by itself where a question's words aren't found; "
            "`false` with a weight of 0 searches by words alone"
        ),
    ] = True
    reranker: Annotated[
        str,
        Field(
            description="cross-encoder that puts the best passages in a new order: a folder, or "
            "the name of a model that this machine already has; empty: none"
        ),
    ] = ""
    rerank_top: Annotated[
        int, Field(ge=2, le=200, description="passages it reads; each costs time")
    ] = 20


class AnsweringSettings(_Section):
    """When to answer and when to decline."""

    threshold: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="probability of being right below which the answer is declined",
        ),
    ] = 0.24
    reader: Annotated[
        str,
        Field(
            min_length=1,
            description="what finds the short answer: `default`: the bundled model; `rules`: "
            "patterns alone; or folder or name of a Hugging Face extractive-QA model",
        ),
    ] = "default"


class GeneratorSettings(_Section):
    """Who writes the answer."""

    backend: Annotated[
        str,
        Field(
            min_length=1,
            description="`extractive`: the articles' own sentences; `openai`: a language model at "
            "any OpenAI-compatible endpoint; or the name of a plug-in",
        ),
    ] = "extractive"
    base_url: Annotated[
        str, Field(description="address of the endpoint, usually up to `/v1`; Ollama's by default")
    ] = "http://127.0.0.1:11434/v1"
    model: Annotated[str, Field(description="the model's name at the endpoint")] = ""
    api_key_env: Annotated[
        str, Field(description="environment variable that holds the key; empty: no key")
    ] = ""
    api_key_file: Annotated[
        str, Field(description="file that holds the key, instead of a variable")
    ] = ""
    timeout_s: Annotated[
        float,
        Field(
            gt=0, le=3600, description="seconds after which an answer is quoted instead, at most"
        ),
    ] = 90.0
    first_token_timeout_s: Annotated[
        float, Field(gt=0, description="seconds that the model may take to begin")
    ] = 30.0
    stall_timeout_s: Annotated[
        float, Field(gt=0, description="seconds that the model may pause in the middle")
    ] = 15.0
    context_tokens: Annotated[
        int,
        Field(ge=512, description="the model's context, the answer included; as the server is set"),
    ] = 4096
    max_tokens: Annotated[int, Field(ge=16, description="length of an answer, at most")] = 800
    tokenizer: Annotated[
        str, Field(description="the model's `tokenizer.json`, to count exactly; empty: carefully")
    ] = ""
    temperature: Annotated[
        float, Field(ge=-1, le=2, description="0: the likeliest words; -1: the endpoint's own")
    ] = 0.0
    concurrency: Annotated[int, Field(ge=1, description="calls at the same time")] = 4
    retries: Annotated[
        int,
        Field(ge=0, le=5, description="further tries before the first word, where one may help"),
    ] = 1
    rewrite: Annotated[
        bool, Field(description="let the model make follow-up questions whole, too")
    ] = True

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return plain_address(value, "http://127.0.0.1:11434/v1", "generator.api_key_env")

    @model_validator(mode="after")
    def _room_for_passages(self) -> GeneratorSettings:
        if self.max_tokens > self.context_tokens - 256:
            raise ValueError(
                f"max_tokens={self.max_tokens} leaves no room for passages in "
                f"context_tokens={self.context_tokens}; set generator.max_tokens lower"
            )
        return self


class ServerSettings(_Section):
    """Where the page and the API are served, and to whom."""

    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port; 0 takes a free one")] = 7860
    public: Annotated[bool, Field(description="allow an address that other machines can reach")] = (
        False
    )
    path: Annotated[
        str,
        Field(
            pattern=r"^/([\w.~-]+(/[\w.~-]+)*)?$",
            description="path under which everything is served, such as `/wenyuan` behind a proxy",
        ),
    ] = "/"
    allowed_origins: Annotated[
        list[str],
        Field(
            description='origins whose pages may embed the widget, such as `["https://oa.local"]`'
        ),
    ] = []
    admin_token: Annotated[
        SecretStr,
        Field(description="who gives it may upload and remove articles; empty: nobody may"),
    ] = SecretStr("")
    api_keys: Annotated[
        list[str],
        Field(description="hashes of keys, one of which a request must bring; see `rag key`"),
    ] = []
    trusted_header: Annotated[
        str,
        Field(
            description="header in which a single sign-on proxy names the user, such as "
            "`X-Remote-User`; requests without it are refused"
        ),
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        Field(description="addresses whose forwarding headers are believed"),
    ] = ["127.0.0.1", "::1"]
    rate_limit: Annotated[str, Field(description="questions of one client; empty: no limit")] = (
        "60/minute"
    )
    daily_limit: Annotated[
        str, Field(description="questions of one client through the widget; empty: no limit")
    ] = "1000/day"
    concurrency: Annotated[
        int, Field(ge=1, le=1000, description="questions answered at the same time")
    ] = 8
    queue: Annotated[
        int, Field(ge=0, description="questions that may wait; further ones are told to come back")
    ] = 256
    upload_dir: Annotated[Path, Field(description="folder that uploaded articles are kept in")] = (
        Path("docs")
    )
    max_upload_mb: Annotated[int, Field(ge=1, description="size of one upload, in MiB")] = 50


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
    name = ".".join(str(part) for part in first["loc"])
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
