"""What all sections of the settings share."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A section refuses keys it doesn't know, and never changes."""

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
