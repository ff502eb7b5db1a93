"""The application without a browser: health, and the addresses it refuses."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.config import ServerSettings, Settings
from rag.errors import ConfigError, NoIndexError
from tests.serving.conftest import Served

pytest.importorskip("gradio")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    base = Settings()
    index = base.index.model_copy(update={"dir": tmp_path / "no-index"})
    return base.model_copy(update={"index": index})


def at(settings: Settings, host: str, port: int = 0, *, public: bool = False) -> Settings:
    server = ServerSettings(host=host, port=port, public=public)
    return settings.model_copy(update={"server": server})


def silent(_en: str, _zh: str) -> None:
    pass


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_health_is_said_in_json(served: Served) -> None:
    with urllib.request.urlopen(f"{served.url}healthz", timeout=10) as reply:
        assert reply.status == 200
        assert reply.read() == b'{"status":"ok"}'


def test_the_page_names_no_other_host(served: Served) -> None:
    with urllib.request.urlopen(served.url, timeout=10) as reply:
        page = reply.read().decode()
    assert "问源 Wenyuan" in page
    assert re.findall(r"<(?:link|script|img|iframe)[^>]*(?:https?:)?//[^>]*>", page) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", "", "127.1"])
def test_an_address_that_others_can_reach_is_refused_unless_public(
    settings: Settings, host: str
) -> None:
    from rag.serving.app import serve

    with pytest.raises(ConfigError, match="--public"):
        serve(at(settings, host), say=silent)


def test_a_taken_port_is_said_before_the_page_is_built(settings: Settings, taken: int) -> None:
    from rag.serving.app import serve

    with pytest.raises(ConfigError, match=f"127.0.0.1:{taken}.*--port"):
        serve(at(settings, "127.0.0.1", taken), say=silent)


def test_a_port_is_held_from_the_start(settings: Settings) -> None:
    from rag.serving.app import _listen

    with _listen(ServerSettings(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError):
            _listen(ServerSettings(port=port))


def test_a_connection_sends_each_piece_at_once(settings: Settings) -> None:
    from rag.serving.app import _listen

    with _listen(ServerSettings(port=0)) as listener:
        # What asyncio asks before it turns the gathering of small pieces off.
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["a..b", "no-such-host.invalid", "x" * 300])
def test_a_name_that_leads_nowhere_is_a_sentence(
    settings: Settings, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.serving.app import serve

    if "." in host and host.endswith("invalid"):  # no test asks a name server

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigError, match="can't listen on"):
        serve(at(settings, host, public=True), say=silent)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_unusable_index_is_said_at_the_start(settings: Settings) -> None:
    from rag.serving.app import create_app

    with pytest.raises(NoIndexError):
        create_app(settings)


def test_the_command_ends_on_a_taken_port_with_code_2_and_one_sentence(served: Served) -> None:
    port = str(served.port)
    done = subprocess.run(
        [sys.executable, "-m", "rag", "--lang", "en", "serve", "--index", "index", "--port", port],
        cwd=served.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert port in done.stderr
