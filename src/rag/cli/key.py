"""`rag key`."""

from __future__ import annotations

import click

from rag.cli.base import cli, say


@cli.command()
def key() -> None:
    """Print a fresh API key, and say which line of rag.toml lets it in."""
    from rag.serving.access import new_key

    secret, digest = new_key()
    click.echo(secret)
    say(
        f"keep the key, it isn't stored; under [server] in rag.toml: api_keys = ['{digest}']",
        f"请自行保存密钥（不会存储）；在 rag.toml 的 [server] 中写：api_keys = ['{digest}']",
    )
