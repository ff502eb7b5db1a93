"""A real OpenAI-compatible server with a real, very small model: `transformers serve`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.answering.budget import counter_of
from rag.assembly import assistant_of, endpoint_of, indexer_of
from rag.config import GeneratorSettings, IndexSettings, Settings
from rag.types import Citation, Token
from tests.answering.articles import write_articles

SAYS = "龙泉驿区在生产一线建立了200余个党员先锋岗[1]。"
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    command = [sys.executable, "-m", "tests.answering.tiny_model", str(folder), SAYS]
    subprocess.run(command, check=True, cwd=ROOT, env=_quiet(folder.parent), capture_output=True)
    return folder


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = Path(sys.executable).with_name("transformers")
    if not serve.exists():
        pytest.skip(
            "transformers has no command here; install: pip install 'transformers[serving]'"
        )
    command = [
        str(serve),
        "serve",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    log = (model.parent / "serve.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env=_quiet(model.parent), stdout=log, stderr=subprocess.STDOUT
        ) as server,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server, model.parent / "serve.log")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:  # it waits for connections to end
                server.kill()


def _quiet(folder: Path) -> dict[str, str]:
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**os.environ, **threads, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(log.read_text(errors="replace")[-2000:])
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            time.sleep(0.3)
            continue
        return
    pytest.fail("the server doesn't come up")


def test_an_answer_of_a_real_model_goes_through_the_gate(
    url: str, model: Path, tmp_path: Path
) -> None:
    generator = GeneratorSettings(
        backend="openai",
        base_url=url,
        model=str(model),
        tokenizer=str(model / "tokenizer.json"),
        context_tokens=6000,
        max_tokens=64,
        first_token_timeout_s=120,
        timeout_s=200,
    )
    settings = Settings(index=IndexSettings(dir=tmp_path / "index"), generator=generator)
    indexer_of(settings).index([write_articles(tmp_path / "docs")])
    assistant = assistant_of(settings)
    *events, answer = assistant.ask_stream("龙泉驿区建了多少党员先锋岗?")
    assistant.close()
    assistant._generator.close()  # type: ignore[attr-defined]
    assert answer.notice is None, answer.notice  # type: ignore[union-attr]
    assert "".join(event.text for event in events if isinstance(event, Token)) == SAYS
    (citation,) = [event for event in events if isinstance(event, Citation)]
    assert citation.quote == "龙泉驿区在生产一线建立200余个党员先锋岗。"


def test_tokens_are_counted_with_the_models_own_tokenizer(model: Path) -> None:
    count = counter_of(str(model / "tokenizer.json"))
    assert count("<|answer|>") == 1
    assert count(SAYS) < 15
    assert count("x" * 50) == 50


def test_the_endpoint_lists_its_models(url: str, model: Path) -> None:
    endpoint = endpoint_of(GeneratorSettings(backend="openai", base_url=url, model=str(model)))
    assert isinstance(endpoint.models(), list)
    endpoint.close()
