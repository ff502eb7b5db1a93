"""`rag doctor` says what is wrong and how to mend it, and never prints a key."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rag.assembly import indexer_of
from rag.cli.base import cli
from rag.config import IndexSettings, Settings
from tests.answering.llm_server import Exchange, Handler, fails, says, serving

KEY = "sk-very-secret-0123456789"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder with an index, with these settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("RAG_SERVER__PORT", "0")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("蓝溪村修了37座石桥。", encoding="utf-8")

    def invoke(lang: str = "en", index: bool = True, **settings: str) -> Result:
        if index:
            indexer_of(Settings(index=IndexSettings(dir=Path("index")))).index([Path("docs")])
        for name, value in settings.items():
            monkeypatch.setenv(f"RAG_{name.upper()}", value)
        return CliRunner().invoke(cli, ["--lang", lang, "doctor"], standalone_mode=False)

    return invoke


def with_model(run: Run, script: Handler, **settings: str) -> Result:
    with serving(script) as server:
        return run(
            generator__backend="openai",
            generator__base_url=server.url,
            generator__model="tiny",
            generator__retries="0",
            **settings,
        )


def test_a_sound_installation_is_well(run: Run) -> None:
    result = run()
    assert result.return_value == 0, result.output
    assert "✗" not in result.output
    assert "index index: 1 articles, 1 passages" in result.output
    assert "embedding model: " in result.output


def test_it_speaks_chinese(run: Run) -> None:
    assert "索引 index：1 篇文章，1 个段落" in run("zh").output


def test_a_missing_index_is_said_with_its_cure(run: Run) -> None:
    result = run(index=False)
    assert result.return_value == 1
    assert "rag index" in result.output


def test_a_port_that_is_taken_is_said(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run(server__port=port)
    assert result.return_value == 1
    assert f"✗ 127.0.0.1:{port} can't be listened on" in result.output


def test_an_endpoint_that_answers_is_well(run: Run) -> None:
    result = with_model(run, says("2"))
    assert result.return_value == 0, result.output
    assert "answers" in result.output


def echoes_the_key(exchange: Exchange) -> None:
    exchange.error(401, f"Incorrect API key provided: {KEY}")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (echoes_the_key, "refuses the key; check the key that generator.api_key_env"),
        (fails(404), "no such language model; check generator.model"),
        (fails(404), "it has: tiny"),
        (fails(400), "check generator.context_tokens"),
        (fails(500), "look at the server's own log"),
        (says(""), "wrote nothing"),
    ],
)
def test_an_endpoint_that_fails_is_said_with_a_cure_and_without_the_key(
    run: Run, script: Handler, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    result = with_model(run, script, generator__api_key_env="MY_KEY")
    assert result.return_value == 1
    assert said in result.output
    assert KEY not in result.output


def test_a_key_that_is_not_set_is_said(run: Run) -> None:
    result = with_model(run, says("2"), generator__api_key_env="NOT_SET_KEY")
    assert result.return_value == 1
    assert "NOT_SET_KEY" in result.output


def test_a_proxy_is_mentioned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    result = with_model(run, says("2"))
    assert "may go through the proxy of HTTPS_PROXY" in result.output


def test_a_back_end_that_is_not_installed_is_said(run: Run) -> None:
    result = run(generator__backend="oracle")
    assert result.return_value == 1
    assert "there is no such back end" in result.output


def test_what_a_proxy_must_send_is_told(run: Run) -> None:
    assert "X-Forwarded-For and X-Forwarded-Proto are believed from 127.0.0.1, ::1" in run().output
    told = run(server__trusted_header="X-Remote-User", server__trusted_proxies='["10.0.0.5"]')
    assert "X-Remote-User is believed from 10.0.0.5" in told.output
    assert told.return_value == 0


def test_a_header_that_is_believed_from_nowhere_is_told_with_its_cure(run: Run) -> None:
    told = run(server__trusted_header="X-Remote-User", server__trusted_proxies="[]")
    assert told.return_value == 1
    assert "set server.trusted_proxies to the proxy's address" in told.output


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("server__trusted_proxies", '["proxy.local"]', "proxy.local is not an IP address"),
        ("server__rate_limit", "often", "server.rate_limit"),
        ("server__api_keys", '["plain-key"]', "isn't the hash of a key"),
    ],
)
def test_rules_that_a_server_would_refuse_are_told(
    run: Run, setting: str, value: str, said: str
) -> None:
    told = run(**{setting: value})
    assert told.return_value == 1
    assert said in told.output
    assert "plain-key" not in told.output
