"""Settings of the language model that may write answers, and of the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from rag.config.section import Section, plain_address


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class GeneratorSettings(Section):
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


class ServerSettings(Section):
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
        int,
        Field(
            ge=0,
            le=1000,
            description="questions answered at the same time; 0: as many as there are cores, and "
            "with a language model, which is waited for, at least twice `generator.concurrency`",
        ),
    ] = 0
    queue: Annotated[
        int, Field(ge=0, description="questions that may wait; further ones are told to come back")
    ] = 256
    max_wait_s: Annotated[
        float,
        Field(gt=0, description="seconds after which a waiting one is told so, too"),
    ] = 30.0
    upload_dir: Annotated[Path, Field(description="folder that uploaded articles are kept in")] = (
        Path("docs")
    )
    max_upload_mb: Annotated[int, Field(ge=1, description="size of one upload, in MiB")] = 50
